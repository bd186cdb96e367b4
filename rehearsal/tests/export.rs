//! `swift export` as separate processes, over the shipped base model.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; clippy only knows functions marked as such"
)]

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::{DType, Tensor};
use rehearsal::checkpoints::{self, Contents};
use rehearsal::model::hf::{Cache, Qwen3};
use rehearsal::model::{Config, Tensors, weights};

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("base")
}

/// Megatron-LM's folder, which 3.9 looks for.
fn megatron_lm(root: &Path) -> PathBuf {
    let folder = root.join("Megatron-LM");
    std::fs::create_dir_all(folder.join("megatron/training")).unwrap();
    folder
}

/// Runs `swift export` on a node of a release; gives its exit code and all that it said.
fn export_of(release: &str, root: &Path, arguments: &str) -> (i32, String) {
    let packages = root.join("venv/lib/python3.11/site-packages/swift");
    std::fs::create_dir_all(&packages).unwrap();
    std::fs::write(
        packages.join("version.py"),
        format!("__version__ = '{release}'\n"),
    )
    .unwrap();
    let python = root.join("venv/bin/python3");
    let log = std::fs::File::create(root.join("log")).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
        .arg0(python)
        .args(["/opt/venv/bin/swift", "export"])
        .args(arguments.split_whitespace())
        .current_dir(root)
        .env("TRAINYARD_REHEARSAL_STATE", root.join("state"))
        .env("MEGATRON_LM_PATH", megatron_lm(root))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .status()
        .unwrap();
    let log = std::fs::read_to_string(root.join("log")).unwrap();
    (status.code().unwrap(), log)
}

fn export(root: &Path, arguments: &str) -> String {
    let (code, log) = export_of("4.6.0", root, arguments);
    assert_eq!(code, 0, "{log}");
    let end = log.trim_end().lines().last().unwrap();
    assert!(
        end.starts_with("[INFO:swift] End time of running main: "),
        "{log}"
    );
    log
}

fn to_mcore(root: &Path, output: &str, extra: &str) -> String {
    let model = base();
    export(
        root,
        &format!(
            "--model {} --to_mcore true --torch_dtype bfloat16 --output_dir {output} {extra}",
            model.display()
        ),
    )
}

fn to_hf(root: &Path, mcore: &str, output: &str, extra: &str) -> String {
    let model = base();
    export(
        root,
        &format!(
            "--model {} --mcore_model {mcore} --to_hf true --torch_dtype bfloat16 --output_dir {output} {extra}",
            model.display()
        ),
    )
}

/// (mean difference where the loss counts, tokens that differ there) of the only precision block.
fn verdict(log: &str) -> (f64, u64) {
    let value = |prefix: &str| {
        let mut found = log.lines().filter_map(|line| line.strip_prefix(prefix));
        let value = found
            .next()
            .unwrap_or_else(|| panic!("no {prefix} in {log}"));
        assert!(found.next().is_none());
        value.split(',').next().unwrap()
    };
    (
        value("mean_diff (with loss): ").parse().unwrap(),
        value("token_diff (with loss): ").parse().unwrap(),
    )
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_dtype(DType::F32).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn there_and_back_again_gives_the_same_tensors() {
    let root = tempfile::tempdir().unwrap();
    let log = to_mcore(root.path(), "mcore", "--test_convert_precision true");
    let (mean, tokens) = verdict(&log);
    assert!(mean < 1e-3 && tokens == 0, "{log}");
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} in {log}"));
    assert!(
        place("Successfully saved Megatron model weights in `") < place("mean_diff: "),
        "4.x tests after saving"
    );
    let log = to_hf(root.path(), "mcore", "hf", "--test_convert_precision true");
    let (mean, tokens) = verdict(&log);
    assert!(mean < 1e-3 && tokens == 0, "{log}");
    assert!(log.contains("[INFO:swift] Successfully saved `safetensors` model weights in `"));

    let (before, after) = (
        weights::load_hf(&base(), DType::F32).unwrap(),
        weights::load_hf(&root.path().join("hf"), DType::F32).unwrap(),
    );
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    for (name, tensor) in &before {
        assert_eq!(numbers(tensor), numbers(&after[name]), "{name}");
    }
    for file in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "model.safetensors.index.json",
    ] {
        assert!(root.path().join("hf").join(file).is_file(), "{file}");
    }
    assert_eq!(
        Config::read(&root.path().join("hf")).unwrap(),
        Config::read(&base()).unwrap()
    );
}

