-- Why: what a run says of itself (its configuration, its machine) and what people say of it (notes, tags). Every experiment may have
-- them, launched here or pushed by a client.
create table profiles (
    experiment_id text not null primary key references experiments (id),
    config text not null default '{}',       -- flat JSON object, nested names joined by '.', values as they were given
    metadata text not null default '{}',     -- JSON as reported: host, command, git, hardware
    requirements text not null default '',   -- pip freeze
    conda text not null default '',
    updated_at bigint not null
);

create table tags (
    experiment_id text not null references experiments (id),
    tag text not null,
    primary key (experiment_id, tag)
);

alter table experiments add column notes text not null default '';   -- markdown
