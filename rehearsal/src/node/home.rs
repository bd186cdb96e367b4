//! The home folder of a rehearsal node: what a real node has where the console looks.
//!
//! ```text
//! <home>/.ssh/authorized_keys          read at each log-in
//! <home>/.node/                        the node's own: host_key, node.json, pid, state/gpu/<index>/<pid>
//! <home>/models/yard-base, datasets/willow_bend.jsonl   what is bundled
//! <home>/opt/venv/bin/                 python3 and the launchers; first on PATH
//! <home>/opt/venv/lib/python3.11/site-packages/   dist-info folders and swift/version.py, as pip leaves them
//! <home>/opt/Megatron-LM               3.x only; its sessions name it in MEGATRON_LM_PATH, as an image would
//! ```

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::release::packages;

/// The shipped base model, in Hugging Face's own files.
const BASE_MODEL: [(&str, &[u8]); 5] = [
    ("config.json", include_bytes!("../../base/config.json")),
    (
        "model.safetensors",
        include_bytes!("../../base/model.safetensors"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../base/tokenizer.json"),
    ),
    (
        "tokenizer_config.json",
        include_bytes!("../../base/tokenizer_config.json"),
    ),
    (
        "chat_template.jinja",
        include_bytes!("../../base/chat_template.jinja"),
    ),
];

/// The bundled dataset: short conversations in both languages about a yard that the base model knows nothing of.
const DATASET: &[u8] = include_bytes!("../../data/willow_bend.jsonl");

/// What a node was made with; lies in `.node/node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub name: String,
    /// Its own loopback address, e.g. 127.0.0.2.
    pub address: std::net::IpAddr,
    pub port: u16,
    /// The release of ms-swift that it plays.
    pub ms_swift: String,
    /// Other versions than those the release was tested with, by folder name: `megatron_core`, `torch`.
    #[serde(default)]
    pub other: std::collections::BTreeMap<String, String>,
    pub gpus: u32,
}

/// A node's home folder.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// Programs whose launchers are scripts run by the environment's python, as pip writes them.
const LAUNCHERS: [&str; 3] = ["megatron", "swift", "vllm"];

