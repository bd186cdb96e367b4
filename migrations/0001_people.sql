-- Why: nobody is let in without an account, and every row that people own names its project and creator.
create table users (
    id text not null primary key,
    name text not null constraint users_name_unique unique,
    password_hash text not null,
    language text not null,
    created_at bigint not null
);

-- A session is a row, so that it can be listed and ended. The cookie holds the token, the row only its SHA-256.
create table sessions (
    token_hash text not null primary key,
    user_id text not null references users (id),
    user_agent text not null,
    created_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null
);

-- The one-time link that makes the first admin.
create table setup_links (
    token_hash text not null primary key,
    created_at bigint not null,
    used_at bigint -- null: not used yet
);

create table projects (
    id text not null primary key,
    name text not null constraint projects_name_unique unique,
    created_by text not null references users (id),
    created_at bigint not null
);

create table project_members (
    project_id text not null references projects (id),
    user_id text not null references users (id),
    role text not null constraint project_members_role_known check (role in ('viewer', 'member', 'admin')),
    primary key (project_id, user_id)
);

create table api_keys (
    id text not null primary key,
    user_id text not null references users (id),
    name text not null,
    key_hash text not null constraint api_keys_key_unique unique,
    created_at bigint not null,
    last_used_at bigint, -- null: never used
    revoked_at bigint    -- null: valid
);

-- Node keys, tokens, webhooks: sealed with the key file that lies outside the database.
create table secrets (
    id text not null primary key,
    project_id text not null references projects (id),
    created_by text not null references users (id),
    name text not null,
    sealed blob not null,
    created_at bigint not null
);
