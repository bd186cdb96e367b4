//! Exports of trained runs: `swift export` of 3.9.3, `megatron export` of 4.6.0 by several processes.

use std::path::Path;

use candle_core::{DType, Tensor};
use rehearsal::checkpoints;
use rehearsal::model::mapping::{hf_from_mcore, merged, peft_from_mcore};
use rehearsal::model::{Tensors, weights};
use serde_json::Value;

use crate::older::{Older, gathered};
use crate::support::{Venv, base_weights, both, gather, shipped};

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_dtype(DType::F32).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The same, but for what is lost when `expected` is stored as bf16.
fn close(found: &Tensors, expected: &Tensors) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, tensor) in expected {
        let expected = numbers(tensor);
        let largest = expected
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        for (a, b) in numbers(&found[name]).into_iter().zip(expected) {
            assert!((a - b).abs() <= largest / 128.0, "{name}: {a} {b}");
        }
    }
}

fn loaded(folder: &Path) -> Tensors {
    checkpoints::load(folder).unwrap().weights
}

/// The lines of ms-swift's logger behind `from`, without their numbers and folders.
fn said<'a>(log: &'a str, from: &str) -> Vec<&'a str> {
    let lines = log
        .lines()
        .filter_map(|line| line.strip_prefix("[INFO:swift] "));
    let lines = lines.skip_while(|line| !line.starts_with(from));
    lines
        .map(|line| line.split([':', '`']).next().unwrap_or_default().trim_end())
        .collect()
}

#[test]
fn the_older_release_merges_an_adapter_as_the_runbook_asks() {
    let older = Older::new("0.13.1", "2.6.0");
    let root = older.root.path();
    let nodes = older.both("lora", "--lora_alpha 8");
    let run = gathered(&nodes, 10);
    let run = run.display();
    let expected = merged(
        &base_weights().1,
        &loaded(Path::new(&run.to_string())),
        8.0 / 4.0,
    )
    .unwrap();
    let model = shipped("base");
    let words = format!(
        "--model {model} --mcore_model {} --mcore_adapters {run} --to_hf true --torch_dtype bfloat16 --output_dir hf --test_convert_precision true",
        older.mcore().display()
    );
    let (code, log) = older.venv.export(root, "swift", &words);
    assert_eq!(code, 0, "{log}");
    // 3.9.3 `megatron/utils/convert.py:convert_mcore2hf`: it compares before it saves.
    assert_eq!(
        said(&log, "Merge LoRA"),
        [
            "Merge LoRA...",
            "Megatron model created successfully.",
            "n_parameter",
            "total_sum",
            "zero_count",
            "n_parameter",
            "total_sum",
            "zero_count",
            "Successfully transferred MG model weights to HF model.",
            "Saving the model...",
            "Successfully saved HF model weights in",
            "End time of running main",
        ]
    );
    assert!(log.contains("\ntoken_diff (with loss): 0\n"), "{log}");
    let hf = root.join("hf");
    assert!(hf.join("model.safetensors").exists() && hf.join("args.json").exists());
    let config = base_weights().0;
    close(
        &weights::load_hf(&hf, DType::F32).unwrap(),
        &hf_from_mcore(&config, &expected).unwrap(),
    );

    // The base stands in the run's own args.json, as long as it is where it was; and it can stay Megatron's.
    let words = format!(
        "--model {model} --mcore_adapters {run} --to_mcore true --output_dir merged --thread_count 3"
    );
    let (code, log) = older.venv.export(root, "swift", &words);
    assert_eq!(code, 0, "{log}");
    close(&loaded(&root.join("merged")), &expected);
    let files = std::fs::read_dir(root.join("merged/iter_0000001")).unwrap();
    let shards = files.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".distcp")
    });
    assert_eq!(shards.count(), 3);

    // Megatron-LM finds no checkpoint and leaves without an error.
    std::fs::remove_file(older.mcore().join(checkpoints::TRACKER)).unwrap();
    let words = format!("--model {model} --mcore_adapters {run} --to_hf true --output_dir none");
    let (code, log) = older.venv.export(root, "swift", &words);
    assert_eq!(code, 0, "{log}");
    assert!(
        log.contains("WARNING: could not find the metadata file"),
        "{log}"
    );
    assert!(!log.contains("End time of running main") && !root.join("none").exists());
}

