//! The pre-flight and the queue against two rehearsal nodes: what differs between them is found within seconds, and what waits begins in
//! its order, whatever happens to the console.

use std::time::{Duration, Instant};

use backend::experiments::{self, create_and_launch, preflight, queue};
use backend::{Error, background, jobs};
use domain::experiments::form::Form;
use domain::experiments::preflight::{Fix, Mark, Report, Row};
use domain::experiments::queue::{Waits, Wish};
use domain::experiments::sweep::{Axis, Sweep, Way};
use domain::ids::ExperimentId;
use domain::jobs::State;

use crate::yard::Yard;

fn row<'a>(report: &'a Report, key: &str) -> &'a Row {
    let mut rows = report.rows.iter();
    rows.find(|row| row.key == key)
        .unwrap_or_else(|| panic!("no row {key}"))
}

async fn check(yard: &Yard, form: &Form) -> Report {
    preflight(&yard.console.backend, &yard.console.actor, form, "key")
        .await
        .expect("asked")
}

#[tokio::test]
async fn two_sound_nodes_pass_in_three_seconds_and_each_difference_is_found() {
    let yard = Yard::open(51).await;
    let (backend, actor) = (&yard.console.backend, &yard.console.actor);
    let form = yard.form().await;
    let report = check(&yard, &form).await;
    println!("pre-flight on 2 rehearsal nodes: {:.2} s", report.seconds);
    assert!(report.seconds <= 3.0, "{} s", report.seconds);
    assert_eq!(report.counts().0, 0, "{:?}", report.findings());
    assert_eq!(
        row(&report, "model").cells[0],
        row(&report, "model").cells[1]
    );
    let memory = &row(&report, "memory").cells[0].value;
    assert!(memory.contains("/ 24.0 GiB"), "{memory}");
    let progress = experiments::preflight_progress(backend, actor, "key").expect("kept");
    let answered = [("node-1".to_owned(), true), ("node-2".to_owned(), true)];
    assert_eq!(progress.nodes, answered);
    assert_eq!(progress.report, Some(report));

    // Another template on one node: same weights, other tokens.
    let second = &yard.nodes[1].node;
    let config = format!(
        "{}/models/yard-base/tokenizer_config.json",
        second.work_folder
    );
    let before = std::fs::read(&config).expect("there");
    std::fs::write(&config, [&before[..], b"\n"].concat()).expect("written");
    let report = check(&yard, &form).await;
    assert_eq!(row(&report, "template").mark(), Mark::Stops);
    assert!(row(&report, "template").differs());
    assert!(!row(&report, "mcore").differs());
    let refused = create_and_launch(backend, actor, &form, "refused").await;
    let Err(Error::Invalid(findings)) = refused else {
        panic!("{refused:?}")
    };
    let mut texts = findings.iter().map(|finding| &finding.text.en);
    assert!(
        texts.any(|text| text.contains("chat templates")),
        "{findings:?}"
    );
    let all = experiments::list(backend, actor).await.expect("listed");
    assert!(all.is_empty(), "nothing was launched");
    std::fs::write(&config, before).expect("written");

    // A dataset of the same size with other rows, and weights that are not there at all.
    let dataset = format!("{}/datasets/willow_bend.jsonl", second.work_folder);
    let rows = std::fs::read(&dataset).expect("there");
    let swap = |byte: &u8| if *byte == b'a' { b'e' } else { *byte };
    std::fs::write(&dataset, rows.iter().map(swap).collect::<Vec<u8>>()).expect("written");
    let mcore = format!("{}/models/yard-base-mcore", second.work_folder);
    std::fs::rename(&mcore, format!("{mcore}.gone")).expect("moved");
    let report = check(&yard, &form).await;
    assert_eq!(row(&report, "dataset").mark(), Mark::Stops);
    let problem = &row(&report, "mcore").problems[0];
    assert!(problem.why.en.contains("node-2 has no copy"), "{problem:?}");

    // The button brings it back, and then nothing differs.
    std::fs::write(&dataset, rows).expect("written");
    let fix = problem.fix.clone().expect("a button");
    assert!(matches!(&fix, Fix::SpreadModel { nodes, .. } if nodes == &["node-2"]));
    for job in experiments::mend(backend, actor, &fix)
        .await
        .expect("begun")
    {
        assert_eq!(yard.console.until_ended(&job).await.state, State::Succeeded);
    }
    let report = check(&yard, &form).await;
    assert_eq!(report.counts().0, 0, "{:?}", report.findings());
}

