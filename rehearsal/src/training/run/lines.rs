//! What a run says besides its metrics: who it is, how it was set up, how it ended.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Run, World, arguments, info};
use crate::checkpoints::Left;
use crate::release::Generation;
use crate::training::feed::Feed;
use crate::training::python::{self, Dict, Moment};
use crate::training::report::{Bars, Megatron, Report};

/// What 3.x says while it is imported.
pub(super) fn patched(world: &World) {
    for line in [
        "Patch apply_rotary_pos_emb successfully applied.",
        "Patch _SplitAlongDim successfully applied.",
        "Successfully registered `/opt/ms-swift/swift/llm/dataset/data/dataset_info.json`.",
        "Patch FileSystemReader successfully applied.",
        "Patch peft successfully applied.",
    ] {
        info(world, line);
    }
}

/// `[after …] datetime: …`, on the first rank.
fn datetime(what: &str) -> String {
    let now = Moment::now();
    format!("[{what}] datetime: {} {} ", now.date(), now.time())
}

impl Run {
    /// A line of Megatron-LM's `print_rank_0`: stdout of the first rank.
    pub(super) fn say_first(&self, text: &str) {
        if self.world.rank == 0 {
            println!("{text}");
        }
    }

    pub(super) fn say_degrees(&self) {
        let world = self.world;
        self.info(&format!(
            "TP: {}, PP: {}, VPP: None, CP: {}, EP: {}, ETP: {}",
            world.tensor, world.pipeline, world.context, world.expert, world.expert_tensor
        ));
        self.info(&format!("Setting random seeds to {}.", self.settings.seed));
    }

    /// From the arguments to the line that names the release; writes `args.json`.
    pub(super) fn introduce(&self, plain: bool, micro_batches: usize) -> Result<()> {
        let is_four = self.release.generation() == Generation::Four;
        let class = self.release.training_arguments();
        if !is_four {
            self.info(&format!("Global seed set to {}", self.settings.seed));
        }
        self.info(&format!(
            "args: {class}({})",
            arguments::call(&self.arguments.dict())
        ));
        if !is_four && plain {
            self.info("Setting args.use_chat_template: False");
            self.info("Setting args.loss_scale: 'all'");
        }
        self.info("default_system: None");
        let max_length = self.arguments.integer("max_length");
        let max_length = max_length.map_or("None".into(), |length| length.to_string());
        self.info(&format!("max_length: {max_length}"));
        self.info(match is_four {
            true => "response_prefix: None",
            false => "response_prefix: ''",
        });
        self.info("agent_template: hermes");
        if !is_four {
            let config = arguments::megatron_config(&self.config);
            self.info(&format!("megatron_config: {}", config.repr()));
            self.info("Setting args.no_rope_fusion: False.");
        }
        let file = self.folder.join("args.json");
        self.info(&format!("The {class} will be saved in: {}", file.display()));
        if self.world.rank == 0 {
            std::fs::write(&file, self.saved_arguments(micro_batches).pretty())
                .context("write args.json")?;
        }
        if !is_four {
            let path = self.folder.join("logging.jsonl");
            self.info(&format!("logging_path: {}", path.display()));
        }
        self.info(&format!(
            "Start time of running main: {}",
            Moment::now().long()
        ));
        self.info(&format!("swift.__version__: {}", self.release.swift));
        Ok(())
    }

    /// 3.x: Megatron-LM looks at the degrees and the batch, and prints every argument.
    pub(super) fn initialize_megatron(&self) -> Result<()> {
        let world = self.world;
        world.check(&self.config)?;
        self.settings.micro_batches(world.data())?;
        self.say_first(&format!(
            "using world size: {}, data-parallel size: {}, context-parallel size: {}, hierarchical context-parallel sizes: None, tensor-model-parallel size: {}, pipeline-model-parallel size: {}",
            world.size, world.data(), world.context, world.tensor, world.pipeline
        ));
        self.say_first("Number of virtual stages per pipeline stage: None");
        self.say_first("accumulate and all-reduce gradients in fp32 for bfloat16 data type.");
        self.say_first("using torch.bfloat16 for parameters ...");
        self.say_first("------------------------ arguments ------------------------");
        let mut lines: Vec<String> = self.arguments.dict().0.iter().map(line).collect();
        lines.sort_by_key(|line| line.to_lowercase());
        self.say_first(&lines.join("\n"));
        self.say_first("-------------------- end of arguments ---------------------");
        if world.is_last() {
            println!("> setting tensorboard ...");
        }
        self.say_first(&format!(
            "> initialized tensor model parallel with size {}\n> initialized pipeline model parallel with size {}\n> setting random seeds to {} ...",
            world.tensor, world.pipeline, self.settings.seed
        ));
        Ok(())
    }