#[test]
fn a_damaged_tensor_shows_in_the_precision_block_and_a_lost_shard_is_refused() {
    let root = tempfile::tempdir().unwrap();
    to_mcore(root.path(), "mcore", "--test_convert_precision false");
    let folder = root.path().join("mcore");
    let whole = checkpoints::load(&folder).unwrap();
    let mut damaged: Tensors = whole.weights.clone();
    let qkv = damaged
        .get_mut("decoder.layers.1.self_attention.linear_qkv.weight")
        .unwrap();
    *qkv = (&*qkv * -1.0).unwrap();
    let contents = Contents {
        layers: 4,
        weights: &damaged,
        dtype: DType::BF16,
        moments: None,
        steps: 0,
        iteration: 1,
        consumed: 0,
        seed: None,
        keeps_classes: false,
        writers: 2,
    };
    checkpoints::save_alone(&folder, &contents).unwrap();
    // Converted faithfully, a damaged model is as damaged in both formats: only the way to MCore has the original beside it.
    let original = rehearsal::model::hf::Qwen3::load(&base()).unwrap();
    let mcore = rehearsal::model::mcore::Gpt::full(
        Config::read(&base()).unwrap(),
        checkpoints::load(&folder).unwrap().weights,
    )
    .unwrap();
    let tokenizer = rehearsal::model::Tokenizer::load(&base()).unwrap();
    let compared = rehearsal::exporting::compare(&original, &mcore, &tokenizer).unwrap();
    assert!(compared.mean_with_loss >= 0.1 || compared.token_diff_with_loss > 0);

    std::fs::remove_file(folder.join("iter_0000001/__0_1.distcp")).unwrap();
    let back = format!(
        "--model {} --mcore_model mcore --to_hf true --output_dir hf",
        base().display()
    );
    let (code, log) = export_of("4.6.0", root.path(), &back);
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("torch.distributed.checkpoint.api.CheckpointException: CheckpointException ranks:dict_keys([0])"), "{log}");
    assert!(
        log.contains("__0_1.distcp'") && !log.contains("End time of running main"),
        "{log}"
    );
    assert!(!root.path().join("hf/config.json").exists());
}

#[test]
fn what_the_real_one_refuses_is_refused_in_its_words() {
    let root = tempfile::tempdir().unwrap();
    let model = base();
    let model = model.display();
    std::fs::create_dir(root.path().join("there")).unwrap();
    std::fs::create_dir(root.path().join("empty")).unwrap();
    let there = root.path().join("there");
    let cases = [
        (
            format!("--model {model} --to_mcore true --output_dir there"),
            format!(
                "FileExistsError: args.output_dir: `{}` already exists.",
                there.display()
            ),
        ),
        (
            "--model /nowhere --to_mcore true --output_dir out".to_owned(),
            "ValueError: path: '/nowhere' not found".to_owned(),
        ),
        (
            format!("--model {model} --to_mcore true --output_dir out --swanlab x"),
            "ValueError: remaining_argv: ['--swanlab', 'x']".to_owned(),
        ),
        (
            format!("--model {model} --mcore_adapter empty --to_hf true --output_dir out"),
            "Please specify `--mcore_model`.".to_owned(),
        ),
        (
            format!("--model {model} --mcore_model empty --to_hf true --output_dir out"),
            "iter_0000000 is not a distributed checkpoint".to_owned(),
        ),
    ];
    for (arguments, words) in cases {
        let (code, log) = export_of("4.6.0", root.path(), &arguments);
        assert_eq!(code, 1, "{arguments}: {log}");
        assert!(
            log.contains("Traceback (most recent call last):") && log.contains(&words),
            "{arguments}: {log}"
        );
        assert!(!log.contains("End time of running main"), "{arguments}");
    }
}

