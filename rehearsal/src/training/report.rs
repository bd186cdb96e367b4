//! What the last rank says and writes while it trains: bars, metric lines, `logging.jsonl`, the event file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::progress::{Bar, spoken};
use super::python::{self, Dict, rounded};
use super::tfevents::EventFile;

/// The files and bars of the last rank.
pub struct Report {
    train: Bar,
    evaluate: Option<Bar>,
    log: File,
    events: Option<EventFile>,
    started: Instant,
    first: u64,
    total: u64,
    /// Every series so far, for the pictures: name, points.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

fn err(text: &str) {
    let mut out = std::io::stderr().lock();
    // A reader that went away is no reason to stop training.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Report {
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
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .context("open logging.jsonl")?;
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
            series: Vec::new(),
        })
    }

    /// One iteration is done.
    pub fn advance(&mut self) {
        if self.train.advance() {
            err(&format!("\r{}", self.train.text()));
        }
    }

    /// Metrics of training at `iteration`.
    pub fn metrics(&mut self, iteration: u64, loss: f64, norm: f64, rate: f64) -> Result<()> {
        let values = [("loss", loss), ("grad_norm", norm), ("learning_rate", rate)];
        let record = self.record("", iteration, &values);
        err(&self.train.blank());
        out(&format!("{}\n", record.repr()));
        err(&format!("\r{}", self.train.text()));
        self.keep("train/", iteration, &record)
    }

    /// Starts the bar of an evaluation of `steps`.
    pub fn evaluate(&mut self, steps: u64) {
        let bar = Bar::new("Evaluate", 0, steps);
        err(&format!("\n\r{}\x1b[A", bar.text()));
        self.evaluate = Some(bar);
    }

    pub fn advance_evaluation(&mut self) {
        if let Some(bar) = &mut self.evaluate
            && bar.advance()
        {
            err(&format!("\n\r{}\x1b[A", bar.text()));
        }
    }

    /// The result of an evaluation after `iteration`.
    pub fn evaluated(&mut self, iteration: u64, loss: f64) -> Result<()> {
        let record = self.record("eval_", iteration, &[("loss", loss)]);
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
        self.keep("eval/", iteration, &record)
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
            .with(
                "memory(GiB)",
                (memory_bytes() as f64 / (1u64 << 30) as f64 * 100.0).round() / 100.0,
            )
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
            let name = format!("{}{name}", room.replace('/', "_"));
            let point = (iteration as f64, value);
            match self.series.iter_mut().find(|(known, _)| *known == name) {
                Some((_, points)) => points.push(point),
                None => self.series.push((name, vec![point])),
            }
        }
        Ok(())
    }

    /// A last record that is no metric.
    pub fn close(&mut self, record: &Dict) -> Result<()> {
        err(&format!("\r{}\n", self.train.closing()));
        writeln!(self.log, "{}", record.json()).context("write logging.jsonl")
    }
}

/// The most memory this process ever held: what stands for the memory of its GPU.
pub fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line
        .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    kilobytes * 1024
}
