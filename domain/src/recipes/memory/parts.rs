//! The parts of one pipeline stage, in bytes.

use super::super::Tuner;
use super::super::settings::{Recompute, Settings};
use super::{GIB, Parts, Shape};

/// CUDA context, NCCL, cuBLAS and fragmentation with expandable segments.
const OVERHEAD: f64 = 3.5 * GIB;

/// The stage that takes most, with its parts. `tokens`: of a micro-batch; `imbalance`: how much more than its share the busiest expert
/// rank gets.
pub fn fullest(
    shape: &Shape,
    settings: &Settings,
    world: u64,
    tokens: f64,
    imbalance: f64,
) -> (u64, Parts) {
    let mut first = 0;
    let mut fullest = (0, Parts::default());
    for stage in 0..settings.pipeline {
        let layers = settings.stage_layers(shape.layers, stage);
        let parts =
            Stage::new(shape, settings, world, stage, first, layers).parts(tokens, imbalance);
        first += layers;
        if parts.total() > fullest.1.total() {
            fullest = (stage, parts);
        }
    }
    fullest
}

/// Parameters that are trained, over all GPUs.
pub fn trained(shape: &Shape, settings: &Settings) -> f64 {
    let undivided = Settings {
        tensor: 1,
        pipeline: 1,
        context: 1,
        expert: 1,
        expert_tensor: 1,
        ..settings.clone()
    };
    let whole = Stage::new(shape, &undivided, 1, 0, 0, shape.layers);
    let (dense, experts) = match settings.tuner {
        Tuner::Full => whole.parameters(),
        Tuner::Lora | Tuner::LoraLlm => whole.added(),
    };
    dense + experts
}

struct Stage<'a> {
    shape: &'a Shape,
    settings: &'a Settings,
    world: u64,
    index: u64,
    /// Layers with a dense feed-forward part, and with experts.
    dense: f64,
    expert: f64,
}

impl<'a> Stage<'a> {
    fn new(
        shape: &'a Shape,
        settings: &'a Settings,
        world: u64,
        index: u64,
        first: u64,
        layers: u64,
    ) -> Self {
        let end = (first + layers).min(shape.layers);
        let is_last = index + 1 == settings.pipeline;
        // Dense layers are the first ones in every family whose model has few of them.
        let dense = shape.dense_layers.min(end).saturating_sub(first.min(end));
        let further = if is_last { settings.further_layers } else { 0 };
        let (own, expert) = (end.saturating_sub(first), shape.experts.is_some());
        let rest = own - dense.min(own) + further;
        Stage {
            shape,
            settings,
            world,
            index,
            dense: (dense + if expert { 0 } else { rest }) as f64,
            expert: if expert { rest as f64 } else { 0.0 },
        }
    }

    fn is_last(&self) -> bool {
        self.index + 1 == self.settings.pipeline
    }

    fn layers(&self) -> f64 {
        self.dense + self.expert
    }

    /// Parameters on one GPU outside the experts, and of its experts.
    fn parameters(&self) -> (f64, f64) {
        let (shape, settings) = (self.shape, self.settings);
        let (h, t) = (shape.hidden as f64, settings.tensor as f64);
        let mut shared = self.layers() * shape.attention() as f64
            + self.dense * 3.0 * h * shape.feed_forward as f64;
        let mut whole = 2.0 * h * self.layers();
        let mut experts = 0.0;
        if let Some(mixture) = &shape.experts {
            shared += self.expert * 3.0 * h * mixture.shared as f64;
            whole += self.expert * h * mixture.count as f64;
            experts = self.expert * mixture.count as f64 * 3.0 * h * mixture.width as f64
                / (settings.expert * settings.expert_tensor) as f64;
        }
        let matrices = match (self.index == 0, self.is_last()) {
            (true, true) if shape.is_tied => 1.0,
            (true, true) => 2.0,
            (true, false) | (false, true) => 1.0,
            (false, false) => 0.0,
        };
        shared += matrices * shape.vocabulary as f64 * h;
        (shared / t + whole, experts)
    }

    /// The trained parameters of LoRA, likewise: r · in or r · out of a matrix is divided as that side of it is.
    fn added(&self) -> (f64, f64) {
        let (shape, settings) = (self.shape, self.settings);
        let (h, t, r) = (
            shape.hidden as f64,
            settings.tensor as f64,
            settings.lora_rank as f64,
        );
        let has = |name: &str| {
            let is_it = |target: &String| target == "all-linear" || target.ends_with(name);
            settings.targets.iter().any(is_it)
        };
        let (queries, keys) = shape.attention_widths();
        let mut dense = 0.0;
        if has("linear_qkv") {
            dense += self.layers() * r * (h + (queries + 2 * keys) as f64 / t);
        }
        if has("linear_proj") {
            dense += self.layers() * r * (queries as f64 / t + h);
        }
        let feed_forward = |width: f64, split: f64| {
            let first = if has("linear_fc1") {
                h + 2.0 * width / split
            } else {
                0.0
            };
            let second = if has("linear_fc2") {
                width / split + h
            } else {
                0.0
            };
            r * (first + second)
        };
        dense += self.dense * feed_forward(shape.feed_forward as f64, t);
        let mut experts = 0.0;
        if let Some(mixture) = &shape.experts {
            if mixture.shared > 0 {
                dense += self.expert * feed_forward(mixture.shared as f64, t);
            }
            let split = settings.expert_tensor as f64;
            experts = self.expert * mixture.count as f64 / settings.expert as f64
                * feed_forward(mixture.width as f64, split);
        }
        (dense, experts)
    }

