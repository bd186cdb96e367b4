"""The memory estimate beside what ms-swift's own example scripts say they used. Called by bench.sh with the target folder.

The estimate is arithmetic, so nothing is timed here: each row is estimate ÷ measurement.
"""

from measure import run
from rows import Rows, root

rows = Rows(begins=False)
said = run("cargo", "test", "-q", "-p", "domain", "--test", "memory", "--", "--nocapture", cwd=root).stdout
cases = [line.split(" | ")[1:] for line in said.splitlines() if line.startswith("memory case | ")]
assert len(cases) >= 8, said
for name, estimate, measured, ratio, is_of_table in cases:
    limit = 0.15 if is_of_table == "true" else None
    met = None if limit is None else abs(float(ratio) - 1) <= limit
    rows.add(f"memory: {name}", float(ratio), "× measured", limit and "0.85 … 1.15", met, f"{estimate} GiB estimated from config.json and recipe",
             "the script's own note, GiB", float(measured))
rows.write()
