"""Measures the dataset check on a million rows. Called by bench.sh with the target folder."""

import json
import os
import pathlib
import random
import statistics
import sys
import tempfile

from rows import Rows, root

target = (root / sys.argv[1]).resolve()
program = target / "release/trainyard"
ROWS = 1_000_000


def write(file):
    """Conversations of about 600 bytes, one in ten with tools and a call, English and Chinese, some with escapes."""
    rnd = random.Random(1)
    words = "the model learns from rows that say what to do and how to answer when a person asks about trains 数据 训练 模型 and weights".split()
    some = [" ".join(rnd.choices(words, k=length)) for length in (5, 20, 30, 60) for _ in range(500)]
    of = lambda length: some[{5: 0, 20: 500, 30: 1000, 60: 1500}[length] + rnd.randrange(500)]
    schema = {"type": "function", "function": {"name": "search", "description": "looks things up", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}
    tools = json.dumps([schema])
    turn = lambda role, content: {"role": role, "content": content}
    with open(file, "w") as out:
        for n in range(ROWS):
            if n % 10 == 9:
                call = turn("tool_call", json.dumps({"name": "search", "arguments": {"q": of(5)}}))
                result = turn("tool_response", json.dumps({"hits": [of(5)]}))
                row = {"tools": tools, "messages": [turn("user", of(20)), call, result, turn("assistant", of(30))]}
            else:
                row = {"messages": [turn("user", of(20)), turn("assistant", f'{of(60)}\n"quoted"\n{of(5)}')]}
            out.write(json.dumps(row, ensure_ascii=n % 3 == 0) + "\n")


def check(file):
    """(processor seconds, peak MiB, the report) of one run."""
    read, write = os.pipe()
    pid = os.posix_spawn(program, [program, "dataset", "check", file, "--for", "4.6.0", "--json"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.close(write)
    with os.fdopen(read) as pipe:
        report = json.load(pipe)
    _, status, used = os.wait4(pid, 0)
    assert status == 0, status
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, report


rows = Rows(begins=False)
with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as folder:
    file = pathlib.Path(folder) / "million.jsonl"
    write(file)
    size = file.stat().st_size
    runs = [check(file) for _ in range(5)]
    assert all(report["rows"] == ROWS and report["rows_lost"] == 0 for _, _, report in runs)
    speed = round(size / statistics.median(seconds for seconds, _, _ in runs) / 1e6)
    how = f"trainyard dataset check --for 4.6.0 --json of 1 M rows, {size / 1e6:.0f} MB, one in ten with tools"
    rows.add("dataset_check", speed, "MB/s", "≥ 150", speed >= 150, f"{how}; per second of processor time, one core, median of 5")
    peak = round(max(peak for _, peak, _ in runs), 1)
    rows.add("dataset_check_memory", peak, "MiB", "≤ 64", peak <= 64, "peak resident memory of those runs")
rows.write()
