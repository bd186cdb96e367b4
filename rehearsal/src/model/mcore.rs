//! The training forward over Megatron-core's layout, with gradients, full or through LoRA.
//!
//! Names are those of Megatron's GPT model with a layer number in them: `decoder.layers.0.self_attention.linear_qkv.weight`.
//! Rows of `linear_qkv` come group by group (the query heads of one key head, the key, the value), rows of `linear_fc1`
//! are gate, then up. Adapters are `….lora_A.default.weight` `[rank, in]` and `….lora_B.default.weight` `[out, rank]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor, Var};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::ops::{self, CausalSoftmax, CrossEntropySum, Rotary, SwiGlu};
use super::{Config, Tensors};

/// The four linear layers that `--target_modules all-linear` means in Megatron.
pub const LINEAR: [&str; 4] = [
    "mlp.linear_fc1",
    "mlp.linear_fc2",
    "self_attention.linear_proj",
    "self_attention.linear_qkv",
];

/// The embedding, which is also the head when word embeddings are tied.
pub const EMBEDDING: &str = "embedding.word_embeddings.weight";

/// Several samples of equal length, padded at the end.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub rows: usize,
    pub length: usize,
    /// `[rows, length]`
    pub tokens: Vec<u32>,
    /// Where in its own sample a token stands, `[rows, length]`.
    pub positions: Vec<u32>,
    /// The first position of the row a token may look at, `[rows, length]`.
    pub starts: Vec<u32>,
    /// Places in `tokens` whose next token is learnt, and that token.
    pub targets: Vec<(u32, u32)>,
}

impl Batch {
    /// One sample, nothing to learn.
    pub fn of(tokens: &[u32]) -> Self {
        Self {
            rows: 1,
            length: tokens.len(),
            tokens: tokens.to_vec(),
            positions: (0..tokens.len() as u32).collect(),
            starts: vec![0; tokens.len()],
            targets: Vec::new(),
        }
    }
}

/// A model in Megatron's layout. What is trained is in `variables`, the rest stands still.
pub struct Gpt {
    config: Config,
    frozen: Tensors,
    variables: BTreeMap<String, Var>,
    /// alpha / rank; none without adapters.
    lora_scale: Option<f64>,
}

impl Gpt {
    /// Every weight is trained.
    pub fn full(config: Config, weights: Tensors) -> Result<Self> {
        let mut variables = BTreeMap::new();
        for (name, tensor) in weights {
            variables.insert(name, Var::from_tensor(&tensor.contiguous()?)?);
        }
        Ok(Self {
            config,
            frozen: Tensors::new(),
            variables,
            lora_scale: None,
        })
    }

    /// The base stands still, `adapters` are trained; their effect is scaled by `alpha / rank`.
    pub fn lora(config: Config, base: Tensors, adapters: Tensors, scale: f64) -> Result<Self> {
        let mut model = Self::full(config, adapters)?;
        model.frozen = base;
        model.lora_scale = Some(scale);
        Ok(model)
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is trained, by name.
    pub fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }

