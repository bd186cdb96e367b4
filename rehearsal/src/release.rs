//! The release of ms-swift that a node plays, what is installed beside it, and what follows from both.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Releases that train alike. What separates them: the names of arguments, the lines, the layout of checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 3.9: Megatron-LM's own loop, its lines and its checkpoints.
    Three,
    /// 4.x: ms-swift's own loop over mcore-bridge.
    Four,
}

/// What a node has installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub swift: String,
    pub core: String,
    pub torch: String,
}

/// Where pip leaves packages, below the environment.
const SITE: &str = "lib/python3.11/site-packages";

impl Release {
    /// What is installed beside the Python that this process was called through; 4.6.0 where nothing is.
    pub fn here() -> Self {
        let python = crate::programs::megatron::python();
        let environment = Path::new(&python).parent().and_then(Path::parent);
        let site = environment.map(|folder| folder.join(SITE));
        let site = site.unwrap_or_default();
        let text = std::fs::read_to_string(site.join("swift/version.py")).unwrap_or_default();
        let swift = text.split('\'').nth(1).unwrap_or("4.6.0").to_owned();
        let tested = packages(&swift).unwrap_or_default();
        let installed = |name: &str| {
            let tested = tested.iter().find(|(known, _)| *known == name);
            let tested = tested.map(|(_, version)| version.clone());
            dist_info(&site, name).or(tested).unwrap_or_default()
        };
        let mut release = Release {
            core: installed("megatron_core"),
            torch: installed("torch"),
            swift,
        };
        // 3.x puts this folder before all that is installed.
        if release.generation() == Generation::Three
            && let Some(core) = megatron_lm().and_then(|folder| package_info(&folder))
        {
            release.core = core;
        }
        release
    }

    pub fn generation(&self) -> Generation {
        if self.swift.starts_with("3.") {
            Generation::Three
        } else {
            Generation::Four
        }
    }

    /// Whether `torch.load` takes plain data only: core 0.14 no longer asks for more, and from 2.6 on torch wants to be asked.
    pub fn loads_weights_only(&self) -> bool {
        let forced = std::env::var("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD").unwrap_or_default();
        self.generation() == Generation::Three
            && at_least(&self.core, [0, 14])
            && at_least(&self.torch, [2, 6])
            && !matches!(forced.as_str(), "1" | "y" | "yes" | "true")
    }

    /// What 3.x does before all else: finds Megatron-LM. Without `MEGATRON_LM_PATH` it clones it, which a rehearsal node cannot, as
    /// a node without a network cannot.
    pub fn import_megatron(&self) -> Result<()> {
        if self.generation() == Generation::Four {
            return Ok(());
        }
        let Some(folder) = megatron_lm() else {
            let cache = std::env::var("MODELSCOPE_CACHE").unwrap_or_else(|_| {
                let home = std::env::var("HOME").unwrap_or_default();
                format!("{home}/.cache/modelscope")
            });
            let url = "https://github.com/NVIDIA/Megatron-LM.git";
            eprintln!("Cloning into 'Megatron-LM'...");
            eprintln!("fatal: unable to access '{url}/': Could not resolve host: github.com");
            bail!(
                "subprocess.CalledProcessError: Command '['git', '-C', '{cache}/_github', 'clone', '{url}', 'Megatron-LM', '--branch', 'core_r0.13.0']' returned non-zero exit status 128."
            );
        };
        if !folder.join("megatron/training").is_dir() {
            bail!("ModuleNotFoundError: No module named 'megatron.training'");
        }
        Ok(())
    }

    /// The name of a class of arguments, as lines and errors have it.
    pub fn training_arguments(&self) -> &'static str {
        match self.generation() {
            Generation::Three => "MegatronTrainArguments",
            Generation::Four => "MegatronSftArguments",
        }
    }
}

