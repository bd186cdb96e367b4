//! The list of arguments that a node tells, by whatever Python this machine has.

use domain::recipes::arguments::probe;

/// The snippet over a package that is laid out like ms-swift, by whatever Python the machine has.
#[test]
fn the_snippet_reads_classes_their_bases_and_their_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let swift = folder.path().join("swift");
    std::fs::create_dir_all(swift.join("arguments")).expect("made");
    std::fs::write(
        swift.join("__init__.py"),
        "raise ImportError('never imported')\n",
    )
    .expect("written");
    std::fs::write(swift.join("version.py"), "__version__ = '4.9.1'\n").expect("written");
    std::fs::write(
        swift.join("arguments/base.py"),
        "from dataclasses import dataclass, field\n@dataclass\nclass BaseArguments:\n    lr: Optional[float] = None\n    seed: int = 42\n    @property\n    def x(self): pass\n@dataclass\nclass MegatronSftArguments(BaseArguments):\n    seed: int = 7\n    report_to: List[str] = field(default_factory=lambda: ['tensorboard'])\n    mode: Literal['a', 'b'] = 'a'\n    names: List[str] = field(default_factory=list)\n",
    )
    .expect("written");
    let ran = std::process::Command::new("python3")
        .arg("-c")
        .arg(probe::SNIPPET)
        .env("PYTHONPATH", folder.path())
        .output();
    let Ok(output) = ran else {
        return;
    };
    let table = probe::read(&String::from_utf8_lossy(&output.stdout))
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(table.release, "4.9.1");
    let list: Vec<(&str, serde_json::Value)> = table
        .command("megatron sft")
        .expect("a list")
        .iter()
        .map(|a| (a.name.as_str(), a.default.clone()))
        .collect();
    assert_eq!(
        list,
        [
            ("lr", serde_json::Value::Null),
            ("seed", 7.into()),
            ("report_to", serde_json::json!(["tensorboard"])),
            ("mode", "a".into()),
            ("names", serde_json::json!([])),
        ]
    );
}
