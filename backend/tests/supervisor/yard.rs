//! A cluster of two rehearsal nodes, whose programs are the real command lines: what happens when a run's processes fail.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backend::experiments::{self, create_and_launch};
use backend::models::{self, ConvertOptions};
use backend::{Settings, background, datasets, nodes};
use domain::experiments::form::Form;
use domain::ids::JobId;
use domain::jobs::{JobView, State};
use domain::models::Format;
use domain::nodes::{Cluster, NodeView};
use tempfile::TempDir;

use crate::support::{Console, lives};

/// The nodes, taken down with everything on them when dropped.
pub struct Yard {
    folder: TempDir,
    pub console: Console,
    cluster: Cluster,
    pub nodes: Vec<NodeView>,
}

/// Built beside this test by every `cargo test` of the workspace.
fn rehearsal() -> Command {
    let tests = std::env::current_exe().expect("a path");
    let program = tests
        .ancestors()
        .nth(2)
        .expect("a folder")
        .join("rehearsal");
    assert!(program.exists(), "run `cargo build` first");
    Command::new(program)
}

impl Yard {
    /// Two nodes of two GPUs at loopback addresses of their own, with the base model in both forms and the dataset on each.
    pub async fn open(first_address: u8) -> Yard {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let key = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(at("key"))
            .status();
        assert!(key.expect("ssh-keygen runs").success());
        for n in 0..2 {
            let address = format!("127.0.0.{}", first_address + n);
            let free = std::net::TcpListener::bind((address.as_str(), 0)).expect("a port");
            let port = free.local_addr().expect("an address").port().to_string();
            drop(free);
            let up = rehearsal()
                .args(["up", "--name", &format!("node-{}", n + 1)])
                .args(["--address", &address, "--port", &port])
                .arg("--home")
                .arg(at(&format!("node-{}", n + 1)))
                .arg("--authorized-key")
                .arg(at("key.pub"))
                .output()
                .expect("rehearsal runs");
            assert!(
                up.status.success(),
                "{}",
                String::from_utf8_lossy(&up.stderr)
            );
        }
        let described = rehearsal()
            .args(["describe", "--name", "rehearsal", "--key"])
            .args([at("key"), at("node-1"), at("node-2")])
            .output()
            .expect("rehearsal runs");
        std::fs::write(at("cluster.json"), described.stdout).expect("written");
        std::fs::create_dir(at("data")).expect("made");
        let console = Console::open_with(Settings {
            rehearsal: Some(at("cluster.json")),
            ..Settings::new(at("data"))
        })
        .await;
        let clusters = nodes::list(&console.backend, &console.actor).await;
        let (cluster, nodes) = clusters.expect("listed").remove(0);
        Yard {
            folder,
            console,
            cluster,
            nodes,
        }
    }

    /// The console is killed, and the next one takes over its folder.
    pub async fn restart(&mut self) {
        self.console = Console::restart(&self.folder.path().join("data")).await;
    }

