//! `megatron sft` as ms-swift 3.9.3, on two nodes of two ranks.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rehearsal::checkpoints;
use serde_json::Value;

use crate::support::{Node, Venv, keys, port, records, shipped};

pub const LORA: &str = "--train_type lora --lora_rank 4 --finetune true --lr 5e-3 --split_dataset_ratio 0.1 --micro_batch_size 2 \
    --global_batch_size 16 --train_iters 10 --save_interval 5 --eval_interval 5 --log_interval 1";

/// A place with 3.9.3 installed and the base model converted by it.
pub struct Older {
    pub root: tempfile::TempDir,
    pub venv: Venv,
}

impl Older {
    pub fn new(core: &str, torch: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let venv = Venv::older(root.path(), core, torch);
        let older = Self { root, venv };
        let model = shipped("base");
        let words =
            format!("--model {model} --to_mcore true --torch_dtype bfloat16 --output_dir mcore");
        let (code, log) = older.venv.export(older.root.path(), "swift", &words);
        assert_eq!(code, 0, "{log}");
        older
    }

    pub fn mcore(&self) -> PathBuf {
        self.root.path().join("mcore")
    }

    /// A node of `nodes` that trains.
    pub fn start(&self, name: &str, rank: usize, nodes: usize, port: u16, extra: &str) -> Node {
        let words = format!(
            "--model {} --load {} --dataset {} --save out {LORA} {extra}",
            shipped("base"),
            self.mcore().display(),
            shipped("data/willow_bend.jsonl")
        );
        self.start_with(name, rank, nodes, port, &words, true)
    }

    /// The same with all its words, and with or without Megatron-LM's folder.
    pub fn start_with(
        &self,
        name: &str,
        rank: usize,
        nodes: usize,
        port: u16,
        words: &str,
        has_megatron: bool,
    ) -> Node {
        let folder = self.root.path().join(name).join(format!("node{rank}"));
        std::fs::create_dir_all(&folder).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rehearsal"));
        command
            .arg0(self.venv.python())
            .args(["/opt/venv/bin/megatron", "sft"])
            .args(words.split_whitespace())
            .current_dir(&folder)
            .envs(
                [
                    ("NNODES", nodes),
                    ("NODE_RANK", rank),
                    ("NPROC_PER_NODE", 2),
                ]
                .map(|(name, value)| (name, value.to_string())),
            )
            .envs([
                ("MASTER_ADDR", "127.0.0.1".to_owned()),
                ("MASTER_PORT", port.to_string()),
            ])
            .env("TRAINYARD_REHEARSAL_STATE", folder.join("state"))
            .env_remove("MEGATRON_LM_PATH")
            .env_remove("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0);
        if has_megatron {
            command.env("MEGATRON_LM_PATH", self.venv.megatron_lm());
        }
        let child = command.spawn().unwrap();
        Node { folder, child }
    }

    pub fn both(&self, name: &str, extra: &str) -> [Node; 2] {
        let port = port();
        let mut nodes = [0, 1].map(|rank| self.start(name, rank, 2, port, extra));
        for node in &mut nodes {
            let code = node.exit_code();
            assert_eq!(code, 0, "{}", node.log());
        }
        nodes
    }
}

/// Every shard of an iteration on the first node, whose tracker then names it.
pub fn gathered(nodes: &[Node; 2], iteration: u64) -> PathBuf {
    let [first, last] = [&nodes[0], &nodes[1]].map(Node::run_folder);
    let to = checkpoints::iteration_folder(&first, iteration);
    for entry in std::fs::read_dir(checkpoints::iteration_folder(&last, iteration)).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
    }
    std::fs::write(first.join(checkpoints::TRACKER), iteration.to_string()).unwrap();
    first
}

pub fn losses(node: &Node) -> Vec<f64> {
    let records = records(node);
    let losses = records
        .iter()
        .filter_map(|record| record["lm loss"].as_f64());
    losses.collect()
}

fn names(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.join(" ")
}