    /// Every tensor, trained or not.
    pub fn tensors(&self) -> Tensors {
        let trained = self
            .variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()));
        self.frozen.clone().into_iter().chain(trained).collect()
    }

    /// What stands still, by name.
    pub fn frozen(&self) -> &Tensors {
        &self.frozen
    }

    /// How many numbers stand still.
    pub fn frozen_count(&self) -> usize {
        self.frozen.values().map(Tensor::elem_count).sum()
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        let trained = self.variables.get(name).map(Var::as_tensor);
        trained
            .or_else(|| self.frozen.get(name))
            .with_context(|| format!("the model has no {name}"))
    }

    fn linear(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let weight = format!("{name}.weight");
        let out = match self.variables.get(&weight) {
            Some(weight) => x.matmul(&weight.t()?)?,
            None => ops::frozen_linear(x, self.weight(&weight)?)?,
        };
        let adapter = |part: &str| self.variables.get(&format!("{name}.{part}.default.weight"));
        match (self.lora_scale, adapter("lora_A"), adapter("lora_B")) {
            (Some(scale), Some(a), Some(b)) => {
                let inner = (x.matmul(&a.t()?)? * scale)?;
                Ok((out + inner.matmul(&b.t()?)?)?)
            }
            _ => Ok(out),
        }
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        Ok(ops::rms_norm(
            x,
            self.weight(name)?,
            self.config.rms_norm_eps,
        )?)
    }

    fn attention(&self, x: &Tensor, layer: usize, batch: &Batch, turn: &Turn) -> Result<Tensor> {
        let c = &self.config;
        let (rows, length, width) = (batch.rows, batch.length, c.head_dim);
        let (groups, shared) = (c.num_key_value_heads, c.heads_per_group());
        let (tokens, heads) = (rows * length, groups * shared);
        let name = |part: &str| format!("decoder.layers.{layer}.self_attention.{part}");
        let normed = self.norm(x, &name("linear_qkv.layer_norm_weight"))?;
        let qkv = self.linear(&normed, &name("linear_qkv"))?;
        let qkv = qkv.reshape((tokens, groups, shared + 2, width))?;
        let part = |from: usize, count: usize| -> Result<Tensor> {
            let part = qkv.narrow(2, from, count)?.contiguous()?;
            Ok(part.reshape((tokens, groups * count, width))?)
        };
        let q = self.norm(&part(0, shared)?, &name("q_layernorm.weight"))?;
        let k = self.norm(&part(shared, 1)?, &name("k_layernorm.weight"))?;
        let q = q.apply_op1(turn.of(heads))?;
        let k = k.apply_op1(turn.of(groups))?;
        let v = part(shared + 1, 1)?;
        let q = q
            .reshape((rows, length, heads, width))?
            .transpose(1, 2)?
            .contiguous()?;
        let q = q.reshape((rows * heads, length, width))?;
        let spread = |x: Tensor| -> Result<Tensor> {
            let x = x.reshape((rows, length, groups, 1, width))?;
            let x = x
                .permute((0, 2, 3, 1, 4))?
                .expand((rows, groups, shared, length, width))?;
            Ok(x.contiguous()?.reshape((rows * heads, length, width))?)
        };
        let scores = q.matmul(&spread(k)?.t()?)?;
        let weights = scores.apply_op1(CausalSoftmax {
            scale: 1.0 / (width as f32).sqrt(),
            heads,
            starts: turn.starts.clone(),
        })?;
        let mixed = weights
            .matmul(&spread(v)?)?
            .reshape((rows, heads, length, width))?;
        let mixed = mixed
            .transpose(1, 2)?
            .contiguous()?
            .reshape((tokens, heads * width))?;
        self.linear(&mixed, &name("linear_proj"))
    }

    /// The last layer's output before the final norm, `[rows · length, hidden]`.
    fn hidden(&self, batch: &Batch) -> Result<Tensor> {
        let turn = Turn::new(&self.config, batch);
        let ids = Tensor::new(batch.tokens.as_slice(), &Device::Cpu)?;
        let mut x = self.weight(EMBEDDING)?.index_select(&ids, 0)?;
        for layer in 0..self.config.num_hidden_layers {
            x = (&x + self.attention(&x, layer, batch, &turn)?)?;
            let name = |part: &str| format!("decoder.layers.{layer}.mlp.{part}");
            let normed = self.norm(&x, &name("linear_fc1.layer_norm_weight"))?;
            let inner = self
                .linear(&normed, &name("linear_fc1"))?
                .apply_op1(SwiGlu)?;
            x = (&x + self.linear(&inner, &name("linear_fc2"))?)?;
        }
        Ok(x)
    }

    fn head(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.norm(x, "decoder.final_layernorm.weight")?;
        let name = match self.config.tie_word_embeddings {
            true => EMBEDDING,
            false => "output_layer.weight",
        };
        match self.variables.get(name) {
            Some(weight) => Ok(x.matmul(&weight.t()?)?),
            None => Ok(ops::frozen_linear(&x, self.weight(name)?)?),
        }
    }

    /// The logits `[rows · length, vocabulary]` at every place.
    pub fn logits(&self, batch: &Batch) -> Result<Tensor> {
        self.head(&self.hidden(batch)?)
    }

    /// The summed loss (nats) over the batch's targets, a scalar to differentiate.
    pub fn loss_sum(&self, batch: &Batch) -> Result<Tensor> {
        ensure!(!batch.targets.is_empty(), "the batch has nothing to learn");
        let (places, labels): (Vec<u32>, Vec<u32>) = batch.targets.iter().copied().unzip();
        let places = Tensor::new(places.as_slice(), &Device::Cpu)?;
        // Prompts and padding are most of a batch: only what is learnt goes through the vocabulary.
        let learnt = self.hidden(batch)?.index_select(&places, 0)?;
        let labels = Arc::new(labels);
        Ok(self.head(&learnt)?.apply_op1(CrossEntropySum { labels })?)
    }
}

