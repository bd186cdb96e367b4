//! Where a model can be served, which each node is asked, and where it came from.

use backend::{clock, deployments, models, nodes};
use domain::models::{Facts, Format, Model, Origin};

use crate::support::{Console, Sshd};

#[tokio::test]
async fn a_model_is_served_where_its_folder_is_and_nowhere_else() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let ids = console.nodes(&sshd, work.path(), 3).await;
    let folder = |node: u8| work.path().join(format!("node-{node}/models/small"));
    let put = |node: u8| {
        std::fs::create_dir_all(folder(node)).expect("made");
        std::fs::write(folder(node).join("config.json"), "{}").expect("written");
    };
    let owner = nodes::get(&console.backend, &console.actor, &ids[1]).await;
    let model = Model {
        id: clock::new_id(),
        project_id: owner.expect("a node").node.project_id,
        name: "small".to_owned(),
        node_id: ids[1].clone(),
        path: folder(1).display().to_string(),
        format: Format::Hf,
        origin: Origin::Registered,
        facts: Facts::default(),
        precision: None,
        created_at: clock::now(),
    };
    let store = console.backend.store();
    let stored = store.insert_model(&model, &console.actor.user, None).await;
    assert!(stored.expect("stored"));
    let places = async || -> Vec<_> {
        let found = deployments::places(&console.backend, &console.actor, &model.id).await;
        let found = found.expect("asked").into_iter();
        found.map(|view| view.node.id).collect()
    };
    assert_eq!(places().await, [], "it was deleted");
    put(1);
    assert_eq!(places().await, [ids[1].clone()]);
    // A copy in another node's own work folder; the model's own node stays the first.
    put(0);
    assert_eq!(places().await, [ids[1].clone(), ids[0].clone()]);
    // What was converted from it names it; both name who brought them.
    let mcore = Model {
        id: clock::new_id(),
        name: "small (MCore)".to_owned(),
        path: format!("{}-mcore", model.path),
        format: Format::Mcore,
        origin: Origin::Converted {
            from: model.id.clone(),
            job: clock::new_id(),
        },
        ..model.clone()
    };
    let stored = store.insert_model(&mcore, &console.actor.user, None).await;
    assert!(stored.expect("stored"));
    let all = models::provenances(&console.backend, &console.actor).await;
    let said: Vec<_> = all
        .expect("listed")
        .into_iter()
        .map(|one| (one.model.name, one.by, one.from))
        .collect();
    let from = models::Step {
        text: "small".to_owned(),
        address: format!("/models/{}", model.id),
    };
    let by = "ada".to_owned();
    assert_eq!(
        said,
        [
            ("small (MCore)".to_owned(), by.clone(), vec![from]),
            ("small".to_owned(), by, vec![])
        ]
    );
}
