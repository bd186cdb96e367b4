-- Why: open browsers and a second instance follow what changed by number, without data.
create table changes (
    number integer primary key autoincrement,
    at bigint not null,
    project_id text not null,
    kind text not null,        -- job, series, turn, node, model, checkpoint, deployment, experiment
    subject text not null,     -- id of the noun
    detail text not null       -- JSON object; for series: {"step": N}
);