    /// A form that can be launched: the model is converted and copied as people do it.
    pub async fn form(&self) -> Form {
        let (backend, actor) = (&self.console.backend, &self.console.actor);
        let (main, other) = (&self.nodes[0].node, &self.nodes[1].node);
        let path = format!("{}/models/yard-base", main.work_folder);
        let base = models::register(backend, actor, &main.id, &path, "base").await;
        let base = base.expect("registered");
        let options = ConvertOptions {
            output: String::new(),
            test_precision: false,
        };
        let job = models::convert(backend, actor, &base, options).await;
        self.is_succeeded(&job.expect("submitted")).await;
        let deadline = Instant::now() + Duration::from_secs(60);
        let converted = loop {
            background::model_reconciler::activate(backend.clone())
                .await
                .expect("an activation");
            let all = models::list(backend, actor).await.expect("listed");
            if let Some(model) = all.into_iter().find(|model| model.format == Format::Mcore) {
                break model;
            }
            assert!(
                Instant::now() < deadline,
                "the converted model did not appear"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let job = models::copy(backend, actor, &converted.id, &other.id).await;
        self.is_succeeded(&job.expect("submitted")).await;
        let path = format!("{}/datasets/willow_bend.jsonl", main.work_folder);
        let dataset = datasets::register(backend, actor, &main.id, &path, "").await;
        Form {
            name: "faults".to_owned(),
            cluster_id: self.cluster.id.to_string(),
            model_id: base.to_string(),
            dataset_id: dataset.expect("registered").to_string(),
            ..Form::of_preset("rehearsal")
        }
    }

    async fn is_succeeded(&self, job: &JobId) {
        let ended = self.console.until_ended(job).await;
        assert_eq!(
            ended.state,
            State::Succeeded,
            "{}",
            self.console.log(job, 0).await
        );
    }

    /// Passes until the job's GPUs are free; what it ended as.
    async fn until_free(&self, job: &JobId) -> JobView {
        let ended = self.console.until_ended(job).await;
        let deadline = Instant::now() + Duration::from_secs(60);
        let store = self.console.backend.store();
        while !store
            .reservations_of_ended_jobs()
            .await
            .expect("read")
            .is_empty()
        {
            background::job_reconciler::activate(self.console.backend.clone())
                .await
                .expect("an activation");
            assert!(Instant::now() < deadline, "the GPUs were not freed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ended
    }

    /// Pids of what a rank has started, as its supervising shell notes them.
    fn family(&self, rank: usize, job: &JobId) -> Vec<String> {
        let folder = &self.nodes[rank].node.work_folder;
        let file = PathBuf::from(format!("{folder}/.trainyard/jobs/{job}/{rank}/family"));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let pids = text.lines().filter_map(|line| line.split(' ').next());
        pids.map(str::to_owned).collect()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        for n in 1..=2 {
            let home = self.folder.path().join(format!("node-{n}"));
            rehearsal()
                .arg("down")
                .arg("--home")
                .arg(home)
                .status()
                .ok();
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_before_the_start_fails_the_run_with_its_cause() {
    let yard = Yard::open(41).await;
    let (backend, actor) = (&yard.console.backend, &yard.console.actor);
    let form = yard.form().await;
    let id = create_and_launch(backend, actor, &form, "key").await;
    let view = experiments::get(backend, actor, &id.expect("launched")).await;
    let job = view.expect("stored").job().expect("a job").id.clone();
    let spec = backend
        .store()
        .job(&job)
        .await
        .expect("read")
        .expect("stored")
        .spec;
    let port = domain::recipes::launch::master_port(&spec.processes[0].script).expect("a port");
    // The nodes' addresses are loopback's, so that is what carries them.
    for process in &spec.processes {
        assert!(
            process.script.contains("GLOO_SOCKET_IFNAME=lo\n"),
            "{}",
            process.script
        );
    }
    // Free in the preview, taken now: nothing of the launch has reached the nodes yet.
    let main = yard.nodes[0]
        .probe
        .as_ref()
        .expect("seen")
        .internal_address
        .clone();
    let _taken = std::net::TcpListener::bind((main.as_str(), port)).expect("free until now");
    let State::Failed { cause } = yard.until_free(&job).await.state else {
        panic!("two programs cannot listen on one port")
    };
    assert!(
        cause.en.to_lowercase().contains("address already in use"),
        "{cause}"
    );
    for rank in 0..2 {
        let living: Vec<_> = yard
            .family(rank, &job)
            .into_iter()
            .filter(|pid| lives(pid))
            .collect();
        assert!(living.is_empty(), "rank {rank} left {living:?} behind");
    }
}

#[tokio::test]
async fn a_double_click_launches_once_and_a_killed_rank_ends_the_one_that_waits_for_it() {
    let yard = Yard::open(43).await;
    let (backend, actor) = (&yard.console.backend, &yard.console.actor);
    let mut form = yard.form().await;
    // Long enough to be killed in its middle.
    form.recipe.insert("length".to_owned(), "1000".to_owned());
    let (one, two) = tokio::join!(
        create_and_launch(backend, actor, &form, "key"),
        create_and_launch(backend, actor, &form, "key")
    );
    let id = one.expect("launched");
    assert_eq!(two.expect("known"), id);
    let all = experiments::list(backend, actor).await.expect("listed");
    assert_eq!((all.len(), all[0].attempts.len()), (1, 1));
    let job = all[0].job().expect("a job").id.clone();
    let (first, second) = (&yard.nodes[0].node, &yard.nodes[1].node);
    let log = |node: &domain::nodes::Node, rank| {
        let file = format!("{}/.trainyard/jobs/{job}/{rank}/log", node.work_folder);
        std::fs::read_to_string(file).unwrap_or_default()
    };
    yard.console
        .until(&job, "it trains, and its processes are noted", |_| {
            // On each node the trainer, its two ranks, and the shell that supervises them.
            let is_noted = |rank| yard.family(rank, &job).len() >= 4;
            log(second, 1).contains("'loss'") && is_noted(0) && is_noted(1)
        })
        .await;
    let waiting = yard.family(0, &job);
    assert!(waiting.iter().any(|pid| lives(pid)));
    // The trainer with its ranks; the supervising shell records how it ended.
    let id = format!("{}/.trainyard/jobs/{job}/1/id", second.work_folder);
    let id = std::fs::read_to_string(id).expect("an identity");
    let shell = id.split(' ').next();
    for pid in yard.family(1, &job) {
        if Some(pid.as_str()) != shell {
            let mut kill = Command::new("kill");
            kill.args(["-9", &pid]).stderr(Stdio::null());
            kill.status().expect("kill runs");
        }
    }
    let State::Failed { cause } = yard.until_free(&job).await.state else {
        panic!("a killed rank is a failure")
    };
    assert!(cause.en.contains("Rank 1"), "{cause}");
    assert!(
        !waiting.iter().any(|pid| lives(pid)),
        "rank 0 lives on: {}",
        log(first, 0)
    );
    for node in &yard.nodes {
        let view = nodes::probe_now(backend, actor, &node.node.id)
            .await
            .expect("looked");
        let gpus = view.probe.expect("seen").gpus;
        assert!(gpus.iter().all(|gpu| gpu.holders.is_empty()), "{gpus:?}");
    }
}