/// `MEGATRON_LM_PATH`, where it is set.
pub fn megatron_lm() -> Option<PathBuf> {
    let path = std::env::var_os("MEGATRON_LM_PATH").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// The version in Megatron-LM's own `megatron/core/package_info.py`.
fn package_info(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("megatron/core/package_info.py")).ok()?;
    let part = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim_start_matches([' ', '=']).trim().to_owned())
    };
    Some(format!(
        "{}.{}.{}",
        part("MAJOR")?,
        part("MINOR")?,
        part("PATCH")?
    ))
}

/// The version in the name of a package's dist-info folder.
fn dist_info(site: &Path, name: &str) -> Option<String> {
    let mut entries = std::fs::read_dir(site).ok()?.flatten();
    entries.find_map(|entry| {
        let folder = entry.file_name().into_string().ok()?;
        let rest = folder.strip_prefix(name)?.strip_prefix('-')?;
        Some(rest.strip_suffix(".dist-info")?.to_owned())
    })
}

fn at_least(version: &str, [major, minor]: [u64; 2]) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found: (u64, u64) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    found >= (major, minor)
}

/// The packages that a release was tested with: (folder name, version).
pub fn packages(swift: &str) -> Result<Vec<(&'static str, String)>> {
    let set: &[(&str, &str)] = match swift {
        "4.6.0" => &[
            ("megatron_core", "0.16.1"),
            ("mcore_bridge", "1.6.5"),
            ("torch", "2.8.0"),
            ("transformer_engine", "2.8.0"),
            ("flash_attn", "2.8.3"),
            ("transformers", "4.57.6"),
            ("peft", "0.18.0"),
            ("modelscope", "1.31.0"),
            ("numpy", "2.2.6"),
            ("pyarrow", "22.0.0"),
            ("vllm", crate::serving::VERSION),
        ],
        "3.9.3" => &[
            ("megatron_core", "0.13.1"),
            ("torch", "2.6.0"),
            ("transformer_engine", "2.6.0"),
            ("flash_attn", "2.7.4"),
            ("transformers", "4.55.4"),
            ("peft", "0.17.1"),
            ("modelscope", "1.30.0"),
            ("numpy", "1.26.4"),
            ("pyarrow", "21.0.0"),
            ("vllm", crate::serving::VERSION),
        ],
        other => bail!("the rehearsal plays ms-swift 4.6.0 and 3.9.3, not {other}"),
    };
    let set = set
        .iter()
        .map(|(name, version)| (*name, (*version).to_owned()));
    Ok(set.chain([("ms_swift", swift.to_owned())]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_that_cannot_read_its_own_checkpoints_is_known_by_its_versions() {
        let release = |swift: &str, core: &str, torch: &str| Release {
            swift: swift.into(),
            core: core.into(),
            torch: torch.into(),
        };
        for (one, expected) in [
            (release("3.9.3", "0.14.1", "2.6.0"), true),
            (release("3.9.3", "0.13.1", "2.8.0"), false),
            (release("3.9.3", "0.14.1", "2.5.1"), false),
            (release("4.6.0", "0.16.1", "2.8.0"), false),
        ] {
            assert_eq!(one.loads_weights_only(), expected, "{one:?}");
        }
    }

    #[test]
    fn versions_are_read_from_the_files_of_an_install() {
        let folder = tempfile::tempdir().unwrap();
        let core = folder.path().join("megatron/core");
        std::fs::create_dir_all(&core).unwrap();
        let text = "MAJOR = 0\nMINOR = 14\nPATCH = 1\nPRE_RELEASE = ''\n";
        std::fs::write(core.join("package_info.py"), text).unwrap();
        assert_eq!(package_info(folder.path()).as_deref(), Some("0.14.1"));
        std::fs::create_dir(folder.path().join("torch-2.6.0.dist-info")).unwrap();
        std::fs::create_dir(folder.path().join("torch_geometric-1.0.dist-info")).unwrap();
        assert_eq!(dist_info(folder.path(), "torch").as_deref(), Some("2.6.0"));
    }
}
