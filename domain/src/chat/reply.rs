//! A streamed reply of an OpenAI-compatible engine: bytes as they arrive → events.
//!
//! Server-sent events as vLLM, SGLang, llama.cpp and ms-swift write them: comment lines, CRLF, several `data:` lines in one event,
//! UTF-8 cut anywhere, bytes after `[DONE]`. Thinking comes as `reasoning` or `reasoning_content`, or inline between `<think>` and
//! `</think>` where the engine has no parser for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that a reply said. What a browser hears, too: `{"kind": "text", "text": "…"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ReplyEvent {
    Text {
        text: String,
    },
    Reasoning {
        text: String,
    },
    /// The newest counts; some engines send them with every chunk.
    Usage {
        prompt_tokens: u64,
        completion_tokens: u64,
    },
    /// `stop`, `length`, or whatever else the engine says.
    Finished {
        reason: String,
    },
    /// The engine refused, or failed in the middle.
    Failed {
        message: String,
    },
}

/// A line beyond this is no chunk of a reply; the reply fails instead of filling memory.
const LINE_LIMIT: usize = 4 << 20;

/// Reads one reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reader {
    held: Vec<u8>,
    /// The `data:` lines of the event that is being read.
    data: Vec<String>,
    thought: Thought,
    /// Text that may be the beginning of a `<think>` marker.
    pending: String,
    /// `[DONE]` was read.
    pub is_done: bool,
}

/// Whether text is thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Thought {
    /// Nothing but spaces was said yet: a marker may still come.
    #[default]
    Unknown,
    Inside,
    Over,
}

impl Reader {
    /// Takes the next bytes, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<ReplyEvent> {
        let mut events = Vec::new();
        self.held.extend_from_slice(bytes);
        while let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.held.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\n', '\r']), &mut events);
        }
        if self.held.len() > LINE_LIMIT {
            self.held.clear();
            events.push(ReplyEvent::Failed {
                message: "the engine sent a line of more than 4 MiB".to_owned(),
            });
        }
        events
    }

    /// The stream has ended: what was held back as a possible marker is text after all.
    pub fn end(&mut self) -> Vec<ReplyEvent> {
        let mut events = Vec::new();
        self.event(&mut events);
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            events.push(match self.thought {
                Thought::Inside => ReplyEvent::Reasoning { text: rest },
                _ => ReplyEvent::Text { text: rest },
            });
        }
        events
    }

    fn line(&mut self, line: &str, events: &mut Vec<ReplyEvent>) {
        if self.is_done {
            return;
        }
        if line.is_empty() {
            self.event(events);
        } else if let Some(data) = line.strip_prefix("data:") {
            self.data
                .push(data.strip_prefix(' ').unwrap_or(data).to_owned());
        }
        // Comments, `event:` and `id:` lines say nothing that is needed here.
    }

    fn event(&mut self, events: &mut Vec<ReplyEvent>) {
        if self.data.is_empty() {
            return;
        }
        let data = std::mem::take(&mut self.data).join("\n");
        if data.trim() == "[DONE]" {
            self.is_done = true;
            return;
        }
        match serde_json::from_str::<Value>(&data) {
            Ok(chunk) => self.chunk(&chunk, events),
            Err(_) => events.push(ReplyEvent::Failed {
                message: format!("the engine sent what is no JSON: {}", shortened(&data)),
            }),
        }
    }

    fn chunk(&mut self, chunk: &Value, events: &mut Vec<ReplyEvent>) {
        if let Some(message) = problem(chunk) {
            events.push(ReplyEvent::Failed { message });
            return;
        }
        // Only the first choice is asked for.
        let choice = chunk["choices"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|choice| choice["index"].as_u64().unwrap_or(0) == 0);
        if let Some(choice) = choice {
            let delta = &choice["delta"];
            let thinking = ["reasoning", "reasoning_content", "thinking"]
                .into_iter()
                .find_map(|key| delta[key].as_str());
            if let Some(text) = thinking.filter(|text| !text.is_empty()) {
                // An engine that tells them apart sends no markers.
                self.thought = Thought::Over;
                events.push(ReplyEvent::Reasoning {
                    text: text.to_owned(),
                });
            }
            if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
                self.text(text, events);
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                events.extend(self.end());
                events.push(ReplyEvent::Finished {
                    reason: reason.to_owned(),
                });
            }
        }
        if let (Some(prompt_tokens), Some(completion_tokens)) = (
            chunk["usage"]["prompt_tokens"].as_u64(),
            chunk["usage"]["completion_tokens"].as_u64(),
        ) {
            events.push(ReplyEvent::Usage {
                prompt_tokens,
                completion_tokens,
            });
        }
    }

    /// Splits leading `<think>…</think>` off, its markers cut anywhere.
    fn text(&mut self, text: &str, events: &mut Vec<ReplyEvent>) {
        const OPEN: &str = "<think>";
        const CLOSE: &str = "</think>";
        if self.thought == Thought::Over {
            events.push(ReplyEvent::Text {
                text: text.to_owned(),
            });
            return;
        }
        self.pending.push_str(text);
        if self.thought == Thought::Unknown {
            let said = self.pending.trim_start();
            if let Some(rest) = said.strip_prefix(OPEN) {
                self.pending = rest.to_owned();
                self.thought = Thought::Inside;
            } else if OPEN.starts_with(said) {
                return; // may still become the marker
            } else {
                self.thought = Thought::Over;
                let text = std::mem::take(&mut self.pending);
                events.push(ReplyEvent::Text { text });
                return;
            }
        }
        if let Some(at) = self.pending.find(CLOSE) {
            let rest = self.pending.split_off(at);
            let thought = std::mem::take(&mut self.pending);
            self.thought = Thought::Over;
            if !thought.is_empty() {
                events.push(ReplyEvent::Reasoning { text: thought });
            }
            let rest = rest[CLOSE.len()..].trim_start_matches('\n');
            if !rest.is_empty() {
                events.push(ReplyEvent::Text {
                    text: rest.to_owned(),
                });
            }
            return;
        }
        // Whatever cannot be the beginning of the closing marker is thinking already.
        let held = (1..CLOSE.len())
            .rev()
            .find(|length| self.pending.ends_with(&CLOSE[..*length]))
            .unwrap_or(0);
        let kept = self.pending.split_off(self.pending.len() - held);
        let thought = std::mem::replace(&mut self.pending, kept);
        if !thought.is_empty() {
            events.push(ReplyEvent::Reasoning { text: thought });
        }
    }
}

