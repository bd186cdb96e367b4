//! `megatron sft` on two nodes with two ranks each, as separate processes that meet over TCP.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; clippy only knows functions marked as such"
)]

mod answers;
mod degrees;
mod exports;
mod older;
mod older_refusals;
mod rendered;
mod support;
mod whole;

use std::path::Path;
use std::process::Command;

use rehearsal::checkpoints;
use serde_json::Value;

use crate::support::{both, gather, keys, losses, port, records, shipped, start, wait_for};

#[test]
fn two_nodes_train_together_and_each_writes_its_own_files() {
    let root = tempfile::tempdir().unwrap();
    let [first, last] = both(root.path(), "");
    let losses = losses(&last);
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < losses[0] - 1.0, "{losses:?}");

    let records = records(&last);
    let captured: Vec<Value> = include_str!("../fixtures/lora_sft.logging.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let evaluation = records
        .iter()
        .find(|record| record.get("eval_loss").is_some())
        .unwrap();
    for (ours, captured) in [
        (&records[0], &captured[0]),
        (evaluation, &captured[1]),
        (records.last().unwrap(), &captured[2]),
    ] {
        assert_eq!(keys(ours), keys(captured));
    }
    assert_eq!(records[0]["iteration"], "1/10");

    let (one, two) = (first.run_folder(), last.run_folder());
    assert_eq!(one.file_name(), two.file_name());
    for file in [
        "args.json",
        "val_dataset.jsonl",
        "last-checkpoint",
        "checkpoint-10/args.json",
    ] {
        assert!(one.join(file).exists(), "{file} on the first node");
        assert!(!two.join(file).exists(), "{file} not on the last node");
    }
    let tracker =
        std::fs::read_to_string(one.join("checkpoint-5/latest_checkpointed_iteration.txt"))
            .unwrap();
    assert_eq!(tracker, "5");
    for file in ["logging.jsonl", "runs"] {
        assert!(
            two.join(file).exists() && !one.join(file).exists(),
            "{file} on the last node alone"
        );
    }
    let shards = |run: &Path| -> Vec<String> {
        let names = std::fs::read_dir(run.join("checkpoint-5/iter_0000005")).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        shards(&one).join(" "),
        ".metadata __0_0.distcp __0_1.distcp __1_0.distcp __1_1.distcp common.pt metadata.json"
    );
    assert_eq!(
        shards(&two).join(" "),
        "__2_0.distcp __2_1.distcp __3_0.distcp __3_1.distcp"
    );
    let saved: Value =
        serde_json::from_slice(&std::fs::read(one.join("args.json")).unwrap()).unwrap();
    let expected: Vec<String> =
        serde_json::from_str(include_str!("../fixtures/lora_sft.args.keys.json")).unwrap();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(keys(&saved), expected);
    assert_eq!(
        (&saved["lora_rank"], &saved["world_size"]),
        (&Value::from(4), &Value::from(4))
    );

    for node in [&first, &last] {
        let log = node.log();
        assert!(log.starts_with("run sh: `/opt/venv/bin/python3 -m torch.distributed.run --nproc_per_node 2 --master_port "));
        assert!(log.contains("[INFO:swift] args.output_dir: "));
        assert!(
            log.trim_end()
                .lines()
                .last()
                .unwrap()
                .starts_with("[INFO:swift] End time of running main: ")
        );
    }
    let log = last.log();
    assert!(
        log.contains("{'loss': ")
            && log.contains("{'eval_loss': ")
            && !first.log().contains("{'loss': ")
    );
    assert!(log.contains("\rTrain: 100%|██████████| 10/10 ["));
}

#[test]
fn the_same_seed_and_world_give_the_same_points() {
    let root = tempfile::tempdir().unwrap();
    let [_, one] = both(&root.path().join("one"), "--train_iters 4");
    let [_, two] = both(&root.path().join("two"), "--train_iters 4");
    let [_, other] = both(&root.path().join("other"), "--train_iters 4 --seed 7");
    assert_eq!(losses(&one), losses(&two));
    assert_ne!(losses(&one), losses(&other));
}

#[test]
fn a_run_goes_on_from_a_gathered_checkpoint_as_if_it_had_never_stopped() {
    let root = tempfile::tempdir().unwrap();
    let straight = both(&root.path().join("straight"), "");
    let missing = straight[0].run_folder().join("checkpoint-5");
    let resume = format!("--finetune false --mcore_adapter {}", missing.display());
    let mut refused = start(&root.path().join("refused"), 0, 1, port(), &resume);
    assert_eq!(refused.exit_code(), 1);
    assert!(
        refused
            .log()
            .contains("CheckpointException ranks:dict_keys([0])"),
        "{}",
        refused.log()
    );
    gather(&straight, "checkpoint-5");
    let [_, resumed] = both(&root.path().join("resumed"), &resume);
    assert_eq!(losses(&resumed), losses(&straight[1])[5..]);
}

#[test]
fn full_training_goes_on_from_a_gathered_checkpoint_as_if_it_had_never_stopped() {
    let root = tempfile::tempdir().unwrap();
    let full = "--tuner_type full --lr 1e-3 --train_iters 6 --save_steps 3 --eval_steps 3";
    let straight = both(&root.path().join("straight"), full);
    let folder = gather(&straight, "checkpoint-3");
    let resume = format!("{full} --finetune false --mcore_model {}", folder.display());
    let [_, resumed] = both(&root.path().join("resumed"), &resume);
    assert_eq!(losses(&resumed), losses(&straight[1])[3..]);
}

