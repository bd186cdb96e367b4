//! Replies through a node, from an engine that is a few lines of HTTP: kept, followed, stopped, dropped, cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backend::chat::{self, Addressee, NewMessage, Sent};
use backend::store::NewJobRow;
use backend::{Settings, background, clock};
use domain::chat::reply::ReplyEvent;
use domain::chat::{Turn, TurnState};
use domain::deployments::{Deployment, Engine};
use domain::jobs::{JobSpec, Kind, ProcessSpec, State, Success};
use domain::models::{Facts, Format, Model, Origin};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Console, Sshd, wait_until};

/// What the engine was asked and how many of its readers went away in mid-answer.
#[derive(Default)]
struct Engines {
    asked: AtomicUsize,
    left_alone: AtomicUsize,
}

fn chunk(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// Answers one request. A message with "slow" is answered for ever, one with "mute" never, one with "die" ends without a finish reason.
async fn answer(mut stream: TcpStream, engines: Arc<Engines>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let text = loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if text.starts_with("GET") && text.contains("\r\n\r\n") || text.trim_end().ends_with('}') {
            break text;
        }
    };
    if text.contains("mute") {
        engines.asked.fetch_add(1, Ordering::SeqCst);
        // Until the asker goes away.
        while stream.read(&mut buffer).await? > 0 {}
        engines.left_alone.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    if text.starts_with("GET /v1/models") {
        return stream.write_all(br#"{"data":[{"id":"tuned"}]}"#).await;
    }
    if text.starts_with("GET") {
        return Ok(());
    }
    engines.asked.fetch_add(1, Ordering::SeqCst);
    for n in 0.. {
        let done = n == 5 && !text.contains("slow");
        if done && text.contains("die") {
            return Ok(());
        }
        let said = match n {
            0 => chunk(r#"{"reasoning":"hm"}"#, "null"),
            _ if done => format!(
                "{}data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":5}}}}\n\ndata: [DONE]\n\n",
                chunk("{}", "\"stop\"")
            ),
            n => chunk(&format!("{{\"content\":\"字{n} \"}}"), "null"),
        };
        if stream.write_all(said.as_bytes()).await.is_err() {
            engines.left_alone.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        if done {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    Ok(())
}

struct Fixture {
    console: Console,
    deployment: Deployment,
    engines: Arc<Engines>,
    _sshd: Sshd,
    _folders: [tempfile::TempDir; 2],
}

/// A console with a deployment that answers.
async fn ready(unheard: Duration) -> Fixture {
    let (sshd, data, work) = (
        Sshd::start(),
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let console = Console::open_with(Settings {
        unheard,
        ..Settings::new(data.path().to_owned())
    })
    .await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let engines = Arc::new(Engines::default());
    let shared = engines.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, shared.clone()));
        }
    });
    let (backend, actor) = (&console.backend, &console.actor);
    let model = Model {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: "tuned".to_owned(),
        node_id: node.clone(),
        path: "/models/tuned".to_owned(),
        format: Format::Hf,
        origin: Origin::Registered,
        facts: Facts::default(),
        precision: None,
        created_at: clock::now(),
    };
    assert!(
        backend
            .store()
            .insert_model(&model, &actor.user, None)
            .await
            .expect("stored")
    );
    let deployment = Deployment {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: "tuned".to_owned(),
        engine: Engine::Vllm,
        model_id: model.id,
        node_id: node.clone(),
        gpus: Vec::new(),
        served_name: "tuned".to_owned(),
        port,
        max_model_len: None,
        job_id: clock::new_id(),
        created_at: clock::now(),
    };
    let spec = JobSpec {
        kind: Kind::Deploy,
        processes: vec![ProcessSpec {
            rank: 0,
            node_id: node,
            gpus: Vec::new(),
            script: "exec sleep 600".to_owned(),
            files: Vec::new(),
        }],
        success: Success::Never,
    };
    let job = NewJobRow {
        id: &deployment.job_id,
        project: &actor.project,
        creator: &actor.user,
        title: "tuned",
        subject: deployment.id.as_str(),
        launch_key: "tuned",
        spec: &spec,
        now: clock::now(),
    };
    backend
        .store()
        .insert_deployment(&deployment, &actor.user, job)
        .await
        .expect("stored");
    console
        .until(&deployment.job_id, "it runs", |view| {
            view.state == State::Running
        })
        .await;
    background::deployment_reconciler::activate(backend.clone())
        .await
        .expect("an activation");
    console
        .until(&deployment.job_id, "it is ready", |view| {
            view.state == State::Ready
        })
        .await;
    Fixture {
        deployment,
        engines,
        _sshd: sshd,
        _folders: [data, work],
        console,
    }
}

