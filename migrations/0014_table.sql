-- Why: a project's table shows and sorts by any configuration value and by last, least and greatest of any metric, over tens of
-- thousands of experiments. That takes one narrow table with an index for each order. Its rows are kept by triggers, so that whoever
-- writes an experiment, a profile or a point, in whichever room, changes the table in the same transaction and cannot forget it.
-- Triggers copy and never decide. (PostgreSQL says them in its own words; `without rowid` is left out there.)
alter table experiments add column archived_at bigint; -- null: not archived

-- What every row of the table shows, of the newest attempt.
create table experiment_rows (
    row_id integer primary key autoincrement,
    experiment_id text not null constraint experiment_rows_experiment_unique unique references experiments (id),
    project_id text not null references projects (id),
    name text not null,
    state text not null default '',      -- name of domain::jobs::State or domain::tracking::RunState; empty: neither is there
    attempts bigint not null default 0,
    created_at bigint not null,
    started_at bigint,
    ended_at bigint,
    is_archived bigint not null default 0
);
create index experiment_rows_by_time on experiment_rows (project_id, is_archived, created_at);

-- What may be a column: a configuration value by its flat name, or a metric without labels.
create table value_columns (
    column_id integer primary key autoincrement,
    project_id text not null references projects (id),
    kind text not null constraint value_columns_kind_known check (kind in ('config', 'metric')),
    name text not null,
    constraint value_columns_name_unique unique (project_id, name, kind)
);

create table experiment_values (
    row_id bigint not null references experiment_rows (row_id),
    column_id bigint not null references value_columns (column_id),
    number double precision,  -- config: if it is one; metric: the last value
    low double precision,     -- metric: the least value
    high double precision,    -- metric: the greatest
    text text,                -- config that is no number: as JSON says it, a string without quotes
    standing bigint not null, -- metric: attempt * 8 + the source's, the greater one is shown; config: 0
    primary key (row_id, column_id)
) without rowid;
create index experiment_values_by_number on experiment_values (column_id, number) where number is not null;
create index experiment_values_by_low on experiment_values (column_id, low) where low is not null;
create index experiment_values_by_high on experiment_values (column_id, high) where high is not null;
create index experiment_values_by_text on experiment_values (column_id, text) where text is not null;
create index tags_by_tag on tags (tag);

-- The columns that a person chose for a project's table.
create table table_views (
    user_id text not null references users (id),
    project_id text not null references projects (id),
    columns text not null, -- JSON list, domain::comparison::Column
    primary key (user_id, project_id)
);

create trigger experiments_row after insert on experiments begin
    insert into experiment_rows (experiment_id, project_id, name, created_at)
    values (new.id, new.project_id, new.name, new.created_at);
end;

create trigger experiments_row_changed after update of name, archived_at on experiments begin
    update experiment_rows set name = new.name, is_archived = (new.archived_at is not null) where experiment_id = new.id;
end;

create trigger attempts_row after insert on attempts begin
    update experiment_rows set (attempts, state, started_at, ended_at) =
        (select new.number, jobs.state, jobs.started_at, jobs.ended_at from jobs where jobs.id = new.job_id)
    where experiment_id = new.experiment_id;
end;

create trigger jobs_row after update of state, started_at, ended_at on jobs when new.kind = 'train' begin
    update experiment_rows set state = new.state, started_at = new.started_at, ended_at = new.ended_at
    where experiment_id = (select experiment_id from attempts where job_id = new.id)
        and attempts = (select number from attempts where job_id = new.id);
end;

create trigger tracked_runs_row after insert on tracked_runs begin
    update experiment_rows set state = new.state, attempts = 1, started_at = new.started_at, ended_at = new.finished_at
    where experiment_id = new.experiment_id;
end;

create trigger tracked_runs_row_changed after update of state, finished_at on tracked_runs
when new.state <> old.state or new.finished_at is not old.finished_at begin
    update experiment_rows set state = new.state, ended_at = new.finished_at where experiment_id = new.experiment_id;
end;

create trigger profiles_values after insert on profiles begin
    insert into value_columns (project_id, kind, name)
    select rows.project_id, 'config', entry.key from json_each(new.config) as entry
        join experiment_rows as rows on rows.experiment_id = new.experiment_id where true
    on conflict do nothing;
    insert into experiment_values (row_id, column_id, number, text, standing)
    select rows.row_id, named.column_id,
        case when entry.type in ('integer', 'real') then entry.value end,
        case when entry.type in ('integer', 'real') then null when entry.type in ('true', 'false', 'null') then entry.type else entry.value end,
        0
    from experiment_rows as rows join json_each(new.config) as entry
        join value_columns as named on named.project_id = rows.project_id and named.name = entry.key and named.kind = 'config'
    where rows.experiment_id = new.experiment_id
    on conflict (row_id, column_id) do update set number = excluded.number, text = excluded.text;
end;

