-- Why: points are appended as per-series chunks of columns, with their source's offset in the same transaction,
-- so that a crash replays harmlessly. Superseded by attempt, never rewritten or thinned.
create table series (
    id integer primary key autoincrement,
    experiment_id text not null references experiments (id),
    attempt bigint not null,
    source text not null,
    name text not null,
    labels text not null,      -- canonical JSON object, '{}' for none
    count bigint not null,
    non_finite bigint not null,
    first_step bigint not null,
    last_step bigint not null,
    last_time bigint not null,
    last_value double precision,  -- null: not finite
    min_value double precision,
    max_value double precision,
    constraint series_key_unique unique (experiment_id, attempt, source, name, labels)
);

create table series_chunks (
    series_id bigint not null references series (id),
    number bigint not null,    -- 0, 1, 2 … in order of arrival
    count bigint not null,
    first_step bigint not null,
    last_step bigint not null,
    min_value double precision,
    max_value double precision,
    first_value double precision,
    last_value double precision,
    non_finite bigint not null,
    steps blob not null,       -- i64 little endian, as the store's codec documents
    times blob not null,
    vals blob not null,
    primary key (series_id, number)
);

-- How far a followed file was read.
create table metric_offsets (
    experiment_id text not null references experiments (id),
    attempt bigint not null,
    file text not null,
    byte_offset bigint not null,
    inode bigint not null,
    state text not null,       -- JSON that the reader needs to go on (an unfinished line's context)
    primary key (experiment_id, attempt, file)
);
