"""Measures the metric store and its readers, each beside the peers that the field uses. Called by bench.sh with the target folder.

Servers are measured in processor time, so that a busy machine changes the figures less than it changes wall time.
"""

import http.client
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from console_under_test import Console
from measure import get, processor_secs, pss_mib, run
from peers import Peers, here
from rows import Rows, root

target = (root / sys.argv[1]).resolve()
program = target / "release/trainyard"
rows = Rows(begins=False)
folder = pathlib.Path(tempfile.mkdtemp(prefix="trainyard-bench-"))
peers = Peers(target / "peers", folder)
NAMES = [f"train/metric_{n:03d}" for n in range(20)]
MILLION = 1_000_000


def event_files():
    """Five million scalars of twenty tags in one event file: ours keeps every point, the peer a thousand of each tag."""
    tags, steps = 20, 250_000
    logs = folder / "events"
    logs.mkdir()
    file = logs / "events.out.tfevents.1700000000.bench.1.0"
    run(peers.python("tensorboard"), here / "event_file.py", file, tags, steps)
    ours, theirs = {False: [], True: []}, {False: [], True: []}
    for _ in range(5):
        for is_checked in (False, True):
            said = run(program, "inspect", file, "--timing", *([] if is_checked else ["--no-checksum"])).stderr
            points, seconds = int(said.split()[0]), float(said.split(" in ")[1].split()[0])
            assert points == tags * steps, said
            ours[is_checked].append(points / seconds / 1e6)
            theirs[is_checked].append(points / peers.rustboard(logs, is_checked) / 1e6)
    for is_checked, goal in ((False, 20), (True, 14)):
        mine, peer = (round(statistics.median(all[is_checked]), 2) for all in (ours, theirs))
        rows.add("tfevents_import_checked" if is_checked else "tfevents_import", mine, "M scalars/s", f"≥ {goal}, ≥ 6 × peer", mine >= goal and mine >= 6 * peer,
                 f"trainyard inspect --timing, {tags} tags × {steps} steps, checksums {'compared' if is_checked else 'not compared'}, every point held; per core, median of 5, alternating",
                 "tensorboard-data-server 0.7.2 (keeps 1000 of a tag)", peer)


def noisy(rnd):
    return lambda step: 2 + 8 / (1 + step * 0.001) + 0.3 * rnd.random()


def as_logged(rnd):
    """Eight decimals, as ms-swift writes."""
    value = noisy(rnd)
    return lambda step: round(value(step), 8)


def bodies(run_, names, steps, batch, value):
    for first in range(0, steps, batch):
        some = list(range(first, first + batch))
        points = {"steps": some, "times_millis": [1_700_000_000_000 + 250 * step for step in some], "values": {name: [value(step) for step in some] for name in names}}
        yield json.dumps({"run": run_, "points": [points]}).encode()


def push(console, all):
    """Processor seconds of the console for some bodies, one after the other."""
    connection = http.client.HTTPConnection(console.listen, timeout=120)
    all = list(all)
    before = processor_secs(console.process.pid)
    for body in all:
        connection.request("POST", "/console/v1/push", body, {"authorization": f"Bearer {console.key}", "idempotency-key": str(time.time_ns())})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
    return processor_secs(console.process.pid) - before


def stored_bytes(console):
    """The database's files after a stop."""
    console.stop()
    size = sum(file.stat().st_size for file in (console.folder / "data").iterdir() if file.is_file())
    console.start()
    return size


def ingest(console):
    steps, batch, rnd = 50_000, 2_500, random.Random(0)
    points = steps * len(NAMES)
    clients = {name: peers.logs(name) for name in ("trackio", "wandb", "swanlab")}
    of = lambda figure, digits: ", ".join(f"{name} {figures[figure]:.{digits}f}" for name, figures in clients.items())
    before = stored_bytes(console)
    for kind, value, what in (("noisy", noisy(rnd), "full-precision doubles"), ("as_logged", as_logged(rnd), "eight decimals, as ms-swift logs them")):
        seconds = push(console, bodies(f"bench {kind}", NAMES, steps, batch, value))
        if kind == "noisy":
            cost = round(seconds / points * 1e6, 3)
            rows.add("ingest_cpu", cost, "µs/point", "≤ 0.5", cost <= 0.5,
                     f"POST /console/v1/push of 20 metrics × {batch} steps, 1 M points, committed before each answer; the server's processor time. Peers: the client's, fastest local mode, 100 k points",
                     "clients", of("cpu", 1))
        after = stored_bytes(console)
        size = round((after - before) / points, 2)
        before = after
        rows.add(f"disk_{kind}", size, "B/point", "≤ 8", size <= 8, f"growth of the database by 1 M points ({what}), 50 k steps × 20",
                 "others", f"DuckDB {peers.duckdb(kind):.1f}, {of('disk', 0)}")
    log = json.loads(run(sys.executable, here / "peer_log.py", "trainyard", 5000, 20, folder / "own-log").stdout.splitlines()[-1])["log_micros"]
    rows.add("client_log", round(log, 2), "µs", "≤ 10", log <= 10, "docs/clients/trainyard.py: log() of 20 metrics, median of 5,000 calls", "the same call", of("log", 0))


