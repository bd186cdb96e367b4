//! The rows of a run: loading, splitting, encoding, and what is said of them.

use anyhow::{Context, Result};

use super::{Run, bars, print_first};
use crate::model::Tokenizer;
use crate::release::Generation;
use crate::training::batch::Sample;
use crate::training::dataset::{self, Row};
use crate::training::feed::{self, Feed};

impl Run {
    pub(super) fn datasets(
        &self,
        tokenizer: &Tokenizer,
        plain: bool,
    ) -> Result<(Feed, Option<Feed>)> {
        let seed = self.settings.seed;
        let (mut rows, mut lost) = (Vec::new(), 0);
        for name in self.arguments.list("dataset") {
            let (more, bad) = dataset::load(&name, seed)?;
            rows.extend(more);
            lost += bad;
        }
        let found = rows.len() + lost;
        bars(&self.world, "Generating train split", found);
        if lost > 0 {
            print_first(
                &self.world,
                "[WARNING:swift] 👆👆👆There are errors in the dataset, the data will be deleted",
            );
            self.info(&format!(
                "Dataset filtered, origin length: {found}, filtered dataset length: {}",
                rows.len()
            ));
        }
        let mut val = Vec::new();
        for name in self.arguments.list("val_dataset") {
            val.extend(dataset::load(&name, seed)?.0);
        }
        if val.is_empty() {
            let ratio = self.arguments.number("split_dataset_ratio").unwrap_or(0.0);
            (rows, val) = dataset::split(
                rows,
                ratio,
                self.arguments
                    .integer("data_seed")
                    .unwrap_or(42)
                    .unsigned_abs(),
            );
            if !val.is_empty() {
                let path = self.folder.join("val_dataset.jsonl");
                let is_four = self.release.generation() == Generation::Four;
                let quote = if is_four { "`" } else { "" };
                self.info(&format!(
                    "The split dataset from the training set will be saved at: {quote}{}{quote}.",
                    path.display()
                ));
                if self.world.rank == 0 {
                    let line = if is_four {
                        dataset::line
                    } else {
                        dataset::plain_line
                    };
                    let lines: String = val.iter().map(line).collect();
                    std::fs::write(path, lines).context("write val_dataset.jsonl")?;
                }
            }
        }
        let encode = |rows: &[Row]| -> Result<Feed> {
            let feed = feed::feed(tokenizer, rows, &self.settings, plain)?;
            bars(&self.world, "Map", rows.len());
            Ok(feed)
        };
        let train = encode(&rows)?;
        let val = if val.is_empty() {
            None
        } else {
            Some(encode(&val)?).filter(|val| !val.is_empty())
        };
        self.describe(tokenizer, &train, val.as_ref())?;
        Ok((train, val))
    }

    /// What ms-swift prints of its datasets: their size, the first row as the model sees it, the lengths.
    fn describe(&self, tokenizer: &Tokenizer, train: &Feed, val: Option<&Feed>) -> Result<()> {
        let is_four = self.release.generation() == Generation::Four;
        let show = |name: &str, feed: &Feed| {
            let features = match is_four {
                true => "features: ['messages', 'dataset', 'lengths']",
                false => "features: ['messages']",
            };
            self.info(&format!(
                "{name}: Dataset({{\n    {features},\n    num_rows: {}\n}})",
                feed.len()
            ));
        };
        show("train_dataset", train);
        if let Some(val) = val {
            show("val_dataset", val);
        }
        if let Some(sample) = train.sample(0) {
            let list = |items: Vec<String>| format!("[{}]", items.join(", "));
            self.info(&format!(
                "[INPUT_IDS] {}",
                list(sample.tokens.iter().map(u32::to_string).collect())
            ));
            self.info(&format!(
                "[INPUT] {}",
                tokenizer.decode(&sample.tokens, false)?
            ));
            let labels = sample.tokens.iter().zip(&sample.learnt);
            let labels = labels.map(|(id, learnt)| {
                if *learnt {
                    id.to_string()
                } else {
                    "-100".into()
                }
            });
            self.info(&format!("[LABELS_IDS] {}", list(labels.collect())));
            self.info(&format!("[LABELS] {}", masked(tokenizer, sample)?));
        }
        self.info(&format!("Dataset Token Length: {}", train.lengths()));
        if let Some(val) = val {
            self.info(&format!("Dataset Token Length: {}", val.lengths()));
        }
        if !is_four {
            self.info("padding_to: None");
        }
        Ok(())
    }
}

/// The labels as text, what is not learnt as `[-100 * N]`.
fn masked(tokenizer: &Tokenizer, sample: &Sample) -> Result<String> {
    let mut text = String::new();
    let mut from = 0;
    while from < sample.tokens.len() {
        let learnt = sample.learnt[from];
        let count = sample.learnt[from..]
            .iter()
            .take_while(|other| **other == learnt)
            .count();
        match learnt {
            true => text += &tokenizer.decode(&sample.tokens[from..from + count], false)?,
            false => text += &format!("[-100 * {count}]"),
        }
        from += count;
    }
    Ok(text)
}