    /// 3.x: between the loaded model and the first iteration.
    pub(super) fn say_setup_is_done(&self, iterations: u64, eval_steps: u64) {
        let rows = self.settings.global_batch as u64;
        let after = "after model, optimizer, and learning rate scheduler are built";
        self.say_first(&datetime(after));
        self.say_first("> building train, validation, and test datasets ...");
        let evaluations = iterations / self.settings.eval_every + 1;
        self.say_first(&format!(
            " > datasets target sizes (minimum size):\n    train:      {}\n    validation: {}\n    test:       {}",
            iterations * rows,
            evaluations * eval_steps * rows,
            eval_steps * rows
        ));
        self.say_first(&datetime("after dataloaders are built"));
        self.say_first("done with setup ...\ntraining ...");
        self.say_first(&datetime("before the start of training step"));
    }

    pub(super) fn say_training_is_done(&self) {
        self.say_first(&datetime("after training is done"));
    }

    /// 3.x: the last pass over the data was dealt out.
    pub(super) fn say_epochs_are_over(&self) {
        let given = self.arguments.integer("train_iters").is_some();
        if let Some(epochs) = self.arguments.integer("max_epochs").filter(|_| !given) {
            self.info(&format!(
                "Training of {epochs} epochs has been completed, the training has finished."
            ));
        }
    }

    /// What the last rank says and writes from here on.
    pub(super) fn report(&self, first: u64, iterations: u64) -> Result<Option<Box<dyn Report>>> {
        if !self.world.is_last() {
            return Ok(None);
        }
        let tensorboard = self.folder.join("runs");
        let arguments = self.arguments.dict();
        Ok(Some(match self.release.generation() {
            Generation::Three => Box::new(Megatron::begin(
                &self.folder,
                &tensorboard,
                &arguments,
                first,
                iterations,
                self.settings.global_batch as u64,
            )?),
            Generation::Four => {
                let wanted = self.arguments.list("report_to");
                let wanted = wanted.iter().any(|name| name == "tensorboard");
                Box::new(Bars::begin(
                    &self.folder,
                    wanted.then_some(tensorboard.as_path()),
                    &arguments,
                    first,
                    iterations,
                )?)
            }
        }))
    }

    /// The last record and lines.
    pub(super) fn finish(
        mut self,
        report: Option<Box<dyn Report>>,
        train: &Feed,
        val: Option<&Feed>,
        last: Option<PathBuf>,
        best: Option<(Value, PathBuf)>,
    ) -> Result<()> {
        let text =
            |path: Option<&PathBuf>| path.map_or(Value::Null, |path| json!(path.to_string_lossy()));
        let mut record = Dict::default().with("train_dataset", train.lengths());
        if let Some(val) = val {
            record = record.with("val_dataset", val.lengths());
        }
        let record = record
            .with("last_model_checkpoint", text(last.as_ref()))
            .with(
                "best_model_checkpoint",
                text(best.as_ref().map(|(_, path)| path)),
            )
            .with(
                "best_metric",
                best.map_or(Value::Null, |(metric, _)| metric),
            );
        let is_four = self.release.generation() == Generation::Four;
        if let Some(mut report) = report {
            report.close(&record)?;
            for name in ["last_model_checkpoint", "best_model_checkpoint"] {
                let value = record.get(name).and_then(Value::as_str);
                if is_four {
                    eprintln!("[INFO:swift] {name}: {}", value.unwrap_or("None"));
                }
            }
        }
        let draws = if is_four {
            self.world.is_last()
        } else {
            self.world.rank == 0
        };
        if draws {
            let images = self.folder.join("images");
            eprintln!("[INFO:swift] images_dir: {}", images.display());
        }
        self.collective.barrier()?;
        self.info(&format!(
            "End time of running main: {}",
            Moment::now().long()
        ));
        Ok(())
    }

    /// 3.x: leaves where the checkpoint is not what it should be. Megatron-LM exits without an error there.
    pub(super) fn leave_without(&self, tracker: &std::path::Path) -> Left {
        if self.world.rank != 0 {
            return Left;
        }
        let left = Left::without(tracker);
        // What stands in `finally`.
        let images = self.folder.join("images");
        eprintln!("[INFO:swift] images_dir: {}", images.display());
        left
    }
}

/// `  name ....... value`, dots up to a fixed column.
fn line((name, value): &(String, Value)) -> String {
    let value = value
        .as_str()
        .map_or_else(|| python::repr(value), str::to_owned);
    let dots = ".".repeat(48usize.saturating_sub(name.len()));
    format!("  {name} {dots} {value}")
}