/// Trains two iterations in one process from the converted base and gives the last checkpoint's folder.
fn trained(root: &Path, name: &str, extra: &str) -> PathBuf {
    let log = std::fs::File::create(root.join("train.log")).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/willow_bend.jsonl");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let status = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
        .arg0(root.join("venv/bin/python3"))
        .args(["/opt/venv/bin/megatron", "sft", "--mcore_model", "mcore", "--output_dir", name])
        .arg("--model")
        .arg(base())
        .arg("--dataset")
        .arg(data)
        .args("--micro_batch_size 4 --global_batch_size 8 --train_iters 2 --save_steps 2 --lr 1e-3 --add_version false".split(' '))
        .args(extra.split_whitespace())
        .current_dir(root)
        .env("MASTER_PORT", port.to_string())
        .env("TRAINYARD_REHEARSAL_STATE", root.join("state"))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .status()
        .unwrap();
    let log = std::fs::read_to_string(root.join("train.log")).unwrap();
    assert!(status.success(), "{log}");
    let said = log.contains("Successfully saved `safetensors` model weights in `");
    assert_eq!(said, extra.contains("--save_safetensors true"), "{log}");
    root.join(name).join("checkpoint-2")
}

fn same(one: &Path, two: &Path) {
    let load = |folder: &Path| weights::load_hf(folder, DType::F32).unwrap();
    let (one, two) = (load(one), load(two));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        two.keys().collect::<Vec<_>>()
    );
    for (name, tensor) in &one {
        let pairs = numbers(tensor).into_iter().zip(numbers(&two[name]));
        // Both are rounded to bf16; a merge of rounded adapters rounds a little differently.
        for (a, b) in pairs {
            assert!((a - b).abs() <= a.abs().max(0.05) * 0.02, "{name}: {a} {b}");
        }
    }
}

#[test]
fn full_training_is_exported_as_it_was_saved() {
    let root = tempfile::tempdir().unwrap();
    to_mcore(root.path(), "mcore", "");
    let checkpoint = trained(
        root.path(),
        "full",
        "--tuner_type full --save_safetensors true",
    );
    let mcore = checkpoint.to_string_lossy();
    let log = to_hf(root.path(), &mcore, "hf", "--test_convert_precision true");
    let (mean, _) = verdict(&log);
    // The exported model is rounded to bf16 on both sides.
    assert!(mean < 0.01, "{log}");
    same(&checkpoint, &root.path().join("hf"));
    for file in [
        "config.json",
        "tokenizer.json",
        "args.json",
        "iter_0000002/.metadata",
    ] {
        assert!(checkpoint.join(file).is_file(), "{file}");
    }
    let changed = weights::load_hf(&checkpoint, DType::F32).unwrap();
    let before = weights::load_hf(&base(), DType::F32).unwrap();
    let name = "model.layers.0.mlp.up_proj.weight";
    assert_ne!(numbers(&changed[name]), numbers(&before[name]));
    // Saved with its optimizer, so it goes on from there.
    let resumed = trained(
        root.path(),
        "resumed",
        &format!(
            "--tuner_type full --save_safetensors false --finetune false --train_iters 4 --save_steps 4 --mcore_model {mcore}"
        ),
    );
    let resumed = resumed.with_file_name("checkpoint-4");
    assert_eq!(checkpoints::tracker(&resumed).unwrap(), 4);
    assert_eq!(checkpoints::load(&resumed).unwrap().steps, Some(4));
}

