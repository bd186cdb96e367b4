//! Writing Megatron's format: whole by one process, or cut over the ranks.

use anyhow::{Context, Result};

use super::{Base, Crew, Export, Peft, Program};
use crate::checkpoints::{self, Contents, Group};
use crate::model::hf::Qwen3;
use crate::model::{Config, Tensors};
use crate::programs::arguments::Arguments;

impl Export {
    pub(super) fn to_mcore(
        &self,
        arguments: &Arguments,
        crew: &mut Crew,
        config: Config,
        weights: Tensors,
        adapters: Option<(Peft, Tensors)>,
    ) -> Result<()> {
        let from_hf = matches!(self.base, Base::Hf) && self.adapter.is_none();
        // 3.9 and `swift export` of 4.x compare with the files they came from, an adapter has none.
        let tests = self.tests && crew.is_first() && self.adapter.is_none() && from_hf;
        if tests && self.is_three() {
            self.test(&Qwen3::load(&self.model)?, &config, weights.clone())?;
        }
        if from_hf || self.program == Program::Megatron {
            crew.info("Successfully transferred HF model weights to MG model.");
        }
        if !self.only_tests {
            self.save_mcore(arguments, crew, &config, &weights, adapters)?;
        }
        if self.tests && self.program == Program::Megatron && self.adapter.is_some() {
            eprintln!(
                "[WARNING:swift] Skip test_convert_precision because `--mcore_adapter` is specified."
            );
        }
        if tests && !self.is_three() {
            let saved = match self.only_tests {
                true => weights,
                false => checkpoints::load(&self.output)?.weights,
            };
            self.test(&Qwen3::load(&self.model)?, &config, saved)?;
        }
        Ok(())
    }

    fn save_mcore(
        &self,
        arguments: &Arguments,
        crew: &mut Crew,
        config: &Config,
        weights: &Tensors,
        adapters: Option<(Peft, Tensors)>,
    ) -> Result<()> {
        std::fs::create_dir_all(&self.output).context("create the output folder")?;
        if crew.is_first() {
            self.save_arguments(arguments, crew)?;
        }
        crew.info("Saving the model...");
        let to = self.output.display();
        let says = self.is_three() && crew.is_first();
        if says {
            // 3.9 saves through Megatron's own loop, which says so itself.
            println!("saving checkpoint at iteration       1 to {to} in torch_dist format");
            println!(
                "Storing distributed optimizer sharded state of type fully_sharded_model_space"
            );
        }
        let adapters = adapters.map(|(_, adapters)| adapters);
        let contents = Contents {
            layers: config.num_hidden_layers,
            weights: adapters.as_ref().unwrap_or(weights),
            dtype: self.stored.dtype,
            moments: None,
            steps: 0,
            iteration: 1,
            consumed: 0,
            seed: None,
            keeps_classes: self.is_three(),
            writers: self.writers,
        };
        let world = crew.world;
        match &mut crew.collective {
            None => checkpoints::save_alone(&self.output, &contents)?,
            Some(collective) => {
                let group = Group {
                    rank: world.rank,
                    size: world.size,
                    tensor_parallel: world.tensor,
                    pipeline_parallel: world.pipeline,
                };
                checkpoints::save(&self.output, &group, collective, &contents)?;
            }
        }
        if crew.is_first() {
            std::fs::write(self.output.join(checkpoints::TRACKER), "1")?;
        }
        if says {
            println!(
                "  successfully saved checkpoint from iteration       1 to {to} [ t 1/1, p 1/1 ]"
            );
        }
        crew.info(&format!(
            "Successfully saved Megatron model weights in `{to}`."
        ));
        Ok(())
    }
}
