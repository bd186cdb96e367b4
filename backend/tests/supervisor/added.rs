//! Adding a node: what is typed wrong is found beside its field, and nothing half-known stays.

use backend::nodes::{self, InCluster, NewNode};
use backend::{Error, clock, experiments, models};
use domain::experiments::form::Form;
use domain::finding::Finding;
use domain::models::{Facts, Format, Model, Origin};
use domain::nodes::{Address, Environment};

use crate::support::{Console, Sshd, user};

struct Fixture {
    console: Console,
    sshd: Sshd,
    host_key: String,
    work: tempfile::TempDir,
}

async fn ready() -> Fixture {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let (backend, actor) = (&console.backend, &console.actor);
    let shown = nodes::first_contact(backend, actor, "127.0.0.1", sshd.port).await;
    Fixture {
        host_key: shown.expect("a host key").openssh,
        console,
        sshd,
        work,
    }
}

impl Fixture {
    fn node(&self) -> NewNode {
        NewNode {
            cluster: InCluster::New("lab".to_owned()),
            name: "node-0".to_owned(),
            address: Address {
                host: "127.0.0.1".to_owned(),
                port: self.sshd.port,
                user: user(),
            },
            private_key: self.sshd.private_key(),
            host_key: self.host_key.clone(),
            environment: Environment::Direct,
            work_folder: self.work.path().display().to_string(),
            mounts: Vec::new(),
        }
    }

    /// The one finding of a node that is refused.
    async fn refusal(&self, new: NewNode) -> Finding {
        let added = nodes::add_node(&self.console.backend, &self.console.actor, new).await;
        let Err(Error::Invalid(findings)) = added else {
            panic!("{added:?} is no refusal with findings")
        };
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.into_iter().next().expect("one")
    }

    /// (clusters, nodes, secrets) of the project.
    async fn rows(&self) -> (usize, usize, i64) {
        let (store, project) = (self.console.backend.store(), &self.console.actor.project);
        (
            store.clusters(project).await.expect("read").len(),
            store.node_views(project).await.expect("read").len(),
            store.count_secrets(project).await.expect("read"),
        )
    }

    /// A trainer as pip leaves it, with this release.
    fn install_trainer(&self, release: &str) {
        let venv = self.work.path().join("venv");
        let info = format!("lib/python3.11/site-packages/ms_swift-{release}.dist-info");
        std::fs::create_dir_all(venv.join(info)).expect("made");
        let launcher = format!("#!{}/bin/python3\n", venv.display());
        self.sshd.install("megatron", &launcher);
    }
}

#[tokio::test]
async fn what_is_wrong_is_found_beside_its_field_and_nothing_stays() {
    let fixture = ready().await;
    let other = Sshd::start();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed_port = closed.local_addr().expect("an address").port();
    drop(closed);
    let with = |change: &dyn Fn(&mut NewNode)| {
        let mut new = fixture.node();
        change(&mut new);
        new
    };
    let other_key = hosts_key(&other).await;
    let cases = [
        (
            with(&|new| new.address.host = "no-such-machine.invalid".to_owned()),
            "host",
            "no machine by the name \"no-such-machine.invalid\"",
        ),
        (
            with(&|new| new.address.port = closed_port),
            "port",
            "Nothing accepts connections at 127.0.0.1",
        ),
        (
            with(&|new| new.host_key.clone_from(&other_key)),
            "host_key",
            "another host key than the one confirmed",
        ),
        (
            with(&|new| new.private_key = other.private_key()),
            "private_key",
            "does not accept this key",
        ),
        (
            with(&|new| new.private_key = "ssh-ed25519 AAAA".to_owned()),
            "private_key",
            "not an unencrypted OpenSSH private key",
        ),
        (
            with(&|new| new.work_folder = "data/".to_owned()),
            "work_folder",
            "\"data/\" is not an absolute path",
        ),
        (
            with(&|new| new.name = " ".to_owned()),
            "name",
            "Write a name",
        ),
        (
            with(&|new| new.cluster = InCluster::New(String::new())),
            "cluster_name",
            "Write a name",
        ),
        // The login works; there is no trainer.
        (fixture.node(), "environment", "no `megatron` or `swift`"),
    ];
    for (new, field, part) in cases {
        let finding = fixture.refusal(new).await;
        assert_eq!(finding.field, field, "{}", finding.text);
        assert!(finding.text.en.contains(part), "{}", finding.text);
        assert!(!finding.text.zh.is_empty());
        assert_eq!(fixture.rows().await, (0, 0, 0), "after {part}");
    }
    let looked = nodes::first_contact(
        &fixture.console.backend,
        &fixture.console.actor,
        "127.0.0.1",
        closed_port,
    )
    .await;
    assert!(matches!(looked, Err(Error::Invalid(found)) if found[0].field == "port"));
}

