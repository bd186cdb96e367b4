-- Why: an engine serves a model; a conversation is a tree of turns, stored when sent.
create table deployments (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,
    engine text not null,
    model_id text not null references models (id),
    node_id text not null references nodes (id),
    gpus text not null,
    served_name text not null,
    port bigint not null,
    max_model_len bigint,
    job_id text not null references jobs (id),
    created_at bigint not null
);

create table conversations (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    title text not null,
    created_at bigint not null
);

create table turns (
    id text not null primary key,
    conversation_id text not null references conversations (id),
    parent_id text references turns (id), -- null: the first turn
    speaker text not null,
    body text not null,
    reasoning text not null,
    state text not null,       -- JSON, domain::chat::TurnState
    deployment_id text references deployments (id),
    parameters text not null,  -- JSON, domain::chat::Parameters
    raw_request text,          -- JSON as sent to the engine; null for a person's turn
    usage text not null,       -- JSON, domain::chat::Usage
    created_at bigint not null
);
create index turns_by_conversation on turns (conversation_id, created_at);
