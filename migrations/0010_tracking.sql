-- Why: runs that nobody launched here: pushed by a client or a script, or read from files. Each is an experiment without a job; its
-- attempts are those of its series.
create table tracked_runs (
    experiment_id text not null primary key references experiments (id),
    project_id text not null references projects (id),
    public_id text not null constraint tracked_runs_public_id_unique unique, -- 21 of a-z and 0-9, by which clients name it
    slug text not null,          -- the id that the client chose; else the public id
    origin text not null,        -- who writes it: `swanlab 0.7.20`, `push`, `tfevents`
    state text not null constraint tracked_runs_state_known check (state in ('running', 'finished', 'crashed', 'aborted')),
    started_at bigint not null,
    finished_at bigint,          -- null: not ended
    last_seen_at bigint not null, -- anything at all came; how long ago that is, is never a state
    rejected bigint not null default 0, -- items that could not be read
    constraint tracked_runs_slug_unique unique (project_id, slug)
);

-- What a client gets for an API key when it logs in. The row holds the SHA-256 of it; it is good as long as the key is.
create table tracker_sessions (
    token_hash text not null primary key,
    key_id text not null references api_keys (id),
    created_at bigint not null,
    expires_at bigint not null
);

-- What a client says of its series: hints only, a series may come without.
create table tracked_columns (
    experiment_id text not null references experiments (id),
    name text not null,
    kind text not null,          -- FLOAT, IMAGE, AUDIO, TEXT, …
    detail text not null,        -- JSON as it was sent
    primary key (experiment_id, name)
);

-- Batches that were taken, by the key their sender gave them; in the same transaction as their points.
create table push_keys (
    experiment_id text not null references experiments (id),
    push_key text not null,
    at bigint not null,
    primary key (experiment_id, push_key)
);

-- Lines a client sent. A line that is sent again has the same number and time.
create table client_logs (
    number integer primary key autoincrement,
    experiment_id text not null references experiments (id),
    line bigint not null,        -- counted by the client, from 1
    written_micros bigint not null, -- the client's clock, UTC
    level text not null,
    message text not null,
    constraint client_logs_line_unique unique (experiment_id, line, written_micros)
);

-- Images, texts and the like that a run logged: which, at which step. The bytes are a file in the data folder (client_files).
create table media (
    experiment_id text not null references experiments (id),
    name text not null,
    step bigint not null,
    position bigint not null,    -- among those of the same step
    said text not null,          -- path of the file as the client named it; a text of an old client itself
    caption text not null default '',
    at bigint not null,
    primary key (experiment_id, name, step, position)
);

-- Files a client sent, stored once by their content.
create table client_files (
    experiment_id text not null references experiments (id),
    path text not null,          -- as the client named it
    sha256 text not null,
    size_bytes bigint not null,
    content_type text not null,
    is_saved bigint not null,    -- 1: a person asked for it to be kept; 0: it belongs to logged media
    at bigint not null,
    primary key (experiment_id, path)
);
