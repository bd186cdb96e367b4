//! What a run leaves: `checkpoint-N` with every rank's shards and, where asked for, Hugging Face's files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};

use super::Run;
use crate::checkpoints;
use crate::exporting;
use crate::model::mcore::Gpt;
use crate::model::{Tensors, mapping};
use crate::training::optimizer::Adam;
use crate::training::settings::Tuner;

impl Run {
    /// Writes `checkpoint-N`; every rank its own shards.
    pub(super) fn save(
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
        if self.arguments.flag("save_safetensors") && self.world.rank == 0 {
            self.save_hf(model, &weights, &folder, iteration)?;
        }
        self.collective.barrier()?;
        Ok(folder)
    }

    /// The Hugging Face copy of a checkpoint, all of it on the first node: the whole model beside full training, the
    /// adapter beside LoRA, or the merged model in a folder of its own.
    fn save_hf(&self, model: &Gpt, trained: &Tensors, folder: &Path, iteration: u64) -> Result<()> {
        let to = match &self.settings.tuner {
            Tuner::Full => {
                exporting::write_hf(&self.model_folder, folder, &self.config, trained)?;
                folder.to_owned()
            }
            Tuner::Lora { scale, .. } if self.arguments.flag("merge_lora") => {
                let to = folder.with_file_name(format!("checkpoint-{iteration}-merged"));
                let whole = mapping::merged(model.frozen(), trained, *scale)?;
                exporting::write_hf(&self.model_folder, &to, &self.config, &whole)?;
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
                self.save_peft(trained, folder)?;
                folder.to_owned()
            }
        };
        self.info(&format!(
            "Successfully saved `safetensors` model weights in `{}`.",
            to.display()
        ));
        Ok(())
    }

    /// `adapter_model.safetensors` and `adapter_config.json`, as PEFT reads them.
    fn save_peft(&self, adapters: &Tensors, folder: &Path) -> Result<()> {
        let mut stored = Tensors::new();
        for (name, tensor) in mapping::peft_from_mcore(&self.config, adapters)? {
            let tensor: Tensor = tensor.to_dtype(DType::BF16)?.contiguous()?;
            stored.insert(name, tensor);
        }
        let mut modules: Vec<&str> = stored
            .keys()
            .filter_map(|name| name.split(".lora_").next()?.rsplit('.').next())
            .collect();
        modules.sort_unstable();
        modules.dedup();
        let config = serde_json::json!({
            "base_model_name_or_path": self.model_folder,
            "bias": "none",
            "lora_alpha": self.arguments.number("lora_alpha"),
            "lora_dropout": self.arguments.number("lora_dropout"),
            "peft_type": "LORA",
            "r": self.arguments.integer("lora_rank"),
            "target_modules": modules,
            "task_type": "CAUSAL_LM",
            "use_rslora": self.arguments.flag("use_rslora"),
        });
        let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize_to_file(
            stored.iter(),
            Some(metadata),
            &folder.join("adapter_model.safetensors"),
        )
        .context("write adapter_model.safetensors")?;
        let text = serde_json::to_string_pretty(&config)? + "\n";
        std::fs::write(folder.join("adapter_config.json"), text)
            .context("write adapter_config.json")
    }

    /// Keeps `--save_total_limit` checkpoints, never throwing the best away.
    pub(super) fn forget_oldest(&self, best: Option<&Path>) -> Result<()> {
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
}
