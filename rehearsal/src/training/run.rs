//! One rank of a training run, from its arguments to its last line.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::DType;
use serde_json::{Value, json};

use super::collective::Collective;
use super::dataset::{self, DatasetError, Row};
use super::feed::{self, Feed};
use super::gpu;
use super::optimizer::Adam;
use super::python::{self, Dict, Moment};
use super::report::Report;
use super::settings::{self, Refused, Settings, Tuner, World};
use crate::checkpoints;
use crate::model::mapping;
use crate::model::mcore::{self, Gpt};
use crate::model::{Config, Tensors, Tokenizer};
use crate::pretraining::flat_gradient;
use crate::programs::arguments::Arguments;

/// What the agent told this rank through its environment.
pub struct Place {
    pub rank: usize,
    pub local_rank: usize,
    pub size: usize,
    pub local_size: usize,
    pub master_address: String,
    pub master_port: u16,
}

/// A rank's view of the run while it goes on.
struct Run {
    arguments: Arguments,
    settings: Settings,
    world: World,
    collective: Collective,
    folder: PathBuf,
    model_folder: PathBuf,
    config: Config,
}

/// Lines of ms-swift's logger come from the first rank of each node, on stderr.
fn info(world: &World, text: &str) {
    if world.is_first_of_node() {
        eprintln!("[INFO:swift] {text}");
    }
}

fn print_first(world: &World, text: &str) {
    if world.is_first_of_node() {
        eprintln!("{text}");
    }
}

/// Trains as `arguments` say. `plain` is `megatron pt`.
pub fn run(mut arguments: Arguments, place: &Place, plain: bool) -> Result<()> {
    let settings = Settings::settle(&mut arguments)?;
    let world = settings::world(
        &arguments,
        [place.rank, place.local_rank, place.size, place.local_size],
    )?;
    let usage = gpu::Usage::register(world.local_rank);
    info(&world, "megatron.core.__version__: 0.16.1");
    info(
        &world,
        &format!(
            "rank: {}, local_rank: {}, world_size: {}, local_world_size: {}",
            world.rank, world.local_rank, world.size, world.local_size
        ),
    );
    let mut collective = Collective::join(
        &place.master_address,
        place.master_port,
        place.rank,
        place.size,
    )
    .map_err(|error| Refused(format!("torch.distributed.DistNetworkError: {error}")))?;

    let model_folder = model_folder(&settings)?;
    let config = Config::read(&model_folder)?;
    info(&world, "Setting torch_dtype: torch.bfloat16");
    info(&world, "Setting args.lazy_tokenize: False");
    let folder = run_folder(&arguments, &model_folder, &mut collective)?;
    info(&world, &format!("args.output_dir: {}", folder.display()));
    world.check(&config)?;
    info(
        &world,
        &format!(
            "TP: {}, PP: {}, VPP: None, CP: {}, EP: {}, ETP: {}",
            world.tensor, world.pipeline, world.context, world.expert, world.expert_tensor
        ),
    );
    info(
        &world,
        &format!("Setting random seeds to {}.", settings.seed),
    );
    let micro_batches = settings.micro_batches(world.data())?;
    let run = Run {
        arguments,
        settings,
        world,
        collective,
        folder,
        model_folder,
        config,
    };
    run.train(plain, micro_batches, usage.as_ref())
}

impl Run {
    fn info(&self, text: &str) {
        info(&self.world, text);
    }

