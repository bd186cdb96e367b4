-- Why: an experiment is what a person sets up; an attempt is one launch of it.
create table experiments (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,
    setup text,            -- JSON, domain::experiments::Setup; null: pushed or imported
    created_at bigint not null,
    constraint experiments_name_unique unique (project_id, name)
);

create table attempts (
    id text not null primary key,
    experiment_id text not null references experiments (id),
    number bigint not null,
    job_id text not null references jobs (id),
    run_folder text,       -- on the first rank's node; null: not logged yet
    last_run_folder text,  -- on the last rank's node, where logging.jsonl lies
    iterations bigint,     -- of the whole run; null: no record yet
    is_read bigint not null default 0,  -- 1: ended, and its metrics and checkpoints are all read
    created_at bigint not null,
    constraint attempts_number_unique unique (experiment_id, number),
    constraint attempts_job_unique unique (job_id)
);

create table checkpoints (
    id text not null primary key,
    attempt_id text not null references attempts (id),
    iteration bigint not null,
    folder text not null,
    demanded text not null,    -- JSON list of shard names that .metadata demands
    seen_at bigint not null,
    constraint checkpoints_iteration_unique unique (attempt_id, iteration)
);

create table checkpoint_files (
    checkpoint_id text not null references checkpoints (id),
    node_id text not null references nodes (id),
    path text not null,        -- relative to the checkpoint folder
    size_bytes bigint not null,
    primary key (checkpoint_id, node_id, path)
);
