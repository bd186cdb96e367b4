//! What the console writes for a release is what a node of that release takes.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::recipes::command::{self, Convert, Export, Train};
use domain::recipes::launch::{self, Launch, LaunchNode};
use domain::recipes::version::Version;
use domain::recipes::{Length, Recipe, Tuner, presets};

use crate::support::{Venv, port, shipped};

/// Runs a script as a job of the console does, with the node's tools first on PATH.
fn run(root: &Path, venv: &Venv, script: &str) {
    let path = std::env::var("PATH").unwrap();
    let tools = venv.python();
    let tools = tools.parent().unwrap().display();
    let output = Command::new("/bin/sh")
        .args(["-c", script])
        .current_dir(root)
        .env("PATH", format!("{tools}:{path}"))
        .env("MEGATRON_LM_PATH", venv.megatron_lm())
        .env("MASTER_PORT", port().to_string())
        .env("TRAINYARD_REHEARSAL_STATE", root.join("state"))
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{script}\n{}{}", said[0], said[1]);
}

fn only_entry(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap();
    entries.next().unwrap().unwrap().path()
}

#[test]
fn a_node_takes_what_the_console_writes_for_its_release() {
    for release in ["3.9.3", "4.6.0"] {
        let version = Version::parse(release).unwrap();
        for recipe in [presets::rehearsal(), presets::full()] {
            let root = tempfile::tempdir().unwrap();
            let root = root.path();
            let venv = Venv::with_launchers(root, release);
            let recipe = Recipe {
                length: Length::Iterations(2),
                save_interval: 2,
                global_batch_size: 8,
                ..recipe
            };
            let text = |path: PathBuf| path.to_string_lossy().into_owned();
            let (model, dataset) = (shipped("base"), shipped("data/willow_bend.jsonl"));
            let (mcore, output) = (text(root.join("mcore")), text(root.join("out")));
            let convert = Convert {
                model: &model,
                output: &mcore,
                tests_precision: true,
            };
            run(
                root,
                &venv,
                &command::convert(&convert, version).unwrap().render(),
            );
            let train = Train {
                model: &model,
                mcore_model: &mcore,
                dataset: &dataset,
                output: &output,
            };
            let megatron_lm = text(venv.megatron_lm());
            let launch = Launch {
                nodes: vec![LaunchNode {
                    name: "node-1",
                    address: "127.0.0.1",
                    interface: "lo",
                }],
                gpus: vec![0, 1],
                master_port: port(),
                modelscope_cache: "/tmp/modelscope",
                megatron_lm_path: Some(&megatron_lm),
                variables: &std::collections::BTreeMap::new(),
            };
            let trains = command::train(&train, &recipe, version).unwrap();
            run(root, &venv, &launch::script(&launch, 0, &trains, version));
            let folder = only_entry(Path::new(&output));
            let checkpoint = match release {
                "3.9.3" => text(folder),
                _ => text(folder.join("checkpoint-2")),
            };
            let hf = text(root.join("hf"));
            let is_full = recipe.tuner == Tuner::Full;
            let export = Export {
                model: &model,
                mcore_model: if is_full { &checkpoint } else { &mcore },
                mcore_adapter: (!is_full).then_some(checkpoint.as_str()),
                output: &hf,
                tests_precision: true,
            };
            run(
                root,
                &venv,
                &command::export(&export, version).unwrap().render(),
            );
            assert!(Path::new(&hf).join("config.json").exists());
        }
    }
}