def spikes(console, id, planted):
    """How many of the planted spikes that lie in a window are seen in it: their pixel column reaches the spike's value."""
    windows = [(0, MILLION)] + [(step - width // 2, step + width // 2) for step in planted[::10] for width in (100, 10_000, 400_000)]
    wanted = seen = 0
    for low, high in windows:
        drawn = console.api("POST", f"/experiments/{id}/draw", {"series": [{"name": "loss"}], "from": low, "to": high, "width_px": 1200})[0]
        column = lambda step: min(1199, (step - low) * 1200 // (high - low))
        inside = [column(step) for step in planted if low <= step <= high]
        reached = {column(step) for step, value in zip(drawn["steps"], drawn["values"]) if value == 99.0}
        wanted += len(inside)
        seen += sum(one in reached for one in inside)
    rows.add("spikes_seen", round(100 * seen / wanted, 2), "%", "100", seen == wanted, f"100 one-step spikes in 1 M points, looked for in {len(windows)} windows of 1200 px",
             "TensorBoard, the whole series", f"{board['spikes']} %")


def read_cost(console, id, names, windows, smoothing):
    """(median milliseconds of processor time, largest answer in KB) of a chart's request as pages send it."""
    asks = [json.dumps({"experiment": id, "request": {"series": [{"name": name} for name in names], "attempts": "newest", "x": "step", "from": low, "to": high, "width_px": 1200,
                                                      "smoothing": smoothing}}) for low, high in windows]
    connection = http.client.HTTPConnection(console.listen, timeout=60)
    times, size = [], 0
    for _ in range(4):
        before = processor_secs(console.process.pid)
        for one in asks:
            connection.request("POST", "/fn/metrics/draw", one, {"cookie": console.cookie, "content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            size = max(size, len(text))
        times.append((processor_secs(console.process.pid) - before) / len(asks) * 1000)
    return statistics.median(times), size / 1000


def reads(console):
    rnd = random.Random(1)
    planted = sorted(rnd.sample(range(MILLION), 100))
    at, wave = set(planted), noisy(rnd)
    push(console, bodies("million", ["loss"], MILLION, 50_000, lambda step: 99.0 if step in at else wave(step)))
    experiments = console.experiments()
    long, many = (experiments[name]["experiment"]["id"] for name in ("million", "bench noisy"))
    spikes(console, long, planted)
    windows = [(0, MILLION)] + [(low, low + width) for width in (1000, 30_000, 300_000) for low in (rnd.randrange(MILLION - width) for _ in range(33))]
    smooth = {"kind": "ema", "weight": 0.6}
    ms, size = read_cost(console, long, ["loss"], windows, smooth)
    rows.add("read_million", round(ms, 2), "ms", "≤ 2", ms <= 2, "one curve of a 1 M-point series, smoothed, 1200 px, 100 windows from 1,000 steps to all; processor time per request, median of four rounds. Peers: wall time",
             "others", f"TensorBoard {board['read']:.1f} (1,000 random points), trackio {track['read']:.0f} (50 k × 20)")
    rows.add("read_million_bytes", round(size, 1), "KB", "≤ 40", size <= 40, "the largest of those answers", "others", f"TensorBoard {board['bytes'] / 1000:.0f}, trackio {track['bytes'] / 1000:.0f}")
    ms, _ = read_cost(console, many, NAMES, [(0, 50_000)] * 20, smooth)
    rows.add("read_twenty", round(ms, 2), "ms", "≤ 5", ms <= 5, "twenty series of 50 k points in one request, smoothed, 1200 px each; processor time")


def start_and_size():
    starts = []
    for n in range(7):
        home = folder / f"start-{n}"
        home.mkdir()
        begun = time.monotonic()
        process = subprocess.Popen([program, "serve", "--data", home / "data", "--listen", "127.0.0.1:7872"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while get("127.0.0.1:7872", "/health") is None:
            time.sleep(0.001)
        starts.append((time.monotonic() - begun) * 1000)
        if n == 6:
            time.sleep(5)
            mib = pss_mib(process.pid)
        process.terminate()
        process.wait(30)
    trailer = peers.trailer()
    beside = lambda figure, scale: (f"trailer {trailer[figure] * scale:.0f}, " if trailer else "") + f"trackio {track[figure] * scale:.0f}, TensorBoard {board[figure] * scale:.0f}"
    ms, size = statistics.median(starts), program.stat().st_size / 1e6
    rows.add("start", round(ms, 1), "ms", "≤ 50", ms <= 50, "exec to the first answer on /health, fresh database, median of 7", "others", beside("start", 1000))
    rows.add("idle_pss_empty", round(mib, 1), "MiB", "≤ 15", mib <= 15, "Pss of /proc/PID/smaps_rollup 5 s after a start, no nodes", "others", beside("pss", 1))
    rows.add("program_size", round(size, 1), "MB", "≤ 30", size <= 30, "the release program with its pages in it")


try:
    event_files()
    board, track = peers.tensorboard(), peers.trackio()
    start_and_size()
    console = Console(program, folder)
    try:
        ingest(console)
        reads(console)
    finally:
        console.stop()
    rows.write()
finally:
    shutil.rmtree(folder, ignore_errors=True)