async fn hosts_key(sshd: &Sshd) -> String {
    let key = backend::hosts::first_contact("127.0.0.1", sshd.port).await;
    key.expect("a host key").openssh
}

#[tokio::test]
async fn a_node_comes_with_its_cluster_and_key_or_not_at_all() {
    let fixture = ready().await;
    fixture.install_trainer("4.6.0");
    let (backend, actor) = (&fixture.console.backend, &fixture.console.actor);
    let id = nodes::add_node(backend, actor, fixture.node())
        .await
        .expect("added");
    assert_eq!(fixture.rows().await, (1, 1, 1));
    let view = nodes::get(backend, actor, &id).await.expect("there");
    let probe = view.probe.expect("probed");
    assert_eq!(probe.version_of("ms-swift"), Some("4.6.0"));
    let again = fixture.refusal(fixture.node()).await;
    assert_eq!(again.field, "cluster_name");
    let in_known = NewNode {
        cluster: InCluster::Known(view.node.cluster_id),
        ..fixture.node()
    };
    assert_eq!(fixture.refusal(in_known.clone()).await.field, "name");
    let elsewhere = NewNode {
        cluster: InCluster::Known(clock::new_id()),
        ..in_known
    };
    let refused = nodes::add_node(backend, actor, elsewhere).await;
    assert!(matches!(refused, Err(Error::NotFound("cluster"))));
    assert_eq!(
        fixture.rows().await,
        (1, 1, 1),
        "no key of a node that is not there"
    );
}

#[tokio::test]
async fn a_node_that_lost_its_trainer_is_named_by_launch_and_conversion() {
    let fixture = ready().await;
    fixture.install_trainer("4.6.0");
    let (backend, actor) = (&fixture.console.backend, &fixture.console.actor);
    let id = nodes::add_node(backend, actor, fixture.node())
        .await
        .expect("added");
    std::fs::remove_file(fixture.sshd.bin("megatron")).expect("removed");
    let view = nodes::probe_now(backend, actor, &id).await.expect("looked");
    let model = Model {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: "base".to_owned(),
        node_id: id,
        path: "/models/base".to_owned(),
        format: Format::Hf,
        origin: Origin::Registered,
        facts: Facts::default(),
        precision: None,
        created_at: clock::now(),
    };
    let stored = backend
        .store()
        .insert_model(&model, &actor.user, None)
        .await;
    assert!(stored.expect("stored"));
    let options = models::ConvertOptions {
        output: String::new(),
        test_precision: false,
    };
    let refused = models::convert(backend, actor, &model.id, options).await;
    let Err(Error::Invalid(found)) = refused else {
        panic!("{refused:?}")
    };
    let says = "node-0 has no ms-swift. Install it there";
    assert!(
        found[0].field == "output" && found[0].text.en.starts_with(says),
        "{found:?}"
    );
    let form = Form {
        name: "run".to_owned(),
        cluster_id: view.node.cluster_id.to_string(),
        ..Form::of_preset("lora")
    };
    let preview = experiments::preview(backend, actor, &form)
        .await
        .expect("looked");
    let of_cluster = preview
        .findings
        .iter()
        .find(|finding| finding.field == "cluster_id");
    assert!(
        of_cluster.expect("found").text.en.starts_with(says),
        "{:?}",
        preview.findings
    );
    assert!(
        backend
            .store()
            .jobs_in_motion()
            .await
            .expect("read")
            .is_empty()
    );
}
