//! Nodes that are away: they delay nobody, and are asked ever more rarely.

use backend::hosts::{Answer, Host, HostError, Limits};
use backend::{background, nodes};
use bytes::Bytes;
use domain::jobs::{State, Success};

use crate::support::{Console, Sshd};

#[tokio::test]
async fn a_node_that_never_answers_delays_no_other_job() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let ids = console.nodes(&sshd, work.path(), 2).await;
    let (silent, well) = (console.script(&ids[0]).await, console.script(&ids[1]).await);
    silent.plan("", Answer::Never);
    well.plan("", Answer::Says(String::new(), 0));
    well.plan(
        "echo \"boot",
        Answer::Says("marked 0\nfolder none\nend\n".to_owned(), 0),
    );
    let held = console
        .submit("held", Success::ExitCode, &[(&ids[0], "true")])
        .await;
    console
        .until(&held, "its first look began", |_| {
            !silent.asked().is_empty()
        })
        .await;
    let job = console
        .submit("key", Success::ExitCode, &[(&ids[1], "true")])
        .await;
    console
        .until(&job, "it was started", |_| {
            let asked = well.asked();
            asked
                .iter()
                .any(|text| text.contains("TRAINYARD_COOKIE=$cookie sh"))
        })
        .await;
    let ended = "marked 0\nboot b\nepoch 1\nid 4 9 b 1\nalive no\nrc 0\nlog 0 1\nclosing -\nend\n";
    well.plan("echo \"boot", Answer::Says(ended.to_owned(), 0));
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    let view = backend::jobs::get(&console.backend, &console.actor, &held).await;
    assert_eq!(
        view.expect("the job").processes[0].unreachable_since,
        None,
        "the first look at the silent node has not even ended"
    );
    assert_eq!(silent.asked().len(), 1, "its job was not begun again");
}

#[tokio::test]
async fn a_node_that_refuses_is_asked_rarely_and_at_once_when_a_person_insists() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let ids = console.nodes(&sshd, work.path(), 1).await;
    let host = console.script(&ids[0]).await;
    let why = HostError::Refused {
        address: "10.0.0.2:22".to_owned(),
        why: "no route".to_owned(),
    };
    host.plan("", Answer::Fails(why));
    let job = console
        .submit("key", Success::ExitCode, &[(&ids[0], "true")])
        .await;
    console
        .until(&job, "the node is away", |view| {
            view.processes[0].unreachable_since.is_some()
        })
        .await;
    for _ in 0..20 {
        background::job_reconciler::activate(console.backend.clone())
            .await
            .expect("an activation");
    }
    assert!(host.asked().len() <= 2, "{} attempts", host.asked().len());
    let before = host.asked().len();
    let view = nodes::probe_now(&console.backend, &console.actor, &ids[0]).await;
    let unreachable = view.expect("asked").unreachable.expect("away");
    assert!(
        unreachable.why.en.contains("no route"),
        "{}",
        unreachable.why
    );
    assert_eq!(host.asked().len(), before + 1);
}

#[tokio::test]
async fn a_call_waits_for_a_session_no_longer_than_it_may_take() {
    let sshd = Sshd::start();
    let host = sshd.host().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(
            host.stream("echo here; exec sleep 600")
                .await
                .expect("opened"),
        );
    }
    for stream in &mut held {
        assert_eq!(stream.recv().await.expect("a line"), "here\n");
    }
    let limits = Limits::of_secs(1);
    assert_eq!(
        host.run("true", Bytes::new(), limits).await,
        Err(HostError::Busy(limits.time))
    );
    held.pop();
    assert!(host.run("true", Bytes::new(), Limits::LOOK).await.is_ok());
}

#[tokio::test]
async fn a_node_serves_at_most_eight_sessions_at_once() {
    let (sshd, folder) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let host = sshd.host().await;
    // Each leaves a file while it runs, and says how many there are: counted on the node.
    let command = format!(
        "cd {} && touch $$ && sleep 0.2 && ls | wc -l && sleep 0.2 && rm $$",
        folder.path().display()
    );
    let calls = (0..60).map(|_| host.run(&command, Bytes::new(), Limits::of_secs(20)));
    let mut most = 0;
    for output in futures::future::join_all(calls).await {
        let counted = output.expect("none is refused").text();
        most = most.max(counted.trim().parse().expect("a number"));
    }
    assert_eq!(most, 8);
}