/// A line with its numbers taken out.
fn shape(line: &str) -> String {
    let mut out = String::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_digit() {
            out.push(letter);
            continue;
        }
        while letters
            .next_if(|next| next.is_ascii_digit() || *next == '.')
            .is_some()
        {}
        out.push('#');
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn two_nodes_train_as_the_older_release_and_each_writes_its_own_files() {
    let older = Older::new("0.13.1", "2.6.0");
    let nodes = older.both("lora", "");
    let [first, last] = &nodes;
    let losses = losses(last);
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < losses[0] - 1.0, "{losses:?}");

    let records = records(last);
    // facts: `megatron/trainers/base.py:training_log` and `evaluate` of 3.9.3.
    assert_eq!(
        keys(&records[0]),
        [
            "consumed_samples",
            "elapsed_time",
            "elapsed_time_per_iteration",
            "global_step/max_steps",
            "grad_norm",
            "learning_rate",
            "lm loss",
            "loss_scale",
            "memory(GiB)",
            "remaining_time",
        ]
    );
    assert_eq!(records[0]["global_step/max_steps"], "1/10");
    assert_eq!(records[0]["consumed_samples"], 16);
    let evaluations: Vec<&Value> = records
        .iter()
        .filter(|record| record.get("eval_lm loss").is_some())
        .collect();
    // At 5 and 10, and once more when training is over.
    assert_eq!(evaluations.len(), 3);
    assert!(
        evaluations
            .iter()
            .all(|record| keys(record) == ["eval_lm loss"])
    );
    assert_eq!(evaluations[1], evaluations[2]);

    let (one, two) = (first.run_folder(), last.run_folder());
    assert_eq!(one.file_name(), two.file_name());
    assert_eq!(
        names(&one),
        "args.json iter_0000005 iter_0000010 latest_checkpointed_iteration.txt val_dataset.jsonl"
    );
    assert_eq!(names(&two), "iter_0000005 iter_0000010 logging.jsonl runs");
    assert_eq!(
        names(&one.join("iter_0000005")),
        ".metadata __0_0.distcp __0_1.distcp __1_0.distcp __1_1.distcp common.pt metadata.json"
    );
    assert_eq!(
        names(&two.join("iter_0000005")),
        "__2_0.distcp __2_1.distcp __3_0.distcp __3_1.distcp"
    );
    let tracker = std::fs::read_to_string(one.join("latest_checkpointed_iteration.txt")).unwrap();
    assert_eq!(tracker, "10");
    let split = std::fs::read_to_string(one.join("val_dataset.jsonl")).unwrap();
    assert!(split.starts_with(r#"{"messages": [{"role": "#), "{split}");

    let written = std::fs::read_to_string(one.join("args.json")).unwrap();
    let own: Vec<&str> = written
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
        .collect();
    let captured: Vec<String> =
        serde_json::from_str(include_str!("../fixtures/sft_3.9.args.keys.json")).unwrap();
    assert_eq!(own, captured);
    let saved: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(
        (
            &saved["train_type"],
            &saved["num_layers"],
            &saved["eval_interval"]
        ),
        (&"lora".into(), &4.into(), &5.into())
    );
    assert!(saved["extra_args"]["dataset"].is_array() && saved["extra_args"].get("lr").is_none());

    let events = std::fs::read_dir(two.join("runs")).unwrap().next().unwrap();
    let events = std::fs::read(events.unwrap().path()).unwrap();
    let has = |tag: &str| events.windows(tag.len()).any(|part| part == tag.as_bytes());
    for tag in [
        "lm loss vs samples",
        "lm loss validation",
        "learning-rate",
        "grad-norm",
        "batch-size",
        "loss-scale",
        "iteration-time",
        "mem-reserved-bytes",
        "train_type/text_summary",
    ] {
        assert!(has(tag), "{tag}");
    }
}

#[test]
fn the_lines_are_those_of_megatron_lm() {
    let older = Older::new("0.13.1", "2.6.0");
    let [first, last] = older.both(
        "lora",
        "--train_iters 4 --save_interval 2 --eval_interval 4",
    );
    let log = last.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("] iteration "))
        .collect();
    assert_eq!(lines.len(), 4, "{log}");
    // The last: its remaining time is no guess.
    let line = lines[3];
    // 3.9.3 `megatron/trainers/base.py:training_log`.
    let expected = " [2025-10-23 20:15:01] iteration       10/     100 | consumed samples:          160 | elapsed time per iteration (ms): 1234.5 | memory(GiB): 61.2 | elapsed time: 12s | remaining time: 51s | learning rate: 9.500000E-05 | global batch size:    16 | lm loss: 1.234567E+00 | loss scale: 1.0 | grad norm: 0.512 | number of skipped iterations:   0 | number of nan iterations:   0 |";
    assert_eq!(
        shape(&line.replace("E-", "E+")),
        shape(&expected.replace("E-", "E+"))
    );
    assert!(
        line.starts_with(" [20")
            && line.contains(" iteration        4/       4 | consumed samples:           64 |"),
        "{line}"
    );
    assert!(
        !first.log().contains("] iteration "),
        "the last rank alone says it"
    );
    let evaluations: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with(" validation loss at "))
        .collect();
    assert_eq!(evaluations.len(), 2, "{log}");
    assert!(evaluations[0].starts_with(" validation loss at iteration 4 | lm loss value: "));
    assert!(
        evaluations[1]
            .starts_with(" validation loss at iteration 4 on validation set | lm loss value: ")
    );
    let ruler = log.lines().find(|line| line.starts_with("-----")).unwrap();
    assert_eq!(ruler.len(), evaluations[0].len() + 1);
    let log = first.log();
    let run = first.run_folder();
    let run = run.display();
    for words in [
        "[INFO:swift] Patch FileSystemReader successfully applied.".to_owned(),
        "[INFO:swift] megatron.core.__version__: 0.13.1".to_owned(),
        format!("[INFO:swift] args.save: {run}"),
        format!("[INFO:swift] The MegatronTrainArguments will be saved in: {run}/args.json"),
        format!("[INFO:swift] logging_path: {run}/logging.jsonl"),
        "[INFO:swift] swift.__version__: 3.9.3".to_owned(),
        "using world size: 4, data-parallel size: 4, context-parallel size: 1, ".to_owned(),
        "------------------------ arguments ------------------------".to_owned(),
        "  lora_rank ....................................... 4".to_owned(),
        "[INFO:swift] Setting args.eval_iters: 1".to_owned(),
        "[INFO:swift] lora_config: LoraConfig(".to_owned(),
        format!(
            " loading distributed checkpoint from {} at iteration 1",
            older.mcore().display()
        ),
        "Loading: 100%|██████████| ".to_owned(),
        "[INFO:swift] The training of Epoch 0 starts...".to_owned(),
        format!("saving checkpoint at iteration       2 to {run} in torch_dist format"),
        format!("  successfully saved checkpoint from iteration       4 to {run} [ t 1/1, p 1/1 ]"),
        "[after training is done] datetime: ".to_owned(),
        "Evaluating iter 1/1".to_owned(),
    ] {
        assert!(log.contains(&words), "{words} in {log}");
    }
    assert!(
        log.trim_end()
            .lines()
            .last()
            .unwrap()
            .starts_with("[INFO:swift] End time of running main: ")
    );
}

