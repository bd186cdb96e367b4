"""Logs noisy scalars with one client in its fastest local mode: peer_log.py NAME STEPS METRICS FOLDER. Prints {"cpu_secs", "log_micros"}.

Processor time is that of this process and its children, from the first log() to the end of finish().
"""

import json
import os
import pathlib
import random
import resource
import statistics
import sys
import time

name, steps, metrics, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
folder.mkdir(exist_ok=True)
names = [f"train/metric_{n:03d}" for n in range(metrics)]
rnd = random.Random(0)
values = [{key: 2 + 8 / (1 + step * 0.001) + 0.3 * rnd.random() for key in names} for step in range(steps)]


def begin():
    """(log, finish) of the client."""
    if name == "trainyard":
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs/clients"))
        import trainyard
        run = trainyard.Run("http://127.0.0.1:9", "none", "bench", folder=folder, every=3600)
        return run.log, lambda: None
    if name == "trackio":
        os.environ["TRACKIO_DIR"] = str(folder / "trackio")
        import trackio
        trackio.init(project="bench", name="bench")
        return (lambda one, step: trackio.log(one, step=step)), trackio.finish
    if name == "wandb":
        os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=str(folder))
        import wandb
        run = wandb.init(project="bench", dir=str(folder))
        return (lambda one, step: run.log(one, step=step)), run.finish
    if name == "swanlab":
        import swanlab
        swanlab.init(project="bench", mode="offline", logdir=str(folder / "swanlog"))
        return (lambda one, step: swanlab.log(one, step=step)), swanlab.finish
    raise SystemExit(f"no client {name!r}")


def cpu():
    """This process and its children, those that live too."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


log, finish = begin()
before, took = cpu(), []
for step, one in enumerate(values):
    begun = time.perf_counter()
    log(one, step)
    took.append((time.perf_counter() - begun) * 1e6)
finish()
print(json.dumps({"cpu_secs": cpu() - before, "log_micros": statistics.median(took)}))
