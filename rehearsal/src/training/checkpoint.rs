//! What is saved of a run and how it is taken up again.
//!
//! Iterations lie in one safetensors file per node, not yet in torch's distributed format: there is no `.metadata`, so
//! whoever looks for one rightly sees no complete checkpoint. A run of this program can be resumed from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor, Var};

use super::collective::Collective;
use super::optimizer::Adam;
use super::settings::World;
use crate::model::{Config, Tensors, weights};

/// All that one iteration consists of. Every rank holds all of it and writes its own part.
pub struct State<'a> {
    pub config: &'a Config,
    /// What was trained.
    pub weights: &'a Tensors,
    /// Both moments, and the steps made.
    pub optimizer: Option<((Tensors, Tensors), u64)>,
    pub iteration: u64,
    pub consumed: u64,
    pub save_rng: bool,
    pub seed: u64,
}

/// `iter_0000020`, below the folder that holds the tracker.
pub fn iteration_folder(folder: &Path, iteration: u64) -> PathBuf {
    folder.join(format!("iter_{iteration:07}"))
}

fn tracker(folder: &Path) -> Result<u64> {
    let path = folder.join("latest_checkpointed_iteration.txt");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    text.trim()
        .parse()
        .context("the tracker holds no iteration")
}

/// The file of an iteration folder: trained weights under their names, moments behind the prefixes below.
const FILE: &str = "rehearsal.safetensors";
const MOMENTS: [&str; 2] = ["optimizer.exp_avg.", "optimizer.exp_avg_sq."];

/// A Hugging Face folder as Megatron's tensors, f32. Fails when a tensor is missing.
pub fn weights_from_hf(folder: &Path, config: &Config) -> Result<Tensors> {
    let hf = weights::load_hf(folder, DType::F32)?;
    let get = |name: &str| hf.get(name).cloned().with_context(|| format!("no {name}"));
    let mut out = Tensors::new();
    out.insert(
        "embedding.word_embeddings.weight".into(),
        get("model.embed_tokens.weight")?,
    );
    out.insert(
        "decoder.final_layernorm.weight".into(),
        get("model.norm.weight")?,
    );
    if !config.tie_word_embeddings {
        out.insert("output_layer.weight".into(), get("lm_head.weight")?);
    }
    for layer in 0..config.num_hidden_layers {
        let get = |part: &str| get(&format!("model.layers.{layer}.{part}.weight"));
        let (d, s, g, h) = (
            config.head_dim,
            config.heads_per_group(),
            config.num_key_value_heads,
            config.hidden_size,
        );
        let q = get("self_attn.q_proj")?.reshape((g, s * d, h))?;
        let k = get("self_attn.k_proj")?.reshape((g, d, h))?;
        let v = get("self_attn.v_proj")?.reshape((g, d, h))?;
        let qkv = Tensor::cat(&[q, k, v], 1)?.reshape(((), h))?;
        let mut add =
            |to: &str, tensor: Tensor| out.insert(format!("decoder.layers.{layer}.{to}"), tensor);
        add("self_attention.linear_qkv.weight", qkv);
        add(
            "self_attention.linear_qkv.layer_norm_weight",
            get("input_layernorm")?,
        );
        add(
            "self_attention.linear_proj.weight",
            get("self_attn.o_proj")?,
        );
        add(
            "self_attention.q_layernorm.weight",
            get("self_attn.q_norm")?,
        );
        add(
            "self_attention.k_layernorm.weight",
            get("self_attn.k_norm")?,
        );
        add(
            "mlp.linear_fc1.layer_norm_weight",
            get("post_attention_layernorm")?,
        );
        add(
            "mlp.linear_fc1.weight",
            Tensor::cat(&[get("mlp.gate_proj")?, get("mlp.up_proj")?], 0)?,
        );
        add("mlp.linear_fc2.weight", get("mlp.down_proj")?);
    }
    Ok(out)
}

/// The weights (or adapters) of the iteration that the tracker of `folder` names.
pub fn load(folder: &Path) -> Result<Tensors> {
    let path = iteration_folder(folder, tracker(folder)?).join(FILE);
    Ok(candle_core::safetensors::load(path, &Device::Cpu)?
        .into_iter()
        .filter(|(name, _)| !name.starts_with("optimizer."))
        .collect())
}

/// The iteration a run continues after; `adam` takes over its moments unless `optimizer` is false.
pub fn resume(
    folder: &Path,
    variables: &BTreeMap<String, Var>,
    adam: &mut Adam,
    optimizer: bool,
) -> Result<u64> {
    let iteration = tracker(folder)?;
    let path = iteration_folder(folder, iteration).join(FILE);
    let all = candle_core::safetensors::load(path, &Device::Cpu)?;
    let part = |prefix: &str| -> Tensors {
        all.iter()
            .filter_map(|(name, tensor)| {
                Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()))
            })
            .collect()
    };
    if optimizer {
        adam.restore(variables, &part(MOMENTS[0]), &part(MOMENTS[1]), iteration)?;
    }
    Ok(iteration)
}

/// Writes the iteration on every node and returns when all have.
pub fn save(
    folder: &Path,
    world: &World,
    collective: &mut Collective,
    state: &State,
) -> Result<()> {
    let folder = iteration_folder(folder, state.iteration);
    std::fs::create_dir_all(&folder)?;
    let mut all: std::collections::HashMap<String, Tensor> =
        state.weights.clone().into_iter().collect();
    if let Some(((first, second), _)) = &state.optimizer {
        all.extend(
            first
                .iter()
                .map(|(name, tensor)| (format!("{}{name}", MOMENTS[0]), tensor.clone())),
        );
        all.extend(
            second
                .iter()
                .map(|(name, tensor)| (format!("{}{name}", MOMENTS[1]), tensor.clone())),
        );
    }
    if world.is_first_of_node() {
        candle_core::safetensors::save(&all, folder.join(FILE))?;
    }
    collective.barrier()
}
