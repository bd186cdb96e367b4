//! Two consoles over one database: one acts on a job, the other takes over when it has ended.

use backend::background::job_reconciler;
use backend::hosts::Answer;
use domain::jobs::{State, Success};
use domain::time::Timestamp;

use crate::support::{Console, Sshd};

async fn pass(console: &Console) {
    job_reconciler::activate(console.backend.clone())
        .await
        .expect("an activation");
}

#[tokio::test]
async fn one_of_two_consoles_acts_and_the_next_takes_over() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let one = Console::start().await;
    let node = one.nodes(&sshd, work.path(), 1).await.remove(0);
    let other = Console::open(&one.folder).await;
    let (asked_by_one, asked_by_other) = (one.script(&node).await, other.script(&node).await);
    for host in [&asked_by_one, &asked_by_other] {
        host.plan("", Answer::Says(String::new(), 0));
        let absent = "marked 0\nfolder none\nend\n".to_owned();
        host.plan("echo \"boot", Answer::Says(absent, 0));
    }
    let job = one
        .submit("key", Success::ExitCode, &[(&node, "true")])
        .await;
    one.until(&job, "it is starting", |view| view.state == State::Starting)
        .await;
    for _ in 0..5 {
        pass(&other).await;
    }
    // The state is stored before the node is asked.
    let asks = async {
        while asked_by_one.asked().is_empty() {
            pass(&one).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), asks)
        .await
        .expect("the first one asks");
    assert!(asked_by_other.asked().is_empty(), "the second one acted");
    // The first one's process is gone, the next one holds the folder.
    let next = Console::restart(&one.folder).await;
    let asked_by_next = next.script(&node).await;
    let ended = "marked 0\nboot b\nepoch 1\nid 4 9 b 1\nalive no\nrc 0\nlog 0 1\nclosing -\nend\n";
    asked_by_next.plan("echo \"boot", Answer::Says(ended.to_owned(), 0));
    // It claims the job before the others pass again; then nothing of theirs is acted upon.
    pass(&next).await;
    let before = asked_by_one.asked().len();
    for console in [&one, &other] {
        pass(console).await;
    }
    assert_eq!(next.until_ended(&job).await.state, State::Succeeded);
    assert!(
        asked_by_one.asked().len() <= before + 1,
        "beyond what was under way"
    );
    assert!(asked_by_other.asked().is_empty());
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_and_its_holders_moves_are_refused() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let id = console
        .submit("key", Success::ExitCode, &[(&node, "true")])
        .await;
    let store = console.backend.store();
    let claim = async |instance, secs: i64| {
        let now = Timestamp(secs * 1000);
        let until = now.plus_millis(30_000);
        store.claim_jobs(instance, now, until).await.expect("asked");
        !store.jobs_held(instance).await.expect("read").is_empty()
    };
    assert!(claim("one", 0).await);
    assert!(claim("one", 20).await, "renewed until 50");
    assert!(!claim("other", 49).await);
    assert!(claim("other", 51).await);
    assert!(!claim("one", 52).await);
    let row = store.job(&id).await.expect("read").expect("stored");
    let start = async |instance| {
        store
            .move_job(instance, &row, &State::Starting, "", Timestamp(0))
            .await
            .expect("asked")
    };
    assert!(!start("one").await);
    assert!(start("other").await);
}
