//! The model of a run with its optimizer, fresh or as a checkpoint left them.

use anyhow::{Context, Result};

use super::{Run, bars};
use crate::checkpoints;
use crate::model::mapping;
use crate::model::mcore::{self, Gpt};
use crate::training::optimizer::{self, Adam};
use crate::training::python;
use crate::training::settings::Tuner;

impl Run {
    /// The model with its optimizer, and the iteration it continues after.
    pub(super) fn model(&mut self) -> Result<(Gpt, Adam, u64)> {
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
        let trained = optimizer::count(model.variables()) as f64;
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
}
