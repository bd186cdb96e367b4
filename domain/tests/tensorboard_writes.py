"""Writes event files below the folder named first, with TensorBoard's own writer and tensorboardX, and prints as JSON what is in them:
{run: {"attempts": {attempt: {tag: [[step, bits of the double]]}}, "others": {tag: plugin}, "shown": {tag: [[step, bits]]}}}.
`shown` is what TensorBoard's own reader makes of the run, which removes what a restart orphaned."""

import json
import os
import struct
import sys

import numpy as np
import tensorboardX
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

root = sys.argv[1]
expected = {}


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", float(value)))[0]


def note(run, tag, step, value, attempt=1):
    run = expected.setdefault(run, {"attempts": {}, "others": {}})
    run["attempts"].setdefault(str(attempt), {}).setdefault(tag, []).append([step, bits(value)])


def other(run, tag, plugin):
    expected.setdefault(run, {"attempts": {}, "others": {}})["others"][tag] = plugin


# tensorboardX: single precision, all kinds of values, text, images, histograms, several series a step.
writer = tensorboardX.SummaryWriter(os.path.join(root, "x"))
values = [0.1, -2.5, 1e-42, 3.4e38, float("nan"), float("inf"), float("-inf"), 0.0]
for step, value in enumerate(values):
    writer.add_scalar("train/loss", value, step)
    note("x", "train/loss", step, np.float32(value))
    writer.add_scalar("损失", step, step)
    note("x", "损失", step, step)
writer.add_text("note", "hello *there*", 3)
other("x", "note/text_summary", "text")
writer.add_histogram("weights", np.arange(100.0), 4)
other("x", "weights", "histograms")
writer.add_image("picture", np.zeros((3, 4, 4)), 4)
other("x", "picture", "images")
writer.add_scalars("pair", {"one": 1.0, "two": 2.0}, 7)
note("x/pair/one", "pair", 7, 1.0)
note("x/pair/two", "pair", 7, 2.0)
writer.close()

# A crash at 100 and a resume at 80, with purge_step and without, in a second file.
for run, purge in [("purged", 80), ("plain", None)]:
    for attempt, (steps, step) in enumerate([(range(100), None), (range(80, 120), purge)], 1):
        suffix = f".{attempt}"
        writer = tensorboardX.SummaryWriter(os.path.join(root, run), purge_step=step, filename_suffix=suffix)
        for step in steps:
            writer.add_scalar("loss", step * attempt, step)
            note(run, "loss", step, step * attempt, attempt)
        writer.close()

# TensorBoard's own writer, in TensorFlow 2's form: tensors, whose metadata stands only with the first value.
writer = EventFileWriter(os.path.join(root, "tensors"))


def add(step, summary):
    writer.add_event(event_pb2.Event(wall_time=1.7e9 + step, step=step, summary=summary))


for step in range(50):
    summary = scalar_pb("v2", np.float32(step) / 3)
    if step > 0:
        summary.value[0].ClearField("metadata")
    add(step, summary)
    note("tensors", "v2", step, np.float32(step) / np.float32(3))
kinds = [
    ("double", types_pb2.DT_DOUBLE, dict(double_val=[1e308]), 1e308),
    ("denormal", types_pb2.DT_DOUBLE, dict(double_val=[5e-324]), 5e-324),
    ("float", types_pb2.DT_FLOAT, dict(float_val=[0.1]), np.float32(0.1)),
    ("int32", types_pb2.DT_INT32, dict(int_val=[-7]), -7),
    ("int64", types_pb2.DT_INT64, dict(int64_val=[-(2**53)]), -(2**53)),
    ("half", types_pb2.DT_HALF, dict(half_val=[int(np.float16(0.1).view(np.uint16))]), np.float16(0.1)),
    ("bfloat16", types_pb2.DT_BFLOAT16, dict(half_val=[0x4049]), 3.140625),
    ("bool", types_pb2.DT_BOOL, dict(bool_val=[True]), 1),
]
for tag, dtype, held, value in kinds:
    tensor = tensor_pb2.TensorProto(dtype=dtype, **held)
    add(60, summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, tensor=tensor)]))
    note("tensors", tag, 60, value)
for kind in [np.float64, np.float32, np.int64, np.int8, np.uint8, np.float16, np.bool_]:
    tag, value = f"content/{kind.__name__}", kind(1.3)
    made = tensor_util.make_tensor_proto(value)
    tensor = tensor_pb2.TensorProto(dtype=made.dtype, tensor_content=value.tobytes())
    add(61, summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, tensor=tensor)]))
    note("tensors", tag, 61, value)
add(62, text_pb("said", "words"))
other("tensors", "said", "text")
vector = tensor_util.make_tensor_proto(np.zeros(3))
add(63, summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="vector", tensor=vector)]))
other("tensors", "vector", "tensor")
writer.close()

# Several files of one run, in the order of their names; no restart.
for part in range(3):
    writer = EventFileWriter(os.path.join(root, "parts"), filename_suffix=f".{part}")
    for step in range(part * 10, part * 10 + 10):
        value = summary_pb2.Summary.Value(tag="loss", simple_value=step / 2)
        add(step, summary_pb2.Summary(value=[value]))
        note("parts", "loss", step, step / 2)
    writer.close()

for run, said in expected.items():
    reader = event_accumulator.EventAccumulator(os.path.join(root, run), size_guidance={"scalars": 0, "tensors": 0})
    reader.Reload()
    scalars = {tag: reader.Scalars(tag) for tag in reader.Tags()["scalars"]}
    said["shown"] = {tag: [[e.step, bits(e.value)] for e in events] for tag, events in scalars.items()}
print(json.dumps(expected))
