-- Why: what training starts from and what it makes are folders on nodes, with where they came from.
create table models (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,
    node_id text not null references nodes (id),
    path text not null,
    format text not null constraint models_format_known check (format in ('hf', 'mcore')),
    origin text not null,  -- JSON, domain::models::Origin
    job_id text,           -- the job that made it; null: registered by a person
    facts text not null,   -- JSON, domain::models::Facts
    precision_test text,   -- JSON, domain::models::Precision; null: not tested
    created_at bigint not null,
    constraint models_path_unique unique (node_id, path),
    constraint models_job_unique unique (job_id)
);

create table datasets (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,
    node_id text not null references nodes (id),
    path text not null,
    row_count bigint not null,
    size_bytes bigint not null,
    sha256 text not null,
    created_at bigint not null,
    constraint datasets_path_unique unique (node_id, path)
);
