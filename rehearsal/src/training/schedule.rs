//! The learning rate by samples seen, as Megatron's parameter scheduler computes it.

use anyhow::{Result, bail};

/// The shape of the curve after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    Constant,
    Linear,
    Cosine,
}

impl Decay {
    /// Reads `--lr_decay_style`. The two styles that need more flags are refused.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "constant" => Self::Constant,
            "linear" => Self::Linear,
            "cosine" => Self::Cosine,
            other => bail!("lr_decay_style {other} is not part of this rehearsal"),
        })
    }
}

/// All lengths in samples, not iterations.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub most: f64,
    pub least: f64,
    pub start: f64,
    pub warmup: f64,
    pub decay: f64,
    pub style: Decay,
}

impl Schedule {
    /// The rate after `samples`.
    pub fn at(&self, samples: f64) -> f64 {
        if self.warmup > 0.0 && samples <= self.warmup {
            return self.start + (self.most - self.start) * samples / self.warmup;
        }
        if self.style == Decay::Constant {
            return self.most;
        }
        if samples > self.decay {
            return self.least;
        }
        let ratio = (samples - self.warmup) / (self.decay - self.warmup);
        let left = match self.style {
            Decay::Linear => 1.0 - ratio,
            _ => 0.5 * ((std::f64::consts::PI * ratio).cos() + 1.0),
        };
        self.least + left * (self.most - self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_are_those_of_the_captured_run() {
        // ms-swift 4.6.0, fixture lora_sft: 47 iterations of 16, warm-up 5 %.
        let decay = 47.0 * 16.0;
        let schedule = Schedule {
            most: 1e-3,
            least: 1e-4,
            start: 0.0,
            warmup: 0.05 * decay,
            decay,
            style: Decay::Cosine,
        };
        for (iteration, rate) in [
            (1.0, 0.00042553),
            (2.0, 0.00085106),
            (3.0, 0.00099953),
            (20.0, 0.00069537),
            (46.0, 0.00010111),
            (47.0, 1e-4),
        ] {
            assert!(
                (schedule.at(iteration * 16.0) - rate).abs() < 5e-9,
                "iteration {iteration}"
            );
        }
    }
}
