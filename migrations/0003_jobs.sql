-- Why: the database says what is wanted; the nodes say what is. Updates are compare-and-set on (id, epoch, lease).
create table jobs (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    kind text not null,
    title text not null,
    subject text not null default '',    -- id of the noun it works for (experiment, model, checkpoint, deployment)
    launch_key text not null constraint jobs_launch_key_unique unique, -- the same key twice is one job
    spec text not null,                  -- JSON, domain::jobs::JobSpec
    wanted text not null constraint jobs_wanted_known check (wanted in ('running', 'stopped')),
    state text not null,                 -- name of domain::jobs::State
    detail text not null,                -- JSON, the whole domain::jobs::State
    epoch bigint not null,               -- only rises; the wrapper refuses a lower one
    lease text,                          -- who acts on it; null: nobody
    lease_until bigint,
    created_at bigint not null,
    started_at bigint,
    ended_at bigint
);
create index jobs_by_state on jobs (state);
create index jobs_by_subject on jobs (subject);

create table job_processes (
    job_id text not null references jobs (id),
    rank bigint not null,
    node_id text not null references nodes (id),
    gpus text not null,        -- JSON list of indexes
    phase text not null,       -- waiting, running, exited, lost
    identity text,             -- JSON: pid, start ticks, boot id; null: not seen yet
    exit_code bigint,
    seen_at bigint,
    unreachable_since bigint,
    primary key (job_id, rank)
);

create table job_history (
    number integer primary key autoincrement,
    job_id text not null references jobs (id),
    at bigint not null,
    from_state text not null,
    to_state text not null,
    why text not null
);

-- GPUs held by a job; freed only when the node has confirmed that their memory is free.
create table gpu_reservations (
    node_id text not null references nodes (id),
    gpu bigint not null,
    job_id text not null references jobs (id),
    primary key (node_id, gpu)
);
