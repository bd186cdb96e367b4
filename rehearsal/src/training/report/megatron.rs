//! 3.x: the line that Megatron-LM prints, `logging.jsonl` with its names, and the event file of Megatron-LM's own writer.
//!
//! ms-swift 3.9.3 `megatron/trainers/base.py` (`training_log`, `evaluate`), Megatron-LM `training/training.py`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Evaluated, Report, Step, log_file, memory_bytes, memory_gib, out};
use crate::training::progress::spoken;
use crate::training::python::{self, Dict, Moment, rounded};
use crate::training::tfevents::EventFile;

/// The files and lines of the last rank.
pub struct Megatron {
    log: File,
    events: EventFile,
    started: Instant,
    recorded: Instant,
    total: u64,
    /// Rows of an iteration.
    rows: u64,
    /// Since the last record: the sum of the iterations' mean losses, and how many they are.
    losses: (f64, u64),
    /// Global batches of the evaluation under way, and how many are done.
    evaluation: (u64, u64),
}

impl Megatron {
    /// Opens the files in `folder`. `first` is the iteration a resumed run starts after.
    pub fn begin(
        folder: &Path,
        tensorboard: &Path,
        arguments: &Dict,
        first: u64,
        total: u64,
        rows: u64,
    ) -> Result<Self> {
        let mut events = EventFile::create(tensorboard)?;
        for (name, value) in &arguments.0 {
            let text = value
                .as_str()
                .map_or_else(|| python::repr(value), str::to_owned);
            events.text_at(name, first, &text)?;
        }
        Ok(Self {
            log: log_file(folder)?,
            events,
            started: Instant::now(),
            recorded: Instant::now(),
            total,
            rows,
            losses: (0.0, 0),
            evaluation: (0, 0),
        })
    }

    /// A number by iteration, and its twin by rows.
    fn both(&mut self, name: &str, value: f64, iteration: u64, consumed: u64) -> Result<()> {
        self.events.scalar(name, iteration, value)?;
        let twin = format!("{name} vs samples");
        self.events.scalar(&twin, consumed, value)
    }

    fn record(&mut self, step: &Step) -> Result<()> {
        let (sum, count) = std::mem::take(&mut self.losses);
        let loss = sum / count.max(1) as f64;
        let seconds = self.recorded.elapsed().as_secs_f64() / count.max(1) as f64;
        self.recorded = Instant::now();
        let elapsed = self.started.elapsed().as_secs_f64();
        let remaining = elapsed * self.total as f64 / step.iteration as f64 - elapsed;
        let (elapsed, remaining) = (spoken(elapsed), spoken(remaining));
        let memory = memory_gib();
        let gib = python::float(memory);
        self.events
            .scalar("iteration-time", step.iteration, seconds)?;
        let now = Moment::now();
        out(&format!(
            " [{} {}] iteration {:8}/{:8} | consumed samples: {:12} | elapsed time per iteration (ms): {:.1} | memory(GiB): {gib} | elapsed time: {elapsed} | remaining time: {remaining} | learning rate: {} | global batch size: {:5} | lm loss: {} | loss scale: 1.0 | grad norm: {} | number of skipped iterations:   0 | number of nan iterations:   0 |\n",
            now.date(),
            now.time(),
            step.iteration,
            self.total,
            step.consumed,
            seconds * 1000.0,
            python::scientific(step.rate),
            self.rows,
            python::scientific(loss),
            python::fixed(step.norm, 3),
        ));
        let record = Dict::default()
            .with("lm loss", python::number(rounded(loss)))
            .with("grad_norm", python::number(rounded(step.norm)))
            .with("learning_rate", python::number(rounded(step.rate)))
            .with("elapsed_time_per_iteration", rounded(seconds))
            .with("memory(GiB)", memory)
            .with("elapsed_time", elapsed)
            .with("remaining_time", remaining)
            .with("loss_scale", 1.0)
            .with("consumed_samples", step.consumed)
            .with(
                "global_step/max_steps",
                format!("{}/{}", step.iteration, self.total),
            );
        self.write(&record)
    }

    fn write(&mut self, record: &Dict) -> Result<()> {
        writeln!(self.log, "{}", record.json()).context("write logging.jsonl")
    }
}

impl Report for Megatron {
    fn step(&mut self, step: &Step) -> Result<()> {
        let loss = step.loss_sum / step.tokens;
        // Over the iterations, whatever their tokens: Megatron-LM adds up means.
        self.losses.0 += loss;
        self.losses.1 += 1;
        let (iteration, consumed) = (step.iteration, step.consumed);
        self.both("learning-rate", step.rate, iteration, consumed)?;
        self.both("batch-size", self.rows as f64, iteration, consumed)?;
        self.both("lm loss", loss, iteration, consumed)?;
        self.both("loss-scale", 1.0, iteration, consumed)?;
        self.both("grad-norm", step.norm, iteration, consumed)?;
        for name in [
            "mem-reserved-bytes",
            "mem-allocated-bytes",
            "mem-max-allocated-bytes",
        ] {
            self.events.scalar(name, iteration, memory_bytes() as f64)?;
        }
        if step.is_recorded {
            self.record(step)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, steps: u64) {
        self.evaluation = (steps, 0);
    }

    fn advance_evaluation(&mut self) {
        self.evaluation.1 += 1;
    }

    fn evaluated(&mut self, evaluated: &Evaluated) -> Result<()> {
        let Evaluated {
            iteration,
            consumed,
            loss,
            is_final,
        } = *evaluated;
        let perplexity = loss.min(20.0).exp();
        let on = if is_final { " on validation set" } else { "" };
        let line = format!(
            " validation loss at iteration {iteration}{on} | lm loss value: {} | lm loss PPL: {} | ",
            python::scientific(loss),
            python::scientific(perplexity)
        );
        let rule = "-".repeat(line.len() + 1);
        out(&format!("{rule}\n{line}\n{rule}\n"));
        self.both("lm loss validation", loss, iteration, consumed)?;
        self.both("lm loss validation ppl", perplexity, iteration, consumed)?;
        // Without a step, as the release writes it.
        let record = Dict::default().with("eval_lm loss", python::number(rounded(loss)));
        self.write(&record)
    }

    fn close(&mut self, _record: &Dict) -> Result<()> {
        Ok(())
    }
}
