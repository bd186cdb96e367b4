//! Inference over Hugging Face's layout: a forward pass with a cache of keys and values, and sampling.
//!
//! It shares no arithmetic with the training forward in `mcore`: that a model converts well is proven by two passes
//! that could disagree.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, IndexOp, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Config, Tensors, weights};

/// A Qwen3 ready to answer.
pub struct Qwen3 {
    pub config: Config,
    weights: Tensors,
    /// Cosine and sine by position, `[max_position_embeddings, head_dim]` each.
    cos: Tensor,
    sin: Tensor,
}

/// Keys and values seen so far, per layer `[kv heads, seen, head_dim]`.
#[derive(Default)]
pub struct Cache {
    layers: Vec<(Tensor, Tensor)>,
    seen: usize,
}

/// How the next token is chosen.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// 0 takes the most likely token.
    pub temperature: f64,
    pub top_p: f64,
    /// Only so many of the most likely tokens; none = all.
    pub top_k: Option<usize>,
    /// Taken off the logit of every token that was already answered.
    pub presence_penalty: f64,
    pub max_tokens: usize,
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: None,
            presence_penalty: 0.0,
            max_tokens: 128,
            seed: 0,
        }
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model said a stop token.
    Stop,
    /// `max_tokens`, or the end of the model's context, was reached.
    Length,
    /// The callback broke off.
    Cancelled,
}

impl Qwen3 {
    /// Loads a folder as f32. Fails when a file is missing or a tensor has another shape than the config says.
    pub fn load(folder: &Path) -> Result<Self> {
        let config = Config::read(folder)?;
        let weights = weights::load_hf(folder, DType::F32)?;
        Self::new(config, weights)
    }

    /// Every weight, f32, under its Hugging Face name.
    pub fn weights(&self) -> &Tensors {
        &self.weights
    }

    /// Takes f32 weights under their Hugging Face names.
    pub fn new(config: Config, weights: Tensors) -> Result<Self> {
        let half = config.head_dim / 2;
        let inverse: Vec<f32> = (0..half)
            .map(|i| (1.0 / config.rope_theta().powf(i as f64 / half as f64)) as f32)
            .collect();
        let inverse = Tensor::from_vec(inverse, (1, half), &Device::Cpu)?;
        let positions = config.max_position_embeddings;
        let position =
            Tensor::arange(0f32, positions as f32, &Device::Cpu)?.reshape((positions, 1))?;
        let angle = position.matmul(&inverse)?;
        let angle = Tensor::cat(&[&angle, &angle], 1)?;
        let model = Self {
            cos: angle.cos()?,
            sin: angle.sin()?,
            config,
            weights,
        };
        model.check()?;
        Ok(model)
    }

    fn check(&self) -> Result<()> {
        let c = &self.config;
        let (query, key) = (
            c.num_attention_heads * c.head_dim,
            c.num_key_value_heads * c.head_dim,
        );
        let expect = |name: &str, shape: &[usize]| -> Result<()> {
            let found = self.weight(name)?.dims();
            ensure!(
                found == shape,
                "{name} is {found:?}, config.json says {shape:?}"
            );
            Ok(())
        };
        expect("model.embed_tokens.weight", &[c.vocab_size, c.hidden_size])?;
        expect("model.norm.weight", &[c.hidden_size])?;
        for layer in 0..c.num_hidden_layers {
            let expect = |name: &str, shape: &[usize]| {
                expect(&format!("model.layers.{layer}.{name}"), shape)
            };
            expect("self_attn.q_proj.weight", &[query, c.hidden_size])?;
            expect("self_attn.k_proj.weight", &[key, c.hidden_size])?;
            expect("self_attn.v_proj.weight", &[key, c.hidden_size])?;
            expect("self_attn.o_proj.weight", &[c.hidden_size, query])?;
            expect("self_attn.q_norm.weight", &[c.head_dim])?;
            expect("self_attn.k_norm.weight", &[c.head_dim])?;
            expect(
                "mlp.gate_proj.weight",
                &[c.intermediate_size, c.hidden_size],
            )?;
            expect("mlp.up_proj.weight", &[c.intermediate_size, c.hidden_size])?;
            expect(
                "mlp.down_proj.weight",
                &[c.hidden_size, c.intermediate_size],
            )?;
            expect("input_layernorm.weight", &[c.hidden_size])?;
            expect("post_attention_layernorm.weight", &[c.hidden_size])?;
        }
        Ok(())
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        self.weights
            .get(name)
            .with_context(|| format!("the model has no {name}"))
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let mean = x.sqr()?.mean_keepdim(candle_core::D::Minus1)?;
        let scaled = x.broadcast_div(&(mean + self.config.rms_norm_eps)?.sqrt()?)?;
        Ok(scaled.broadcast_mul(self.weight(name)?)?)
    }