/// Saved as safetensors and without an optimizer, a run keeps its step and its place in the data, and nothing else of Megatron's.
#[test]
fn a_run_without_its_optimizer_keeps_safetensors_and_its_place_in_the_data() {
    let root = tempfile::tempdir().unwrap();
    let full = "--tuner_type full --lr 1e-3 --save_safetensors true --no_save_optim true --train_iters 4 --save_steps 2";
    let straight = both(&root.path().join("straight"), full);
    let run = straight[0].run_folder();
    let folder = run.join("checkpoint-2");
    let iteration = folder.join("iter_0000002");
    assert!(iteration.join("common.pt").exists() && !iteration.join(".metadata").exists());
    assert!(folder.join("model.safetensors.index.json").exists());
    let resume = format!(
        "--tuner_type full --lr 1e-3 --train_iters 4 --finetune false --model {}",
        folder.display()
    );
    let [_, resumed] = both(&root.path().join("resumed"), &resume);
    assert_eq!(records(&resumed)[0]["iteration"], "3/4");
}

#[test]
#[ignore = "needs torch: TORCH_PYTHON names a python3 that has it; part of `make test-full`"]
fn torch_itself_reads_what_the_ranks_wrote() {
    let root = tempfile::tempdir().unwrap();
    for (name, extra) in [
        ("data", "--train_iters 5"),
        ("cut", "--train_iters 5 --tensor_model_parallel_size 2"),
        (
            "full",
            "--train_iters 5 --tuner_type full --lr 1e-4 --pipeline_model_parallel_size 2",
        ),
    ] {
        let nodes = both(&root.path().join(name), extra);
        let folder = gather(&nodes, "checkpoint-5");
        let python = std::env::var("TORCH_PYTHON").unwrap_or_else(|_| "python3".into());
        let output = Command::new(python)
            .arg(shipped("tests/torch_reads_shards.py"))
            .arg(folder.join("iter_0000005"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {errors}");
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&read["iteration"], &read["step"], &read["consumed"]),
            (&5.into(), &5.into(), &80.into())
        );
        assert!(!read["random"].as_array().unwrap().is_empty());
        let weights = checkpoints::load(&folder).unwrap().weights;
        // Weights, both moments and the f32 weights.
        assert_eq!(read["sums"].as_object().unwrap().len(), 4 * weights.len());
        for (tensor, values) in weights {
            let values = values.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let sum: f64 = values.into_iter().map(f64::from).sum();
            let theirs = read["sums"][&tensor].as_f64().unwrap();
            assert!((sum - theirs).abs() < 1e-6, "{tensor}: {sum} {theirs}");
        }
    }
}

#[test]
fn a_killed_rank_fails_its_own_node_and_leaves_the_other_waiting() {
    let root = tempfile::tempdir().unwrap();
    let port = port();
    let mut nodes = [0, 1].map(|rank| {
        start(
            root.path(),
            rank,
            2,
            port,
            "--train_iters 2000 --save_steps 2000 --eval_steps 2000",
        )
    });
    wait_for(|| {
        nodes[1]
            .log()
            .contains("'iteration': '2/2000'")
            .then_some(())
    });
    // The ranks of the second node are those that registered a GPU there.
    let state = nodes[1].folder.join("state/gpu/1");
    let pid = std::fs::read_dir(state)
        .unwrap()
        .find_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok())
        .unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    assert_eq!(nodes[1].exit_code(), 1);
    let log = nodes[1].log();
    assert!(
        log.contains("torch.distributed.elastic.multiprocessing.errors.ChildFailedError"),
        "{log}"
    );
    assert!(log.contains(&format!("exitcode  : -9 (pid: {pid})")));
    assert!(log.contains(&format!(
        "traceback : Signal 9 (SIGKILL) received by PID {pid}"
    )));
    assert!(!log.contains("End time of running main"));
    assert_eq!(
        nodes[0].child.try_wait().unwrap(),
        None,
        "the other node knows nothing"
    );
}

#[test]
fn what_the_real_one_refuses_is_refused_in_its_words() {
    let root = tempfile::tempdir().unwrap();
    let cases = [
        (
            "unknown",
            "--swanlab_token x",
            "ValueError: remaining_argv: ['--swanlab_token', 'x']",
        ),
        (
            "dataset",
            "--dataset /nowhere.jsonl",
            "ValueError: The local path does not exist, dataset_id: `/nowhere.jsonl`. os.path.exists(dataset_id): False",
        ),
        (
            "model",
            "--model /nowhere",
            "ValueError: path: '/nowhere' not found",
        ),
        (
            "world",
            "--tensor_model_parallel_size 3",
            "RuntimeError: world_size (2) is not divisible by 3",
        ),
        (
            "experts",
            "--expert_model_parallel_size 2",
            "ValueError: num_moe_experts must be non None to use expert-parallel.",
        ),
        (
            "experts_world",
            "--expert_model_parallel_size 4",
            "RuntimeError: world_size (2) is not divisible by expert_tensor_model_pipeline_parallel size (4)",
        ),
        (
            "batch",
            "--global_batch_size 6",
            "global batch size (6) is not divisible by micro batch size (2) times data parallel size (2)",
        ),
    ];
    for (name, extra, words) in cases {
        let mut node = start(&root.path().join(name), 0, 1, port(), extra);
        assert_eq!(node.exit_code(), 1, "{name}");
        let log = node.log();
        assert!(
            log.contains("Traceback (most recent call last):") && log.contains(words),
            "{name}: {log}"
        );
        assert!(
            log.contains("ChildFailedError") && !log.contains("End time of running main"),
            "{name}"
        );
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut node = start(
        &root.path().join("port"),
        0,
        1,
        taken.local_addr().unwrap().port(),
        "",
    );
    assert_eq!(node.exit_code(), 1);
    assert!(
        node.log()
            .contains("code: -98, name: EADDRINUSE, message: address already in use")
    );
}
