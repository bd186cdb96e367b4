-- Why: runs whose event files lie on a node or were uploaded. Each folder with event files is a run, and so an experiment; how far a file
-- was read moves in the transaction that stores its points.
create table imports (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,              -- experiments are named after it and the run's folder below it
    node_id text references nodes (id), -- null: uploaded, the files lie in the data folder until they are read
    folder text not null,            -- on the node, as it was typed; of an upload: its id
    is_open bigint not null,         -- 1: still read or followed
    trouble text,                    -- JSON, domain::language::Text: why the last look failed; null: it did not
    created_at bigint not null,
    grown_at bigint not null,        -- when more was last found
    constraint imports_folder_unique unique (project_id, node_id, folder)
);

create table import_runs (
    import_id text not null references imports (id),
    run text not null,               -- folder below the import's, '.' for that one
    experiment_id text not null references experiments (id),
    state text not null,             -- JSON, domain::imports::RunNotes: what is no point
    primary key (import_id, run),
    constraint import_runs_experiment_unique unique (experiment_id)
);

create table import_files (
    import_id text not null references imports (id),
    file text not null,              -- path below the import's folder
    run text not null,
    size_bytes bigint not null,      -- when it was last looked at
    seen_bytes bigint not null,      -- its size when it was last read
    byte_offset bigint not null,     -- records up to here are stored
    attempt bigint not null,         -- to which its next points belong
    is_stopped bigint not null,      -- 1: a bad length was met, nothing more of it can be read
    damage text not null,            -- JSON list of domain::metrics::tfevents::Damage, the first hundred
    damage_count bigint not null,
    primary key (import_id, file)
);
