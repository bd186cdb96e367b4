//! 4.x: tqdm's bars with metric records between them, `logging.jsonl`, and the event file of ms-swift's own callback.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Evaluated, Report, Step, err, log_file, memory_gib, out};
use crate::training::progress::{Bar, spoken};
use crate::training::python::{self, Dict, rounded};
use crate::training::tfevents::EventFile;

/// The files and bars of the last rank.
pub struct Bars {
    train: Bar,
    evaluate: Option<Bar>,
    log: File,
    events: Option<EventFile>,
    started: Instant,
    first: u64,
    total: u64,
    /// Since the last record: the loss of all tokens, and how many they are.
    losses: (f64, f64),
}

impl Bars {
    /// Opens the files in `folder` and shows the first bar. `first` is the iteration a resumed run starts after.
    pub fn begin(
        folder: &Path,
        tensorboard: Option<&Path>,
        arguments: &Dict,
        first: u64,
        total: u64,
    ) -> Result<Self> {
        let mut events = tensorboard.map(EventFile::create).transpose()?;
        if let Some(events) = &mut events {
            for (name, value) in &arguments.0 {
                let text = value
                    .as_str()
                    .map_or_else(|| python::repr(value), str::to_owned);
                events.text(name, &text)?;
            }
        }
        let path = folder.join("logging.jsonl");
        let log = log_file(folder)?;
        let train = Bar::new("Train", first, total);
        err(&format!(
            "\r{}[INFO:swift] logging_path: {}\n",
            train.text(),
            path.display()
        ));
        Ok(Self {
            train,
            evaluate: None,
            log,
            events,
            started: Instant::now(),
            first,
            total,
            losses: (0.0, 0.0),
        })
    }

    fn record(&self, prefix: &str, iteration: u64, values: &[(&str, f64)]) -> Dict {
        let elapsed = self.started.elapsed().as_secs_f64();
        let speed = elapsed / (iteration - self.first).max(1) as f64;
        let mut record = Dict::default();
        for (name, value) in values {
            record = record.with(&format!("{prefix}{name}"), python::number(rounded(*value)));
        }
        record
            .with("iteration", format!("{iteration}/{}", self.total))
            .with("elapsed_time", spoken(elapsed))
            .with(
                "remaining_time",
                spoken((self.total - iteration) as f64 * speed),
            )
            .with("memory(GiB)", memory_gib())
            .with("train_speed(s/it)", (speed * 1e6).round() / 1e6)
    }

    fn keep(&mut self, room: &str, iteration: u64, record: &Dict) -> Result<()> {
        writeln!(self.log, "{}", record.json()).context("write logging.jsonl")?;
        for (name, value) in &record.0 {
            let is_eval = room == "eval/";
            let Some(value) = value.as_f64().filter(|_| !is_eval || name == "eval_loss") else {
                continue;
            };
            let name = name.trim_start_matches("eval_").replace('/', "_");
            if let Some(events) = &mut self.events {
                events.scalar(&format!("{room}{name}"), iteration, value)?;
            }
        }
        Ok(())
    }
}

impl Report for Bars {
    fn step(&mut self, step: &Step) -> Result<()> {
        self.losses.0 += step.loss_sum;
        self.losses.1 += step.tokens;
        if self.train.advance() {
            err(&format!("\r{}", self.train.text()));
        }
        if !step.is_recorded {
            return Ok(());
        }
        let (sum, tokens) = std::mem::take(&mut self.losses);
        let values = [
            ("loss", sum / tokens),
            ("grad_norm", step.norm),
            ("learning_rate", step.rate),
        ];
        let record = self.record("", step.iteration, &values);
        err(&self.train.blank());
        out(&format!("{}\n", record.repr()));
        err(&format!("\r{}", self.train.text()));
        self.keep("train/", step.iteration, &record)
    }

    fn evaluate(&mut self, steps: u64) {
        let bar = Bar::new("Evaluate", 0, steps);
        err(&format!("\n\r{}\x1b[A", bar.text()));
        self.evaluate = Some(bar);
    }

    fn advance_evaluation(&mut self) {
        if let Some(bar) = &mut self.evaluate
            && bar.advance()
        {
            err(&format!("\n\r{}\x1b[A", bar.text()));
        }
    }

    fn evaluated(&mut self, evaluated: &Evaluated) -> Result<()> {
        let record = self.record("eval_", evaluated.iteration, &[("loss", evaluated.loss)]);
        let Some(bar) = self.evaluate.take() else {
            return Ok(());
        };
        err(&format!("{}\n{}\x1b[A", self.train.blank(), bar.blank()));
        out(&format!("{}\n", record.repr()));
        err(&format!(
            "\r{}\n\r{}\x1b[A\r{}\n",
            self.train.text(),
            bar.text(),
            bar.closing()
        ));
        self.keep("eval/", evaluated.iteration, &record)
    }

    fn close(&mut self, record: &Dict) -> Result<()> {
        err(&format!("\r{}\n", self.train.closing()));
        writeln!(self.log, "{}", record.json()).context("write logging.jsonl")
    }
}