    fn linear(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        Ok(x.matmul(&self.weight(name)?.t()?)?)
    }

    /// `[tokens, heads · head_dim]` → normed and turned `[heads, tokens, head_dim]`.
    fn heads(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let (tokens, _) = x.dims2()?;
        let x = x.reshape((tokens, heads, self.config.head_dim))?;
        Ok(x.transpose(0, 1)?.contiguous()?)
    }

    fn rotate(&self, x: &Tensor, from: usize) -> Result<Tensor> {
        let (_, tokens, width) = x.dims3()?;
        let (cos, sin) = (
            self.cos.narrow(0, from, tokens)?,
            self.sin.narrow(0, from, tokens)?,
        );
        let (a, b) = (
            x.narrow(2, 0, width / 2)?,
            x.narrow(2, width / 2, width / 2)?,
        );
        let turned = Tensor::cat(&[&b.neg()?, &a], 2)?;
        Ok((x.broadcast_mul(&cos)? + turned.broadcast_mul(&sin)?)?)
    }

    fn attention(&self, x: &Tensor, layer: usize, cache: &mut Cache) -> Result<Tensor> {
        let c = &self.config;
        let name = |part: &str| format!("model.layers.{layer}.self_attn.{part}.weight");
        let q = self.heads(&self.linear(x, &name("q_proj"))?, c.num_attention_heads)?;
        let k = self.heads(&self.linear(x, &name("k_proj"))?, c.num_key_value_heads)?;
        let v = self.heads(&self.linear(x, &name("v_proj"))?, c.num_key_value_heads)?;
        let q = self.rotate(&self.norm(&q, &name("q_norm"))?, cache.seen)?;
        let k = self.rotate(&self.norm(&k, &name("k_norm"))?, cache.seen)?;
        let (k, v) = match cache.layers.get(layer) {
            Some((keys, values)) => (Tensor::cat(&[keys, &k], 1)?, Tensor::cat(&[values, &v], 1)?),
            None => (k, v),
        };
        let kept = (k.clone(), v.clone());
        if layer < cache.layers.len() {
            cache.layers[layer] = kept;
        } else {
            cache.layers.push(kept);
        }

        let (groups, seen, width) = k.dims3()?;
        let tokens = x.dim(0)?;
        // Query heads of one group lie together, so that a group is one batch of the product with its keys.
        let q = q.reshape((groups, c.heads_per_group() * tokens, width))?;
        let scores = (q.matmul(&k.t()?.contiguous()?)? / (width as f64).sqrt())?;
        let scores = scores.reshape((groups * c.heads_per_group(), tokens, seen))?;
        let scores = scores.broadcast_add(&hidden_future(tokens, seen)?)?;
        let weights = candle_nn::ops::softmax_last_dim(&scores)?;
        let weights = weights.reshape((groups, c.heads_per_group() * tokens, seen))?;
        let mixed = weights
            .matmul(&v)?
            .reshape((groups * c.heads_per_group(), tokens, width))?;
        let mixed = mixed.transpose(0, 1)?.reshape((tokens, ()))?;
        self.linear(&mixed, &name("o_proj"))
    }

    /// The logits `[tokens, vocabulary]` after each of `tokens`, which follow what `cache` has seen.
    pub fn forward(&self, tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let room = self.config.max_position_embeddings - cache.seen;
        ensure!(
            tokens.len() <= room,
            "{} tokens do not fit, there is room for {room}",
            tokens.len()
        );
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let embedding = self.weight("model.embed_tokens.weight")?;
        let mut x = embedding.index_select(&ids, 0)?;
        for layer in 0..self.config.num_hidden_layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
            let normed = self.norm(&x, &name("input_layernorm"))?;
            x = (x + self.attention(&normed, layer, cache)?)?;
            let normed = self.norm(&x, &name("post_attention_layernorm"))?;
            let gate = candle_nn::ops::silu(&self.linear(&normed, &name("mlp.gate_proj"))?)?;
            let up = self.linear(&normed, &name("mlp.up_proj"))?;
            x = (x + self.linear(&(gate * up)?, &name("mlp.down_proj"))?)?;
        }
        cache.seen += tokens.len();
        let x = self.norm(&x, "model.norm.weight")?;
        let head = match self.config.tie_word_embeddings {
            true => embedding,
            false => self.weight("lm_head.weight")?,
        };
        Ok(x.matmul(&head.t()?)?)
    }

    /// Answers `prompt` until one of `stops`, calling `on_token` with every token said (the stop is not said).
    /// The callback ends the answer by breaking.
    pub fn generate(
        &self,
        prompt: &[u32],
        sampling: &Sampling,
        stops: &[u32],
        mut on_token: impl FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Finish> {
        ensure!(!prompt.is_empty(), "nothing to answer");
        let mut random = StdRng::seed_from_u64(sampling.seed);
        let mut cache = Cache::default();
        let mut said = Vec::new();
        let mut next = prompt.to_vec();
        while said.len() < sampling.max_tokens {
            if cache.seen + next.len() > self.config.max_position_embeddings {
                break;
            }
            let logits = self.forward(&next, &mut cache)?;
            let logits = logits.i(logits.dim(0)? - 1)?.to_vec1::<f32>()?;
            let token = choose(logits, &said, sampling, &mut random);
            if stops.contains(&token) {
                return Ok(Finish::Stop);
            }
            if on_token(token).is_break() {
                return Ok(Finish::Cancelled);
            }
            said.push(token);
            next = vec![token];
        }
        Ok(Finish::Length)
    }
}

