//! Conversations: say something, follow the replies, stop them; and the plain pass-through for `/v1`.

mod reply;

use bytes::Bytes;
use domain::chat::reply::{ReplyEvent, refusal};
use domain::chat::request;
use domain::chat::{Conversation, Parameters, Speaker, Turn, TurnState, Usage};
use domain::deployments::Deployment;
use domain::finding::Finding;
use domain::ids::{ConversationId, DeploymentId, TurnId};
use domain::jobs::State;
use domain::language::Text;
use domain::people::Role;
use futures::Stream;

use crate::inference::{self, Answer, EngineError};
use crate::models::wrong;
use crate::{Actor, Backend, Error, Result, clock, deployments, nodes};

pub use reply::Replies;

/// Letters of a conversation's title, which is the beginning of what was said first.
const TITLE: usize = 48;

/// Something a person says to one or more engines.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct NewMessage {
    /// None: a new conversation.
    pub conversation: Option<ConversationId>,
    pub text: String,
    /// For a new conversation; empty: none.
    pub system: String,
    /// One reply each. Who follows the same turn shares one turn of the person's.
    pub to: Vec<Addressee>,
    pub parameters: Parameters,
}

/// A deployment that is to answer, and where in the tree.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addressee {
    pub deployment: DeploymentId,
    /// The turn that the message follows for this one; None: the first of the conversation.
    pub parent: Option<TurnId>,
}

/// What was stored when it was sent; replies in the order of those they were asked from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sent {
    pub conversation: ConversationId,
    pub replies: Vec<TurnId>,
}

/// Stores the turn and the beginnings of its replies, then lets the engines write them. Findings are on `text`, `deployment` and the
/// parameters' names.
pub async fn send(backend: &Backend, actor: &Actor, new: NewMessage) -> Result<Sent> {
    actor.needs(Role::Member)?;
    let findings = written_wrong(&new);
    if !findings.is_empty() {
        return Err(Error::Invalid(findings));
    }
    let mut engines = Vec::with_capacity(new.to.len());
    for Addressee { deployment, parent } in &new.to {
        let view = deployments::get(backend, actor, deployment).await?;
        if view.job.state != State::Ready {
            let name = &view.deployment.name;
            return Err(wrong(
                "deployment",
                format!(
                    "\"{name}\" does not answer now. Choose one that is ready, or start it again."
                ),
                format!("“{name}”当前未就绪。请选择已就绪的部署，或重新启动它。"),
            ));
        }
        engines.push((view.deployment, parent));
    }
    let now = clock::now();
    let fresh = Conversation {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        title: new
            .text
            .trim()
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(TITLE)
            .collect(),
        created_at: now,
    };
    let (conversation, turns) = match &new.conversation {
        Some(id) => get(backend, actor, id).await?,
        None => (fresh.clone(), Vec::new()),
    };
    let turn = |parent: Option<TurnId>, speaker, text: &str| Turn {
        id: clock::new_id(),
        conversation_id: conversation.id.clone(),
        parent_id: parent,
        speaker,
        text: text.to_owned(),
        reasoning: String::new(),
        state: TurnState::Complete,
        deployment_id: None,
        parameters: Parameters::default(),
        usage: Usage::default(),
        created_at: now,
    };
    let mut rows = Vec::new();
    // The person's turn after each parent, at the end of the path that leads to it.
    let mut said: Vec<(&Option<TurnId>, Vec<Turn>)> = Vec::new();
    let mut begun = Vec::with_capacity(engines.len());
    for (engine, parent) in engines {
        let known = said.iter().position(|(after, _)| *after == parent);
        let at = match known {
            Some(at) => at,
            None => {
                let mut path = match parent {
                    Some(id) => request::path_to(&turns, id),
                    None => Vec::new(),
                };
                if parent.is_some() && path.is_empty() {
                    return Err(Error::NotFound("turn"));
                }
                if path.is_empty() && !new.system.trim().is_empty() {
                    let system = turn(None, Speaker::System, new.system.trim());
                    rows.push((system.clone(), None));
                    path.push(system);
                }
                let above = path.last().map(|turn| turn.id.clone());
                let user = turn(above, Speaker::User, &new.text);
                rows.push((user.clone(), None));
                path.push(user);
                said.push((parent, path));
                said.len() - 1
            }
        };
        let path = &said[at].1;
        let body = request::body(&engine.served_name, path, &new.parameters).to_string();
        let above = path.last().map(|turn| turn.id.clone());
        let reply = Turn {
            state: TurnState::Streaming,
            deployment_id: Some(engine.id.clone()),
            parameters: new.parameters.clone(),
            ..turn(above, Speaker::Assistant, "")
        };
        rows.push((reply.clone(), Some(body.clone())));
        begun.push((reply, engine, body));
    }
    let is_new = new.conversation.is_none();
    backend
        .store()
        .insert_turns(is_new.then_some((&fresh, &actor.user)), &rows)
        .await?;
    let sent = Sent {
        conversation: conversation.id.clone(),
        replies: begun.iter().map(|(reply, ..)| reply.id.clone()).collect(),
    };
    for (reply, engine, body) in begun {
        reply::begin(backend, actor.project.clone(), reply, engine, body);
    }
    backend
        .announce(
            &actor.project,
            "conversation",
            sent.conversation.as_str(),
            serde_json::json!({}),
        )
        .await?;
    Ok(sent)
}

