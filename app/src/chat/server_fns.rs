//! Conversations for pages.

use crate::wire::Json;
use domain::chat::{Conversation, Parameters, Turn};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A message as sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// None: a new conversation.
    pub conversation: Option<String>,
    pub text: String,
    pub system: String,
    /// Each deployment that is to answer, and the turn that the message follows for it; None: the beginning.
    pub to: Vec<(String, Option<String>)>,
    pub parameters: Parameters,
}

#[server(prefix = "/fn", endpoint = "chat/list", input = Json, output = Json)]
pub async fn list_conversations() -> Result<Vec<Conversation>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::chat::list(&backend, &actor).await?)
}

/// The turns of a conversation; none for a new one.
#[server(prefix = "/fn", endpoint = "chat/turns", input = Json, output = Json)]
pub async fn list_turns(conversation: String) -> Result<Vec<Turn>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    if conversation.is_empty() {
        return Ok(Vec::new());
    }
    Ok(backend::chat::get(&backend, &actor, &conversation.parse()?)
        .await?
        .1)
}

/// The conversation's id. Replies are written by the server; the page follows them.
#[server(prefix = "/fn", endpoint = "chat/send", input = Json, output = Json)]
pub async fn send_message(message: Message) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let mut to = Vec::with_capacity(message.to.len());
    for (deployment, parent) in message.to {
        to.push(backend::chat::Addressee {
            deployment: deployment.parse()?,
            parent: parent.map(|id| id.parse()).transpose()?,
        });
    }
    let new = backend::chat::NewMessage {
        conversation: message.conversation.map(|id| id.parse()).transpose()?,
        text: message.text,
        system: message.system,
        to,
        parameters: message.parameters,
    };
    Ok(backend::chat::send(&backend, &actor, new)
        .await?
        .conversation
        .to_string())
}

#[server(prefix = "/fn", endpoint = "chat/stop", input = Json, output = Json)]
pub async fn stop_reply(turn: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    backend::chat::stop(&backend, &actor, &turn.parse()?).await?;
    Ok(())
}

#[server(prefix = "/fn", endpoint = "chat/delete", input = Json, output = Json)]
pub async fn delete_conversation(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    backend::chat::delete(&backend, &actor, &id.parse()?).await?;
    Ok(())
}