create trigger profiles_values_changed after update of config on profiles when new.config <> old.config begin
    delete from experiment_values where standing = 0
        and row_id = (select row_id from experiment_rows where experiment_id = new.experiment_id);
    insert into value_columns (project_id, kind, name)
    select rows.project_id, 'config', entry.key from json_each(new.config) as entry
        join experiment_rows as rows on rows.experiment_id = new.experiment_id where true
    on conflict do nothing;
    insert into experiment_values (row_id, column_id, number, text, standing)
    select rows.row_id, named.column_id,
        case when entry.type in ('integer', 'real') then entry.value end,
        case when entry.type in ('integer', 'real') then null when entry.type in ('true', 'false', 'null') then entry.type else entry.value end,
        0
    from experiment_rows as rows join json_each(new.config) as entry
        join value_columns as named on named.project_id = rows.project_id and named.name = entry.key and named.kind = 'config'
    where rows.experiment_id = new.experiment_id
    on conflict (row_id, column_id) do update set number = excluded.number, text = excluded.text;
end;

-- Series with labels (one per GPU, node or rank) are charts, not columns: there would be thousands.
create trigger series_value after insert on series when new.labels = '{}' begin
    -- A run that was not launched here has no rows of attempts; its series carry their numbers.
    update experiment_rows set attempts = new.attempt
    where experiment_id = new.experiment_id and attempts < new.attempt
        and experiment_id in (select experiment_id from tracked_runs);
    insert into value_columns (project_id, kind, name)
    select project_id, 'metric', new.name from experiment_rows where experiment_id = new.experiment_id
    on conflict do nothing;
    insert into experiment_values (row_id, column_id, number, low, high, standing)
    select rows.row_id, named.column_id, new.last_value, new.min_value, new.max_value,
        new.attempt * 8 + case new.source when 'jsonl' then 4 when 'client' then 3 when 'tfevents' then 2 else 1 end
    from experiment_rows as rows
        join value_columns as named on named.project_id = rows.project_id and named.name = new.name and named.kind = 'metric'
    where rows.experiment_id = new.experiment_id
    on conflict (row_id, column_id) do update set number = excluded.number, low = excluded.low, high = excluded.high,
        standing = excluded.standing where excluded.standing >= experiment_values.standing;
end;

create trigger series_value_last after update of last_value on series when new.labels = '{}' and new.last_value is not old.last_value begin
    update experiment_values set number = new.last_value
    where row_id = (select row_id from experiment_rows where experiment_id = new.experiment_id)
        and column_id = (select column_id from value_columns
            where project_id = (select project_id from experiment_rows where experiment_id = new.experiment_id)
                and name = new.name and kind = 'metric')
        and standing = new.attempt * 8 + case new.source when 'jsonl' then 4 when 'client' then 3 when 'tfevents' then 2 else 1 end;
end;

create trigger series_value_ends after update of min_value, max_value on series
when new.labels = '{}' and (new.min_value is not old.min_value or new.max_value is not old.max_value) begin
    update experiment_values set low = new.min_value, high = new.max_value
    where row_id = (select row_id from experiment_rows where experiment_id = new.experiment_id)
        and column_id = (select column_id from value_columns
            where project_id = (select project_id from experiment_rows where experiment_id = new.experiment_id)
                and name = new.name and kind = 'metric')
        and standing = new.attempt * 8 + case new.source when 'jsonl' then 4 when 'client' then 3 when 'tfevents' then 2 else 1 end;
end;

-- What was there before.
insert into experiment_rows (experiment_id, project_id, name, created_at, attempts, state, started_at, ended_at)
select experiments.id, experiments.project_id, experiments.name, experiments.created_at, coalesce(attempts.number, 0),
    coalesce(jobs.state, ''), jobs.started_at, jobs.ended_at
from experiments
    left join attempts on attempts.experiment_id = experiments.id
        and attempts.number = (select max(number) from attempts as all_of where all_of.experiment_id = experiments.id)
    left join jobs on jobs.id = attempts.job_id
order by experiments.id;
update experiment_rows set (state, attempts, started_at, ended_at) =
    (select runs.state, 1, runs.started_at, runs.finished_at from tracked_runs as runs where runs.experiment_id = experiment_rows.experiment_id)
where experiment_id in (select experiment_id from tracked_runs);
insert into value_columns (project_id, kind, name)
select distinct experiment_rows.project_id, 'metric', series.name
from series join experiment_rows on experiment_rows.experiment_id = series.experiment_id where series.labels = '{}';
insert into experiment_values (row_id, column_id, number, low, high, standing)
select rows.row_id, named.column_id, series.last_value, series.min_value, series.max_value,
    series.attempt * 8 + case series.source when 'jsonl' then 4 when 'client' then 3 when 'tfevents' then 2 else 1 end
from series
    join experiment_rows as rows on rows.experiment_id = series.experiment_id
    join value_columns as named on named.project_id = rows.project_id and named.name = series.name and named.kind = 'metric'
where series.labels = '{}'
on conflict (row_id, column_id) do update set number = excluded.number, low = excluded.low, high = excluded.high,
    standing = excluded.standing where excluded.standing >= experiment_values.standing;
-- Profiles write themselves once more through their trigger.
update profiles set config = config || ' ' where config <> '{}';