fn written_wrong(new: &NewMessage) -> Vec<Finding> {
    let mut findings = Vec::new();
    if new.text.trim().is_empty() {
        findings.push(Finding::stops(
            "text",
            "Write something first.",
            "请先输入内容。",
        ));
    }
    if new.to.is_empty() {
        findings.push(Finding::stops(
            "deployment",
            "Choose a deployment that is to answer.",
            "请选择用于回答的部署。",
        ));
    }
    let p = &new.parameters;
    let mut outside = |field: &str, value: Option<f64>, least: f64, most: f64| {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            findings.push(Finding::stops(
                field,
                format!("{value} is outside {least} … {most}."),
                format!("{value} 超出范围 {least} … {most}。"),
            ));
        }
    };
    outside("temperature", p.temperature, 0.0, 2.0);
    outside("top_p", p.top_p, f64::MIN_POSITIVE, 1.0);
    outside("presence_penalty", p.presence_penalty, -2.0, 2.0);
    outside("top_k", p.top_k.map(|value| value as f64), -1.0, 1e6);
    outside("max_tokens", p.max_tokens.map(f64::from), 1.0, 1e6);
    findings
}

/// What a reply says, from event number `from` on, until it ends. A reply that has ended already says all of it at once.
pub async fn subscribe(
    backend: &Backend,
    actor: &Actor,
    id: &TurnId,
    from: usize,
) -> Result<impl Stream<Item = ReplyEvent> + Send + use<>> {
    let turn = backend
        .store()
        .turn(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("turn"))?;
    let live = backend.replies().find(id);
    Ok(futures::stream::unfold(
        (live, from, turn),
        |(live, at, turn)| async move {
            match &live {
                Some(following) => {
                    let event = following.event(at).await?;
                    Some((event, (live, at + 1, turn)))
                }
                None => {
                    let kept = [
                        (!turn.reasoning.is_empty()).then(|| ReplyEvent::Reasoning {
                            text: turn.reasoning.clone(),
                        }),
                        (!turn.text.is_empty()).then(|| ReplyEvent::Text {
                            text: turn.text.clone(),
                        }),
                    ];
                    let event = kept.into_iter().flatten().nth(at)?;
                    Some((event, (live, at + 1, turn)))
                }
            }
        },
    ))
}

/// Ends a reply: the engine stops at once, what was said stays.
pub async fn stop(backend: &Backend, actor: &Actor, id: &TurnId) -> Result<()> {
    backend
        .store()
        .turn(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("turn"))?;
    backend.replies().stop(id);
    Ok(())
}

/// The newest 200 conversations of the project.
pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<Conversation>> {
    backend.store().conversations(&actor.project).await
}

/// A conversation with all its turns, oldest first. A reply that is being written has what it has said so far.
pub async fn get(
    backend: &Backend,
    actor: &Actor,
    id: &ConversationId,
) -> Result<(Conversation, Vec<Turn>)> {
    let conversation = backend
        .store()
        .conversation(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("conversation"))?;
    let turns = backend.store().turns(id).await?;
    Ok((conversation, turns))
}

/// Deletes a conversation with everything said in it; replies under way end.
pub async fn delete(backend: &Backend, actor: &Actor, id: &ConversationId) -> Result<()> {
    actor.needs(Role::Member)?;
    let (_, turns) = get(backend, actor, id).await?;
    for turn in turns {
        backend.replies().stop(&turn.id);
    }
    backend.store().delete_conversation(id).await?;
    backend
        .announce(
            &actor.project,
            "conversation",
            id.as_str(),
            serde_json::json!({"deleted": true}),
        )
        .await
}

/// At start: replies that an earlier process was writing will not go on. Answers how many there were.
pub async fn begin_anew(backend: &Backend) -> Result<u64> {
    backend.store().cut_off_replies("restarted").await
}

/// Sends a request of the OpenAI gateway to the deployment that its `model` names, unchanged. Dropping the answer ends it.
pub async fn passthrough(
    backend: &Backend,
    actor: &Actor,
    path: &str,
    body: Bytes,
) -> Result<Answer> {
    let parsed: serde_json::Value = serde_json::from_slice(&body).map_err(|error| {
        wrong(
            "body",
            format!("The body is no JSON: {error}."),
            format!("请求体不是 JSON：{error}。"),
        )
    })?;
    let name = parsed["model"].as_str().unwrap_or_default();
    let deployment = backend
        .store()
        .ready_deployment(&actor.project, name)
        .await?
        .ok_or(Error::NotFound("model"))?;
    let host = nodes::host(backend, &nodes::stored(backend, &deployment.node_id).await?).await?;
    let limit = std::time::Duration::from_secs(600);
    inference::ask(&*host, deployment.port, path, Some(body), limit)
        .await
        .map_err(|error| unanswered(&deployment, &error))
}

fn unanswered(deployment: &Deployment, error: &EngineError) -> Error {
    let (name, Text { en, zh }) = (&deployment.name, error.text());
    Error::Unavailable(Text::new(
        format!("\"{name}\" gave no answer: {en}."),
        format!("“{name}”没有响应：{zh}。"),
    ))
}

/// What an engine said instead of a reply.
async fn refused(answer: Answer) -> Text {
    let status = answer.status;
    match answer.text().await {
        Ok(body) => Text::verbatim(refusal(status, &body)),
        Err(error) => error.text(),
    }
}