    fn train(
        mut self,
        plain: bool,
        micro_batches: usize,
        usage: Option<&gpu::Usage>,
    ) -> Result<()> {
        let world = self.world;
        let tokenizer = Tokenizer::load(&self.model_folder)?;
        self.complete_arguments(micro_batches)?;
        self.info(&format!(
            "args: MegatronSftArguments({})",
            call(&self.arguments.dict())
        ));
        self.info("default_system: None");
        let max_length = self
            .arguments
            .integer("max_length")
            .map_or("None".into(), |length| length.to_string());
        self.info(&format!("max_length: {max_length}"));
        self.info("response_prefix: None");
        self.info("agent_template: hermes");
        let file = self.folder.join("args.json");
        self.info(&format!(
            "The MegatronSftArguments will be saved in: {}",
            file.display()
        ));
        if world.rank == 0 {
            std::fs::write(&file, self.saved_arguments(micro_batches).pretty())
                .context("write args.json")?;
        }
        self.info(&format!(
            "Start time of running main: {}",
            Moment::now().long()
        ));
        self.info("swift.__version__: 4.6.0");

        let (train, val) = self.datasets(&tokenizer, plain)?;
        let data = world.data();
        if train.is_empty() {
            return Err(DatasetError(
                "ZeroDivisionError: integer division or modulo by zero".into(),
            )
            .into());
        }
        let iterations = self.settings.iterations(&self.arguments, train.len(), data);
        let eval_steps = match &val {
            Some(val) => self
                .settings
                .eval_iterations(&self.arguments, val.len(), data),
            None => 0,
        };
        self.info(&format!("Setting args.eval_iters: {eval_steps}"));
        self.arguments.set("eval_iters", eval_steps);
        let schedule = self.settings.schedule(&self.arguments, iterations)?;

        let (model, mut adam, first) = self.model()?;
        let report_to = self.arguments.list("report_to");
        let tensorboard = self.folder.join("runs");
        let tensorboard = report_to
            .iter()
            .any(|name| name == "tensorboard")
            .then_some(tensorboard.as_path());
        let mut report = match world.is_last() {
            true => Some(Report::begin(
                &self.folder,
                tensorboard,
                &self.arguments.dict(),
                first,
                iterations,
            )?),
            false => None,
        };

        let rows = self.settings.global_batch as u64;
        let together = self.settings.micro_batch * data;
        let usable = (train.len() / together * together).max(1) as u64;
        let (mut interval_loss, mut interval_tokens) = (0.0, 0.0);
        let (mut last, mut best): (Option<PathBuf>, Option<(f64, PathBuf)>) = (None, None);
        let mut epoch = None;
        for iteration in first + 1..=iterations {
            let consumed = (iteration - 1) * rows;
            if epoch != Some(consumed / usable) {
                epoch = Some(consumed / usable);
                self.info(&format!(
                    "The training of Epoch {} starts...",
                    consumed / usable
                ));
            }
            let mut sum = vec![0f32; super::optimizer::count(model.variables()) + 2];
            for micro in 0..micro_batches as u64 {
                let seen = consumed + micro * together as u64;
                let from = (seen % usable) as usize + world.data_rank() * self.settings.micro_batch;
                let batch = train.shuffled(seen / usable, from, self.settings.micro_batch);
                if batch.targets.is_empty() {
                    continue;
                }
                let loss = model.loss_sum(&batch)?;
                let gradient = flat_gradient(model.variables(), &loss.backward()?)?;
                sum.iter_mut()
                    .zip(&gradient)
                    .for_each(|(sum, part)| *sum += part);
                let end = sum.len() - 2;
                sum[end] += loss.to_scalar::<f32>()?;
                sum[end + 1] += batch.targets.len() as f32;
            }
            let mut sum = self
                .collective
                .sum(if world.speaks() { sum } else { Vec::new() })?;
            let tokens = sum.pop().unwrap_or_default().max(1.0);
            interval_loss += f64::from(sum.pop().unwrap_or_default());
            interval_tokens += f64::from(tokens);
            sum.iter_mut().for_each(|g| *g /= tokens);
            let norm = adam.step(model.variables(), &sum, schedule.at(consumed as f64))?;

            if let Some(report) = &mut report {
                report.advance();
            }
            if iteration == 1 || iteration.is_multiple_of(self.settings.log_every) {
                if let Some(report) = &mut report {
                    let rate = schedule.at((consumed + rows) as f64);
                    report.metrics(iteration, interval_loss / interval_tokens, norm, rate)?;
                }
                (interval_loss, interval_tokens) = (0.0, 0.0);
            }
            if let Some(usage) = usage {
                usage.update()?;
            }
            let due = |every: u64| iteration.is_multiple_of(every) || iteration == iterations;
            let mut evaluated = None;
            if let Some(val) = val
                .as_ref()
                .filter(|_| eval_steps > 0 && due(self.settings.eval_every))
            {
                let loss =
                    self.evaluate(&model, val, eval_steps, micro_batches, report.as_mut())?;
                if let Some(report) = &mut report {
                    report.evaluated(iteration, loss)?;
                }
                evaluated = Some(loss);
            }
            if due(self.settings.save_every) {
                let saved = self.save(&model, &adam, iteration, micro_batches)?;
                if let Some(loss) =
                    evaluated.filter(|loss| best.as_ref().is_none_or(|(least, _)| loss < least))
                {
                    best = Some((loss, saved.clone()));
                }
                self.forget_oldest(best.as_ref().map(|(_, path)| path.as_path()))?;
                last = Some(saved);
            }
        }
        let text =
            |path: Option<&PathBuf>| path.map_or(Value::Null, |path| json!(path.to_string_lossy()));
        let best_path = best.as_ref().map(|(_, path)| path);
        let mut record = Dict::default().with("train_dataset", train.lengths());
        if let Some(val) = &val {
            record = record.with("val_dataset", val.lengths());
        }
        let metric = best
            .as_ref()
            .map_or(Value::Null, |(loss, _)| python::number(*loss));
        let record = record
            .with("last_model_checkpoint", text(last.as_ref()))
            .with("best_model_checkpoint", text(best_path))
            .with("best_metric", metric);
        if let Some(report) = &mut report {
            report.close(&record)?;
            for name in ["last_model_checkpoint", "best_model_checkpoint"] {
                let value = record
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or("None")
                    .to_owned();
                eprintln!("[INFO:swift] {name}: {value}");
            }
            eprintln!(
                "[INFO:swift] images_dir: {}",
                self.folder.join("images").display()
            );
        }
        self.collective.barrier()?;
        self.info(&format!(
            "End time of running main: {}",
            Moment::now().long()
        ));
        Ok(())
    }

