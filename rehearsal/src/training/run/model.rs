//! The model of a run with its optimizer, fresh or as a checkpoint left them.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Run, bars};
use crate::checkpoints::{self, Loaded, Reader};
use crate::model::mapping;
use crate::model::mcore::{self, Gpt};
use crate::release::Generation;
use crate::training::optimizer::{self, Adam};
use crate::training::progress::still;
use crate::training::python;
use crate::training::settings::Tuner;

/// Where a run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// The iteration that it continues after.
    pub iteration: u64,
    /// Rows consumed before.
    pub consumed: u64,
}

impl Run {
    /// The model with its optimizer, and where the run begins.
    pub(super) fn model(&mut self) -> Result<(Gpt, Adam, Start)> {
        let config = self.config.clone();
        let is_four = self.release.generation() == Generation::Four;
        let seed = self.settings.seed;
        if !is_four {
            self.say_first("building GPT model ...");
            self.say_before_loading()?;
        }
        // Besides, what of a checkpoint the run goes on from.
        let goes_on = !self.settings.fresh;
        let mut resumed = None;
        let is_full = self.settings.tuner == Tuner::Full;
        let base = match self.settings.mcore_model.clone() {
            // The base of an adapter is always loaded as if for a new run.
            Some(folder) => {
                let mut loaded = self.load(&folder, is_full && goes_on)?;
                let weights = std::mem::take(&mut loaded.weights);
                resumed = is_full.then_some(loaded);
                weights
            }
            None if is_four => mapping::mcore_from_hf(&self.model_folder, &config)?,
            None => mcore::initial(&config, seed)?,
        };
        if is_four {
            bars(&self.world, "Loading", config.num_hidden_layers);
        }
        let model = match self.settings.tuner.clone() {
            Tuner::Full => Gpt::full(config, base)?,
            Tuner::Lora {
                rank,
                scale,
                modules,
            } => {
                let adapters = match self.settings.mcore_adapter.clone() {
                    Some(folder) => {
                        let mut loaded = self.load(&folder, goes_on)?;
                        let adapters = std::mem::take(&mut loaded.weights);
                        resumed = Some(loaded);
                        adapters
                    }
                    None => mcore::initial_adapters(&config, &modules, rank, seed)?,
                };
                if is_four {
                    self.say_adapter(rank, &modules);
                }
                Gpt::lora(config, base, adapters, scale)?
            }
        };
        let mut adam = Adam::new(self.settings.optimizer, model.variables());
        let mut start = Start::default();
        if is_four && goes_on && resumed.is_none() {
            let begun = checkpoints::begun(&self.model_folder)?;
            start = begun.map_or(start, |(iteration, consumed)| Start {
                iteration,
                consumed,
            });
        }
        if let Some(loaded) = resumed.filter(|_| goes_on) {
            start = Start {
                iteration: loaded.iteration,
                consumed: loaded.consumed,
            };
            let optimizer = !self.arguments.flag("no_load_optim");
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
        if is_four {
            let trained = optimizer::count(model.variables());
            self.say_size(trained, trained + model.frozen_count());
            self.info("padding_to: None");
        }
        Ok((model, adam, start))
    }

    /// Loads a checkpoint as the release does, with its optimizer where the run goes on from it.
    fn load(&self, folder: &Path, goes_on: bool) -> Result<Loaded> {
        let reader = Reader::of(&self.release);
        let reader = match goes_on && !self.arguments.flag("no_load_optim") {
            true => reader,
            false => reader.weights(),
        };
        if self.release.generation() == Generation::Four {
            return checkpoints::load_as(reader, folder);
        }
        let Some(iteration) = checkpoints::tracked(folder)? else {
            return Err(self
                .leave_without(&folder.join(checkpoints::TRACKER))
                .into());
        };
        let loaded = checkpoints::load_as(reader, folder)?;
        let folder = folder.display();
        self.say_first(&format!(
            " loading distributed checkpoint from {folder} at iteration {iteration}"
        ));
        // Every rank has its own bar.
        let (read, wanted) = loaded.read;
        eprintln!(
            "\r{}\r{}",
            still("Loading", 0, wanted),
            still("Loading", read, wanted)
        );
        let (tensor, pipeline) = (self.world.tensor, self.world.pipeline);
        let begun = if goes_on { iteration } else { 0 };
        self.say_first(&format!(
            " checkpoint version 3.0\n  successfully loaded checkpoint from {folder} [ t 1/{tensor}, p 1/{pipeline} ] at iteration {begun}"
        ));
        Ok(loaded)
    }

    /// 3.x builds the model and says so before anything is loaded into it.
    fn say_before_loading(&self) -> Result<()> {
        let shapes = mcore::shapes(&self.config);
        let base: usize = shapes
            .iter()
            .map(|(_, shape, _)| shape.iter().product::<usize>())
            .sum();
        let (trained, all) = match &self.settings.tuner {
            Tuner::Full => (base, base),
            Tuner::Lora { rank, modules, .. } => {
                self.say_adapter(*rank, modules);
                let adapters = mcore::initial_adapters(&self.config, modules, *rank, 0)?;
                let count: usize = adapters.values().map(candle_core::Tensor::elem_count).sum();
                (count, base + count)
            }
        };
        self.say_size(trained, all);
        self.say_first(&format!(
            " > number of parameters on (tensor, pipeline) model parallel rank (0, 0): {}",
            all / self.world.tensor / self.world.pipeline
        ));
        Ok(())
    }

    fn say_adapter(&self, rank: usize, modules: &[&str]) {
        let names: Vec<String> = modules
            .iter()
            .map(|name| format!("'{}'", name.rsplit('.').next().unwrap_or(name)))
            .collect();
        let alpha = self.arguments.number("lora_alpha").unwrap_or(32.0);
        let alpha = match self.release.generation() {
            Generation::Three => format!("{alpha}"),
            Generation::Four => python::float(alpha),
        };
        self.info(&format!(
            "lora_config: LoraConfig(task_type='CAUSAL_LM', r={rank}, target_modules={{{}}}, lora_alpha={alpha}, lora_dropout={})",
            names.join(", "),
            python::float(self.arguments.number("lora_dropout").unwrap_or(0.05)),
        ));
    }

    fn say_size(&self, trained: usize, all: usize) {
        let name = match self.settings.tuner {
            Tuner::Full => "GPTModel",
            Tuner::Lora { .. } => "PeftModelForCausalLM",
        };
        let (trained, all) = (trained as f64, all as f64);
        self.info(&format!(
            "[rank{}] model_parameter_info: {name}: {:.4}M Params ({:.4}M Trainable [{:.4}%]), 0.0000M Buffers.",
            self.world.rank,
            all / 1e6,
            trained / 1e6,
            trained / all * 100.0
        ));
    }
}
