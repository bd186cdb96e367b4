//! Folders of every layout, whole and damaged. Their `.metadata` is one that real torch wrote.

use std::collections::BTreeMap;

use super::*;

const INDEX: &[u8] = include_bytes!("../../../fixtures/checkpoints/torch-2.15.0-world-2.metadata");
const BACKEND: &[u8] = br#"{"sharded_backend": "torch_dist", "sharded_backend_version": 1, "common_backend": "torch", "common_backend_version": 1}"#;

/// A folder in memory. Files may be longer than what is kept of them, as sparse files are.
#[derive(Clone)]
struct Made {
    name: String,
    files: BTreeMap<String, (Vec<u8>, u64)>,
    others: BTreeMap<String, EntryKind>,
    refused: Vec<String>,
}

impl Made {
    fn new(name: &str) -> Made {
        Made {
            name: name.to_owned(),
            files: BTreeMap::new(),
            others: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    fn file(mut self, path: &str, bytes: &[u8]) -> Made {
        self.files
            .insert(path.to_owned(), (bytes.to_vec(), bytes.len() as u64));
        self
    }

    fn sized(mut self, path: &str, bytes: u64) -> Made {
        self.files.insert(path.to_owned(), (Vec::new(), bytes));
        self
    }

    fn without(mut self, path: &str) -> Made {
        assert!(self.files.remove(path).is_some(), "{path} was there");
        self
    }

    /// An iteration as Megatron leaves it.
    fn iteration(self, at: &str) -> Made {
        let mut made = self
            .file(&format!("{at}.metadata"), INDEX)
            .file(&format!("{at}metadata.json"), BACKEND)
            .file(&format!("{at}common.pt"), b"PK\x03\x04 some PK\x05\x06 end");
        for (shard, bytes) in shards() {
            made = made.sized(&format!("{at}{shard}"), bytes);
        }
        made
    }

    fn checkpoint(self, at: &str, iteration: u64) -> Made {
        self.iteration(&format!("{at}iter_{iteration:07}/"))
            .file(
                &format!("{at}latest_checkpointed_iteration.txt"),
                iteration.to_string().as_bytes(),
            )
            .file(&format!("{at}args.json"), b"{}")
    }

    /// A Hugging Face model in two files.
    fn model(self, at: &str) -> Made {
        self.file(&format!("{at}config.json"), b"{}")
            .file(&format!("{at}tokenizer.json"), b"{}")
            .file(
                &format!("{at}model.safetensors.index.json"),
                br#"{"metadata":{"total_size":12},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#,
            )
            .file(&format!("{at}model-00001-of-00002.safetensors"), &weights("a", 4))
            .file(&format!("{at}model-00002-of-00002.safetensors"), &weights("b", 2))
    }

    fn report(&self) -> Report {
        inspect(self)
    }
}

fn shards() -> BTreeMap<String, u64> {
    crate::checkpoints::metadata::read(INDEX)
        .expect("an index")
        .shards
}

fn weights(name: &str, elements: usize) -> Vec<u8> {
    let json = format!(
        r#"{{"{name}":{{"dtype":"BF16","shape":[{elements}],"data_offsets":[0,{}]}}}}"#,
        elements * 2
    );
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.extend(vec![0; elements * 2]);
    bytes
}

impl Folder for Made {
    fn list(&self, path: &str) -> Result<Vec<Entry>, String> {
        if self.refused.iter().any(|refused| refused == path) {
            return Err("Permission denied".to_owned());
        }
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let files = self
            .files
            .iter()
            .map(|(path, (_, bytes))| (path, EntryKind::File, *bytes));
        let others = self.others.iter().map(|(path, kind)| (path, *kind, 0));
        for (path, kind, bytes) in files.chain(others) {
            let Some(rest) = path.strip_prefix(&prefix) else {
                continue;
            };
            let (name, kind, bytes) = match rest.split_once('/') {
                Some((folder, _)) => (folder, EntryKind::Folder, 0),
                None => (rest, kind, bytes),
            };
            let refused = if self.refused.contains(path) {
                "Permission denied"
            } else {
                ""
            };
            let entry = Entry {
                name: name.to_owned(),
                kind,
                bytes,
                refused: refused.to_owned(),
            };
            entries.entry(name.to_owned()).or_insert(entry);
        }
        Ok(entries.into_values().collect())
    }

    fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, String> {
        let (bytes, _) = self.files.get(path).ok_or("No such file")?;
        let from = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        let rest = &bytes[from..];
        Ok(rest[..rest.len().min(usize::try_from(length).expect("a length"))].to_vec())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn said(report: &Report) -> Vec<(Fault, &str)> {
    report
        .all_problems()
        .into_iter()
        .map(|problem| (problem.fault, problem.path.as_str()))
        .collect()
}

#[test]
fn every_layout_is_known_and_complete() {
    let run = "v0-20260115-101500";
    for (made, layout) in [
        (Made::new(run).checkpoint("", 100), Layout::Mcore),
        (
            Made::new(run)
                .checkpoint("", 100)
                .iteration("iter_0000200/")
                .file("latest_checkpointed_iteration.txt", b"200\n"),
            Layout::Mcore,
        ),
        (Made::new("iter_0000100").iteration(""), Layout::Iteration),
        (
            Made::new("checkpoint-100").checkpoint("", 100),
            Layout::Checkpoint,
        ),
        (
            Made::new("checkpoint-100").checkpoint("", 100).model(""),
            Layout::CheckpointWithSafetensors,
        ),
        (
            Made::new("checkpoint-100").model(""),
            Layout::SafetensorsOnly,
        ),
        (
            Made::new("checkpoint-100-merged")
                .model("")
                .file("latest_checkpointed_iteration.txt", b"100")
                .file("args.json", b"{}")
                .file("iter_0000100/common.pt", b"legacy"),
            Layout::Merged,
        ),
        (
            Made::new("checkpoint-100")
                .model("")
                .file("latest_checkpointed_iteration.txt", b"100")
                .file("args.json", b"{}")
                .file("iter_0000100/common.pt", b"legacy"),
            Layout::SafetensorsWithCommon,
        ),
        (
            Made::new(run)
                .checkpoint("checkpoint-20/", 20)
                .checkpoint("checkpoint-100/", 100)
                .model("checkpoint-100-merged/")
                .file("args.json", b"{}"),
            Layout::Run,
        ),
        (
            Made::new("output").checkpoint(&format!("{run}/checkpoint-20/"), 20),
            Layout::Runs,
        ),
        (Made::new("Qwen3-0.6B").model(""), Layout::HuggingFace),
        (
            Made::new("Qwen3-0.6B")
                .file("config.json", b"{}")
                .file("model.safetensors", &weights("a", 3)),
            Layout::HuggingFace,
        ),
        (
            Made::new("lora")
                .file("adapter_config.json", b"{}")
                .file("adapter_model.safetensors", &weights("a", 3)),
            Layout::Adapter,
        ),
    ] {
        let report = made.report();
        assert_eq!(said(&report), [], "{layout:?}");
        assert_eq!((report.layout, report.verdict), (layout, Verdict::Complete));
        serde_json::to_string(&report).expect("JSON");
    }
}

#[test]
fn what_is_in_it_is_counted_from_headers() {
    let report = Made::new("checkpoint-100").checkpoint("", 100).report();
    let counted = report.shards.expect("shards");
    assert_eq!(
        (counted.needed, counted.whole),
        (shards().len() as u64, counted.needed)
    );
    assert_eq!(report.has_optimizer, Some(true));
    assert_eq!(report.iteration, Some(100));
    assert_eq!(report.weights.expect("weights").dtype, "bfloat16");
    let model = Made::new("m").model("").report().weights.expect("weights");
    assert_eq!(
        (model.tensors, model.parameters, model.dtype.as_str()),
        (2, 6, "bfloat16")
    );
    let only = Made::new("checkpoint-7").model("").report();
    assert_eq!(only.has_optimizer, Some(false));
    assert!(
        only.notes
            .iter()
            .any(|note| note.en.contains("cannot be resumed"))
    );
}

/// One thing is wrong with a whole checkpoint, and exactly that is said.
#[test]
fn each_damage_is_named() {
    let whole = || Made::new("checkpoint-100").checkpoint("", 100);
    let shard = "iter_0000100/__0_0.distcp";
    let bytes = shards()["__0_0.distcp"];
    for (made, fault, path) in [
        (whole().without(shard), Fault::Missing, shard),
        (whole().sized(shard, bytes - 1), Fault::Truncated, shard),
        (whole().sized(shard, 0), Fault::Truncated, shard),
        (whole().sized(shard, bytes + 1), Fault::TooLong, shard),
        (
            whole().without("iter_0000100/.metadata"),
            Fault::Missing,
            "iter_0000100/.metadata",
        ),
        (
            whole().file("iter_0000100/.metadata", b""),
            Fault::Truncated,
            "iter_0000100/.metadata",
        ),
        (
            whole().file("iter_0000100/.metadata", &INDEX[..100]),
            Fault::Truncated,
            "iter_0000100/.metadata",
        ),
        (
            whole().file("iter_0000100/.metadata", b"<html>"),
            Fault::Unreadable,
            "iter_0000100/.metadata",
        ),
        (
            whole().sized("iter_0000100/.metadata", 1 << 40),
            Fault::Unreadable,
            "iter_0000100/.metadata",
        ),
        (
            whole().without("iter_0000100/common.pt"),
            Fault::Missing,
            "iter_0000100/common.pt",
        ),
        (
            whole().file("iter_0000100/common.pt", b""),
            Fault::Truncated,
            "iter_0000100/common.pt",
        ),
        (
            whole().file("iter_0000100/common.pt", b"PK\x03\x04 cut"),
            Fault::Truncated,
            "iter_0000100/common.pt",
        ),
        (
            whole().without("iter_0000100/metadata.json"),
            Fault::Missing,
            "iter_0000100/metadata.json",
        ),
        (
            whole().file("iter_0000100/metadata.json", b"{\"shar"),
            Fault::Truncated,
            "iter_0000100/metadata.json",
        ),
        (
            whole().file(
                "iter_0000100/metadata.json",
                b"{\"sharded_backend\": \"zarr\"}",
            ),
            Fault::Unreadable,
            "iter_0000100/metadata.json",
        ),
        (
            whole().without("latest_checkpointed_iteration.txt"),
            Fault::Missing,
            "latest_checkpointed_iteration.txt",
        ),
        (
            whole().file("latest_checkpointed_iteration.txt", b""),
            Fault::Truncated,
            "latest_checkpointed_iteration.txt",
        ),
        (
            whole().file("latest_checkpointed_iteration.txt", b"ten"),
            Fault::Damaged,
            "latest_checkpointed_iteration.txt",
        ),
        (
            whole().file("latest_checkpointed_iteration.txt", b"90"),
            Fault::Damaged,
            "latest_checkpointed_iteration.txt",
        ),
        (
            whole().sized("latest_checkpointed_iteration.txt", 1 << 40),
            Fault::Damaged,
            "latest_checkpointed_iteration.txt",
        ),
        (
            whole().file("args.json", b"{\"a\": "),
            Fault::Truncated,
            "args.json",
        ),
    ] {
        let report = made.report();
        assert_eq!(said(&report), [(fault, path)]);
        let expected = match fault {
            Fault::Unreadable => Verdict::Unreadable,
            _ => Verdict::Incomplete,
        };
        assert_eq!(report.verdict, expected, "{path}");
    }
    let report = whole().sized(shard, bytes - 1).report();
    let problem = &report.problems[0];
    assert_eq!(
        (problem.found_bytes, problem.needed_bytes),
        (Some(bytes - 1), Some(bytes))
    );
}

#[test]
fn links_folders_and_refusals_are_no_files() {
    let shard = "iter_0000100/__0_0.distcp";
    let whole = || Made::new("checkpoint-100").checkpoint("", 100);
    let mut made = whole().without(shard);
    made.others.insert(shard.to_owned(), EntryKind::Dangling);
    assert_eq!(said(&made.report()), [(Fault::Missing, shard)]);
    made.others.insert(shard.to_owned(), EntryKind::Other);
    assert_eq!(said(&made.report()), [(Fault::Damaged, shard)]);
    let mut made = whole();
    made.refused.push(shard.to_owned());
    assert_eq!(said(&made.report()), [(Fault::Unreadable, shard)]);
    assert_eq!(made.report().verdict, Verdict::Unreadable);
    let mut made = whole();
    made.refused.push("iter_0000100".to_owned());
    assert_eq!(said(&made.report()), [(Fault::Unreadable, "iter_0000100")]);
    made.refused.push(String::new());
    assert_eq!(made.report().verdict, Verdict::Unreadable);
    assert_eq!(
        Made::new("empty").file("notes.txt", b"x").report().verdict,
        Verdict::Unreadable
    );
}

#[test]
fn shards_of_another_run_are_listed_and_a_later_broken_save_is_told_apart() {
    let made = Made::new("checkpoint-100")
        .checkpoint("", 100)
        .sized("iter_0000100/__7_0.distcp", 9);
    let report = made.report();
    assert_eq!(report.verdict, Verdict::Complete);
    assert_eq!(report.extra[0].path, "iter_0000100/__7_0.distcp");
    // 3.9: the newest save was broken off, the one before it loads.
    let made = Made::new("v1-20260115-101500")
        .checkpoint("", 100)
        .sized("iter_0000200/__0_0.distcp", 9);
    let report = made.report();
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(report.folders[0].verdict, Verdict::Complete);
    assert_eq!(report.folders[1].verdict, Verdict::Incomplete);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.en.contains("200 is newer"))
    );
}

#[test]
fn models_and_adapters_are_held_to_their_headers() {
    let whole = || Made::new("m").model("");
    let first = "model-00001-of-00002.safetensors";
    let bytes = weights("a", 4);
    for (made, fault, path) in [
        (whole().without(first), Fault::Missing, first),
        (
            whole().file(first, &bytes[..bytes.len() - 1]),
            Fault::Truncated,
            first,
        ),
        (whole().file(first, &bytes[..20]), Fault::Truncated, first),
        (whole().file(first, b""), Fault::Truncated, first),
        (
            whole().file(first, &[bytes.clone(), vec![0]].concat()),
            Fault::TooLong,
            first,
        ),
        (whole().file(first, &[0xff; 64]), Fault::Damaged, first),
        (
            whole().file(first, &weights("other", 4)),
            Fault::Damaged,
            first,
        ),
        (
            whole().without("config.json"),
            Fault::Missing,
            "config.json",
        ),
        (
            whole().file("config.json", b"{"),
            Fault::Truncated,
            "config.json",
        ),
        (
            whole().file(
                "model.safetensors.index.json",
                br#"{"weight_map":{"a":"../secret"}}"#,
            ),
            Fault::Damaged,
            "model.safetensors.index.json",
        ),
        (
            whole().without("model.safetensors.index.json"),
            Fault::Missing,
            "model.safetensors.index.json",
        ),
        (
            Made::new("m")
                .file("config.json", b"{}")
                .file("model-00001-of-?????.safetensors", b"x"),
            Fault::Unfinished,
            "model-00001-of-?????.safetensors",
        ),
        (
            Made::new("m").file("config.json", b"{}"),
            Fault::Missing,
            "model.safetensors",
        ),
        (
            Made::new("a").file("adapter_config.json", b"{}"),
            Fault::Missing,
            "adapter_model.safetensors",
        ),
        (
            Made::new("a").file("adapter_model.safetensors", &weights("a", 1)),
            Fault::Missing,
            "adapter_config.json",
        ),
        (
            Made::new("m")
                .file("config.json", b"{}")
                .file("pytorch_model.bin", b"PK\x03\x04 cut"),
            Fault::Truncated,
            "pytorch_model.bin",
        ),
    ] {
        let report = made.report();
        assert_eq!(said(&report), [(fault, path)]);
        assert_eq!(report.verdict, Verdict::Incomplete);
    }
    let lost = whole()
        .without("model.safetensors.index.json")
        .without(first)
        .report();
    assert_eq!(
        said(&lost),
        [
            (Fault::Missing, "model.safetensors.index.json"),
            (Fault::Missing, first)
        ]
    );
}

#[test]
fn a_node_that_is_not_the_first_holds_shards_alone() {
    let made = Made::new("checkpoint-100").sized("iter_0000100/__1_0.distcp", 9);
    let report = made.report();
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert!(report.notes.iter().any(|note| note.en.contains("Gather")));
    assert!(said(&report).contains(&(Fault::Missing, "iter_0000100/.metadata")));
}