    fn datasets(&self, tokenizer: &Tokenizer, plain: bool) -> Result<(Feed, Option<Feed>)> {
        let seed = self.settings.seed;
        let (mut rows, mut lost) = (Vec::new(), 0);
        for name in self.arguments.list("dataset") {
            let (more, bad) = dataset::load(&name, seed)?;
            rows.extend(more);
            lost += bad;
        }
        let found = rows.len() + lost;
        bars(&self.world, "Generating train split", found);
        if lost > 0 {
            print_first(
                &self.world,
                "[WARNING:swift] 👆👆👆There are errors in the dataset, the data will be deleted",
            );
            self.info(&format!(
                "Dataset filtered, origin length: {found}, filtered dataset length: {}",
                rows.len()
            ));
        }
        let mut val = Vec::new();
        for name in self.arguments.list("val_dataset") {
            val.extend(dataset::load(&name, seed)?.0);
        }
        if val.is_empty() {
            let ratio = self.arguments.number("split_dataset_ratio").unwrap_or(0.0);
            (rows, val) = dataset::split(
                rows,
                ratio,
                self.arguments
                    .integer("data_seed")
                    .unwrap_or(42)
                    .unsigned_abs(),
            );
            if !val.is_empty() {
                let path = self.folder.join("val_dataset.jsonl");
                self.info(&format!(
                    "The split dataset from the training set will be saved at: `{}`.",
                    path.display()
                ));
                if self.world.rank == 0 {
                    let lines: String = val.iter().map(dataset::line).collect();
                    std::fs::write(path, lines).context("write val_dataset.jsonl")?;
                }
            }
        }
        let encode = |rows: &[Row]| -> Result<Feed> {
            let feed = feed::feed(tokenizer, rows, &self.settings, plain)?;
            bars(&self.world, "Map", rows.len());
            Ok(feed)
        };
        let train = encode(&rows)?;
        let val = if val.is_empty() {
            None
        } else {
            Some(encode(&val)?).filter(|val| !val.is_empty())
        };
        self.describe(tokenizer, &train, val.as_ref())?;
        Ok((train, val))
    }

