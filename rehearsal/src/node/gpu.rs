//! The memory that live processes hold on a node's GPUs, as `nvidia-smi` shows it.
//!
//! A process that uses a GPU writes `<state>/gpu/<index>/<pid>` with `<start ticks> <bytes> <name>`. Only entries of living
//! processes count, so a killed program frees its memory by dying, like a real one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Memory of one GPU, MiB.
pub const MEMORY_MIB: u64 = 24_576;

/// A living process that holds memory of a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub gpu: u32,
    pub pid: u32,
    pub bytes: u64,
    pub name: String,
}

/// Everything that runs on a node has this in its environment: where the node keeps its state.
pub const STATE_VARIABLE: &str = "TRAINYARD_REHEARSAL_STATE";

/// Where the node that this process runs on keeps its state. None outside a node.
pub fn state_folder() -> Option<PathBuf> {
    std::env::var_os(STATE_VARIABLE).map(PathBuf::from)
}

/// Says that this process holds `bytes` of a GPU's memory, until it ends.
pub fn register(state: &Path, gpu: u32, bytes: u64) -> anyhow::Result<()> {
    let pid = std::process::id();
    let ticks = start_ticks(pid).context("a living process has a start time")?;
    // By the name it was called, as the driver lists a Python or a process that gave itself a title.
    let name = std::env::args().next().unwrap_or_default();
    let folder = state.join(format!("gpu/{gpu}"));
    fs::create_dir_all(&folder)?;
    let file = folder.join(pid.to_string());
    let new = folder.join(format!("{pid}.new"));
    fs::write(&new, format!("{ticks} {bytes} {name}"))?;
    fs::rename(new, file)?;
    Ok(())
}

/// The living holders of all GPUs below `count`, in the order of GPU and pid.
pub fn holders(state: &Path, count: u32) -> Vec<Holder> {
    let mut found = Vec::new();
    for gpu in 0..count {
        let Ok(entries) = fs::read_dir(state.join(format!("gpu/{gpu}"))) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let mut words = text.splitn(3, ' ');
            let ticks = words.next().and_then(|word| word.parse::<u64>().ok());
            let bytes = words.next().and_then(|word| word.parse().ok());
            // Pids are reused: the start time says whether it is still the same process.
            if let (Some(ticks), Some(bytes)) = (ticks, bytes)
                && start_ticks(pid) == Some(ticks)
            {
                found.push(Holder {
                    gpu,
                    pid,
                    bytes,
                    name: words.next().unwrap_or("").to_owned(),
                });
            } else {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
    found.sort_by_key(|holder| (holder.gpu, holder.pid));
    found
}

/// Field 22 of /proc/PID/stat; None when there is no such process, or only its zombie.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    (fields.first() != Some(&"Z")).then(|| fields.get(19)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_living_processes_hold_memory() {
        let state = tempfile::tempdir().expect("a folder");
        register(state.path(), 1, 5 << 20).expect("registered");
        let own = std::process::id();
        fs::write(state.path().join("gpu/1/1"), "99999999999 7 reused").expect("written");
        let found = holders(state.path(), 2);
        assert_eq!(
            found
                .iter()
                .map(|holder| (holder.gpu, holder.pid, holder.bytes))
                .collect::<Vec<_>>(),
            [(1, own, 5 << 20)]
        );
        assert!(
            !state.path().join("gpu/1/1").exists(),
            "what is no more is forgotten"
        );
    }
}
