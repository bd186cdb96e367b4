//! What a run leaves: `checkpoint-N` with every rank's shards and, where asked for, Hugging Face's files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::DType;

use super::{At, Run};
use crate::checkpoints;
use crate::exporting::{Peft, Stored, write_hf, write_peft};
use crate::model::mcore::Gpt;
use crate::model::{Tensors, mapping};
use crate::release::Generation;
use crate::training::optimizer::Adam;
use crate::training::settings::Tuner;

impl Run {
    /// Writes a checkpoint, every rank its own shards: 4.x into `checkpoint-N`, 3.9 into the run's folder itself. Gives the folder
    /// that holds the tracker.
    pub(super) fn save(
        &mut self,
        model: &Gpt,
        adam: &Adam,
        at: At,
        micro_batches: usize,
    ) -> Result<PathBuf> {
        let iteration = at.iteration;
        let is_four = self.release.generation() == Generation::Four;
        let folder = match is_four {
            true => self.folder.join(format!("checkpoint-{iteration}")),
            false => self.folder.clone(),
        };
        std::fs::create_dir_all(&folder).context("create the checkpoint folder")?;
        if !is_four {
            self.say_first(&format!(
                "saving checkpoint at iteration {iteration:7} to {} in torch_dist format",
                folder.display()
            ));
        }
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
            consumed: at.consumed,
            seed: (!self.arguments.flag("no_save_rng")).then_some(self.settings.seed),
            keeps_classes: !is_four,
            writers: 2,
        };
        let group = checkpoints::Group {
            rank: self.world.rank,
            size: self.world.size,
            tensor_parallel: self.world.tensor,
            pipeline_parallel: self.world.pipeline,
        };
        if !is_four && moments.is_some() {
            self.say_first(
                "Storing distributed optimizer sharded state of type fully_sharded_model_space",
            );
        }
        // 4.x leaves out of Megatron's format what it would not go on from anyway.
        if is_four && moments.is_none() && self.arguments.flag("save_safetensors") {
            if self.world.rank == 0 {
                checkpoints::save_common(&folder, &group, &contents)?;
            }
            self.collective.barrier()?;
        } else {
            checkpoints::save(&folder, &group, &mut self.collective, &contents)?;
        }
        if self.world.rank == 0 {
            let before = checkpoints::tracked(&folder)?;
            if is_four {
                std::fs::write(
                    folder.join("args.json"),
                    self.saved_arguments(micro_batches).pretty(),
                )?;
            }
            std::fs::write(folder.join(checkpoints::TRACKER), iteration.to_string())?;
            if is_four {
                let link = self.folder.join("last-checkpoint");
                let _ = std::fs::remove_file(&link);
                std::os::unix::fs::symlink(format!("checkpoint-{iteration}"), link)
                    .context("link last-checkpoint")?;
            } else {
                println!(
                    "  successfully saved checkpoint from iteration {iteration:7} to {} [ t 1/{}, p 1/{} ]",
                    folder.display(),
                    self.world.tensor,
                    self.world.pipeline
                );
                self.drop_between(before, iteration)?;
            }
        }
        if is_four {
            self.info(&format!(
                "Successfully saved Megatron model weights in `{}`.",
                folder.display()
            ));
        }
        if self.arguments.flag("save_safetensors") && self.world.rank == 0 {
            self.save_hf(model, &weights, &folder, iteration)?;
        }
        self.collective.barrier()?;
        Ok(folder)
    }

    /// 3.x, `--save_retain_interval`: the one before the newest goes unless it is a multiple. Only from the first node's disk: the
    /// others keep their shards.
    fn drop_between(&self, before: Option<u64>, iteration: u64) -> Result<()> {
        let (Some(every), Some(before)) = (self.settings.save_retain_every, before) else {
            return Ok(());
        };
        if before != iteration && !before.is_multiple_of(every.max(1)) {
            std::fs::remove_dir_all(checkpoints::iteration_folder(&self.folder, before))
                .context("drop an older checkpoint")?;
            println!(
                "  successfully deleted checkpoint from iteration {before:7} at {}",
                self.folder.display()
            );
        }
        Ok(())
    }

    /// The Hugging Face copy of a checkpoint, all of it on the first node: the whole model beside full training, the
    /// adapter beside LoRA, or the merged model in a folder of its own.
    fn save_hf(&self, model: &Gpt, trained: &Tensors, folder: &Path, iteration: u64) -> Result<()> {
        let to = match &self.settings.tuner {
            Tuner::Full => {
                write_hf(
                    &self.model_folder,
                    folder,
                    &self.config,
                    trained,
                    Stored::DEFAULT,
                )?;
                folder.to_owned()
            }
            Tuner::Lora { scale, .. } if self.arguments.flag("merge_lora") => {
                let to = folder.with_file_name(format!("checkpoint-{iteration}-merged"));
                let whole = mapping::merged(model.frozen(), trained, *scale)?;
                write_hf(
                    &self.model_folder,
                    &to,
                    &self.config,
                    &whole,
                    Stored::DEFAULT,
                )?;
                let common =
                    checkpoints::iteration_folder(Path::new(""), iteration).join("common.pt");
                if let Some(parent) = common.parent() {
                    std::fs::create_dir_all(to.join(parent))?;
                }
                for name in [
                    Path::new("args.json"),
                    Path::new("latest_checkpointed_iteration.txt"),
                    &common,
                ] {
                    std::fs::copy(folder.join(name), to.join(name))
                        .with_context(|| format!("copy {}", name.display()))?;
                }
                to
            }
            Tuner::Lora { .. } => {
                let peft = Peft {
                    rank: self
                        .arguments
                        .integer("lora_rank")
                        .unwrap_or(8)
                        .unsigned_abs(),
                    alpha: self.arguments.number("lora_alpha").unwrap_or(32.0),
                    dropout: self.arguments.number("lora_dropout").unwrap_or(0.05),
                    use_rslora: self.arguments.flag("use_rslora"),
                };
                write_peft(folder, &self.model_folder, &self.config, trained, &peft)?;
                folder.to_owned()
            }
        };
        self.info(&format!(
            "Successfully saved `safetensors` model weights in `{}`.",
            to.display()
        ));
        Ok(())
    }

    /// Keeps `--save_total_limit` checkpoints, never throwing the best away. Only the first rank does it: where nodes share no disk,
    /// the others keep the shards of what is gone.
    pub(super) fn forget_oldest(&self, best: Option<&Path>) -> Result<()> {
        let Some(limit) = self
            .settings
            .save_total_limit
            .filter(|_| self.world.rank == 0)
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
        for (number, path) in droppable.take(surplus) {
            std::fs::remove_dir_all(path)?;
            let merged = self.folder.join(format!("checkpoint-{number}-merged"));
            if merged.exists() {
                std::fs::remove_dir_all(merged)?;
            }
        }
        Ok(())
    }
}