/// The console's own readers, over the file and over the log.
#[test]
fn a_console_reads_the_same_curve_from_the_file_and_from_the_lines() {
    let older = Older::new("0.13.1", "2.6.0");
    let nodes = older.both(
        "lora",
        "--train_iters 7 --save_interval 3 --eval_interval 3",
    );
    let file = std::fs::read(nodes[1].run_folder().join("logging.jsonl")).unwrap();
    let written = domain::metrics::jsonl::Reader::default().push(&file);
    let printed = domain::metrics::stdout::Reader::default().push(nodes[1].log().as_bytes());
    let steps = |records: &[domain::metrics::jsonl::Record], name: &str| -> Vec<Option<i64>> {
        let has = |record: &&domain::metrics::jsonl::Record| {
            record.values.iter().any(|(known, _)| known == name)
        };
        records
            .iter()
            .filter(has)
            .map(|record| record.step)
            .collect()
    };
    let expected: Vec<Option<i64>> = (1..=7).map(Some).collect();
    assert_eq!(steps(&written, "loss"), expected);
    assert_eq!(steps(&printed, "loss"), expected);
    assert_eq!(steps(&written, "eval_loss"), [None, None, None]);
    assert_eq!(steps(&printed, "eval_loss"), [Some(3), Some(6), Some(7)]);
    let (mut newest, mut followed) = (0, Vec::new());
    for record in &written {
        match record.step {
            Some(step) => newest = step,
            None => followed.push(domain::metrics::jsonl::evaluation_step(newest, 3, 7)),
        }
    }
    assert_eq!(followed, [3, 6, 7]);
}

#[test]
fn a_run_of_the_older_release_goes_on_as_if_it_had_never_stopped() {
    let older = Older::new("0.13.1", "2.6.0");
    let straight = older.both("straight", "");
    let folder = gathered(&straight, 5);
    let resume = format!("--finetune false --adapter_load {}", folder.display());
    let resumed = older.both("resumed", &resume);
    assert_eq!(losses(&resumed[1]), losses(&straight[1])[5..]);
    assert_eq!(records(&resumed[1])[0]["global_step/max_steps"], "6/10");
    assert_eq!(records(&resumed[1])[0]["consumed_samples"], 96);
    assert!(
        resumed[0].log().contains(" at iteration 5\n"),
        "{}",
        resumed[0].log()
    );
    // From the same weights, but anew.
    let anew = older.both(
        "anew",
        &format!("--finetune true --adapter_load {}", folder.display()),
    );
    assert_eq!(records(&anew[1])[0]["global_step/max_steps"], "1/10");
    assert!(losses(&anew[1])[0] < losses(&straight[1])[0]);
}
