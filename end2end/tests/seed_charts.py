"""Writes experiments with known series into the database of a console, as chunks of raw columns (which every console reads).

usage: seed_charts.py DATABASE; prints the experiments' ids as JSON by name.
"""

import json
import math
import sqlite3
import struct
import sys
import time

CHUNK = 2048


def finite(value):
    return value if math.isfinite(value) else None


class Seed:
    """Writes into a console's database."""

    def __init__(self, path):
        self.database = sqlite3.connect(path, timeout=20)
        (self.user,) = self.database.execute("select id from users").fetchone()
        (self.project,) = self.database.execute("select id from projects").fetchone()
        self.now = int(time.time() * 1000)
        self.ids = {}

    def experiment(self, name):
        self.ids[name] = f"019a0000-0000-7000-8000-{len(self.ids):012}"
        row = (self.ids[name], self.project, self.user, name, self.now)
        self.database.execute("insert into experiments (id, project_id, created_by, name, created_at) values (?, ?, ?, ?, ?)", row)

    def series(self, of, attempt, name, points, labels=None):
        """`points`: (step, milliseconds since 1970, value), steps rising."""
        good = [value for _, _, value in points if math.isfinite(value)]
        words = json.dumps(labels or {}, separators=(",", ":"), sort_keys=True)
        ends = (min(good), max(good)) if good else (None, None)
        steps = (points[0][0], points[-1][0], points[-1][1], finite(points[-1][2]))
        row = (self.ids[of], attempt, "client", name, words, len(points), len(points) - len(good), *steps, *ends)
        number = self.database.execute(
            "insert into series (experiment_id, attempt, source, name, labels, count, non_finite, first_step, last_step, last_time,"
            f" last_value, min_value, max_value) values ({','.join('?' * 13)})",
            row,
        ).lastrowid
        for at in range(0, len(points), CHUNK):
            part = points[at : at + CHUNK]
            good = [value for _, _, value in part if math.isfinite(value)]
            ends = (min(good), max(good)) if good else (None, None)
            columns = [struct.pack(f"<{len(part)}{kind}", *column) for kind, column in zip("qqd", zip(*part))]
            row = (number, at // CHUNK, len(part), part[0][0], part[-1][0], *ends, finite(part[0][2]), finite(part[-1][2]), len(part) - len(good))
            self.database.execute(
                "insert into series_chunks (series_id, number, count, first_step, last_step, min_value, max_value, first_value,"
                f" last_value, non_finite, steps, times, vals) values ({','.join('?' * 13)})",
                (*row, *columns),
            )


def main(path):
    seed = Seed(path)
    experiment, series = seed.experiment, seed.series
    begun = seed.now - 4 * 3600 * 1000

    def line(steps, value):
        return [(step, begun + step * 2000, value(step)) for step in steps]

    experiment("a run with a restart")
    one = "a run with a restart"
    loss = lambda step: 0.9 + 3.5 / (1 + step * 0.004) + 0.1 * math.sin(step)
    odd = {3000: math.nan, 3400: math.inf, 3800: -math.inf}
    series(one, 1, "loss", line(range(1, 2601), loss))
    series(one, 2, "loss", line(range(2200, 4701), lambda step: odd.get(step, loss(step))))
    series(one, 2, "grad_norm", line(range(2200, 4701), lambda step: 1 + 0.2 * math.sin(step * 7)))
    series(one, 2, "epoch", line(range(2200, 4701), lambda step: step / 1000))
    series(one, 2, "signed/value", line(range(2200, 4701), lambda step: math.sin(step / 200)))
    series(one, 2, "signed/nan only", line(range(2200, 2300), lambda _: math.nan))
    series(one, 2, "signed/one point", line([2500], lambda _: 0.5))
    series(one, 2, "signed/<img src=x onerror=alert(1)>" + "layer.self_attention." * 12, line(range(2200, 2300), float))
    for gpu in range(4):
        series(one, 2, "gpu_power_w", line(range(2200, 4701, 10), lambda step: 300 + gpu + step % 7), {"gpu": str(gpu), "node": "node-1"})

    experiment("a million points")
    spikes = {1234 + n * 10_000: 50.0 for n in range(100)}
    series("a million points", 1, "loss", [(step, begun + step * 10, spikes.get(step, 2 + math.sin(step) * 0.3)) for step in range(1_000_000)])

    experiment("many series")
    for number in range(240):
        name = f"{['train', 'eval', 'rollout', 'reward'][number % 4]}/metric {number}"
        series("many series", 1, name, line(range(200), lambda step: math.sin(step / (10 + number))))

    experiment("nothing yet")
    seed.database.commit()
    print(json.dumps(seed.ids))


if __name__ == "__main__":
    main(sys.argv[1])
