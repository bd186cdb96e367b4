-- Why: experiments wait for GPUs in an order that people choose. A row here means "wanted, not begun": the launch that begins one takes
-- it out in the same transaction, so that a console killed at any moment neither forgets nor repeats it.
create table queue (
    experiment_id text not null primary key references experiments (id),
    project_id text not null references projects (id),
    created_by text not null references users (id),
    position bigint not null,                 -- within the project; ties by id
    form text not null,                       -- JSON, domain::experiments::form::Form: what will be launched
    entry_key text not null constraint queue_entry_key_unique unique, -- the same key twice is one entry
    after_id text,                            -- experiment that has to succeed first; kept when that one is deleted
    uses_result bigint not null default 0,    -- 1: starts from the last checkpoint of that one
    sweep text not null default '',           -- name of the sweep it belongs to
    label text not null default '',           -- what is tried here
    refused text,                             -- JSON, domain::language::Text: why the last start was refused
    refused_at bigint,
    created_at bigint not null
);
create index queue_by_position on queue (project_id, position);

create trigger queue_row after insert on queue begin
    update experiment_rows set state = 'queued' where experiment_id = new.experiment_id;
end;

create trigger queue_row_gone after delete on queue begin
    update experiment_rows set state = '' where experiment_id = old.experiment_id and state = 'queued';
end;
