//! From tokens to text: characters whole, thoughts apart, stop strings found before they are said.

use std::sync::Arc;

use anyhow::Result;

use super::protocol::{Finish, Output};
use super::request::Ask;
use crate::model::Tokenizer;
use crate::model::tokenizer::TextStream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Reasoning,
    Content,
}

/// What became certain with a token.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// At most one of each kind, thoughts first.
    pub pieces: Vec<(Kind, String)>,
    /// Why the answer ended, in OpenAI's words.
    pub finish: Option<&'static str>,
    /// The stop string that ended it.
    pub stop: Option<String>,
}

/// One answer as it is said.
pub struct Speech {
    tokenizer: Arc<Tokenizer>,
    characters: TextStream,
    thinking: bool,
    stops: Vec<String>,
    keep_stop: bool,
    /// Text that may still be the beginning of a stop string.
    held: String,
    pub tokens: usize,
    pub reasoning_tokens: usize,
}

impl Speech {
    pub fn new(tokenizer: Arc<Tokenizer>, ask: &Ask) -> Self {
        Self {
            tokenizer,
            characters: TextStream::default(),
            thinking: ask.thinking,
            stops: ask.stops.clone(),
            keep_stop: ask.keep_stop,
            held: String::new(),
            tokens: 0,
            reasoning_tokens: 0,
        }
    }

    /// Takes the next token.
    pub fn push(&mut self, output: &Output) -> Result<Said> {
        let mut said = Said::default();
        self.tokens += 1;
        let mark = self.thinking
            && [self.tokenizer.think, self.tokenizer.think_end].contains(&output.token);
        if mark {
            if output.token == self.tokenizer.think_end {
                self.flush(&mut said)?;
                self.thinking = false;
            }
        } else if output.finish != Some(Finish::Stop) {
            self.reasoning_tokens += usize::from(self.thinking);
            self.held += &self.characters.push(&self.tokenizer, output.token)?;
        }
        if let Some((at, stop)) = self.stopped() {
            let end = if self.keep_stop { at + stop.len() } else { at };
            self.held.truncate(end);
            self.release(0, &mut said);
            said.finish = Some("stop");
            said.stop = Some(stop);
            return Ok(said);
        }
        match output.finish {
            None => {
                let longest = self
                    .stops
                    .iter()
                    .map(|stop| stop.chars().count())
                    .max()
                    .unwrap_or(1);
                self.release(longest.saturating_sub(1), &mut said);
            }
            Some(finish) => {
                self.flush(&mut said)?;
                said.finish = Some(match finish {
                    Finish::Stop => "stop",
                    Finish::Length => "length",
                    Finish::Error => "error",
                });
            }
        }
        Ok(said)
    }

    fn stopped(&self) -> Option<(usize, String)> {
        let found = self
            .stops
            .iter()
            .filter_map(|stop| Some((self.held.find(stop)?, stop.clone())));
        found.min()
    }

    /// Says all but the last `keep` characters.
    fn release(&mut self, keep: usize, said: &mut Said) {
        let count = self.held.chars().count().saturating_sub(keep);
        let end = self
            .held
            .char_indices()
            .nth(count)
            .map_or(self.held.len(), |(at, _)| at);
        let text: String = self.held.drain(..end).collect();
        if !text.is_empty() {
            let kind = if self.thinking {
                Kind::Reasoning
            } else {
                Kind::Content
            };
            said.pieces.push((kind, text));
        }
    }

    fn flush(&mut self, said: &mut Said) -> Result<()> {
        self.held += &self.characters.finish(&self.tokenizer)?;
        self.release(0, said);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn speech(thinking: bool, stops: &[&str]) -> Speech {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("base");
        Speech {
            tokenizer: Arc::new(Tokenizer::load(&folder).unwrap()),
            characters: TextStream::default(),
            thinking,
            stops: stops.iter().map(|stop| (*stop).to_owned()).collect(),
            keep_stop: false,
            held: String::new(),
            tokens: 0,
            reasoning_tokens: 0,
        }
    }

    /// Everything said until the end, joined by kind.
    fn say(speech: &mut Speech, text: &str) -> (String, String, Said) {
        let mut ids = speech.tokenizer.encode(text).unwrap();
        ids.push(speech.tokenizer.turn_end);
        let (mut thought, mut content) = (String::new(), String::new());
        let last = ids.len() - 1;
        for (index, token) in ids.into_iter().enumerate() {
            let finish = (index == last).then_some(Finish::Stop);
            let said = speech
                .push(&Output {
                    id: 0,
                    token,
                    logprobs: vec![],
                    finish,
                    queued: None,
                })
                .unwrap();
            for (kind, text) in &said.pieces {
                match kind {
                    Kind::Reasoning => thought += text,
                    Kind::Content => content += text,
                }
            }
            if said.finish.is_some() {
                return (thought, content, said);
            }
        }
        panic!("no end");
    }

    #[test]
    fn thoughts_are_told_apart_by_their_tokens() {
        let (thought, content, said) =
            say(&mut speech(true, &[]), "<think>\nhm, 龘\n</think>\n\nyes");
        assert_eq!(
            (thought.as_str(), content.as_str(), said.finish),
            ("\nhm, 龘\n", "\n\nyes", Some("stop"))
        );
        let (thought, content, _) = say(&mut speech(false, &[]), "<think>\nhm\n</think>\n\nyes");
        assert_eq!(
            (thought.as_str(), content.as_str()),
            ("", "<think>\nhm\n</think>\n\nyes")
        );
    }

    #[test]
    fn a_stop_string_is_never_said_not_even_its_beginning() {
        let (_, content, said) = say(
            &mut speech(false, &["the end", "zzz"]),
            "it was then, at the very the end of it",
        );
        assert_eq!(content, "it was then, at the very ");
        assert_eq!(said.stop.as_deref(), Some("the end"));
        let (_, content, said) = say(&mut speech(false, &["the end"]), "at the en");
        assert_eq!((content.as_str(), said.stop), ("at the en", None));
    }
}
