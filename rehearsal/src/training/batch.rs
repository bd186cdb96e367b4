//! From conversations to padded batches of token ids.

use crate::model::mcore::Batch;
use crate::model::tokenizer::{EMPTY_THOUGHT, Message, Tokenizer};

use anyhow::Result;

/// One encoded conversation. `learnt[i]` says whether token `i` is a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub tokens: Vec<u32>,
    pub learnt: Vec<bool>,
}

/// What of an answer is learnt besides its words and the token that ends its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// The empty thought before it.
    pub empty_thought: bool,
    /// The line break after it.
    pub line_end: bool,
}

impl Learnt {
    /// As 4.x trains by default.
    pub const DEFAULT: Self = Self {
        empty_thought: false,
        line_end: true,
    };
}

/// Encodes a conversation with Qwen3's template as ms-swift trains it: every answer behind an empty thought, the answer and the
/// end of its turn learnt. With `thought` the last answer is thought about, and that is learnt too.
pub fn encode(
    tokenizer: &Tokenizer,
    messages: &[Message],
    thought: Option<&str>,
    learnt: Learnt,
) -> Result<Sample> {
    let mut sample = Sample {
        tokens: Vec::new(),
        learnt: Vec::new(),
    };
    let mut add = |text: &str, learnt: bool| -> Result<()> {
        let ids = tokenizer.encode(text)?;
        sample
            .learnt
            .resize(sample.learnt.len() + ids.len(), learnt);
        sample.tokens.extend(ids);
        Ok(())
    };
    for (index, Message { role, content }) in messages.iter().enumerate() {
        add(&format!("<|im_start|>{role}\n"), false)?;
        if role != "assistant" {
            add(&format!("{content}<|im_end|>\n"), false)?;
            continue;
        }
        match thought.filter(|_| index + 1 == messages.len()) {
            Some(thought) => add(&format!("<think>\n{thought}\n</think>\n\n"), true)?,
            None if content.starts_with("<think>") => {}
            None => add(EMPTY_THOUGHT, learnt.empty_thought)?,
        }
        add(&format!("{content}<|im_end|>"), true)?;
        let is_last = index + 1 == messages.len();
        if learnt.line_end || !is_last {
            add("\n", learnt.line_end)?;
        }
    }
    Ok(sample)
}

/// Puts samples into rows of one batch, several to a row where `rows` says so, padded to the longest row.
pub fn collate(rows: &[Vec<&Sample>], pad: u32) -> Batch {
    let longest = |row: &Vec<&Sample>| row.iter().map(|sample| sample.tokens.len()).sum();
    let length = rows.iter().map(longest).max().unwrap_or(0);
    let mut batch = Batch {
        rows: rows.len(),
        length,
        ..Batch::default()
    };
    for (index, row) in rows.iter().enumerate() {
        let origin = index * length;
        for sample in row {
            let start = batch.tokens.len() - origin;
            for (place, learnt) in sample.learnt.iter().enumerate().skip(1) {
                if *learnt {
                    let before = (origin + start + place - 1) as u32;
                    batch.targets.push((before, sample.tokens[place]));
                }
            }
            batch.tokens.extend(&sample.tokens);
            batch.positions.extend(0..sample.tokens.len() as u32);
            batch.starts.resize(batch.tokens.len(), start as u32);
        }
        // Padding stands behind everything that is learnt, so nothing looks at it.
        let filled = batch.tokens.len() - origin;
        let end = origin + length;
        batch.tokens.resize(end, pad);
        batch.positions.resize(end, 0);
        batch.starts.resize(end, filled.saturating_sub(1) as u32);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tokens: &[u32]) -> Sample {
        Sample {
            tokens: tokens.to_vec(),
            learnt: tokens.iter().map(|id| *id > 10).collect(),
        }
    }

    #[test]
    fn rows_are_padded_and_packed_samples_keep_their_own_positions() {
        let (a, b, c) = (sample(&[1, 20]), sample(&[2, 3, 30]), sample(&[4, 40]));
        let batch = collate(&[vec![&a, &b], vec![&c]], 0);
        assert_eq!((batch.rows, batch.length), (2, 5));
        assert_eq!(batch.tokens, [1, 20, 2, 3, 30, 4, 40, 0, 0, 0]);
        assert_eq!(batch.positions, [0, 1, 0, 1, 2, 0, 1, 0, 0, 0]);
        assert_eq!(batch.starts[..7], [0, 0, 2, 2, 2, 0, 0]);
        assert_eq!(batch.targets, [(0, 20), (3, 30), (5, 40)]);
    }

    #[test]
    fn the_answer_and_the_end_of_its_turn_are_learnt_and_the_empty_thought_is_not() {
        let texts = ["user assistant think yes no".to_owned()];
        let tokenizer = Tokenizer::train(&texts, 300).unwrap();
        let message = |role: &str, content: &str| Message {
            role: role.into(),
            content: content.into(),
        };
        let sample = encode(
            &tokenizer,
            &[message("user", "no"), message("assistant", "yes")],
            None,
            Learnt::DEFAULT,
        )
        .unwrap();
        let text = tokenizer.decode(&sample.tokens, false).unwrap();
        assert_eq!(
            text,
            "<|im_start|>user\nno<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nyes<|im_end|>\n"
        );
        let learnt: Vec<u32> = sample
            .tokens
            .iter()
            .zip(&sample.learnt)
            .filter(|(_, learnt)| **learnt)
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(tokenizer.decode(&learnt, false).unwrap(), "yes<|im_end|>\n");
        // ms-swift 3.9.3, fixture load_weights_only.log: `[LABELS] [-100 * 52]<think>\n\n</think>\n\n…<|im_end|>`.
        let older = Learnt {
            empty_thought: true,
            line_end: false,
        };
        let turns = ["no", "yes", "no", "yes"].map(str::to_owned);
        let turns: Vec<Message> = turns
            .iter()
            .zip(["user", "assistant", "user", "assistant"])
            .map(|(content, role)| message(role, content))
            .collect();
        let sample = encode(&tokenizer, &turns, None, older).unwrap();
        let learnt = sample.tokens.iter().zip(&sample.learnt);
        let learnt: Vec<u32> = learnt
            .filter(|(_, learnt)| **learnt)
            .map(|(id, _)| *id)
            .collect();
        let answer = "<think>\n\n</think>\n\nyes<|im_end|>";
        assert_eq!(
            tokenizer.decode(&learnt, false).unwrap(),
            format!("{answer}{answer}")
        );
        let text = tokenizer.decode(&sample.tokens, false).unwrap();
        assert!(
            text.contains("yes<|im_end|>\n<|im_start|>user") && text.ends_with("yes<|im_end|>")
        );
    }
}
