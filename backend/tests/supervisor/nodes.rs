//! Adding a node: what is refused leaves nothing behind.

use backend::nodes::{Joins, NewNode};
use backend::{Error, hosts, nodes};
use domain::nodes::{Address, Environment};

use super::support::{Console, Sshd, user};

#[tokio::test]
async fn a_refused_login_leaves_no_empty_cluster() {
    let (sshd, other) = (Sshd::start(), Sshd::start());
    let console = Console::start().await;
    let key = hosts::first_contact("127.0.0.1", sshd.port)
        .await
        .expect("a host key");
    let new = |cluster: &str, private_key: String| NewNode {
        cluster: Joins::New(cluster.to_owned()),
        name: "node".to_owned(),
        address: Address {
            host: "127.0.0.1".to_owned(),
            port: sshd.port,
            user: user(),
        },
        private_key,
        host_key: key.openssh.clone(),
        environment: Environment::Direct,
        work_folder: "/tmp".to_owned(),
        mounts: Vec::new(),
    };
    // Another server's key, no name, and a machine without the trainer: each is said beside its field.
    for (cluster, private_key, field) in [
        ("yard", other.private_key(), "private_key"),
        (" ", sshd.private_key(), "cluster_name"),
        ("yard", sshd.private_key(), "environment"),
    ] {
        let refused =
            nodes::add_node(&console.backend, &console.actor, new(cluster, private_key)).await;
        let Err(Error::Invalid(findings)) = refused else {
            panic!("{field}: {refused:?}");
        };
        assert_eq!(findings[0].field, field);
        let clusters = nodes::list(&console.backend, &console.actor).await;
        assert_eq!(clusters.expect("listed"), [], "after {field}");
    }
}

#[tokio::test]
async fn a_cluster_and_its_first_node_are_stored_together_or_not_at_all() {
    let sshd = Sshd::start();
    let console = Console::start().await;
    let work = tempfile::tempdir().expect("a folder");
    let known = console.nodes(&sshd, work.path(), 1).await;
    let store = console.backend.store();
    let listed = || async {
        let all = nodes::list(&console.backend, &console.actor).await;
        all.expect("listed")
    };
    let (mut cluster, views) = listed().await.remove(0);
    let mut node = views[0].node.clone();
    assert_eq!(known, [node.id.clone()]);
    // Of the same name: refused, and its node is not there either.
    cluster.id = backend::clock::new_id();
    node.id = backend::clock::new_id();
    node.cluster_id = cluster.id.clone();
    let user = &console.actor.user;
    let again = store.insert_cluster_with(&cluster, &node, user).await;
    assert!(!again.expect("answered"));
    assert_eq!(listed().await.len(), 1);
    cluster.name = "another".to_owned();
    let other = store.insert_cluster_with(&cluster, &node, user).await;
    assert!(other.expect("stored"));
    assert_eq!(listed().await[1].1[0].node.id, node.id);
}
