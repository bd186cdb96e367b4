"""What the installed ms-swift makes of dataset files: each is loaded as `megatron sft` loads it, and what is left is encoded.

`real_swift.py MODEL FILE …` writes a line of JSON per file: `loaded` rows, `kept` (encoded without an error), `empty` (of those, nothing is
trained), or `error`. MODEL is a folder made by `make_model`; encoding is done as Qwen3 with Hermes calls.
"""

import json
import os
import pathlib
import sys
import tempfile

# A file of more rows is encoded at its ends only.
MOST = 60


def make_model(folder):
    """A tokenizer of single bytes and a configuration without weights: enough for ms-swift's templates."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "model_max_length": 32768}))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 512, "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": True, "torch_dtype": "bfloat16"}))


def template_of(model):
    try:
        from swift.llm import get_model_tokenizer, get_template, load_dataset  # 3.x
        _, tokenizer = get_model_tokenizer(model, load_model=False, model_type="qwen3")
        template = get_template("qwen3", tokenizer)
    except ImportError:
        from swift import get_processor, get_template  # 4.x
        from swift.dataset import load_dataset
        template = get_template(get_processor(model, model_type="qwen3"), template_type="qwen3")
    template.max_length = None
    return template, load_dataset


def look(file, template, load_dataset):
    rows, _ = load_dataset([file], load_from_cache_file=False, strict=False)
    some = list(rows) if len(rows) <= MOST else [*rows.select(range(5)), *rows.select(range(len(rows) - 5, len(rows)))]
    is_pair = any(row.get(name) for row in some for name in ("rejected_messages", "rejected_response"))
    template.set_mode("rlhf" if is_pair else "train")
    kept = empty = 0
    errors = []
    for row in some:
        try:
            encoded = template.encode(dict(row))
            kept += 1
            labels = encoded["chosen_labels" if is_pair else "labels"]
            empty += not any(token != -100 for token in labels)
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}"[:200])
    return {"loaded": len(rows), "kept": len(rows) - len(errors), "empty": empty, "errors": errors, "columns": sorted(rows.column_names)}


def main(model, files):
    os.environ.update(MODELSCOPE_CACHE=tempfile.mkdtemp(), HF_HUB_OFFLINE="1", LOG_LEVEL="ERROR")
    if not (pathlib.Path(model) / "config.json").exists():
        make_model(model)
    template, load_dataset = template_of(model)
    import datasets
    datasets.disable_progress_bars()
    for file in files:
        # A process of its own: deep nesting ends the interpreter.
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            try:
                said = look(file, template, load_dataset)
            except Exception as error:
                said = {"error": f"{type(error).__name__}: {error.__cause__ or error}"[:300]}
            with os.fdopen(write, "w") as pipe:
                pipe.write(json.dumps(said))
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"file": os.path.basename(file), **(json.loads(text) if text else {"error": f"crashed with status {status}"})}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
