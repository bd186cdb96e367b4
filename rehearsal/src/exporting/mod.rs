//! `swift export`: Hugging Face to Megatron and back, merging LoRA on the way, with the test of its own precision.
//!
//! Lines, order and refusals follow ms-swift 4.6.0, and 3.9.3 where a node plays that release and converts to MCore. The two differ in
//! when the precision is tested: 3.9 before saving, 4.x after.

mod precision;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::DType;
use serde_json::{Value, json};

use crate::checkpoints::{self, Contents, save_alone};
use crate::model::hf::Qwen3;
use crate::model::mcore::Gpt;
use crate::model::{Config, Tensors, Tokenizer, mapping, weights};
use crate::programs::arguments::Arguments;
use crate::training::python::{self, Dict, Moment};
use crate::training::settings::Refused;

pub use precision::{Compared, compare};

/// Files of a Hugging Face folder that an export copies.
const COPIED: [&str; 6] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
];

fn info(text: &str) {
    eprintln!("[INFO:swift] {text}");
}

fn refuse<T>(text: String) -> Result<T> {
    Err(Refused(text).into())
}

/// Runs `swift export` of a release (`4.6.0`, `3.9.3`).
pub fn run(release: &str, mut arguments: Arguments) -> Result<()> {
    let export = Export::settle(release, &mut arguments)?;
    info("rank: 0, local_rank: 0, world_size: 1, local_world_size: 1");
    info("Setting args.lazy_tokenize: False");
    info(&format!("args.output_dir: `{}`", export.output.display()));
    info("Global seed set to 42");
    let inside = arguments.dict();
    let pairs: Vec<String> = inside
        .0
        .iter()
        .map(|(name, value)| format!("{name}={}", python::repr(value)))
        .collect();
    info(&format!("args: ExportArguments({})", pairs.join(", ")));
    info(&format!(
        "Start time of running main: {}",
        Moment::now().long()
    ));
    info(&format!("swift.__version__: {release}"));
    let gpu = crate::training::gpu::Usage::register(0);
    match &export.way {
        Way::ToMcore => export.to_mcore(&arguments)?,
        Way::ToHf {
            mcore_model,
            mcore_adapter,
        } => export.to_hf(&arguments, mcore_model, mcore_adapter.as_deref())?,
    }
    if let Some(gpu) = &gpu {
        gpu.update()?;
    }
    info(&format!(
        "End time of running main: {}",
        Moment::now().long()
    ));
    Ok(())
}

enum Way {
    ToMcore,
    ToHf {
        mcore_model: PathBuf,
        mcore_adapter: Option<PathBuf>,
    },
}

struct Export {
    release: String,
    model: PathBuf,
    output: PathBuf,
    way: Way,
    tests: bool,
}

impl Export {
    fn settle(release: &str, arguments: &mut Arguments) -> Result<Export> {
        let path = |name: &str| arguments.text(name).map(PathBuf::from);
        let adapter = path("mcore_adapter")
            .or_else(|| arguments.list("mcore_adapters").first().map(PathBuf::from));
        let way = match (arguments.flag("to_mcore"), arguments.flag("to_hf")) {
            (true, _) if adapter.is_none() => Way::ToMcore,
            (true, _) => return refuse("NotImplementedError: this rehearsal merges adapters on the way to Hugging Face only".into()),
            (_, true) => {
                let Some(mcore_model) = path("mcore_model") else {
                    return refuse("ValueError: Please specify `--mcore_model`.".into());
                };
                Way::ToHf { mcore_model, mcore_adapter: adapter }
            }
            _ => return refuse("NotImplementedError: this rehearsal exports with --to_mcore or --to_hf only".into()),
        };
        let named = |folder: &Path| -> Option<PathBuf> {
            let arguments: Value =
                serde_json::from_str(&std::fs::read_to_string(folder.join("args.json")).ok()?)
                    .ok()?;
            Some(arguments["model"].as_str()?.into())
        };
        let from_checkpoint = || match &way {
            Way::ToHf { mcore_model, .. } => named(mcore_model),
            Way::ToMcore => None,
        };
        let Some(model) = path("model").or_else(from_checkpoint) else {
            return refuse("ValueError: Please set --model <model_id_or_path>`".into());
        };
        if !model.is_dir() {
            return refuse(format!("ValueError: path: '{}' not found", model.display()));
        }
        let suffix = if matches!(way, Way::ToMcore) {
            "-mcore"
        } else {
            "-hf"
        };
        let output = path("output_dir").unwrap_or_else(|| {
            let name = model.file_name().unwrap_or_default().to_string_lossy();
            PathBuf::from(format!("{name}{suffix}"))
        });
        let output = std::path::absolute(output)?;
        if output.exists() && !arguments.flag("exist_ok") {
            return refuse(format!(
                "FileExistsError: args.output_dir: `{}` already exists.",
                output.display()
            ));
        }
        arguments.set("output_dir", output.to_string_lossy());
        complete(arguments);
        Ok(Export {
            release: release.to_owned(),
            model,
            output,
            tests: arguments.flag("test_convert_precision"),
            way,
        })
    }

    /// 3.9 compares before it saves, so that an out-of-memory in the test loses the weights; later releases compare after.
    fn tests_first(&self) -> bool {
        self.release.starts_with("3.9")
    }