    /// What ms-swift prints of its datasets: their size, the first row as the model sees it, the lengths.
    fn describe(&self, tokenizer: &Tokenizer, train: &Feed, val: Option<&Feed>) -> Result<()> {
        let show = |name: &str, feed: &Feed| {
            let features = "features: ['messages', 'dataset', 'lengths']";
            self.info(&format!(
                "{name}: Dataset({{\n    {features},\n    num_rows: {}\n}})",
                feed.len()
            ));
        };
        show("train_dataset", train);
        if let Some(val) = val {
            show("val_dataset", val);
        }
        if let Some(sample) = train.sample(0) {
            let list = |items: Vec<String>| format!("[{}]", items.join(", "));
            self.info(&format!(
                "[INPUT_IDS] {}",
                list(sample.tokens.iter().map(u32::to_string).collect())
            ));
            self.info(&format!(
                "[INPUT] {}",
                tokenizer.decode(&sample.tokens, false)?
            ));
            let labels = sample.tokens.iter().zip(&sample.learnt);
            let labels = labels.map(|(id, learnt)| {
                if *learnt {
                    id.to_string()
                } else {
                    "-100".into()
                }
            });
            self.info(&format!("[LABELS_IDS] {}", list(labels.collect())));
            self.info(&format!("[LABELS] {}", masked(tokenizer, sample)?));
        }
        self.info(&format!("Dataset Token Length: {}", train.lengths()));
        if let Some(val) = val {
            self.info(&format!("Dataset Token Length: {}", val.lengths()));
        }
        Ok(())
    }

    /// The model with its optimizer, and the iteration it continues after.
    fn model(&mut self) -> Result<(Gpt, Adam, u64)> {
        let config = self.config.clone();
        let base = match &self.settings.mcore_model {
            Some(folder) => checkpoints::load(folder)?.weights,
            None => mapping::mcore_from_hf(&self.model_folder, &config)?,
        };
        bars(&self.world, "Loading", config.num_hidden_layers);
        let seed = self.settings.seed;
        let model = match &self.settings.tuner {
            Tuner::Full => Gpt::full(config, base)?,
            Tuner::Lora {
                rank,
                scale,
                modules,
            } => {
                let adapters = match &self.settings.mcore_adapter {
                    Some(folder) => checkpoints::load(folder)?.weights,
                    None => mcore::initial_adapters(&config, modules, *rank, seed)?,
                };
                self.info(&format!(
                    "lora_config: LoraConfig(task_type='CAUSAL_LM', r={rank}, target_modules={{{}}}, lora_alpha={}, lora_dropout={})",
                    modules.iter().map(|name| format!("'{}'", name.rsplit('.').next().unwrap_or(name))).collect::<Vec<_>>().join(", "),
                    python::float(self.arguments.number("lora_alpha").unwrap_or(32.0)),
                    python::float(self.arguments.number("lora_dropout").unwrap_or(0.05)),
                ));
                Gpt::lora(config, base, adapters, *scale)?
            }
        };
        let mut adam = Adam::new(self.settings.optimizer, model.variables());
        let source = match self.settings.tuner {
            Tuner::Full => &self.settings.mcore_model,
            Tuner::Lora { .. } => &self.settings.mcore_adapter,
        };
        let mut first = 0;
        if let Some(folder) = source.as_ref().filter(|_| !self.settings.fresh) {
            let optimizer = !self.arguments.flag("no_load_optim");
            let loaded = checkpoints::load(folder)?;
            first = loaded.iteration;
            if let Some([exp_avg, exp_avg_sq, master]) = loaded.moments.filter(|_| optimizer) {
                let steps = loaded.steps.unwrap_or(loaded.iteration);
                adam.restore(model.variables(), &exp_avg, &exp_avg_sq, steps)?;
                // The stored weights are rounded; the optimizer's own are exact.
                for (name, variable) in model.variables() {
                    let exact = master
                        .get(name)
                        .with_context(|| format!("no optimizer state for {name}"))?;
                    variable.set(exact)?;
                }
            }
        }
        let name = if self.settings.tuner == Tuner::Full {
            "GPTModel"
        } else {
            "PeftModelForCausalLM"
        };
        let trained = super::optimizer::count(model.variables()) as f64;
        let all = trained + model.frozen_count() as f64;
        self.info(&format!(
            "[rank{}] model_parameter_info: {name}: {:.4}M Params ({:.4}M Trainable [{:.4}%]), 0.0000M Buffers.",
            self.world.rank,
            all / 1e6,
            trained / 1e6,
            trained / all * 100.0
        ));
        self.info("padding_to: None");
        Ok((model, adam, first))
    }