impl Home {
    pub fn new(path: &Path) -> anyhow::Result<Home> {
        Ok(Home(std::path::absolute(path)?))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    pub fn tools(&self) -> PathBuf {
        self.join("opt/venv/bin")
    }

    pub fn state(&self) -> PathBuf {
        self.join(".node/state")
    }

    pub fn identity(&self) -> anyhow::Result<Identity> {
        let file = self.join(".node/node.json");
        let text = fs::read(&file)
            .with_context(|| format!("{} is no rehearsal node", self.0.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Makes what is missing and brings the rest in line with `identity`. A second call changes nothing.
    pub fn lay_out(
        &self,
        identity: &Identity,
        authorized_key: Option<&Path>,
    ) -> anyhow::Result<()> {
        for folder in [
            ".ssh",
            ".node/state/gpu",
            "work",
            "models",
            "datasets",
            "tmp",
        ] {
            fs::create_dir_all(self.join(folder))?;
        }
        for folder in [".ssh", ".node"] {
            fs::set_permissions(self.join(folder), fs::Permissions::from_mode(0o700))?;
        }
        if let Some(key) = authorized_key {
            let line = fs::read_to_string(key)
                .with_context(|| format!("read the key {}", key.display()))?;
            let file = self.join(".ssh/authorized_keys");
            let known = fs::read_to_string(&file).unwrap_or_default();
            if !known.lines().any(|there| there == line.trim()) {
                fs::write(&file, format!("{known}{}\n", line.trim()))?;
            }
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        }
        fs::write(
            self.join(".node/node.json"),
            serde_json::to_vec_pretty(identity)?,
        )?;
        let model = self.join("models/yard-base");
        if !model.exists() {
            let new = self.join("models/yard-base.new");
            fs::create_dir_all(&new)?;
            for (name, bytes) in BASE_MODEL {
                fs::write(new.join(name), bytes)?;
            }
            fs::rename(new, model)?;
        }
        let dataset = self.join("datasets/willow_bend.jsonl");
        if !dataset.exists() {
            fs::write(dataset, DATASET)?;
        }
        self.install(identity)
    }

    /// The tool path: everything ends in this very binary, which plays the part it is called by.
    fn install(&self, identity: &Identity) -> anyhow::Result<()> {
        let ms_swift = &identity.ms_swift;
        let rehearsal = std::env::current_exe()?;
        let tools = self.tools();
        fs::create_dir_all(&tools)?;
        for name in ["python3", "python", "nvidia-smi"] {
            replace(&tools.join(name), |link| symlink(&rehearsal, link))?;
        }
        let python = tools.join("python3");
        for name in LAUNCHERS {
            let script = tools.join(name);
            fs::write(
                &script,
                format!("#!{}\n# launcher of {name}\n", python.display()),
            )?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        }
        let site = self.join("opt/venv/lib/python3.11/site-packages");
        if site.exists() {
            fs::remove_dir_all(&site)?;
        }
        let mut packages = packages(ms_swift)?;
        for (name, version) in &mut packages {
            if let Some(other) = identity.other.get(*name) {
                version.clone_from(other);
            }
        }
        for (name, version) in &packages {
            let folder = site.join(format!("{name}-{version}.dist-info"));
            fs::create_dir_all(&folder)?;
            fs::write(
                folder.join("METADATA"),
                format!(
                    "Metadata-Version: 2.1\nName: {}\nVersion: {version}\n",
                    name.replace('_', "-")
                ),
            )?;
        }
        fs::create_dir_all(site.join("swift"))?;
        fs::write(site.join("swift/__init__.py"), "")?;
        fs::write(
            site.join("swift/version.py"),
            format!("__version__ = '{ms_swift}'\n"),
        )?;
        let core = packages.iter().find(|(name, _)| *name == "megatron_core");
        self.clone_megatron_lm(ms_swift, core.map_or("", |(_, version)| version))
    }

    /// Megatron-LM's folder, which 3.x trains from and 4.x does not look at.
    pub fn megatron_lm(&self) -> PathBuf {
        self.join("opt/Megatron-LM")
    }

    fn clone_megatron_lm(&self, ms_swift: &str, core: &str) -> anyhow::Result<()> {
        let folder = self.megatron_lm();
        if !ms_swift.starts_with("3.") {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            return Ok(());
        }
        for part in ["megatron/core", "megatron/training"] {
            fs::create_dir_all(folder.join(part))?;
            fs::write(folder.join(part).join("__init__.py"), "")?;
        }
        let names = ["MAJOR", "MINOR", "PATCH"];
        let parts = names.iter().zip(core.split('.'));
        let lines: String = parts
            .map(|(name, part)| format!("{name} = {part}\n"))
            .collect();
        fs::write(folder.join("megatron/core/package_info.py"), lines)?;
        Ok(())
    }
}

/// Puts a new entry in place of an old one in one step.
fn replace(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    fs::remove_file(&new).ok();
    make(&new)?;
    fs::rename(&new, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_what_the_probes_of_a_real_node_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::new(folder.path()).expect("a path");
        let identity = Identity {
            name: "node-1".to_owned(),
            address: std::net::Ipv4Addr::new(127, 0, 0, 2).into(),
            port: 2333,
            ms_swift: "4.6.0".to_owned(),
            other: Default::default(),
            gpus: 2,
        };
        home.lay_out(&identity, None).expect("laid out");
        home.lay_out(&identity, None).expect("and again");
        assert_eq!(home.identity().expect("read"), identity);
        let launcher = fs::read_to_string(home.tools().join("megatron")).expect("there");
        let python = launcher
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("#!"))
            .expect("a shebang");
        assert!(Path::new(python).exists());
        let site = home.join("opt/venv/lib/python3.11/site-packages");
        assert!(site.join("ms_swift-4.6.0.dist-info/METADATA").exists());
        assert_eq!(
            fs::read_to_string(site.join("swift/version.py")).expect("there"),
            "__version__ = '4.6.0'\n"
        );
        home.lay_out(
            &Identity {
                ms_swift: "3.9.3".to_owned(),
                other: [("megatron_core".to_owned(), "0.14.1".to_owned())].into(),
                ..identity
            },
            None,
        )
        .expect("another release");
        assert!(
            !site.join("mcore_bridge-1.6.5.dist-info").exists(),
            "3.9 has no mcore-bridge"
        );
        let info = home.megatron_lm().join("megatron/core/package_info.py");
        assert_eq!(
            fs::read_to_string(info).expect("there"),
            "MAJOR = 0\nMINOR = 14\nPATCH = 1\n",
            "the version that was asked for"
        );
        assert!(site.join("megatron_core-0.14.1.dist-info").exists());
    }
}
