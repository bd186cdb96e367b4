"""What a training script does with the unmodified client: one run of the given kind. Prints the run's id."""
import math
import sys

import numpy
import swanlab

kind, name, *rest = sys.argv[1:]
old = int(swanlab.__version__.split(".")[1]) < 8
config = {"lr": 0.001, "model": {"layers": 2, "name": "tiny"}, "betas": [0.9, 0.95]}


def begin(**more):
    return swanlab.init(project="demo", experiment_name=name, description="of a test", config=config, tags=["real", "client"], **more)


def value(step):
    """Values that do not survive a careless reader of decimals."""
    return math.sin(step) / 3 + 0.1


def picture(step):
    return swanlab.Image(numpy.full((8, 8, 3), step * 20, dtype=numpy.uint8), caption=f"picture of step {step}")


def steps(numbers):
    for step in numbers:
        swanlab.log({"train/loss": value(step), "train/acc": step, "nested": {"deep": step * 2}}, step=step)


if kind == "train":
    run = begin()
    print(f"hello from {name}")
    steps(range(40))
    swanlab.log({"odd": float("nan")}, step=0)
    swanlab.log({"odd": float("inf")}, step=1)
    swanlab.log({"odd": 5e-324}, step=2)
    for step in (0, 5):
        swanlab.log({"pictures": [picture(step), picture(step + 1)], "words": swanlab.Text(f"said at {step} <b>&", caption="words")}, step=step)
    swanlab.finish()
elif kind == "back":
    # Steps that go back, a name of 4 KB of markup is cut by no one, and a step twice.
    begin()
    for step in (10, 20, 5, 15, 10):
        swanlab.log({"x": step * 1.5}, step=step)
    swanlab.finish()
elif kind == "resume":
    begin(id=rest[0], resume=rest[1])
    steps(range(int(rest[2]), int(rest[3])))
    swanlab.finish()
elif kind == "crash":
    begin()
    steps(range(5))
    raise ValueError("out of memory, say")
elif kind == "offline":
    begin(mode="offline", **({"logdir": rest[0]} if old else {"log_dir": rest[0]}))
    print("hello from nowhere")
    steps(range(30))
    swanlab.finish()
elif kind == "killed":
    # Logs until somebody ends it.
    import os
    import time

    begin()
    for step in range(10**6):
        swanlab.log({"train/loss": value(step)}, step=step)
        if step == 20:
            print("KILL ME", flush=True)
        time.sleep(0.01)