    /// The mean loss over `steps` global batches of the validation set.
    fn evaluate(
        &mut self,
        model: &Gpt,
        val: &Feed,
        steps: u64,
        micro_batches: usize,
        mut report: Option<&mut Report>,
    ) -> Result<f64> {
        if let Some(report) = &mut report {
            report.evaluate(steps);
        }
        let (micro, data) = (self.settings.micro_batch, self.world.data());
        let mut sum = vec![0f32; 2];
        for step in 0..steps as usize * micro_batches {
            let batch = val.in_order(step * micro * data + self.world.data_rank() * micro, micro);
            if !batch.targets.is_empty() {
                sum[0] += model.loss_sum(&batch)?.to_scalar::<f32>()?;
                sum[1] += batch.targets.len() as f32;
            }
            if let Some(report) = report.as_mut().filter(|_| (step + 1) % micro_batches == 0) {
                report.advance_evaluation();
            }
        }
        let sum = self
            .collective
            .sum(if self.world.speaks() { sum } else { Vec::new() })?;
        Ok(f64::from(sum[0]) / f64::from(sum[1].max(1.0)))
    }

    /// Writes `checkpoint-N`; every rank its own shards.
    fn save(
        &mut self,
        model: &Gpt,
        adam: &Adam,
        iteration: u64,
        micro_batches: usize,
    ) -> Result<PathBuf> {
        let folder = self.folder.join(format!("checkpoint-{iteration}"));
        std::fs::create_dir_all(&folder).context("create the checkpoint folder")?;
        let weights: Tensors = model
            .variables()
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
            .collect();
        let moments = match self.arguments.flag("no_save_optim") {
            true => None,
            false => Some(adam.state(model.variables())?),
        };
        let contents = checkpoints::Contents {
            layers: self.config.num_hidden_layers,
            weights: &weights,
            dtype: DType::BF16,
            moments: moments
                .as_ref()
                .map(|(first, second)| [first, second, &weights]),
            steps: adam.steps,
            iteration,
            consumed: iteration * self.settings.global_batch as u64,
            seed: (!self.arguments.flag("no_save_rng")).then_some(self.settings.seed),
        };
        let group = checkpoints::Group {
            rank: self.world.rank,
            size: self.world.size,
            tensor_parallel: self.world.tensor,
            pipeline_parallel: self.world.pipeline,
        };
        checkpoints::save(&folder, &group, &mut self.collective, &contents)?;
        if self.world.rank == 0 {
            std::fs::write(
                folder.join("args.json"),
                self.saved_arguments(micro_batches).pretty(),
            )?;
            std::fs::write(
                folder.join("latest_checkpointed_iteration.txt"),
                iteration.to_string(),
            )?;
            let link = self.folder.join("last-checkpoint");
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(format!("checkpoint-{iteration}"), link)
                .context("link last-checkpoint")?;
        }
        self.info(&format!(
            "Successfully saved Megatron model weights in `{}`.",
            folder.display()
        ));
        self.collective.barrier()?;
        Ok(folder)
    }