impl Fixture {
    async fn say(&self, text: &str) -> Sent {
        let new = NewMessage {
            text: text.to_owned(),
            to: vec![self.after(None)],
            ..NewMessage::default()
        };
        chat::send(&self.console.backend, &self.console.actor, new)
            .await
            .expect("sent")
    }

    fn after(&self, parent: Option<&Turn>) -> Addressee {
        Addressee {
            deployment: self.deployment.id.clone(),
            parent: parent.map(|turn| turn.id.clone()),
        }
    }

    async fn events(&self, sent: &Sent, from: usize) -> Vec<ReplyEvent> {
        let stream = chat::subscribe(
            &self.console.backend,
            &self.console.actor,
            &sent.replies[0],
            from,
        )
        .await
        .expect("followed");
        stream.collect().await
    }

    async fn reply(&self, sent: &Sent) -> Turn {
        let (_, turns) = chat::get(
            &self.console.backend,
            &self.console.actor,
            &sent.conversation,
        )
        .await
        .expect("read");
        turns
            .into_iter()
            .find(|turn| turn.id == sent.replies[0])
            .expect("kept")
    }

    async fn until_ended(&self, sent: &Sent) -> Turn {
        for _ in 0..1000 {
            let reply = self.reply(sent).await;
            if reply.state != TurnState::Streaming {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the reply did not end");
    }
}

fn cut(why: &str) -> TurnState {
    TurnState::CutOff {
        why: why.to_owned(),
    }
}

#[tokio::test]
async fn a_reply_is_followed_from_any_offset_and_kept_with_what_it_took() {
    let fixture = ready(Duration::from_secs(30)).await;
    let sent = fixture.say("hello").await;
    let (all, late) = tokio::join!(fixture.events(&sent, 0), fixture.events(&sent, 3));
    assert_eq!(
        all[0],
        ReplyEvent::Reasoning {
            text: "hm".to_owned()
        }
    );
    assert_eq!(all[3..], late[..]);
    let reply = fixture.until_ended(&sent).await;
    assert_eq!(
        (reply.text.as_str(), reply.reasoning.as_str(), &reply.state),
        ("字1 字2 字3 字4 ", "hm", &TurnState::Complete)
    );
    assert_eq!(
        (
            reply.usage.prompt_tokens,
            reply.usage.completion_tokens,
            reply.usage.finish_reason.as_deref()
        ),
        (Some(3), Some(5), Some("stop"))
    );
    assert!(
        reply.usage.first_token_millis <= reply.usage.reasoning_millis
            && reply.usage.reasoning_millis <= reply.usage.total_millis
    );
    // Long after its end it still says all of it.
    let again = fixture.events(&sent, 0).await;
    assert_eq!(again[1], ReplyEvent::Text { text: reply.text });
}

#[tokio::test]
async fn a_stop_ends_the_engines_work_and_keeps_what_was_said() {
    let fixture = ready(Duration::from_secs(30)).await;
    let sent = fixture.say("slow").await;
    let stream = chat::subscribe(
        &fixture.console.backend,
        &fixture.console.actor,
        &sent.replies[0],
        0,
    )
    .await
    .expect("followed");
    let first: Vec<ReplyEvent> = stream.take(3).collect().await;
    assert_eq!(first.len(), 3);
    chat::stop(
        &fixture.console.backend,
        &fixture.console.actor,
        &sent.replies[0],
    )
    .await
    .expect("stopped");
    let reply = fixture.until_ended(&sent).await;
    assert_eq!(reply.state, cut("stopped"));
    assert!(reply.text.starts_with("字1 "), "{}", reply.text);
    wait_until("the engine noticed", || {
        fixture.engines.left_alone.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn a_reply_to_which_nobody_listens_is_dropped() {
    let fixture = ready(Duration::from_millis(300)).await;
    let sent = fixture.say("slow").await;
    assert_eq!(fixture.until_ended(&sent).await.state, cut("unheard"));
    wait_until("the engine noticed", || {
        fixture.engines.left_alone.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn a_reply_to_which_nobody_listens_is_dropped_also_before_its_first_byte() {
    let fixture = ready(Duration::from_secs(1)).await;
    let sent = fixture.say("mute").await;
    wait_until("the engine was asked", || {
        fixture.engines.asked.load(Ordering::SeqCst) == 1
    })
    .await;
    // While somebody listens, it is waited for.
    let listening = tokio::time::timeout(Duration::from_millis(2500), fixture.events(&sent, 0));
    assert!(
        listening.await.is_err(),
        "it ended while it was listened to"
    );
    assert_eq!(fixture.until_ended(&sent).await.state, cut("unheard"));
    wait_until("the engine noticed", || {
        fixture.engines.left_alone.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_ends_without_a_finish_reason_has_cut_the_reply_off() {
    let fixture = ready(Duration::from_secs(30)).await;
    let sent = fixture.say("die").await;
    fixture.events(&sent, 0).await;
    let reply = fixture.until_ended(&sent).await;
    assert_eq!(
        (reply.state, reply.text.as_str()),
        (cut("engine"), "字1 字2 字3 字4 ")
    );
}

#[tokio::test]
async fn replies_of_a_process_that_is_gone_are_cut_off_at_the_next_start() {
    let fixture = ready(Duration::from_secs(30)).await;
    let sent = fixture.say("hello").await;
    let ended = fixture.until_ended(&sent).await;
    let store = fixture.console.backend.store();
    // As a killed process leaves it: half an answer that nobody is writing any more.
    store
        .update_reply(&ended.id, "half", "", &TurnState::Streaming, &ended.usage)
        .await
        .expect("written");
    assert_eq!(
        chat::begin_anew(&fixture.console.backend)
            .await
            .expect("begun"),
        1
    );
    let reply = fixture.reply(&sent).await;
    assert_eq!(
        (reply.state, reply.text.as_str()),
        (cut("restarted"), "half")
    );
}

#[tokio::test]
async fn each_pane_goes_on_from_its_own_reply() {
    let fixture = ready(Duration::from_secs(30)).await;
    let Console { backend, actor, .. } = &fixture.console;
    // Two panes ask together: one turn of the person's, two replies.
    let new = NewMessage {
        text: "hello".to_owned(),
        to: vec![fixture.after(None), fixture.after(None)],
        ..NewMessage::default()
    };
    let sent = chat::send(backend, actor, new).await.expect("sent");
    fixture.until_ended(&sent).await;
    let turns = async || {
        chat::get(backend, actor, &sent.conversation)
            .await
            .expect("read")
            .1
    };
    let of = |turns: &[Turn], id: &domain::ids::TurnId| -> Turn {
        turns
            .iter()
            .find(|turn| turn.id == *id)
            .expect("there")
            .clone()
    };
    let before = turns().await;
    let first: Vec<Turn> = sent.replies.iter().map(|id| of(&before, id)).collect();
    assert_eq!(first[0].parent_id, first[1].parent_id);
    // The next message follows each pane's own reply.
    let new = NewMessage {
        conversation: Some(sent.conversation.clone()),
        text: "and then".to_owned(),
        to: first
            .iter()
            .map(|reply| fixture.after(Some(reply)))
            .collect(),
        ..NewMessage::default()
    };
    let next = chat::send(backend, actor, new.clone()).await.expect("sent");
    let after = turns().await;
    for (reply, before) in next.replies.iter().zip(&first) {
        let said = of(
            &after,
            of(&after, reply).parent_id.as_ref().expect("a parent"),
        );
        assert_eq!(
            (said.text.as_str(), said.parent_id.as_ref()),
            ("and then", Some(&before.id))
        );
    }
    // A parent that is not there is no beginning.
    let lost = NewMessage {
        to: vec![Addressee {
            parent: Some(clock::new_id()),
            ..fixture.after(None)
        }],
        ..new
    };
    assert!(chat::send(backend, actor, lost).await.is_err());
}
