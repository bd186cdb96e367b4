//! The degrees of the world, and what Megatron demands of them.

use super::settings::{Refused, positive, refuse};
use crate::model::Config;
use crate::programs::arguments::Arguments;

/// How the ranks share the work. Ranks of one model group compute the same and hold different shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    pub rank: usize,
    pub local_rank: usize,
    pub size: usize,
    pub local_size: usize,
    pub tensor: usize,
    pub pipeline: usize,
    pub context: usize,
    pub expert: usize,
    pub expert_tensor: usize,
}

impl World {
    /// Megatron's rules for the degrees, in its words.
    pub fn check(&self, config: &Config) -> Result<(), Refused> {
        let model = self.tensor * self.pipeline * self.context;
        if !self.size.is_multiple_of(model) {
            return refuse(format!(
                "RuntimeError: world_size ({}) is not divisible by {model}",
                self.size
            ));
        }
        let experts = self.expert_tensor * self.expert * self.pipeline;
        if !self.size.is_multiple_of(experts) {
            return refuse(format!(
                "RuntimeError: world_size ({}) is not divisible by expert_tensor_model_pipeline_parallel size ({experts})",
                self.size
            ));
        }
        let (heads, groups) = (config.num_attention_heads, config.num_key_value_heads);
        if !heads.is_multiple_of(self.tensor) {
            return refuse(format!(
                "ValueError: num_attention_heads ({heads}) must be a multiple of tensor_model_parallel_size ({}).",
                self.tensor
            ));
        }
        if !groups.is_multiple_of(self.tensor) && !self.tensor.is_multiple_of(groups) {
            return refuse(format!(
                "ValueError: num_query_groups ({groups}) must be a multiple or divisor of tensor_model_parallel_size ({}).",
                self.tensor
            ));
        }
        // The stand-in's models are dense.
        if self.expert > 1 {
            return refuse(
                "ValueError: num_moe_experts must be non None to use expert-parallel.".to_owned(),
            );
        }
        if !config.num_hidden_layers.is_multiple_of(self.pipeline) {
            return refuse(format!(
                "ValueError: num_layers: {} must be divisible by pipeline_model_parallel_size {}",
                config.num_hidden_layers, self.pipeline
            ));
        }
        Ok(())
    }

    /// How many different parts of a batch are computed.
    pub fn data(&self) -> usize {
        self.size / (self.tensor * self.pipeline * self.context)
    }

    /// Megatron's order of ranks: tensor fastest, then context, data, pipeline.
    pub fn data_rank(&self) -> usize {
        self.rank / (self.tensor * self.context) % self.data()
    }

    pub fn tensor_rank(&self) -> usize {
        self.rank % self.tensor
    }

    pub fn pipeline_rank(&self) -> usize {
        self.rank / (self.tensor * self.context * self.data())
    }

    /// One rank of each model group speaks for it when gradients are added.
    pub fn speaks(&self) -> bool {
        self.rank.is_multiple_of(self.tensor * self.context) && self.pipeline_rank() == 0
    }

    pub fn is_last(&self) -> bool {
        self.rank + 1 == self.size
    }

    pub fn is_first_of_node(&self) -> bool {
        self.local_rank == 0
    }

    pub fn is_first_node(&self) -> bool {
        self.rank < self.local_size
    }
}

/// The world as torchrun and the arguments describe it.
pub fn world(arguments: &Arguments, place: [usize; 4]) -> Result<World, Refused> {
    let degree = |name: &str| match arguments.has(name) {
        true => positive(arguments, name).map(|value| value as usize),
        // `swift export` knows no degrees.
        false => Ok(1),
    };
    let [rank, local_rank, size, local_size] = place;
    Ok(World {
        rank,
        local_rank,
        size,
        local_size,
        tensor: degree("tensor_model_parallel_size")?,
        pipeline: degree("pipeline_model_parallel_size")?,
        context: degree("context_parallel_size")?,
        expert: degree("expert_model_parallel_size")?,
        expert_tensor: degree("expert_tensor_parallel_size")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> World {
        let arguments = Arguments::parse("megatron sft", &[]).unwrap();
        world(&arguments, [0, 0, 4, 2]).unwrap()
    }

    #[test]
    fn degrees_that_cannot_be_are_refused_in_megatrons_words() {
        let config = Config::rehearsal(16, 1, 0);
        assert_eq!(four().check(&config), Ok(()));
        let refused = |world: World| world.check(&config).unwrap_err().to_string();
        for (world, words) in [
            (
                World {
                    tensor: 3,
                    ..four()
                },
                "RuntimeError: world_size (4) is not divisible by 3",
            ),
            (
                World {
                    tensor: 8,
                    size: 8,
                    ..four()
                },
                "ValueError: num_attention_heads (4) must be a multiple of tensor_model_parallel_size (8).",
            ),
            (
                World {
                    expert: 8,
                    ..four()
                },
                "RuntimeError: world_size (4) is not divisible by expert_tensor_model_pipeline_parallel size (8)",
            ),
            (
                World {
                    expert: 2,
                    ..four()
                },
                "ValueError: num_moe_experts must be non None to use expert-parallel.",
            ),
        ] {
            assert_eq!(refused(world), words);
        }
    }

    #[test]
    fn ranks_of_a_model_group_share_their_part_of_the_batch() {
        let two = World {
            tensor: 2,
            ..four()
        };
        let ranks: Vec<(usize, usize, bool)> = (0..4)
            .map(|rank| World { rank, ..two })
            .map(|world| (world.data_rank(), world.tensor_rank(), world.speaks()))
            .collect();
        assert_eq!(
            ranks,
            [(0, 0, true), (0, 1, false), (1, 0, true), (1, 1, false)]
        );
    }
}