    /// Keeps `--save_total_limit` checkpoints, never throwing the best away.
    fn forget_oldest(&self, best: Option<&Path>) -> Result<()> {
        let Some(limit) = self
            .settings
            .save_total_limit
            .filter(|_| self.world.is_first_of_node())
        else {
            return Ok(());
        };
        let mut saved: Vec<(u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_prefix("checkpoint-")?.parse().ok());
            if let Some(number) = number {
                saved.push((number, path));
            }
        }
        saved.sort();
        let surplus = saved.len().saturating_sub(limit);
        let droppable = saved
            .iter()
            .filter(|(_, path)| Some(path.as_path()) != best);
        for (_, path) in droppable.take(surplus) {
            std::fs::remove_dir_all(path)?;
        }
        Ok(())
    }

    fn complete_arguments(&mut self, _micro_batches: usize) -> Result<()> {
        let folder = self.folder.to_string_lossy().into_owned();
        let arguments = &mut self.arguments;
        arguments.set("model", self.model_folder.to_string_lossy().into_owned());
        arguments.set("tensorboard_dir", format!("{folder}/runs"));
        arguments.set("output_dir", folder);
        let fixed = [
            ("model_type", json!("qwen3")),
            ("template", json!("qwen3")),
            ("task_type", json!("causal_lm")),
            ("torch_dtype", json!("bfloat16")),
            ("lazy_tokenize", json!(false)),
            ("stream", json!(false)),
            ("use_chat_template", json!(true)),
            ("calculate_per_token_loss", json!(true)),
            ("metric_for_best_model", json!("loss")),
            ("greater_is_better", json!(false)),
            ("fp16", json!(false)),
            ("bf16", json!(true)),
            ("accumulate_allreduce_grads_in_fp32", json!(true)),
            ("gradient_accumulation_fusion", json!(false)),
            ("batch_p2p_comm", json!(true)),
            ("overlap_p2p_comm", json!(false)),
            ("local_rank", json!(self.world.local_rank)),
            ("callbacks", json!(["print", "default_flow", "tensorboard"])),
        ];
        for (name, value) in fixed {
            arguments.set(name, value);
        }
        if arguments.text("loss_scale") == Some("default")
            && !arguments.flag("disable_ignore_empty_think")
        {
            arguments.set("loss_scale", "default+ignore_empty_think");
        }
        if arguments
            .dict()
            .get("merge_lora")
            .is_some_and(Value::is_null)
        {
            let merge = arguments.flag("save_safetensors");
            arguments.set("merge_lora", merge);
        }
        Ok(())
    }

    /// `args.json`: every argument, then what the release adds to them.
    fn saved_arguments(&self, micro_batches: usize) -> Dict {
        let model = self.model_folder.to_string_lossy().into_owned();
        let name = self
            .model_folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let info = format!(
            "ModelInfo(model_type='qwen3', model_dir='{model}', torch_dtype=torch.bfloat16, max_model_len={}, task_type='causal_lm')",
            self.config.max_position_embeddings
        );
        self.arguments
            .dict()
            .with("swift_version", "4.6.0")
            .with("ckpt_dir", Value::Null)
            .with("rank", self.world.rank)
            .with("global_world_size", self.world.size)
            .with("local_world_size", self.world.local_size)
            .with("model_suffix", name)
            .with("model_info", info)
            .with(
                "model_meta",
                "ModelMeta(model_type='qwen3', architectures=['Qwen3ForCausalLM'])",
            )
            .with("model_dir", model)
            .with(
                "template_meta",
                "Qwen3MixedTemplateMeta(template_type='qwen3')",
            )
            .with(
                "_val_dataset_exists",
                !self.arguments.list("val_dataset").is_empty()
                    || self.arguments.number("split_dataset_ratio").unwrap_or(0.0) > 0.0,
            )
            .with("hub", "<class 'swift.hub.hub.MSHub'>")
            .with(
                "seq_length",
                self.arguments
                    .integer("max_length")
                    .map_or(Value::Null, Value::from),
            )
            .with("is_multimodal", false)
            .with(
                "megatron_model_meta",
                "ModelMeta(model_type='gpt', model_types=['qwen3'])",
            )
            .with("fp8", Value::Null)
            .with("fp4", Value::Null)
            .with("world_size", self.world.size)
            .with("data_parallel_size", self.world.data())
            .with("num_microbatches", micro_batches)
    }
}

