"""Bytes per point of DuckDB: duckdb_points.py FILE noisy|as_logged. A million points of twenty series, as rows (series, step, time, value)."""

import os
import sys

import duckdb
import numpy as np
import pyarrow as pa

file, kind = sys.argv[1:]
count, series = 1_000_000, 20
steps = np.repeat(np.arange(count // series, dtype=np.int64), series)
values = 2 + 8 / (1 + steps * 0.001) + 0.3 * np.random.default_rng(0).random(count)
if kind == "as_logged":
    values = np.round(values, 8)
points = pa.table({
    "series": pa.array(np.tile(np.arange(series, dtype=np.int32), count // series)), "step": pa.array(steps),
    "time": pa.array(1_700_000_000_000 + 250 * steps), "value": pa.array(values),
})
database = duckdb.connect(file)
database.execute("create table stored as select * from points order by series, step")
database.execute("checkpoint")
database.close()
print(os.path.getsize(file) / count)
