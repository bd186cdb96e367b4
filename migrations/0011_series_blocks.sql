-- Why: points are packed (docs/metrics-format.md) instead of lying as raw columns, and a small batch adds a small row instead of
-- rewriting its chunk. Rows of series_chunks that an earlier console wrote are read as before; their series go on here.
-- `number` is the place of a row's first point in the order of arrival.
create table series_blocks (
    series_id bigint not null references series (id),
    number bigint not null,
    count bigint not null,
    least_step bigint not null,
    greatest_step bigint not null,
    first_value double precision,  -- of the finite values; null: none
    last_value double precision,
    min_value double precision,
    max_value double precision,
    non_finite bigint not null,
    data blob not null,
    primary key (series_id, number)
);

-- Points behind the last full block, in rows as they came or a few of them together.
create table series_tails (
    series_id bigint not null references series (id),
    number bigint not null,
    count bigint not null,
    data blob not null,
    primary key (series_id, number)
);

-- Of the node's clock, UTC; null: written before there was this column.
alter table series add column first_time bigint;
create index series_first_time on series (experiment_id, attempt, first_time);