/// `name=value, …`, the inside of a dataclass's repr.
fn call(dict: &Dict) -> String {
    let pair = |(name, value): &(String, Value)| format!("{name}={}", python::repr(value));
    dict.0.iter().map(pair).collect::<Vec<_>>().join(", ")
}

/// A bar that was over before anyone could look.
fn bars(world: &World, name: &str, total: usize) {
    if world.is_first_of_node() {
        let full = "█".repeat(10);
        eprintln!(
            "\r{name}:   0%|          | 0/{total} [00:00<?, ?it/s]\r{name}: 100%|{full}| {total}/{total} [00:00<00:00]"
        );
    }
}

/// The labels as text, what is not learnt as `[-100 * N]`.
fn masked(tokenizer: &Tokenizer, sample: &super::batch::Sample) -> Result<String> {
    let mut text = String::new();
    let mut from = 0;
    while from < sample.tokens.len() {
        let learnt = sample.learnt[from];
        let count = sample.learnt[from..]
            .iter()
            .take_while(|other| **other == learnt)
            .count();
        match learnt {
            true => text += &tokenizer.decode(&sample.tokens[from..from + count], false)?,
            false => text += &format!("[-100 * {count}]"),
        }
        from += count;
    }
    Ok(text)
}

/// Where config and tokenizer are: `--model`, or what the MCore model's `args.json` names.
fn model_folder(settings: &Settings) -> Result<PathBuf> {
    let named = |folder: &Path| -> Option<PathBuf> {
        let text = std::fs::read_to_string(folder.join("args.json")).ok()?;
        let arguments: Value = serde_json::from_str(&text).ok()?;
        Some(
            arguments
                .get("model_dir")
                .or(arguments.get("model"))?
                .as_str()?
                .into(),
        )
    };
    let from_mcore = || named(settings.mcore_model.as_deref()?);
    let Some(folder) = settings.model.clone().or_else(from_mcore) else {
        return Err(Refused("ValueError: You did not pass `--mcore_model/--model`".into()).into());
    };
    if !folder.is_dir() {
        return Err(Refused(format!(
            "ValueError: path: '{}' not found",
            folder.display()
        ))
        .into());
    }
    Ok(folder)
}

/// `<output_dir>/v<N>-<date>`, decided by rank 0's disk and clock and made on every node.
fn run_folder(arguments: &Arguments, model: &Path, collective: &mut Collective) -> Result<PathBuf> {
    let name = model.file_name().unwrap_or_default();
    let output = arguments
        .text("output_dir")
        .map_or_else(|| Path::new("megatron_output").join(name), PathBuf::from);
    let output = std::path::absolute(output)?;
    let mut version = String::new();
    if arguments.flag("add_version") {
        let number = |entry: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let digits = name.strip_prefix('v')?.split('-').next()?;
            digits.parse().ok()
        };
        let entries = std::fs::read_dir(&output).into_iter().flatten();
        let next = entries
            .filter_map(number)
            .max()
            .map_or(0, |highest| highest + 1);
        version = collective.broadcast(format!("v{next}-{}", Moment::now().folder()))?;
    }
    let folder = output.join(version);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}