/// What attention needs to know about the places of a batch.
struct Turn {
    cos: Arc<Vec<f32>>,
    sin: Arc<Vec<f32>>,
    starts: Arc<Vec<u32>>,
}

impl Turn {
    fn new(config: &Config, batch: &Batch) -> Self {
        let half = config.head_dim / 2;
        let theta = config.rope_theta();
        let angles: Vec<f64> = batch
            .positions
            .iter()
            .flat_map(|position| {
                (0..half).map(move |i| f64::from(*position) / theta.powf(i as f64 / half as f64))
            })
            .collect();
        Self {
            cos: Arc::new(angles.iter().map(|angle| angle.cos() as f32).collect()),
            sin: Arc::new(angles.iter().map(|angle| angle.sin() as f32).collect()),
            starts: Arc::new(batch.starts.clone()),
        }
    }

    fn of(&self, heads: usize) -> Rotary {
        Rotary {
            cos: self.cos.clone(),
            sin: self.sin.clone(),
            heads,
            reversed: false,
        }
    }
}

/// Every tensor of a base model: its name, its shape, and whether it is a norm (starts at 1).
pub fn shapes(config: &Config) -> Vec<(String, Vec<usize>, bool)> {
    let c = config;
    let (query, key) = (
        c.num_attention_heads * c.head_dim,
        c.num_key_value_heads * c.head_dim,
    );
    let mut all = vec![(
        EMBEDDING.to_owned(),
        vec![c.vocab_size, c.hidden_size],
        false,
    )];
    for layer in 0..c.num_hidden_layers {
        let mut add = |name: &str, shape: Vec<usize>, norm: bool| {
            all.push((format!("decoder.layers.{layer}.{name}"), shape, norm));
        };
        add(
            "self_attention.linear_qkv.layer_norm_weight",
            vec![c.hidden_size],
            true,
        );
        add(
            "self_attention.linear_qkv.weight",
            vec![query + 2 * key, c.hidden_size],
            false,
        );
        add("self_attention.q_layernorm.weight", vec![c.head_dim], true);
        add("self_attention.k_layernorm.weight", vec![c.head_dim], true);
        add(
            "self_attention.linear_proj.weight",
            vec![c.hidden_size, query],
            false,
        );
        add(
            "mlp.linear_fc1.layer_norm_weight",
            vec![c.hidden_size],
            true,
        );
        add(
            "mlp.linear_fc1.weight",
            vec![2 * c.intermediate_size, c.hidden_size],
            false,
        );
        add(
            "mlp.linear_fc2.weight",
            vec![c.hidden_size, c.intermediate_size],
            false,
        );
    }
    all.push((
        "decoder.final_layernorm.weight".to_owned(),
        vec![c.hidden_size],
        true,
    ));
    if !c.tie_word_embeddings {
        all.push((
            "output_layer.weight".to_owned(),
            vec![c.vocab_size, c.hidden_size],
            false,
        ));
    }
    all
}

