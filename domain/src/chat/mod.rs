//! Conversations: a tree of turns, and the request and reply of an OpenAI-compatible engine.

pub mod reply;
pub mod request;

use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, DeploymentId, ProjectId, TurnId};
use crate::language::Text;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    System,
    User,
    Assistant,
}

/// Sampling parameters. None = the engine's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Parameters {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<i64>,
    pub max_tokens: Option<u32>,
    pub presence_penalty: Option<f64>,
    /// `chat_template_kwargs.enable_thinking`.
    pub thinking: Option<bool>,
}

/// How a reply stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TurnState {
    /// A person's turn, or a reply that ended with a finish reason.
    Complete,
    Streaming,
    /// Ended without a finish reason: stopped, dropped, or the engine died.
    ///
    /// `why` is `stopped`, `unheard` (nobody listened for long), `engine`, `length` or `restarted` (the console was).
    CutOff {
        why: String,
    },
    Failed {
        why: Text,
    },
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    /// From sending the request to the first token.
    pub first_token_millis: Option<i64>,
    /// From sending the request to the end of the thinking.
    #[serde(default)]
    pub reasoning_millis: Option<i64>,
    pub total_millis: Option<i64>,
    pub finish_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub id: TurnId,
    pub conversation_id: ConversationId,
    pub parent_id: Option<TurnId>,
    pub speaker: Speaker,
    pub text: String,
    /// What the model thought before it answered.
    pub reasoning: String,
    pub state: TurnState,
    pub deployment_id: Option<DeploymentId>,
    pub parameters: Parameters,
    pub usage: Usage,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    pub id: ConversationId,
    pub project_id: ProjectId,
    pub title: String,
    pub created_at: Timestamp,
}
