//! From the command line to what is to be done, with the refusals of both commands.

use std::path::{Path, PathBuf};

use anyhow::Result;
use candle_core::DType;
use serde_json::{Value, json};

use super::{Base, Export, Program, Stored, Target, dtype, files};
use crate::programs::arguments::Arguments;
use crate::release::{Generation, Release};
use crate::training::settings::Refused;

fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(Refused(text.into()).into())
}

/// `args.json` of a folder.
fn recorded(folder: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(folder.join("args.json")).ok()?;
    serde_json::from_str(&text).ok()
}

impl Export {
    pub(super) fn settle(
        release: &Release,
        program: Program,
        arguments: &mut Arguments,
    ) -> Result<Export> {
        let is_three = release.generation() == Generation::Three;
        let path = |name: &str| arguments.text(name).map(PathBuf::from);
        let adapters = arguments.list("mcore_adapters");
        let adapter = path("mcore_adapter").or_else(|| adapters.first().map(PathBuf::from));
        let target = match (arguments.flag("to_mcore"), arguments.flag("to_hf")) {
            (_, true) => Target::Hf,
            (true, _) => Target::Mcore,
            _ => {
                return refuse(
                    "NotImplementedError: this rehearsal exports with --to_mcore or --to_hf only",
                );
            }
        };
        if !arguments.list("adapters").is_empty() {
            return refuse(
                "NotImplementedError: this rehearsal exports adapters of Megatron's format only (--mcore_adapter)",
            );
        }
        let given = path("mcore_model");
        if let Some(folder) = given.as_ref().filter(|it| !it.exists()) {
            let folder = std::path::absolute(folder)?;
            return refuse(format!("FileNotFoundError: path: '{}'", folder.display()));
        }
        // Of an adapter first, then of the model, as far as they have one.
        let model = path("model");
        let checkpoint = [adapter.clone(), model.clone().or(given.clone())]
            .into_iter()
            .flatten()
            .find(|folder| folder.join("args.json").is_file());
        let old = checkpoint.as_deref().and_then(recorded);
        let named = |name: &str| Some(PathBuf::from(old.as_ref()?[name].as_str()?));
        let Some(model) = model.or_else(|| named("model")) else {
            return refuse("ValueError: Please set --model <model_id_or_path>`, model: None");
        };
        if !model.is_dir() {
            return refuse(format!("ValueError: path: '{}' not found", model.display()));
        }
        // Where the adapter's run took its base from, unless it is said.
        let from_run = || {
            let name = if is_three { "load" } else { "mcore_model" };
            adapter.as_ref().and_then(|_| named(name))
        };
        let base = match given.clone().or_else(from_run) {
            Some(folder) => Base::Mcore(folder),
            None if program == Program::Megatron => Base::Hf,
            None if target == Target::Mcore && adapter.is_none() => Base::Hf,
            None => return refuse("ValueError: Please specify `--mcore_model`."),
        };
        // `megatron export --to_mcore` prefers Hugging Face's files where both are named.
        let base = match base {
            Base::Mcore(_)
                if program == Program::Megatron
                    && target == Target::Mcore
                    && arguments.text("model").is_some() =>
            {
                Base::Hf
            }
            base => base,
        };
        let output = path("output_dir").unwrap_or_else(|| {
            let from = checkpoint.as_ref().unwrap_or(&model);
            let suffix = if target == Target::Mcore {
                "mcore"
            } else {
                "hf"
            };
            let name = from.file_name().unwrap_or_default().to_string_lossy();
            match &checkpoint {
                Some(folder) => folder.with_file_name(format!("{name}-{suffix}")),
                None => PathBuf::from(format!("{name}-{suffix}")),
            }
        });
        let output = std::path::absolute(output)?;
        if output.exists() && !arguments.flag("exist_ok") {
            return refuse(format!(
                "FileExistsError: args.output_dir: `{}` already exists.",
                output.display()
            ));
        }
        let merges = match program {
            Program::Swift => true,
            Program::Megatron => match arguments.dict().get("merge_lora") {
                Some(Value::Bool(given)) => *given,
                _ => target == Target::Hf,
            },
        };
        if program == Program::Swift && arguments.flag("merge_lora") {
            eprintln!(
                "[WARNING:swift] `swift export --to_mcore/to_hf` does not support the `--merge_lora` parameter. To export LoRA delta weights, please use `megatron export`"
            );
        }
        let stored = stored(arguments, is_three, &target)?;
        let writers = arguments.integer("thread_count").unwrap_or(2).max(1);
        let only_tests = std::env::var("SWIFT_TEST_CONVERT_PRECISION")
            .is_ok_and(|value| matches!(value.as_str(), "1" | "true"));
        arguments.set("output_dir", output.to_string_lossy());
        if program == Program::Megatron {
            arguments.set("merge_lora", merges);
        }
        complete(arguments);
        Ok(Export {
            release: release.clone(),
            program,
            model,
            base,
            adapter,
            merges,
            target,
            output,
            tests: arguments.flag("test_convert_precision"),
            only_tests: only_tests && !is_three,
            stored,
            writers: usize::try_from(writers)?,
            checkpoint,
        })
    }
}

/// `--torch_dtype` and `--max_shard_size`.
fn stored(arguments: &Arguments, is_three: bool, target: &Target) -> Result<Stored> {
    let name = arguments.text("torch_dtype").unwrap_or("bfloat16");
    let Some(dtype) = dtype(name) else {
        return refuse(format!("ValueError: torch_dtype: {name}"));
    };
    if *target == Target::Mcore && dtype == DType::F16 {
        return refuse(
            "NotImplementedError: this rehearsal writes MCore weights as bfloat16 or float32",
        );
    }
    let text = arguments.text("max_shard_size").unwrap_or("5GB");
    let Some(shard_bytes) = files::bytes(text) else {
        return refuse(format!(
            "ValueError: `size` {text} is not in a valid format. Use an integer for bytes, or a string with a unit, e.g., '5MB'."
        ));
    };
    Ok(Stored {
        dtype,
        shard_bytes,
        names_single: is_three,
    })
}

/// What ms-swift works out itself where the command line says nothing; `args.json` shows it.
fn complete(arguments: &mut Arguments) {
    let settled = [
        ("model_type", json!("qwen3")),
        ("task_type", json!("causal_lm")),
        ("torch_dtype", json!("bfloat16")),
        ("template", json!("qwen3")),
        ("truncation_strategy", json!("delete")),
        ("use_chat_template", json!(true)),
        ("max_memory", json!({})),
        ("columns", json!({})),
        ("model_kwargs", json!({})),
        ("bnb_4bit_compute_dtype", json!("bfloat16")),
        ("stream", json!(false)),
        ("lazy_tokenize", json!(false)),
        ("thread_count", json!(2)),
    ];
    let dict = arguments.dict();
    for (name, value) in settled {
        if dict.get(name).is_some_and(Value::is_null) {
            arguments.set(name, value);
        }
    }
}
