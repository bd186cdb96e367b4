"""Loads an iteration folder with torch's own reader, all of it, and prints what it found as JSON.

    python3 torch_reads_shards.py RUN/checkpoint-5/iter_0000005

Needs torch 2.6 or later (any build; no GPU, no process group).
"""
import io
import json
import os
import sys
import warnings

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

warnings.filterwarnings("ignore")
folder = sys.argv[1]
reader = dcp.FileSystemReader(folder)
metadata = reader.read_metadata()

state = {}
for name, item in metadata.state_dict_metadata.items():
    if isinstance(item, TensorStorageMetadata):
        state[name] = torch.full(item.size, float("nan"), dtype=item.properties.dtype)
    else:
        state[name] = io.BytesIO()
dcp.load(state, storage_reader=reader, no_dist=True)

# Every file ends exactly where its last item does.
ends = {}
for place in metadata.storage_data.values():
    ends[place.relative_path] = max(ends.get(place.relative_path, 0), place.offset + place.length)
for file, end in ends.items():
    assert os.path.getsize(os.path.join(folder, file)) == end, file
assert {file for file in os.listdir(folder) if file.endswith(".distcp")} == set(ends)

# The f32 weights of the optimizer, rounded, are the weights.
master = "optimizer.state.fp32_param."
for name in [name for name in state if name.startswith(master)]:
    assert torch.equal(state[name].bfloat16(), state[name[len(master):]]), name

common = torch.load(os.path.join(folder, "common.pt"), weights_only=False)
random = {name: value for name, value in state.items() if name.startswith("rng_state/")}
for name, value in random.items():
    assert value[0]["seed"] >= 0, name
tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
assert not any(value.isnan().any() for value in tensors.values())
print(json.dumps({
    "torch": torch.__version__,
    "files": sorted(ends),
    "iteration": common["iteration"],
    "consumed": common["args"].consumed_train_samples,
    "step": common["optimizer"]["optimizer"]["param_groups"][0]["step"],
    "random": sorted(random),
    "sums": {name: value.double().sum().item() for name, value in sorted(tensors.items())},
}))
