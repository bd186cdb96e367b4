//! The JSON of answers, with vLLM's keys in vLLM's order.

use serde_json::{Value, json};

/// What every chunk of one answer shares.
pub struct Head {
    pub id: String,
    pub created: u64,
    pub model: String,
}

impl Head {
    fn chunk(&self, choices: Value) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model, "choices": choices})
    }

    pub fn first(&self) -> Value {
        let delta = json!({"role": "assistant", "content": ""});
        self.chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]))
    }

    pub fn delta(&self, key: &str, text: &str) -> Value {
        self.chunk(json!([{"index": 0, "delta": {key: text}, "logprobs": null, "finish_reason": null, "token_ids": null}]))
    }

    pub fn last(&self, reason: &str) -> Value {
        self.chunk(json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": reason, "stop_reason": null, "token_ids": null}]))
    }

    pub fn usage(&self, prompt: usize, said: usize) -> Value {
        let mut chunk = self.chunk(json!([]));
        chunk["usage"] = usage(prompt, said);
        chunk
    }

    /// A whole answer.
    pub fn message(
        &self,
        text: &str,
        reasoning: Option<&str>,
        reason: &str,
        prompt: usize,
        said: usize,
    ) -> Value {
        let message = json!({"role": "assistant", "content": text, "refusal": null, "tool_calls": [], "reasoning_content": reasoning});
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason, "stop_reason": null}],
            "usage": usage(prompt, said),
        })
    }

    /// A whole text completion.
    pub fn completion(&self, text: &str, reason: &str, prompt: usize, said: usize) -> Value {
        json!({
            "id": self.id.replace("chatcmpl", "cmpl"), "object": "text_completion", "created": self.created, "model": self.model,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": reason, "stop_reason": null}],
            "usage": usage(prompt, said),
        })
    }
}

fn usage(prompt: usize, said: usize) -> Value {
    json!({"prompt_tokens": prompt, "total_tokens": prompt + said, "completion_tokens": said, "prompt_tokens_details": null})
}

/// vLLM's error body.
pub fn error(message: &str, kind: &str, param: Option<&str>, code: u16) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}
