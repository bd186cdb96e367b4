"""Loads a Hugging Face folder with transformers and prints the logits of some tokens as JSON.

    python3 transformers_logits.py FOLDER '[1, 2, 3]'
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, tokens = sys.argv[1], json.loads(sys.argv[2])
AutoTokenizer.from_pretrained(folder)
model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
with torch.no_grad():
    print(json.dumps(model(torch.tensor([tokens])).logits[0].tolist()))
