//! One rank of a training run, from its arguments to its last line.

mod arguments;
mod data;
mod folders;
mod model;
mod saving;

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::collective::Collective;
use super::dataset::DatasetError;
use super::feed::Feed;
use super::gpu;
use super::python::{self, Dict, Moment};
use super::report::Report;
use super::settings::{Refused, Settings};
use super::world::{self, World};
use crate::model::mcore::Gpt;
use crate::model::{Config, Tokenizer};
use crate::pretraining::flat_gradient;
use crate::programs::arguments::Arguments;
use folders::{model_folder, run_folder};

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
    let world = world::world(
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
        self.complete_arguments();
        self.info(&format!(
            "args: MegatronSftArguments({})",
            arguments::call(&self.arguments.dict())
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