    fn parts(&self, tokens: f64, imbalance: f64) -> Parts {
        let settings = self.settings;
        let (dense, experts) = self.parameters();
        let all = dense + experts;
        let (trained_dense, trained_experts) = match settings.tuner {
            Tuner::Full => (dense, experts),
            Tuner::Lora | Tuner::LoraLlm => self.added(),
        };
        let trained = trained_dense + trained_experts;
        let mut weights = all * settings.weight_width as f64;
        if settings.tuner.is_lora() {
            weights += trained * settings.weight_width as f64;
        } else if matches!(settings.preference.as_str(), "dpo" | "kto" | "grpo") {
            // The model that answers are compared with.
            weights += all * settings.weight_width as f64;
        }
        if settings.fp8.is_some() {
            weights += all;
        }
        Parts {
            weights,
            gradients: trained * settings.widths.gradients as f64,
            optimizer: self.optimizer(trained_dense, trained_experts),
            activations: self.activations(tokens, imbalance),
            logits: self.logits(tokens),
            overhead: OVERHEAD,
        }
    }

    fn optimizer(&self, dense: f64, experts: f64) -> f64 {
        let settings = self.settings;
        let widths = settings.widths;
        let each = (widths.master + widths.first + widths.second) as f64;
        let (dense_ranks, expert_ranks) = if settings.distributed_optimizer {
            (
                (settings.data(self.world) * settings.context) as f64,
                settings.expert_data(self.world) as f64,
            )
        } else {
            (1.0, 1.0)
        };
        each * (dense / dense_ranks + experts / expert_ranks) * (1.0 - settings.offload)
    }

    /// Micro-batches whose activations this stage holds at once.
    fn in_flight(&self) -> f64 {
        let settings = self.settings;
        let ranks = settings.data(self.world) * settings.micro_batch;
        let count = (settings.global_batch / ranks.max(1)).max(1) as f64;
        let (p, v) = (settings.pipeline as f64, settings.virtual_stages as f64);
        let later = p - self.index as f64;
        if v > 1.0 && p > 1.0 {
            ((p * (v - 1.0) + 2.0 * later - 1.0) / v).min(count)
        } else {
            later.min(count)
        }
    }

    /// What one layer keeps: (with a dense part, with experts).
    fn one_layer(&self, tokens: f64, imbalance: f64) -> (f64, f64) {
        let (shape, settings) = (self.shape, self.settings);
        let h = shape.hidden as f64;
        let each = tokens / (settings.context * settings.tensor) as f64;
        let whole = if settings.sequence_parallel {
            each
        } else {
            tokens / settings.context as f64
        };
        let (queries, keys) = shape.attention_widths();
        let parts: &[String] = match &settings.recompute {
            Recompute::Selective(parts) => parts,
            Recompute::None | Recompute::Full { .. } => &[],
        };
        let again = |name: &str| parts.iter().any(|part| part == name);
        let norms = if again("layernorm") { 4.0 } else { 8.0 };
        let common = whole * norms * h + each * 4.0 * (queries + keys) as f64;
        let dense = if again("mlp") {
            0.0
        } else {
            6.0 * shape.feed_forward as f64
        };
        let expert = shape.experts.as_ref().map_or(0.0, |mixture| {
            if again("moe") {
                return 0.0;
            }
            let inner = if again("moe_act") { 4.0 } else { 6.0 };
            6.0 * mixture.shared as f64
                + mixture.chosen as f64 * (4.0 * h + inner * mixture.width as f64) * imbalance
        });
        (common + each * dense, common + each * expert)
    }

    fn activations(&self, tokens: f64, imbalance: f64) -> f64 {
        let settings = self.settings;
        let (dense, expert) = self.one_layer(tokens, imbalance);
        let largest = f64::max(
            if self.dense > 0.0 { dense } else { 0.0 },
            if self.expert > 0.0 { expert } else { 0.0 },
        );
        let kept = self.dense * dense + self.expert * expert;
        let Recompute::Full { method, layers } = &settings.recompute else {
            return kept * self.in_flight();
        };
        let shared = if settings.sequence_parallel {
            settings.tensor
        } else {
            1
        };
        let input = tokens / (settings.context * shared) as f64 * 2.0 * self.shape.hidden as f64;
        let own = self.layers();
        let at_once = (layers.unwrap_or(1).max(1) as f64).min(own.max(1.0));
        if method.as_deref() == Some("block") {
            // The first layers are computed again, the others kept.
            let others = kept * (own - at_once) / own.max(1.0);
            return (input * at_once + others) * self.in_flight() + largest;
        }
        input * own / at_once * self.in_flight() + (at_once + 1.0) * largest
    }

    /// bf16 logits, their fp32 copy and its gradient; without the fused loss one fp32 copy more.
    fn logits(&self, tokens: f64) -> f64 {
        if !self.is_last() {
            return 0.0;
        }
        let settings = self.settings;
        let width = if settings.fused_loss { 10.0 } else { 14.0 };
        let heads = (1 + settings.further_layers) as f64;
        tokens / settings.context as f64 * self.shape.vocabulary as f64 / settings.tensor as f64
            * width
            * heads
    }
}