    fn to_mcore(&self, arguments: &Arguments) -> Result<()> {
        let config = Config::read(&self.model)?;
        info("Megatron model created successfully.");
        let tensors = mapping::mcore_from_hf(&self.model, &config)?;
        let test = |tensors: Tensors| -> Result<()> {
            let compared = compare(
                &Qwen3::load(&self.model)?,
                &Gpt::full(config.clone(), tensors)?,
                &Tokenizer::load(&self.model)?,
            )?;
            compared.print(&self.release);
            Ok(())
        };
        if self.tests && self.tests_first() {
            test(tensors.clone())?;
        }
        info("Successfully transferred HF model weights to MG model.");
        std::fs::create_dir_all(&self.output).context("create the output folder")?;
        self.save_arguments(arguments)?;
        info("Saving the model...");
        let to = self.output.display();
        if self.tests_first() {
            // 3.9 saves through Megatron's own loop, which says so itself.
            println!("saving checkpoint at iteration       1 to {to} in torch_dist format");
            println!(
                "Storing distributed optimizer sharded state of type fully_sharded_model_space"
            );
        }
        let contents = Contents {
            layers: config.num_hidden_layers,
            weights: &tensors,
            dtype: DType::BF16,
            moments: None,
            steps: 0,
            iteration: 1,
            consumed: 0,
            seed: None,
        };
        save_alone(&self.output, &contents)?;
        std::fs::write(self.output.join("latest_checkpointed_iteration.txt"), "1")?;
        if self.tests_first() {
            println!(
                "  successfully saved checkpoint from iteration       1 to {to} [ t 1/1, p 1/1 ]"
            );
        }
        info(&format!(
            "Successfully saved Megatron model weights in `{}`.",
            self.output.display()
        ));
        if self.tests && !self.tests_first() {
            test(checkpoints::load(&self.output)?.weights)?;
        }
        Ok(())
    }

    fn to_hf(
        &self,
        arguments: &Arguments,
        mcore_model: &Path,
        mcore_adapter: Option<&Path>,
    ) -> Result<()> {
        let config = Config::read(&self.model)?;
        info("Megatron model created successfully.");
        let mut tensors = loaded(mcore_model)?;
        if let Some(adapter) = mcore_adapter {
            let scale = scale(adapter)?;
            let adapters = loaded(adapter)?;
            info("Merge LoRA...");
            tensors = mapping::merged(&tensors, &adapters, scale)?;
        }
        info("Converting weights and saving the model...");
        let full = "█".repeat(10);
        let count = tensors.len();
        eprint!("\rSaving:   0%|          | 0/{count} [00:00<?, ?it/s]");
        write_hf(&self.model, &self.output, &config, &tensors)?;
        eprintln!("\rSaving: 100%|{full}| {count}/{count} [00:00<00:00]");
        self.save_arguments(arguments)?;
        info(&format!(
            "Successfully saved `safetensors` model weights in `{}`.",
            self.output.display()
        ));
        if self.tests {
            let compared = compare(
                &Qwen3::load(&self.output)?,
                &Gpt::full(config, tensors)?,
                &Tokenizer::load(&self.output)?,
            )?;
            compared.print(&self.release);
        }
        Ok(())
    }

    /// `args.json`, with what the release adds to its arguments.
    fn save_arguments(&self, arguments: &Arguments) -> Result<()> {
        let model = self.model.to_string_lossy().into_owned();
        let name = self
            .model
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let all: Dict = arguments
            .dict()
            .with("rank", 0)
            .with("local_rank", 0)
            .with("global_world_size", 1)
            .with("local_world_size", 1)
            .with("model_suffix", name)
            .with("model_info", format!("ModelInfo(model_type='qwen3', model_dir='{model}', torch_dtype=torch.bfloat16, task_type='causal_lm')"))
            .with("model_meta", "ModelMeta(model_type='qwen3', architectures=['Qwen3ForCausalLM'])")
            .with("model_dir", model)
            .with("hub", "<class 'swift.hub.hub.MSHub'>");
        let path = self.output.join("args.json");
        info(&format!(
            "The ExportArguments will be saved in: {}",
            path.display()
        ));
        std::fs::write(path, all.pretty()).context("write args.json")
    }
}

/// Writes Megatron's tensors as a Hugging Face folder; configuration and tokenizer are those of `model`.
pub fn write_hf(model: &Path, output: &Path, config: &Config, tensors: &Tensors) -> Result<()> {
    let hf = mapping::hf_from_mcore(config, tensors)?;
    std::fs::create_dir_all(output).context("create the output folder")?;
    for name in COPIED {
        let from = model.join(name);
        if from.exists() {
            std::fs::copy(&from, output.join(name))
                .with_context(|| format!("copy {}", from.display()))?;
        }
    }
    weights::save_hf_sharded(output, config, &hf)
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

/// Megatron's tensors below a folder, with the bar that says whether all were read.
fn loaded(folder: &Path) -> Result<Tensors> {
    let tensors = checkpoints::load(folder)?.weights;
    let (count, full) = (tensors.len(), "█".repeat(10));
    eprintln!(
        "\rLoading:   0%|          | 0/{count} [00:00<?, ?it/s]\rLoading: 100%|{full}| {count}/{count} [00:00<00:00]"
    );
    Ok(tensors)
}

/// `lora_alpha / lora_rank` as the run of an adapter was given them.
fn scale(adapter: &Path) -> Result<f64> {
    let path = adapter.join("args.json");
    let text = std::fs::read_to_string(&path).map_err(|_| {
        Refused(format!(
            "FileNotFoundError: [Errno 2] No such file or directory: '{}'",
            path.display()
        ))
    })?;
    let arguments: Value = serde_json::from_str(&text).context("read the adapter's args.json")?;
    let number = |name: &str| {
        arguments[name]
            .as_f64()
            .with_context(|| format!("args.json of the adapter names no {name}"))
    };
    Ok(number("lora_alpha")? / number("lora_rank")?)
}