#[test]
fn the_older_release_exports_a_damaged_checkpoint_without_an_error() {
    let older = Older::new("0.13.1", "2.6.0");
    std::fs::remove_file(older.mcore().join("iter_0000001/__0_0.distcp")).unwrap();
    let words = format!(
        "--model {} --mcore_model {} --to_hf true --output_dir hf",
        shipped("base"),
        older.mcore().display()
    );
    let (code, log) = older.venv.export(older.root.path(), "swift", &words);
    assert_eq!(code, 0, "{log}");
    assert!(
        log.contains("Successfully saved HF model weights in"),
        "{log}"
    );
    let bar = log.rsplit("Loading: ").next().unwrap();
    assert!(!bar.starts_with("100%"), "{log}");
    let (code, log) = older.venv.export(older.root.path(), "megatron", &words);
    assert_eq!(code, 1, "3.9 has no megatron export: {log}");
    assert!(log.contains("KeyError: 'export'"));
}

#[test]
fn several_processes_export_an_adapter_merged_or_on_its_own() {
    let root = tempfile::tempdir().unwrap();
    let nodes = both(root.path(), "--lora_alpha 8");
    let checkpoint = gather(&nodes, "checkpoint-10");
    let (config, base) = base_weights();
    let adapters = loaded(&checkpoint);
    let expected = merged(&base, &adapters, 8.0 / 4.0).unwrap();
    let venv = Venv::newer();
    let run = |words: &str| {
        let words = format!(
            "--model {} --mcore_adapter {} {words}",
            shipped("base"),
            checkpoint.display()
        );
        let (code, log) = venv.export_with(root.path(), "megatron", &words, 2);
        assert_eq!(code, 0, "{log}");
        assert!(
            log.contains("-m torch.distributed.run --nproc_per_node 2"),
            "{log}"
        );
        log
    };
    // Trained from Hugging Face's files, it needs no base in Megatron's format.
    let log = run(
        "--to_hf true --output_dir hf --tensor_model_parallel_size 2 --test_convert_precision true --max_shard_size 1MB",
    );
    assert!(
        log.contains("[INFO:swift] Merge LoRA...") && log.contains("\ntoken_diff (with loss): 0\n"),
        "{log}"
    );
    let hf = root.path().join("hf");
    close(
        &weights::load_hf(&hf, DType::F32).unwrap(),
        &hf_from_mcore(&config, &expected).unwrap(),
    );
    let index: Value =
        serde_json::from_slice(&std::fs::read(hf.join("model.safetensors.index.json")).unwrap())
            .unwrap();
    let map = index["weight_map"].as_object().unwrap();
    let mut files: Vec<&str> = map.values().map(|file| file.as_str().unwrap()).collect();
    files.sort_unstable();
    files.dedup();
    let count = files.len();
    assert!(count > 1, "{files:?}");
    let last = format!("model-{count:05}-of-{count:05}.safetensors");
    assert_eq!(files.last(), Some(&last.as_str()));
    assert!(files.iter().all(|file| hf.join(file).exists()));
    let copied: Value =
        serde_json::from_slice(&std::fs::read(hf.join("args.json")).unwrap()).unwrap();
    assert_eq!(copied["lora_rank"], 4, "the args.json of the run");

    let log =
        run("--to_hf true --merge_lora false --output_dir peft --test_convert_precision true");
    assert!(!log.contains("Merge LoRA..."));
    assert!(log.contains("\ntoken_diff (with loss): 0\n"), "{log}");
    let peft = root.path().join("peft");
    assert!(!peft.join("config.json").exists());
    let named: Value =
        serde_json::from_slice(&std::fs::read(peft.join("adapter_config.json")).unwrap()).unwrap();
    assert_eq!(
        (&named["r"], &named["lora_alpha"]),
        (&4.into(), &8.0.into())
    );
    let file = candle_core::safetensors::load(
        peft.join("adapter_model.safetensors"),
        &candle_core::Device::Cpu,
    )
    .unwrap();
    close(
        &file.into_iter().collect(),
        &peft_from_mcore(&config, &adapters).unwrap(),
    );

    // Four ranks would hold halves; two hold one each.
    let log = run(
        "--to_mcore true --merge_lora true --output_dir mcore --tensor_model_parallel_size 2 --torch_dtype float32",
    );
    assert!(
        log.contains("Successfully saved Megatron model weights in"),
        "{log}"
    );
    let mcore = root.path().join("mcore");
    close(&loaded(&mcore), &expected);
    let metadata = std::fs::read(mcore.join("iter_0000001/.metadata")).unwrap();
    let index = checkpoints::Index::read(&metadata).unwrap();
    let qkv = "decoder.layers.0.self_attention.linear_qkv.weight";
    let mut halves: Vec<&str> = index
        .items
        .iter()
        .filter(|item| item.name == qkv)
        .map(|item| &item.file[..4])
        .collect();
    halves.sort_unstable();
    assert_eq!(halves, ["__0_", "__1_"]);

    let words = format!("--model {} --to_hf true --output_dir hf", shipped("base"));
    let (code, log) = venv.export_with(root.path(), "megatron", &words, 1);
    assert_eq!(code, 1);
    assert!(log.contains("FileExistsError: args.output_dir: `"), "{log}");
}
