"""Measures what a person with a browser waits for. Called by bench.sh with the target folder."""

import json
import pathlib
import random
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from console_under_test import Console
from measure import run
from rows import Rows, root

target = (root / sys.argv[1]).resolve()
rows = Rows(begins=False)
folder = pathlib.Path(tempfile.mkdtemp(prefix="trainyard-bench-"))


def node(script, *words):
    return json.loads(run("node", root / "end2end/bench" / script, *words, cwd=root / "end2end", timeout=900).stdout)


def fill(console, name, steps, lines):
    """A run with one chart of so many lines."""
    rnd = random.Random(steps)
    for first in range(0, steps, 50_000):
        some = list(range(first, min(steps, first + 50_000)))
        times = [1_700_000_000_000 + 250 * step for step in some]
        for line in range(lines):
            values = [2 + line * 0.1 + 8 / (1 + step * 50 / steps) + 0.3 * rnd.random() for step in some]
            labels = {"gpu": str(line)} if lines > 1 else {}
            console.api("POST", "/push", {"run": name, "points": [{"steps": some, "times_millis": times, "labels": labels, "values": {"loss": values}}]})


def waits(console):
    shapes = {"1 M × 1": (1_000_000, 1, 30), "50 k × 20": (50_000, 20, 40), "10 M × 1": (10_000_000, 1, 60)}
    for name, (steps, lines, _) in shapes.items():
        fill(console, name, steps, lines)
    experiments = console.experiments()
    ids = {name: experiments[name]["experiment"]["id"] for name in shapes}
    told = node("pages.mjs", f"http://{console.listen}", console.cookie, json.dumps(ids), target / "peers/js")
    first = statistics.median(told["first"])
    rows.add("first_page", round(first), "ms", "≤ 300", first <= 300, "navigation to first contentful paint of the start page, loopback, empty cache, Chromium headless, median of 7")
    rows.add("first_canvas", round(statistics.median(told["canvas"])), "ms", None, None,
             "navigation to a painted canvas of an experiment's page, empty cache: wasm read, page taken over; median of 5")
    for name, (_, _, goal) in shapes.items():
        ms = statistics.median(told["click"][name])
        key = name.replace(" ", "").replace("×", "x").lower()
        rows.add(f"click_{key}", round(ms), "ms", f"≤ {goal}", ms <= goal, f"click on the tab to the last stroke on the canvas, {name} points, the server's reduction included; median of 7")
    for what in ("zoom", "pan"):
        ms, peer = statistics.median(told[what]), statistics.median(told[f"{what}Peer"])
        rows.add(f"{what}_frame", round(ms, 2), "ms", "≤ 8", ms <= 8, f"script per frame of a {what} over 1 M points, 90 events, median of three runs", "uPlot 1.6.32, all points in its page", round(peer, 2))


def drawing():
    """Drawing alone: columns of singles in the wasm's memory, reduced and drawn."""
    page = target / "bench-page"
    run(root / "scripts/bench/drawing.sh", page)
    told = node("drawing.mjs", page, target / "peers/js")
    for name, goal in (("1m_x1", 5), ("50k_x20", 10), ("10m_x1", 20)):
        ms, others = told[name].pop("ours"), told[name]
        rows.add(f"draw_{name}", round(ms, 1), "ms", f"≤ {goal}", ms <= goal, "script of reducing and drawing singles that lie in the wasm's memory, 1200 × 500, Chromium headless, median of 7",
                 "others", ", ".join(f"{'uPlot 1.6.32' if kind == 'uplot' else 'ECharts 6.1.0'} {ms:.1f}" for kind, ms in others.items()))


def viewers(console):
    told = node("viewers.mjs", f"http://{console.listen}", console.cookie, console.key)
    delays = sorted(told["delays"])
    middle, worst = statistics.median(delays), delays[int(len(delays) * 0.99)]
    how = f"{told['perSecond']:.0f} points/s in batches of 100, {told['answers']:.0f} answers/s to the other 49 viewers, all on the same two cores"
    rows.add("viewers_median", round(middle), "ms", "≤ 100", middle <= 100, f"a point's push to the chart of one of fifty viewers; {how}")
    rows.add("viewers_p99", round(worst), "ms", "≤ 300", worst <= 300, "the same, 99th percentile")


console = None
try:
    console = Console(target / "release/trainyard", folder)
    viewers(console)
    waits(console)
    drawing()
    rows.write()
finally:
    if console:
        console.stop()
    shutil.rmtree(folder, ignore_errors=True)
