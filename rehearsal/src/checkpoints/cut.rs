//! Which part of which tensor a rank writes.
//!
//! Tensor-parallel ranks hold slices of the matrices that Megatron cuts, pipeline ranks hold whole layers; what several ranks of a
//! data-parallel group hold alike is shared out among them by size (Megatron's fully parallel save), so that every node of a run
//! really holds what no other does.

use std::collections::BTreeMap;

/// A rank's place. Ranks count tensor first and pipeline last, as Megatron orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub rank: usize,
    pub size: usize,
    pub tensor_parallel: usize,
    pub pipeline_parallel: usize,
}

impl Group {
    fn tensor_rank(rank: usize, tensor_parallel: usize) -> usize {
        rank % tensor_parallel
    }

    /// Pipeline stages are contiguous runs of ranks.
    fn pipeline_rank(&self, rank: usize) -> usize {
        rank / (self.size / self.pipeline_parallel)
    }
}

/// A slice of a tensor and who writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub name: String,
    pub offsets: Vec<usize>,
    pub sizes: Vec<usize>,
    pub owner: usize,
}

/// The dimension along which Megatron cuts a tensor, if it does.
fn cut_dimension(name: &str) -> Option<usize> {
    let has = |part: &str| name.contains(part);
    let is_column = has("linear_qkv.") || has("linear_fc1.");
    let is_row = has("linear_proj.") || has("linear_fc2.");
    if has("layer_norm") || has("layernorm") {
        None
    } else if has("lora_A") {
        is_row.then_some(1)
    } else if has("lora_B") {
        is_column.then_some(0)
    } else if is_column || has("word_embeddings.") || has("output_layer.") {
        Some(0)
    } else {
        is_row.then_some(1)
    }
}

/// The stage of a tensor: its layer's; the embedding is on the first, the head on the last.
fn stage(name: &str, layers: usize, stages: usize) -> usize {
    let layer = name
        .split("decoder.layers.")
        .nth(1)
        .and_then(|rest| rest.split('.').next())
        .and_then(|number| number.parse::<usize>().ok());
    match layer {
        Some(layer) => (layer * stages / layers.max(1)).min(stages - 1),
        None if name.contains("embedding") => 0,
        None => stages - 1,
    }
}

/// All pieces of some tensors (name, shape), the same for whichever rank asks.
pub fn pieces<'a>(
    group: &Group,
    layers: usize,
    tensors: impl Iterator<Item = (&'a str, &'a [usize])>,
) -> Vec<Piece> {
    let mut loads: BTreeMap<usize, usize> = (0..group.size).map(|rank| (rank, 0)).collect();
    let mut all = Vec::new();
    for (name, shape) in tensors {
        let dimension = cut_dimension(name).filter(|dimension| {
            shape
                .get(*dimension)
                .is_some_and(|length| length % group.tensor_parallel == 0)
        });
        let slices = if dimension.is_some() {
            group.tensor_parallel
        } else {
            1
        };
        let stage = stage(name, layers, group.pipeline_parallel);
        for slice in 0..slices {
            let (mut offsets, mut sizes) = (vec![0; shape.len()], shape.to_vec());
            if let Some(dimension) = dimension {
                sizes[dimension] /= slices;
                offsets[dimension] = slice * sizes[dimension];
            }
            let holders = (0..group.size).filter(|rank| {
                group.pipeline_rank(*rank) == stage
                    && (dimension.is_none()
                        || Group::tensor_rank(*rank, group.tensor_parallel) == slice)
            });
            // The one with least to write so far; the lowest among equals.
            let owner = holders.min_by_key(|rank| (loads[rank], *rank)).unwrap_or(0);
            *loads.entry(owner).or_default() += sizes.iter().product::<usize>();
            all.push(Piece {
                name: name.to_owned(),
                offsets,
                sizes,
                owner,
            });
        }
    }
    all
}