/// Fresh weights: norms at 1, the rest normal with 0.02, as Megatron initialises.
pub fn initial(config: &Config, seed: u64) -> Result<Tensors> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut weights = Tensors::new();
    for (name, shape, norm) in shapes(config) {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = match norm {
            true => vec![1.0; count],
            false => (0..count).map(|_| normal(&mut random) * 0.02).collect(),
        };
        weights.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    Ok(weights)
}

/// Fresh adapters for `modules` (names out of [`LINEAR`]): A uniform as PEFT's kaiming start, B zero, so that training
/// begins at the base model.
pub fn initial_adapters(
    config: &Config,
    modules: &[&str],
    rank: usize,
    seed: u64,
) -> Result<Tensors> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut adapters = Tensors::new();
    for (name, shape, _) in shapes(config) {
        let Some(module) = name.strip_suffix(".weight") else {
            continue;
        };
        if !modules.iter().any(|target| module.ends_with(target)) {
            continue;
        }
        let (out, inner) = (shape[0], shape[1]);
        let bound = 1.0 / (inner as f32).sqrt();
        let a: Vec<f32> = (0..rank * inner)
            .map(|_| random.random_range(-bound..bound))
            .collect();
        adapters.insert(
            format!("{module}.lora_A.default.weight"),
            Tensor::from_vec(a, (rank, inner), &Device::Cpu)?,
        );
        let b = Tensor::zeros((out, rank), candle_core::DType::F32, &Device::Cpu)?;
        adapters.insert(format!("{module}.lora_B.default.weight"), b);
    }
    Ok(adapters)
}

/// A standard normal number (Box and Muller).
fn normal(random: &mut StdRng) -> f32 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * random.random::<f64>()).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Config {
        let mut config = Config::rehearsal(40, 1, 0);
        (
            config.hidden_size,
            config.intermediate_size,
            config.head_dim,
        ) = (16, 24, 8);
        config.num_hidden_layers = 2;
        config
    }

    fn logits(model: &Gpt, batch: &Batch) -> Vec<Vec<f32>> {
        model.logits(batch).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn packed_samples_do_not_see_each_other() {
        let model = Gpt::full(small(), initial(&small(), 3).unwrap()).unwrap();
        let (first, second) = ([5, 6, 7], [8, 9]);
        let mut packed = Batch::of(&[5, 6, 7, 8, 9]);
        packed.positions = vec![0, 1, 2, 0, 1];
        packed.starts = vec![0, 0, 0, 3, 3];
        let together = logits(&model, &packed);
        let alone = [
            logits(&model, &Batch::of(&first)),
            logits(&model, &Batch::of(&second)),
        ]
        .concat();
        for (a, b) in together.iter().flatten().zip(alone.iter().flatten()) {
            assert!((a - b).abs() < 1e-5);
        }
    }

    #[test]
    fn fresh_adapters_change_nothing_and_then_learn() {
        let config = small();
        let base = initial(&config, 3).unwrap();
        let adapters = initial_adapters(&config, &LINEAR, 4, 1).unwrap();
        assert_eq!(adapters.len(), 2 * 4 * 2);
        let mut batch = Batch::of(&[5, 6, 7, 8]);
        let full = Gpt::full(config.clone(), base.clone()).unwrap();
        let model = Gpt::lora(config, base, adapters, 2.0).unwrap();
        assert_eq!(logits(&full, &batch), logits(&model, &batch));
        batch.targets = vec![(0, 6), (2, 8)];
        let before = model.loss_sum(&batch).unwrap();
        let gradients = before.backward().unwrap();
        for variable in model.variables().values() {
            let gradient = gradients.get(variable).unwrap();
            variable
                .set(&(variable.as_tensor() - gradient).unwrap())
                .unwrap();
        }
        let after = model.loss_sum(&batch).unwrap();
        assert!(after.to_scalar::<f32>().unwrap() < before.to_scalar::<f32>().unwrap());
    }
}