/// 0 where the last `tokens` of `seen` positions may look, minus infinity at what comes after them.
fn hidden_future(tokens: usize, seen: usize) -> Result<Tensor> {
    let first = seen - tokens;
    let mask: Vec<f32> = (0..tokens)
        .flat_map(|row| {
            (0..seen).map(move |column| {
                if column > first + row {
                    f32::NEG_INFINITY
                } else {
                    0.0
                }
            })
        })
        .collect();
    Ok(Tensor::from_vec(mask, (1, tokens, seen), &Device::Cpu)?)
}

/// The next token after `logits`, of an answer that is `said` so far.
pub fn choose(mut logits: Vec<f32>, said: &[u32], sampling: &Sampling, random: &mut StdRng) -> u32 {
    let mut unique = said.to_vec();
    unique.sort_unstable();
    unique.dedup();
    for token in unique {
        logits[token as usize] -= sampling.presence_penalty as f32;
    }
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
    if sampling.temperature <= 0.0 {
        return order[0];
    }
    order.truncate(sampling.top_k.unwrap_or(order.len()).max(1));
    let most = logits[order[0] as usize];
    let weight = |token: &u32| f64::from(logits[*token as usize] - most) / sampling.temperature;
    let mut chances: Vec<f64> = order.iter().map(|token| weight(token).exp()).collect();
    let total: f64 = chances.iter().sum();
    let mut sum = 0.0;
    // The smallest set of likely tokens that reaches top_p, never none.
    let kept = chances
        .iter()
        .position(|chance| {
            sum += chance / total;
            sum >= sampling.top_p
        })
        .map_or(chances.len(), |last| last + 1);
    chances.truncate(kept);
    let mut point = random.random::<f64>() * chances.iter().sum::<f64>();
    for (token, chance) in order.iter().zip(&chances) {
        point -= chance;
        if point <= 0.0 {
            return *token;
        }
    }
    order[kept - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(sampling: &Sampling, said: &[u32]) -> Vec<u32> {
        let mut random = StdRng::seed_from_u64(sampling.seed);
        let logits = vec![1.0, 3.0, 2.0, -1.0];
        (0..200)
            .map(|_| choose(logits.clone(), said, sampling, &mut random))
            .collect()
    }

    #[test]
    fn each_sampling_parameter_narrows_or_widens_the_choice() {
        let hot = Sampling {
            temperature: 1.5,
            seed: 7,
            ..Sampling::default()
        };
        assert!(
            draw(&Sampling::default(), &[])
                .iter()
                .all(|token| *token == 1)
        );
        assert_eq!(draw(&hot, &[]), draw(&hot, &[]));
        assert_ne!(
            draw(&hot, &[]),
            draw(
                &Sampling {
                    seed: 8,
                    ..hot.clone()
                },
                &[]
            )
        );
        let few = draw(
            &Sampling {
                top_k: Some(2),
                ..hot.clone()
            },
            &[],
        );
        assert!(few.contains(&2) && !few.contains(&0));
        assert!(
            draw(
                &Sampling {
                    top_p: 0.3,
                    ..hot.clone()
                },
                &[]
            )
            .iter()
            .all(|token| *token == 1)
        );
        let penalised = Sampling {
            presence_penalty: 5.0,
            ..Sampling::default()
        };
        assert!(draw(&penalised, &[1]).iter().all(|token| *token == 2));
    }
}
