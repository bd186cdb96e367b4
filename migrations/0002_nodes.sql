-- Why: nodes are what everything runs on; the first of a cluster is its main node.
create table clusters (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,
    is_rehearsal bigint not null,
    created_at bigint not null,
    constraint clusters_name_unique unique (project_id, name)
);

create table nodes (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    cluster_id text not null references clusters (id),
    rank bigint not null,
    name text not null,
    host text not null,
    port bigint not null,
    login text not null,
    key_secret_id text not null references secrets (id),
    host_key text not null,
    environment text not null, -- JSON, domain::nodes::Environment
    work_folder text not null,
    mounts text not null,      -- JSON, list of domain::nodes::Mount
    is_rehearsal bigint not null,
    probe text,                -- JSON, domain::nodes::Probe; null: never seen
    probed_at bigint,
    unreachable_since bigint,  -- null: the last look succeeded
    unreachable_why text,
    created_at bigint not null,
    constraint nodes_name_unique unique (cluster_id, name),
    constraint nodes_rank_unique unique (cluster_id, rank)
);
