"""Measures the release console against two rehearsal nodes. Called by bench.sh with the target folder.

With BENCH_COLD=1 also what a first day takes, in a fresh clone of the committed state: half an hour or so."""
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import preflight
from rows import Rows, root

target = (root / sys.argv[1]).resolve()
console = target / "release/trainyard"
listen = "127.0.0.1:7871"
rows = Rows(begins=True)
row, write = rows.add, rows.write


def start(data, rehearsal=None):
    words = [str(console), "serve", "--data", str(data), "--listen", listen]
    if rehearsal:
        words += ["--rehearsal", str(rehearsal)]
    log = open(data.parent / "console.log", "w")
    return subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "RUST_LOG": "info"})


def answers():
    try:
        return urllib.request.urlopen(f"http://{listen}/health", timeout=1).status == 200
    except OSError:
        return False


def until(what, is_there, seconds=30, pause=0.001):
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain until {what}")
        time.sleep(pause)


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def up(clone, env, seconds):
    """Runs `make up` until it prints its address, ends it as Ctrl-C does, and answers how long that took. Nodes stay up."""
    log = folder / "up.log"
    begun = time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen(["make", "up"], cwd=clone, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        until("make up prints its address", lambda: process.poll() is not None or f"http://{env['TRAINYARD_LISTEN']}/" in log.read_text(), seconds, 0.05)
        took = time.monotonic() - begun
    finally:
        is_up = process.poll() is None
        if is_up:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    return took if is_up else sys.exit(log.read_text())


def cold():
    """A first day: `make up` in a fresh clone with an empty CARGO_HOME, then `make test` there."""
    here = folder / "first-day"
    subprocess.run(["git", "clone", "-q", root, here / "clone"], check=True)
    # In front of an installed wasm-bindgen, so that it is installed again.
    (here / "bin").mkdir()
    (here / "bin/wasm-bindgen").write_text("#!/bin/sh\nexit 1\n")
    (here / "bin/wasm-bindgen").chmod(0o755)
    env = {**os.environ, **nodes, "CARGO_HOME": str(here / "cargo"), "npm_config_cache": str(here / "npm"),
           "PATH": f"{here}/cargo/bin:{here}/bin:{os.environ['PATH']}",
           "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(pathlib.Path.home() / ".rustup")), "TRAINYARD_DATA": str(here / "data")}
    env.pop("CARGO_TARGET_DIR", None)
    how = "fresh clone, empty CARGO_HOME and target, no wasm-bindgen; toolchain and Debian packages there"
    try:
        seconds = up(here / "clone", env, 3600)
    finally:
        subprocess.run([here / "clone/scripts/down.sh"], env=env, stdout=subprocess.DEVNULL)
    row("make_up_cold", round(seconds), "s", "≤ 900", seconds <= 900, f"make up until the address is printed: {how}")
    write()
    begun = time.monotonic()
    env = {name: value for name, value in env.items() if not name.startswith("TRAINYARD_")}
    tested = subprocess.run(["make", "test"], cwd=here / "clone", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if tested.returncode:
        sys.exit(tested.stdout + tested.stderr)
    row("make_test_first", round(time.monotonic() - begun), "s", None, None, "make test in that clone, after make up")
    write()


folder = pathlib.Path(tempfile.mkdtemp(prefix="trainyard-bench-"))
nodes = {"TRAINYARD_LISTEN": listen, "TRAINYARD_REHEARSAL_PORT": "2399", "TRAINYARD_REHEARSAL_FIRST_ADDRESS": "51"}
process = None
try:
    site = root / "target/site/pkg"
    size = lambda piece: (site / f"{piece}.wasm.br").stat().st_size / 1000
    files = json.loads((site / "pieces.json").read_text())
    wasm = max(size("trainyard_bg") + sum(map(size, pieces)) for pieces in files.values())
    row("wasm_brotli", round(wasm, 1), "KB", "≤ 600", wasm <= 600, "what the heaviest group of pages needs, as .wasm.br: trainyard_bg.wasm and its file of pieces.json")

    # Everything is built and both nodes are up when the second run begins.
    env = {**os.environ, **nodes, "TRAINYARD_DATA": str(folder)}
    up(root, env, 900)
    seconds = up(root, env, 900)
    row("make_up_warm", round(seconds, 1), "s", "≤ 30", seconds <= 30, "make up until the address is printed, the second time")
    shutil.rmtree(folder / "console")

    process = start(folder / "console", folder / "rehearsal/cluster.json")
    log = folder / "console.log"
    until("the link is printed", lambda: re.search(r"http://\S+/setup\?token=\S+", log.read_text()))
    link = re.search(r"http://\S+/setup\?token=\S+", log.read_text()).group()

    begun = time.monotonic()
    walked = subprocess.run([console, "demo", "--setup", link], capture_output=True, text=True, timeout=900)
    if walked.returncode:
        sys.exit(walked.stdout + walked.stderr)
    seconds = time.monotonic() - begun
    row("demo_whole_path", round(seconds, 1), "s", "≤ 300", seconds <= 300, "trainyard demo: convert, copy, train, gather, export, deploy two, ask")
    train = float(re.search(r"Train +([0-9.]+) s", walked.stdout).group(1))
    row("rehearsal_training", round(train, 1), "s", "≤ 90", train <= 90, "the demo's training step: 320 iterations, 2 nodes × 2 ranks")

    password = re.search(r"password (\w+)", walked.stdout).group(1)
    middle, worst, checks = preflight.measure(listen, password)
    row("preflight", round(middle, 2), "s", "≤ 3", worst <= 3, f"{checks} checks on 2 rehearsal nodes, question to whole report; median of 9, slowest {worst:.2f} s")

    # Idle: two nodes watched, two engines served, nobody looking, as a console stands there in the morning.
    stop(process)
    process = start(folder / "console", folder / "rehearsal/cluster.json")
    until("the console answers", answers)
    time.sleep(10)
    pss = int(re.search(r"Pss: +(\d+)", pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()).group(1)) / 1024
    row("idle_pss", round(pss, 1), "MiB", "≤ 25", pss <= 25, "Pss of /proc/PID/smaps_rollup 10 s after a start, two nodes and two deployments watched")

    measured = subprocess.run(
        ["node", root / "end2end/bench/line_to_pixel.mjs", f"http://{listen}", password, folder / "rehearsal/node-2"],
        capture_output=True, text=True, timeout=300, cwd=root / "end2end")
    if measured.returncode:
        sys.exit(measured.stdout + measured.stderr)
    delays = json.loads(measured.stdout)
    middle, worst = statistics.median(delays), sorted(delays)[max(0, int(len(delays) * 0.95) - 1)]
    row("line_to_pixel_median", round(middle), "ms", "≤ 300", middle <= 300, f"a training run's lines until the chart shows them, {len(delays)} lines, Chromium headless")
    row("line_to_pixel_p95", round(worst), "ms", "≤ 300", worst <= 300, "the same, 95th percentile")
    stop(process)
    write()
    if os.environ.get("BENCH_COLD"):
        # The clone's nodes take their addresses.
        subprocess.run([root / "scripts/down.sh"], env={**os.environ, "TRAINYARD_DATA": str(folder)}, stdout=subprocess.DEVNULL, check=True)
        cold()
finally:
    # Also when a measurement failed on the way.
    if process and process.poll() is None:
        stop(process)
    subprocess.run([root / "scripts/down.sh"], env={**os.environ, "TRAINYARD_DATA": str(folder)}, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)