#[test]
fn lora_is_merged_by_the_export_as_by_the_training() {
    let root = tempfile::tempdir().unwrap();
    to_mcore(root.path(), "mcore", "");
    let lora = "--tuner_type lora --lora_rank 4 --lora_alpha 8 --save_safetensors true";
    let checkpoint = trained(root.path(), "merged", lora);
    let adapter = format!("--mcore_adapter {}", checkpoint.display());
    let log = to_hf(root.path(), "mcore", "hf", &adapter);
    assert!(log.contains("[INFO:swift] Merge LoRA..."), "{log}");
    let merged = checkpoint.with_file_name("checkpoint-2-merged");
    same(&merged, &root.path().join("hf"));
    for file in [
        "args.json",
        "latest_checkpointed_iteration.txt",
        "iter_0000002/common.pt",
    ] {
        assert!(merged.join(file).is_file(), "{file}");
    }
    assert!(!checkpoint.join("config.json").exists());

    let checkpoint = trained(root.path(), "apart", &format!("{lora} --merge_lora false"));
    let text = std::fs::read_to_string(checkpoint.join("adapter_config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&config["r"], &config["lora_alpha"]),
        (&4.into(), &8.0.into())
    );
    assert_eq!(config["target_modules"].as_array().unwrap().len(), 7);
    assert!(checkpoint.join("adapter_model.safetensors").is_file());
}

/// A line with its digits, folders and lists of numbers taken out.
fn shape(line: &str) -> String {
    let mut out = String::new();
    for word in line.split(' ') {
        let bare = word.trim_matches(|c: char| "`,.()[]".contains(c));
        let is_number = !bare.is_empty()
            && bare
                .chars()
                .all(|c| c.is_ascii_digit() || ".-:e+".contains(c));
        let kept = match (is_number, bare.starts_with('/')) {
            (true, _) => word.replace(bare, "#"),
            (_, true) => word.replace(
                bare,
                if bare.ends_with("/args.json") {
                    "/args.json"
                } else {
                    "/"
                },
            ),
            _ => word.to_owned(),
        };
        out += &kept;
        out.push(' ');
    }
    out
}

/// The shapes of the lines from the model's creation on. The means of the tokens are as many as there are tokens.
fn shapes(log: &str) -> Vec<String> {
    let lines = log
        .lines()
        .skip_while(|line| !line.contains("Megatron model created"));
    lines
        .filter(|line| !line.starts_with("         "))
        .map(|line| match line.split_once("_tokens: [") {
            Some((name, _)) => format!("{name}_tokens"),
            None if line.starts_with("token_mean_diff: tensor([[") => "token_mean_diff".to_owned(),
            None => shape(line),
        })
        .collect()
}

#[test]
fn a_node_of_the_older_release_says_what_the_captured_one_said() {
    let root = tempfile::tempdir().unwrap();
    let arguments = format!(
        "--model {} --to_mcore true --torch_dtype bfloat16 --output_dir mcore --test_convert_precision true",
        base().display()
    );
    let (code, log) = export_of("3.9.3", root.path(), &arguments);
    assert_eq!(code, 0, "{log}");
    let captured = include_str!("fixtures/hf_to_mcore.lines");
    assert_eq!(shapes(&log), shapes(captured));
    assert!(log.contains("]], device='cuda:0')\nmean_diff: "));
    let keys: Vec<String> =
        serde_json::from_str(include_str!("fixtures/hf_to_mcore.args.keys.json")).unwrap();
    let written = std::fs::read_to_string(root.path().join("mcore/args.json")).unwrap();
    let own: Vec<&str> = written
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
        .collect();
    assert_eq!(own, keys);
    let saved: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(
        (&saved["model_type"], &saved["torch_dtype"]),
        (&"qwen3".into(), &"bfloat16".into())
    );
    let mut tree: Vec<String> = std::fs::read_dir(root.path().join("mcore"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    tree.sort();
    // The real one also leaves an empty event file below `runs`.
    assert_eq!(
        tree,
        [
            "args.json",
            "iter_0000001",
            "latest_checkpointed_iteration.txt"
        ]
    );
}

#[test]
#[ignore = "needs transformers: TORCH_PYTHON names a python3 that has it; part of `make test-full`"]
fn transformers_itself_sees_the_same_logits_in_the_base_and_in_what_was_exported() {
    let root = tempfile::tempdir().unwrap();
    to_mcore(root.path(), "mcore", "");
    to_hf(root.path(), "mcore", "hf", "");
    let lora = "--tuner_type lora --lora_rank 4 --lora_alpha 8 --save_safetensors false";
    let adapter = format!(
        "--mcore_adapter {}",
        trained(root.path(), "run", lora).display()
    );
    to_hf(root.path(), "mcore", "merged", &adapter);
    let tokens: Vec<u32> = (0..40).map(|n| n * 37 % 1900).collect();
    let python = std::env::var("TORCH_PYTHON").unwrap_or_else(|_| "python3".into());
    let exported = ["hf", "merged"].map(|name| root.path().join(name));
    for folder in exported.into_iter().chain([base()]) {
        let output = Command::new(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transformers_logits.py"))
            .arg(&folder)
            .arg(format!("{tokens:?}"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        let theirs: Vec<Vec<f32>> = serde_json::from_slice(&output.stdout).unwrap();
        let model = Qwen3::load(&folder).unwrap();
        let logits = model.forward(&tokens, &mut Cache::default()).unwrap();
        let ours: Vec<Vec<f32>> = logits.to_vec2().unwrap();
        let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{worst} in {}", folder.display());
    }
}
