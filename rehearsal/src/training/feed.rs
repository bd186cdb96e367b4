//! Encodes rows, drops or cuts what is too long, packs, and deals batches to the ranks in an order only the seed decides.

use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::batch::{self, Sample};
use super::dataset::Row;
use super::settings::{Settings, Truncation};
use crate::model::Tokenizer;
use crate::model::mcore::Batch;

/// Encoded rows in packs; without packing each pack is one row.
pub struct Feed {
    samples: Vec<Sample>,
    packs: Vec<Vec<usize>>,
    pad: u32,
    seed: u64,
}

/// Encodes `rows`. `plain` learns the whole text instead of the answers (`megatron pt`).
pub fn feed(tokenizer: &Tokenizer, rows: &[Row], settings: &Settings, plain: bool) -> Result<Feed> {
    let mut samples = Vec::new();
    for row in rows {
        let mut sample = match plain {
            false => batch::encode(tokenizer, &row.messages, None, settings.learnt)?,
            true => whole(tokenizer, row)?,
        };
        if sample.tokens.len() > settings.max_length {
            let surplus = sample.tokens.len() - settings.max_length;
            match settings.truncation {
                Truncation::Delete => continue,
                Truncation::Left => {
                    sample.tokens.drain(..surplus);
                    sample.learnt.drain(..surplus);
                }
                Truncation::Right => {
                    sample.tokens.truncate(settings.max_length);
                    sample.learnt.truncate(settings.max_length);
                }
            }
        }
        samples.push(sample);
    }
    let lengths: Vec<usize> = samples.iter().map(|sample| sample.tokens.len()).collect();
    let packs = match settings.packing {
        true => pack(&lengths, settings.max_length),
        false => (0..samples.len()).map(|index| vec![index]).collect(),
    };
    Ok(Feed {
        samples,
        packs,
        pad: tokenizer.end_of_text,
        seed: settings.seed,
    })
}

fn whole(tokenizer: &Tokenizer, row: &Row) -> Result<Sample> {
    let text: String = row
        .messages
        .iter()
        .map(|message| message.content.as_str())
        .collect();
    let mut tokens = tokenizer.encode(&text)?;
    tokens.push(tokenizer.turn_end);
    Ok(Sample {
        learnt: vec![true; tokens.len()],
        tokens,
    })
}

/// First fit, longest first: every pack holds at most `room` tokens.
fn pack(lengths: &[usize], room: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(lengths[*index]));
    let mut packs: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in order {
        let length = lengths[index];
        match packs.iter_mut().find(|(used, _)| used + length <= room) {
            Some((used, pack)) => {
                *used += length;
                pack.push(index);
            }
            None => packs.push((length, vec![index])),
        }
    }
    packs.into_iter().map(|(_, pack)| pack).collect()
}

impl Feed {
    /// Rows, or packs of rows: what batches and iterations count.
    pub fn len(&self) -> usize {
        self.packs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    pub fn sample(&self, index: usize) -> Option<&Sample> {
        self.samples.get(index)
    }

    /// `67.546053±19.454481, min=40.000000, max=89.000000, size=760`
    pub fn lengths(&self) -> String {
        let lengths: Vec<f64> = self
            .samples
            .iter()
            .map(|sample| sample.tokens.len() as f64)
            .collect();
        let count = lengths.len().max(1) as f64;
        let mean = lengths.iter().sum::<f64>() / count;
        let deviation = (lengths
            .iter()
            .map(|length| (length - mean).powi(2))
            .sum::<f64>()
            / count)
            .sqrt();
        let least = lengths.iter().copied().fold(f64::INFINITY, f64::min);
        let most = lengths.iter().copied().fold(0.0, f64::max);
        format!(
            "{mean:.6}±{deviation:.6}, min={least:.6}, max={most:.6}, size={}",
            lengths.len()
        )
    }

    /// The batch of rows that starts `from` places into pass `epoch`, shuffled anew in every pass.
    pub fn shuffled(&self, epoch: u64, from: usize, rows: usize) -> Batch {
        let mut order: Vec<usize> = (0..self.packs.len()).collect();
        order.shuffle(&mut StdRng::seed_from_u64(self.seed.wrapping_add(epoch)));
        self.collate(order[from..from + rows].iter().copied())
    }

    /// The batch of rows that starts `from` places on, in the order of the file, beginning again at its end.
    pub fn in_order(&self, from: usize, rows: usize) -> Batch {
        self.collate((from..from + rows).map(|place| place % self.packs.len()))
    }

    fn collate(&self, packs: impl Iterator<Item = usize>) -> Batch {
        let row = |pack: usize| {
            self.packs[pack]
                .iter()
                .map(|index| &self.samples[*index])
                .collect()
        };
        let rows: Vec<Vec<&Sample>> = packs.map(row).collect();
        batch::collate(&rows, self.pad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_hold_every_row_once_and_never_too_much() {
        let lengths = [5, 9, 3, 7, 2, 4];
        let packs = pack(&lengths, 11);
        let mut all: Vec<usize> = packs.concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
        assert!(
            packs
                .iter()
                .all(|pack| pack.iter().map(|index| lengths[*index]).sum::<usize>() <= 11)
        );
        assert_eq!(packs.len(), 3);
    }

    #[test]
    fn one_pass_deals_every_row_once_and_the_next_pass_in_another_order() {
        let sample = |id: u32| Sample {
            tokens: vec![id, 1],
            learnt: vec![false, true],
        };
        let samples: Vec<Sample> = (0..6).map(sample).collect();
        let packs = (0..6).map(|index| vec![index]).collect();
        let feed = Feed {
            samples,
            packs,
            pad: 0,
            seed: 5,
        };
        let pass = |epoch| {
            [0, 2, 4]
                .map(|from| feed.shuffled(epoch, from, 2).tokens)
                .concat()
        };
        let mut first: Vec<u32> = pass(0).into_iter().step_by(2).collect();
        assert_ne!(pass(0), pass(1));
        assert_eq!(pass(0), pass(0));
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2, 3, 4, 5]);
    }
}
