//! Nodes that train, as processes, and what they leave.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rehearsal::model::mapping::mcore_from_hf;
use rehearsal::model::{Config, Tensors};
use serde_json::Value;

/// Training on a busy machine is slow; whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Node {
    pub folder: PathBuf,
    pub child: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        // The command alone would leave its agent behind: end the whole group, and the ranks by the agent's hand.
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

pub fn port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .to_string_lossy()
        .into_owned()
}

pub fn start(root: &Path, rank: usize, nodes: usize, port: u16, extra: &str) -> Node {
    let folder = root.join(format!("node{rank}"));
    std::fs::create_dir_all(&folder).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
        .arg0("/opt/venv/bin/python3")
        .args(["/opt/venv/bin/megatron", "sft", "--model", &shipped("base")])
        .args(["--dataset", &shipped("data/willow_bend.jsonl")])
        .args("--tuner_type lora --lora_rank 4 --save_safetensors false --output_dir out --lr 5e-3 --split_dataset_ratio 0.1".split(' '))
        .args("--micro_batch_size 2 --global_batch_size 16 --train_iters 10 --save_steps 5 --eval_steps 5 --logging_steps 1".split(' '))
        .args(extra.split_whitespace())
        .current_dir(&folder)
        .envs([("NNODES", nodes.to_string()), ("NODE_RANK", rank.to_string())])
        .envs([("MASTER_ADDR", "127.0.0.1".to_owned()), ("MASTER_PORT", port.to_string()), ("NPROC_PER_NODE", "2".to_owned())])
        .env("TRAINYARD_REHEARSAL_STATE", folder.join("state"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap();
    Node { folder, child }
}

impl Node {
    pub fn log(&self) -> String {
        String::from_utf8(std::fs::read(self.folder.join("log")).unwrap()).unwrap()
    }

    pub fn exit_code(&mut self) -> i32 {
        wait_for(|| self.child.try_wait().unwrap()).code().unwrap()
    }

    /// The only run folder below `out`.
    pub fn run_folder(&self) -> PathBuf {
        let mut entries = std::fs::read_dir(self.folder.join("out")).unwrap();
        let folder = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none());
        folder
    }
}

/// A node's environment with another release in it.
pub struct Venv(PathBuf);

impl Venv {
    /// ms-swift 3.9.3 with these versions beside it.
    pub fn older(root: &Path, core: &str, torch: &str) -> Self {
        let venv = Self(root.join("venv"));
        let site = venv.0.join("lib/python3.11/site-packages");
        std::fs::create_dir_all(site.join("swift")).unwrap();
        std::fs::write(site.join("swift/version.py"), "__version__ = '3.9.3'\n").unwrap();
        for (name, version) in [("megatron_core", core), ("torch", torch)] {
            std::fs::create_dir(site.join(format!("{name}-{version}.dist-info"))).unwrap();
        }
        std::fs::create_dir_all(venv.megatron_lm().join("megatron/training")).unwrap();
        venv
    }

    /// The same or 4.6.0, with launchers that a shell finds in `bin`.
    pub fn with_launchers(root: &Path, release: &str) -> Self {
        let venv = match release {
            "3.9.3" => Self::older(root, "0.13.1", "2.6.0"),
            _ => Self(root.join("venv")),
        };
        let bin = venv.0.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rehearsal"), venv.python()).unwrap();
        for name in ["megatron", "swift"] {
            let script = bin.join(name);
            std::fs::write(&script, format!("#!{}\n", venv.python().display())).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(script, mode).unwrap();
        }
        venv
    }

    /// ms-swift 4.6.0, of which nothing has to be there.
    pub fn newer() -> Self {
        Self("/opt/venv".into())
    }

    pub fn python(&self) -> PathBuf {
        self.0.join("bin/python3")
    }

    pub fn megatron_lm(&self) -> PathBuf {
        self.0.with_file_name("Megatron-LM")
    }

    /// Runs `swift export` or `megatron export` in `root`; gives its exit code and all that it said.
    pub fn export(&self, root: &Path, program: &str, words: &str) -> (i32, String) {
        self.export_with(root, program, words, 1)
    }

    /// The same by `processes`, as far as the program takes several.
    pub fn export_with(
        &self,
        root: &Path,
        program: &str,
        words: &str,
        processes: usize,
    ) -> (i32, String) {
        let log = std::fs::File::create(root.join("export.log")).unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
            .arg0(self.python())
            .args([&format!("/opt/venv/bin/{program}"), "export"])
            .args(words.split_whitespace())
            .current_dir(root)
            .env("TRAINYARD_REHEARSAL_STATE", root.join("state"))
            .env("MEGATRON_LM_PATH", self.megatron_lm())
            .env("MASTER_PORT", port().to_string())
            .env("NPROC_PER_NODE", processes.to_string())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .status()
            .unwrap();
        let log = std::fs::read_to_string(root.join("export.log")).unwrap();
        (status.code().unwrap(), log)
    }
}

pub fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "nothing after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn both(root: &Path, extra: &str) -> [Node; 2] {
    let port = port();
    let mut nodes = [0, 1].map(|rank| start(root, rank, 2, port, extra));
    for node in &mut nodes {
        let code = node.exit_code();
        assert_eq!(code, 0, "{}", node.log());
    }
    nodes
}

pub fn records(node: &Node) -> Vec<Value> {
    let text = std::fs::read_to_string(node.run_folder().join("logging.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn keys(record: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = record
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

pub fn losses(node: &Node) -> Vec<f64> {
    records(node)
        .iter()
        .filter_map(|record| record["loss"].as_f64())
        .collect()
}

/// What a copy from node to node does: every shard to every node.
pub fn gather(nodes: &[Node; 2], checkpoint: &str) -> PathBuf {
    let [first, last] = [&nodes[0], &nodes[1]].map(Node::run_folder);
    let iteration = format!(
        "{checkpoint}/iter_{:0>7}",
        &checkpoint["checkpoint-".len()..]
    );
    for entry in std::fs::read_dir(last.join(&iteration)).unwrap() {
        let from = entry.unwrap().path();
        let to = first.join(&iteration).join(from.file_name().unwrap());
        std::fs::copy(from, to).unwrap();
    }
    first.join(checkpoint)
}

pub fn base_weights() -> (Config, Tensors) {
    let folder = PathBuf::from(shipped("base"));
    let config = Config::read(&folder).unwrap();
    let weights = mcore_from_hf(&folder, &config).unwrap();
    (config, weights)
}
