//! Two forward passes over the two formats, and what `--test_convert_precision` prints of them.

use anyhow::Result;
use candle_core::Tensor;

use crate::model::hf::{Cache, Qwen3};
use crate::model::mcore::{Batch, Gpt};
use crate::model::tokenizer::Message;
use crate::model::{Tensors, Tokenizer};
use crate::training::python;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// (tensors, sum, zero entries) of both formats.
    hf: (usize, f64, usize),
    mg: (usize, f64, usize),
    /// Mean difference of the logits after each token.
    token_means: Vec<f64>,
    pub mean: f64,
    pub max: f64,
    /// The same where the answer is, which is what a loss would count.
    pub mean_with_loss: f64,
    pub max_with_loss: f64,
    hf_tokens: Vec<u32>,
    mg_tokens: Vec<u32>,
    /// Tokens that the two formats would say differently.
    pub token_diff: usize,
    pub token_diff_with_loss: usize,
}

/// Lets both formats read one short conversation.
pub fn compare(hf: &Qwen3, mg: &Gpt, tokenizer: &Tokenizer) -> Result<Compared> {
    let said = |role: &str, content: &str| Message {
        role: role.into(),
        content: content.into(),
    };
    let question = [said(
        "user",
        "Who are you? What can you tell me about the yard?",
    )];
    let answer = [
        question[0].clone(),
        said(
            "assistant",
            "I am a small model. I can tell you what I have learnt.",
        ),
    ];
    let prompt = tokenizer
        .encode(&tokenizer.render(&question, true, None))?
        .len();
    let tokens = tokenizer.encode(&tokenizer.render(&answer, false, None))?;
    let ours: Vec<Vec<f32>> = hf.forward(&tokens, &mut Cache::default())?.to_vec2()?;
    let theirs: Vec<Vec<f32>> = mg.logits(&Batch::of(&tokens))?.to_vec2()?;
    let rows: Vec<(f64, f64)> = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b)| {
            let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
            let (sum, max) = differences.fold((0.0, 0.0_f64), |(sum, max), d| {
                (sum + d, if d.is_nan() { d } else { max.max(d) })
            });
            (sum / a.len() as f64, max)
        })
        .collect();
    let mean = |rows: &[(f64, f64)]| {
        rows.iter().map(|(mean, _)| mean).sum::<f64>() / rows.len().max(1) as f64
    };
    let max = |rows: &[(f64, f64)]| {
        rows.iter().fold(
            0.0_f64,
            |most, (_, max)| if max.is_nan() { *max } else { most.max(*max) },
        )
    };
    let best = |all: &[Vec<f32>]| -> Vec<u32> { all.iter().map(|row| largest(row)).collect() };
    let (hf_tokens, mg_tokens) = (best(&ours), best(&theirs));
    let differ = |from: usize| {
        hf_tokens[from..]
            .iter()
            .zip(&mg_tokens[from..])
            .filter(|(a, b)| a != b)
            .count()
    };
    // The logits after the prompt's last token predict the first token of the answer.
    let learnt = prompt.saturating_sub(1).min(rows.len());
    Ok(Compared {
        hf: facts(hf.weights())?,
        mg: facts(&mg.tensors())?,
        token_means: rows.iter().map(|(mean, _)| *mean).collect(),
        mean: mean(&rows),
        max: max(&rows),
        mean_with_loss: mean(&rows[learnt..]),
        max_with_loss: max(&rows[learnt..]),
        token_diff: differ(0),
        token_diff_with_loss: differ(learnt),
        hf_tokens,
        mg_tokens,
    })
}

fn largest(row: &[f32]) -> u32 {
    let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(at, _)| at as u32)
}

fn facts(tensors: &Tensors) -> Result<(usize, f64, usize)> {
    let (mut sum, mut zeros) = (0.0, 0);
    for tensor in tensors.values() {
        let values: Vec<f32> = Tensor::flatten_all(tensor)?.to_vec1()?;
        sum += values
            .iter()
            .map(|value| f64::from(value.abs()))
            .sum::<f64>();
        zeros += usize::from(values.iter().all(|value| *value == 0.0));
    }
    Ok((tensors.len(), sum, zeros))
}

impl Compared {
    /// The block as the release prints it: the counts through the logger, the rest on stdout.
    pub fn print(&self, release: &str) {
        for (count, sum, zeros) in [self.hf, self.mg] {
            eprintln!("[INFO:swift] n_parameter: {count}");
            eprintln!("[INFO:swift] total_sum: {}", python::float(sum));
            eprintln!("[INFO:swift] zero_count: {zeros}");
        }
        let means: Vec<String> = self
            .token_means
            .iter()
            .map(|mean| format!("{mean:.4}"))
            .collect();
        let lines: Vec<String> = means.chunks(9).map(|line| line.join(", ")).collect();
        println!(
            "token_mean_diff: tensor([[{}]], device='cuda:0')",
            lines.join(",\n         ")
        );
        let float = python::float;
        let which = if release.starts_with("3.") {
            "mean_diff"
        } else {
            "mean_diff (with loss)"
        };
        println!(
            "mean_diff: {}, max_diff: {}",
            float(self.mean),
            float(self.max)
        );
        println!(
            "mean_diff (with loss): {}, max_diff (with loss): {} (Please check that {which} is less than 0.1).",
            float(self.mean_with_loss),
            float(self.max_with_loss)
        );
        println!(
            "hf_tokens: {:?}\nmg_tokens: {:?}",
            self.hf_tokens, self.mg_tokens
        );
        println!(
            "token_diff: {}\ntoken_diff (with loss): {}",
            self.token_diff, self.token_diff_with_loss
        );
    }
}
