//! Tensor and pipeline parallel runs.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use candle_core::DType;
use rehearsal::checkpoints;
use rehearsal::model::mapping::{hf_from_mcore, merged};
use rehearsal::model::weights;

use crate::support::{base_weights, both, gather, losses, shipped};

/// Runs `swift export` in `root`.
fn export(root: &Path, arguments: &str) {
    let log = std::fs::File::create(root.join("export.log")).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
        .arg0("/opt/venv/bin/python3")
        .args(["/opt/venv/bin/swift", "export", "--model"])
        .arg(shipped("base"))
        .args(arguments.split_whitespace())
        .current_dir(root)
        .env("TRAINYARD_REHEARSAL_STATE", root.join("state"))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .status()
        .unwrap();
    let log = std::fs::read_to_string(root.join("export.log")).unwrap();
    assert!(status.success(), "{arguments}: {log}");
}

/// The rank that wrote a file, `__<rank>_<writer>.distcp`.
fn writer(item: &checkpoints::Item) -> usize {
    let digits = item.file.trim_start_matches('_').split('_').next();
    digits.unwrap().parse().unwrap()
}

/// The degrees change who computes and who writes what, never what is learnt; two nodes of two ranks are ranks 0 to 3.
#[test]
fn tensor_and_pipeline_parallel_runs_learn_the_same_and_cut_their_shards_by_the_degrees() {
    let root = tempfile::tempdir().unwrap();
    export(root.path(), "--to_mcore true --output_dir mcore");
    let config = base_weights().0;
    let plain = losses(&both(&root.path().join("plain"), "")[1]);
    for degree in ["tensor", "pipeline"] {
        let extra = format!("--{degree}_model_parallel_size 2");
        let nodes = both(&root.path().join(degree), &extra);
        let cut = losses(&nodes[1]);
        // The same rows in another order of adding.
        let worst = plain.iter().zip(&cut).map(|(a, b)| (a - b).abs());
        assert!(
            worst.fold(0.0, f64::max) < 0.02,
            "{degree}: {plain:?} {cut:?}"
        );
        assert!(
            cut.len() == 10 && cut[9] < cut[0] - 1.0,
            "{degree}: {cut:?}"
        );

        let folder = nodes[0].run_folder().join("checkpoint-10");
        let iteration = checkpoints::iteration_folder(&folder, 10);
        let metadata = std::fs::read(iteration.join(".metadata")).unwrap();
        let index = checkpoints::Index::read(&metadata).unwrap();
        let missing = || {
            let files = index.items.iter().map(|item| iteration.join(&item.file));
            files.filter(|file| !file.exists()).count()
        };
        assert!(missing() > 0, "{degree}: the other node holds shards too");
        gather(&nodes, "checkpoint-10");
        assert_eq!(missing(), 0, "{degree}");
        let of = |part: &str| -> Vec<&checkpoints::Item> {
            let items = index.items.iter();
            items.filter(|item| item.name.contains(part)).collect()
        };
        if degree == "tensor" {
            let pieces = of("layers.0.self_attention.linear_qkv.lora_B");
            // The adapter, both moments and the f32 weights, each in two halves of rows.
            assert_eq!(pieces.len(), 8, "{pieces:?}");
            for piece in pieces {
                let half = usize::from(piece.offsets.as_ref().unwrap()[0] > 0);
                assert_eq!(writer(piece) % 2, half, "{piece:?}");
            }
        } else {
            for layer in 0..4 {
                let pieces = of(&format!("decoder.layers.{layer}."));
                assert!(!pieces.is_empty());
                for piece in pieces {
                    assert_eq!(writer(piece) / 2, layer / 2, "{piece:?}");
                }
            }
        }

        export(
            root.path(),
            &format!(
                "--mcore_model mcore --mcore_adapter {} --to_hf true --output_dir {degree}-hf",
                folder.display()
            ),
        );
        let adapters = checkpoints::load(&folder).unwrap().weights;
        let alpha = 32.0;
        let whole = merged(&base_weights().1, &adapters, alpha / 4.0).unwrap();
        let exported =
            weights::load_hf(&root.path().join(format!("{degree}-hf")), DType::F32).unwrap();
        for (name, tensor) in hf_from_mcore(&config, &whole).unwrap() {
            // What is exported is rounded to bf16.
            let difference = (&tensor - &exported[&name]).unwrap().abs().unwrap();
            let worst = difference.max_all().unwrap().to_scalar::<f32>().unwrap();
            let largest = tensor
                .abs()
                .unwrap()
                .max_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            assert!(
                worst <= largest / 128.0,
                "{degree} {name}: {worst} of {largest}"
            );
        }
    }
}