/// The message of an error body, in any of the shapes that engines and proxies use; None: the body is no error.
pub fn problem(body: &Value) -> Option<String> {
    let error = &body["error"];
    let message = error["message"]
        .as_str()
        .or_else(|| error.as_str())
        .or_else(|| {
            body["message"]
                .as_str()
                .filter(|_| body["object"] == "error")
        })
        .or_else(|| body["detail"].as_str())
        .or_else(|| body["detail"][0]["msg"].as_str());
    message
        .map(str::to_owned)
        .or_else(|| (!error.is_null()).then(|| shortened(&error.to_string())))
}

/// What an engine answered instead of a reply.
pub fn refusal(status: u16, body: &str) -> String {
    let said = serde_json::from_str(body)
        .ok()
        .and_then(|body| problem(&body))
        .unwrap_or_else(|| shortened(body));
    format!("{status}: {said}")
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (text, thinking, finish reason, (prompt tokens, completion tokens)) of a recorded stream, read in pieces of `stride` bytes.
    fn read(bytes: &[u8], stride: usize) -> (String, String, Option<String>, Option<(u64, u64)>) {
        let mut reader = Reader::default();
        let mut events: Vec<ReplyEvent> = bytes
            .chunks(stride)
            .flat_map(|piece| reader.push(piece))
            .collect();
        events.extend(reader.end());
        let (mut text, mut thought, mut reason, mut usage) =
            (String::new(), String::new(), None, None);
        for event in events {
            match event {
                ReplyEvent::Text { text: more } => text.push_str(&more),
                ReplyEvent::Reasoning { text: more } => thought.push_str(&more),
                ReplyEvent::Usage {
                    prompt_tokens,
                    completion_tokens,
                } => usage = Some((prompt_tokens, completion_tokens)),
                ReplyEvent::Finished { reason: why } => reason = Some(why),
                ReplyEvent::Failed { message } => panic!("{message}"),
            }
        }
        (text, thought, reason, usage)
    }

    const RECORDED: [(&str, &[u8]); 6] = [
        ("vllm", include_bytes!("../../fixtures/sse/vllm_stream.sse")),
        (
            "vllm reasoning",
            include_bytes!("../../fixtures/sse/vllm_reasoning.sse"),
        ),
        (
            "vllm lora",
            include_bytes!("../../fixtures/sse/vllm_lora.sse"),
        ),
        (
            "swift",
            include_bytes!("../../fixtures/sse/swift_stream.sse"),
        ),
        (
            "llama.cpp",
            include_bytes!("../../fixtures/sse/llamacpp_stream.sse"),
        ),
        (
            "vllm logprobs",
            include_bytes!("../../fixtures/sse/vllm_logprobs.sse"),
        ),
    ];

    #[test]
    fn a_recorded_stream_reads_the_same_however_it_is_cut() {
        for (name, bytes) in RECORDED {
            let whole = read(bytes, bytes.len());
            // That engine had nothing to say.
            assert_eq!(whole.0.is_empty(), name == "vllm lora", "{name}");
            assert!(whole.2.is_some(), "{name}");
            for stride in [1, 2, 3, 7, 100] {
                assert_eq!(read(bytes, stride), whole, "{name} by {stride}");
            }
        }
    }

    #[test]
    fn thinking_and_counts_of_a_recorded_stream_are_told_apart() {
        let (text, thought, reason, usage) = read(RECORDED[1].1, 64);
        assert_eq!(thought.trim(), "user\nWhat");
        assert!(text.contains("ass"), "{text}");
        assert_eq!((reason.as_deref(), usage), (Some("length"), Some((17, 14))));
    }

    #[test]
    fn a_killed_engine_leaves_a_reply_without_an_end() {
        let bytes = include_bytes!("../../fixtures/sse/llamacpp_killed.sse");
        let (text, _, reason, _) = read(bytes, 10);
        assert!(text.starts_with("It was a typical Friday evening"));
        assert_eq!(reason, None);
    }

    #[test]
    fn inline_markers_are_split_wherever_they_are_cut() {
        let chunk = |text: &str| {
            format!(
                "data: {}\r\n\r\n",
                serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]})
            )
        };
        let said = "<think>\nWhy < not?</think>\n\nBecause 一 < 二.";
        for length in 1..10 {
            let characters: Vec<char> = said.chars().collect();
            let stream: String = characters
                .chunks(length)
                .map(|piece| chunk(&piece.iter().collect::<String>()))
                .collect();
            let (text, thought, ..) = read(stream.as_bytes(), 5);
            assert_eq!(
                (thought.as_str(), text.trim_start()),
                ("\nWhy < not?", "Because 一 < 二."),
                "{length}"
            );
        }
        let (text, thought, ..) = read(chunk("<thin ice").as_bytes(), 100);
        assert_eq!((text.as_str(), thought.as_str()), ("<thin ice", ""));
    }

    #[test]
    fn errors_are_read_in_every_shape() {
        for (body, said) in [
            (
                r#"{"error":{"message":"too long","type":"BadRequestError","code":400}}"#,
                "too long",
            ),
            (r#"{"error":"Unauthorized"}"#, "Unauthorized"),
            (
                r#"{"message":"`nope` is not in the model_list","object":"error"}"#,
                "`nope` is not in the model_list",
            ),
            (
                r#"{"detail":[{"loc":["body"],"msg":"Field required"}]}"#,
                "Field required",
            ),
            ("<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        ] {
            assert_eq!(refusal(400, body), format!("400: {said}"));
        }
        let mut reader = Reader::default();
        let events =
            reader.push(b"data: {\"error\":{\"object\":\"error\",\"message\":\"dead\"}}\n\n");
        assert_eq!(
            events,
            [ReplyEvent::Failed {
                message: "dead".to_owned()
            }]
        );
    }
}