/// Passes of all loops that a queue needs, until it is as awaited.
async fn until(yard: &Yard, what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(150);
    while !is_so().await {
        let own = || yard.console.backend.clone();
        background::queue_reconciler::activate(own())
            .await
            .expect("an activation");
        background::job_reconciler::activate(own())
            .await
            .expect("an activation");
        background::log_follower::activate(own())
            .await
            .expect("an activation");
        background::checkpoint_scanner::activate(own())
            .await
            .expect("an activation");
        background::gather_reconciler::activate(own())
            .await
            .expect("an activation");
        assert!(
            Instant::now() < deadline,
            "waited in vain: {what}; {:?}",
            waits(yard).await
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn waits(yard: &Yard) -> Vec<(String, Waits)> {
    let all = queue::queue(&yard.console.backend, &yard.console.actor).await;
    let all = all.expect("listed").into_iter();
    all.map(|one| (one.name, one.waits)).collect()
}

async fn state(yard: &Yard, id: &ExperimentId) -> Option<State> {
    let view = experiments::get(&yard.console.backend, &yard.console.actor, id).await;
    view.expect("stored").job().map(|job| job.state.clone())
}

async fn has_ended(yard: &Yard, id: &ExperimentId) -> bool {
    state(yard, id)
        .await
        .is_some_and(|state| state.is_terminal())
}

/// A form that trains for a few iterations on one GPU of each node.
async fn short(yard: &Yard, iterations: &str) -> Form {
    let mut form = yard.form().await;
    "1".clone_into(&mut form.gpus_per_node);
    for (key, value) in [
        ("length_unit", "iterations"),
        ("length", iterations),
        ("save_interval", "4"),
        ("global_batch_size", "8"),
    ] {
        form.recipe.insert(key.to_owned(), value.to_owned());
    }
    form
}

#[tokio::test]
async fn what_waits_begins_in_order_where_it_fits_and_a_killed_console_goes_on() {
    let mut yard = Yard::open(53).await;
    let mut form = short(&yard, "2000").await;
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        name.clone_into(&mut form.name);
        let (backend, actor) = (&yard.console.backend, &yard.console.actor);
        let made = queue::enqueue(backend, actor, &form, &Wish::default(), name).await;
        let made = made.expect("queued");
        let again = queue::enqueue(backend, actor, &form, &Wish::default(), name).await;
        assert_eq!(again.expect("known"), made, "a double click is one entry");
        ids.extend(made);
    }
    queue::reorder(
        &yard.console.backend,
        &yard.console.actor,
        &ids[2],
        Some(&ids[0]),
    )
    .await
    .expect("moved");
    let order: Vec<String> = waits(&yard)
        .await
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(order, ["three", "one", "two"]);
    // Two GPUs on each node, one wanted: two of them begin side by side.
    until(&yard, "two have begun", async || {
        waits(&yard).await.len() == 1
    })
    .await;
    let left = [("two".to_owned(), Waits::Gpus { wanted: 1, free: 0 })];
    assert_eq!(waits(&yard).await, left);
    let mut used = Vec::new();
    for id in [&ids[2], &ids[0]] {
        let (backend, actor) = (&yard.console.backend, &yard.console.actor);
        let view = experiments::get(backend, actor, id).await.expect("stored");
        let job = &view.job().expect("begun").id;
        let job = backend
            .store()
            .job(job)
            .await
            .expect("read")
            .expect("stored");
        used.extend(job.spec.processes[0].gpus.clone());
    }
    used.sort_unstable();
    assert_eq!(used, [0, 1]);
    yard.restart().await;
    assert_eq!(waits(&yard).await.len(), 1, "the queue is in the database");
    let (backend, actor) = (&yard.console.backend, &yard.console.actor);
    for id in [&ids[2], &ids[0]] {
        let view = experiments::get(backend, actor, id).await.expect("stored");
        let job = &view.job().expect("a job").id;
        jobs::stop(backend, actor, job).await.expect("asked");
    }
    until(&yard, "the third has begun", async || {
        state(&yard, &ids[1]).await.is_some()
    })
    .await;
    assert!(waits(&yard).await.is_empty());
    let view = experiments::get(backend, actor, &ids[1])
        .await
        .expect("stored");
    assert_eq!(view.attempts.len(), 1);
    jobs::stop(backend, actor, &view.job().expect("a job").id)
        .await
        .expect("asked");
    until(&yard, "it has ended", async || {
        has_ended(&yard, &ids[1]).await
    })
    .await;
}

#[tokio::test]
async fn packed_first_then_unpacked_from_its_result_on_every_node() {
    let yard = Yard::open(55).await;
    let (backend, actor) = (&yard.console.backend, &yard.console.actor);
    let mut form = short(&yard, "4").await;
    "chain".clone_into(&mut form.name);
    let wish = Wish {
        then_unpacked: true,
        ..Wish::default()
    };
    let ids = queue::enqueue(backend, actor, &form, &wish, "key")
        .await
        .expect("queued");
    assert_eq!(ids.len(), 2);
    until(&yard, "the first has begun", async || {
        state(&yard, &ids[0]).await.is_some()
    })
    .await;
    let after = Waits::After {
        name: "chain".to_owned(),
        has_ended: false,
    };
    assert_eq!(waits(&yard).await, [("chain-unpacked".to_owned(), after)]);
    until(&yard, "the second has begun", async || {
        state(&yard, &ids[1]).await.is_some()
    })
    .await;
    assert_eq!(state(&yard, &ids[0]).await, Some(State::Succeeded));
    let view = experiments::get(backend, actor, &ids[1])
        .await
        .expect("stored");
    let setup = view.experiment.setup.as_ref().expect("a recipe");
    assert!(
        setup.start_from.is_some(),
        "another launch begins there, too"
    );
    let job = view.job().expect("a job").id.clone();
    let spec = backend
        .store()
        .job(&job)
        .await
        .expect("read")
        .expect("stored")
        .spec;
    for (process, view) in spec.processes.iter().zip(&yard.nodes) {
        let mut lines = process.script.lines();
        let flag = lines
            .find(|line| line.contains("--mcore_adapter"))
            .expect("the result");
        assert!(flag.contains(&view.node.work_folder), "{flag}");
        assert!(process.script.contains("--packing false"));
    }
    until(&yard, "the second has ended", async || {
        has_ended(&yard, &ids[1]).await
    })
    .await;
    let ended = state(&yard, &ids[1]).await;
    assert_eq!(
        ended,
        Some(State::Succeeded),
        "{}",
        yard.console.log(&job, 0).await
    );
    // Another shape cannot start from it.
    "wide".clone_into(&mut form.name);
    form.recipe.insert("lora_rank".to_owned(), "4".to_owned());
    let wish = Wish {
        after: ids[0].to_string(),
        uses_result: true,
        ..Wish::default()
    };
    let refused = queue::enqueue(backend, actor, &form, &wish, "wide").await;
    let Err(Error::Invalid(findings)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(findings[0].field, "lora_rank");
}

#[tokio::test]
async fn a_sweep_is_a_group_of_runs_and_what_is_taken_out_is_gone() {
    let yard = Yard::open(57).await;
    let (backend, actor) = (&yard.console.backend, &yard.console.actor);
    let mut form = short(&yard, "4").await;
    "rates".clone_into(&mut form.name);
    let axis = |key: &str, values: &str| Axis {
        key: key.to_owned(),
        values: values.to_owned(),
    };
    let of = |axes| Wish {
        sweep: Some(Sweep {
            axes,
            way: Way::Grid,
        }),
        ..Wish::default()
    };
    let wish = of(vec![
        axis("learning_rate", "1e-3, 5e-3"),
        axis("lora_rank", "4, 8"),
    ]);
    let ids = queue::enqueue(backend, actor, &form, &wish, "key")
        .await
        .expect("queued");
    let waiting = queue::queue(backend, actor).await.expect("listed");
    let labels: Vec<&str> = waiting.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels[0], "learning_rate 1e-3 · lora_rank 4");
    assert_eq!(labels[3], "learning_rate 5e-3 · lora_rank 8");
    assert!(waiting.iter().all(|one| one.sweep == "rates"));
    assert_eq!(
        backend.store().tags_of(&ids[0]).await.expect("read"),
        ["rates"]
    );
    for id in &ids {
        queue::leave(backend, actor, id).await.expect("taken out");
        queue::leave(backend, actor, id)
            .await
            .expect("twice is once");
    }
    assert!(
        queue::queue(backend, actor)
            .await
            .expect("listed")
            .is_empty()
    );
    assert!(
        experiments::list(backend, actor)
            .await
            .expect("listed")
            .is_empty()
    );
    let bad = of(vec![axis("lora_rank", "8, wide")]);
    let refused = queue::enqueue(backend, actor, &form, &bad, "bad").await;
    let Err(Error::Invalid(findings)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(findings[0].field, "sweep");
}
