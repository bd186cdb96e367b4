//! What 3.9.3 refuses, and what it does not.

use crate::older::{LORA, Older};
use crate::support::{port, shipped};

#[test]
fn a_missing_shard_is_left_out_without_an_error() {
    let older = Older::new("0.13.1", "2.6.0");
    let shard = older.mcore().join("iter_0000001/__0_1.distcp");
    std::fs::remove_file(shard).unwrap();
    let nodes = older.both("lora", "--train_iters 1");
    for node in &nodes {
        let log = node.log();
        let bar = log.rsplit("Loading: ").next().unwrap();
        assert!(
            !bar.starts_with("100%") && !bar.starts_with("  0%"),
            "{log}"
        );
        assert!(log.contains("End time of running main"), "{log}");
    }
}

#[test]
fn what_the_older_release_refuses_is_refused_in_its_words() {
    let older = Older::new("0.13.1", "2.6.0");
    let empty = older.root.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let (model, data) = (shipped("base"), shipped("data/willow_bend.jsonl"));
    let mcore = older.mcore();
    let mcore = mcore.display();
    let cases = [
        (
            "unknown",
            format!("--load {mcore} --dataset {data} --tuner_type lora"),
            1,
            "ValueError: remaining_argv: ['--tuner_type', 'lora']".to_owned(),
        ),
        (
            "base",
            format!("--dataset {data}"),
            1,
            "ValueError: You did not pass `--load`, so you need to set `--no_initialization false` to allow the model to initialize weights properly.".to_owned(),
        ),
        (
            "load",
            format!("--load /nowhere --dataset {data}"),
            1,
            "FileNotFoundError: path: '/nowhere'".to_owned(),
        ),
        (
            "batch",
            format!("--load {mcore} --dataset {data} --global_batch_size 6"),
            1,
            "global batch size (6) is not divisible by micro batch size (2) times data parallel size (2)".to_owned(),
        ),
        // Megatron-LM leaves without an error when there is no checkpoint.
        (
            "tracker",
            format!("--load {} --dataset {data}", empty.display()),
            0,
            ">> '--exit-on-missing-checkpoint' set ... exiting. <<".to_owned(),
        ),
    ];
    for (name, words, code, said) in cases {
        let words = format!("--model {model} --save out {LORA} {words}");
        let mut node = older.start_with(name, 0, 1, port(), &words, true);
        assert_eq!(node.exit_code(), code, "{name}: {}", node.log());
        let log = node.log();
        assert!(log.contains(&said), "{name}: {log}");
        assert!(!log.contains("End time of running main"), "{name}");
    }
    let words = format!("--model {model} --save out --load {mcore} --dataset {data} {LORA}");
    let mut node = older.start_with("megatron", 0, 1, port(), &words, false);
    assert_eq!(node.exit_code(), 1);
    let log = node.log();
    assert!(
        log.contains("Could not resolve host: github.com")
            && log.contains("subprocess.CalledProcessError"),
        "{log}"
    );
    assert!(!node.folder.join("out").exists());
}

#[test]
fn the_pair_that_cannot_read_its_own_checkpoints_fails_in_torchs_words() {
    let older = Older::new("0.14.1", "2.6.0");
    let mut node = older.start("pair", 0, 1, port(), "--train_iters 2");
    assert_eq!(node.exit_code(), 1);
    let log = node.log();
    // Whichever rank is first.
    for words in [
        "]: _pickle.UnpicklingError: Weights only load failed.",
        "Unsupported global: GLOBAL swift.llm.model.utils.ModelInfo was not an allowed global by default.",
    ] {
        assert!(log.contains(words), "{log}");
    }
}
