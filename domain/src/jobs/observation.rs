//! What a look at a process's folder says (`wrapper::look`).

use crate::language::Text;

/// A process as the node shows it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing was launched here (under this epoch).
    Absent,
    Alive,
    /// It ended and said how. `closing`: whether the program's own closing line stands in the log; None when none is asked for.
    Exited {
        code: i32,
        closing: Option<bool>,
    },
    /// Neither alive nor ended by itself: the supervising shell was killed, or the node was rebooted.
    Gone {
        rebooted: bool,
    },
}

/// One rank's observation. `marked` counts living processes that carry its cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub seen: Seen,
    pub marked: u32,
    /// At how many percent a checkpoint's `Loading:` bar ended, where that was not 100.
    pub loading: Option<u32>,
    pub log_size: u64,
    pub log_inode: u64,
}

impl Process {
    pub fn absent() -> Self {
        Process {
            seen: Seen::Absent,
            marked: 0,
            loading: None,
            log_size: 0,
            log_inode: 0,
        }
    }

    /// Nothing of it lives on.
    pub fn is_over(&self) -> bool {
        self.seen != Seen::Alive && self.marked == 0
    }
}

/// What a node answers when it is asked, or None while it cannot be reached.
pub type Look = Option<Process>;

/// Reads the output of `wrapper::look` for a launch with this epoch. Err: the text is not one.
pub fn parse(text: &str, epoch: i64) -> Result<Process, String> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key).map(str::trim))
    };
    // The answer may have been cut off anywhere: only its last line says that it is whole.
    if !text.ends_with("\nend\n") {
        return Err("the answer is cut off".to_owned());
    }
    let need = |key: &str| {
        value(key).ok_or_else(|| {
            format!(
                "no {key:?} in the answer {:?}",
                text.chars().take(200).collect::<String>()
            )
        })
    };
    let number = |key: &str| {
        need(key)?
            .parse::<i64>()
            .map_err(|error| format!("{key}: {error}"))
    };
    let marked = u32::try_from(number("marked ")?).unwrap_or(u32::MAX);
    if value("folder ").is_some() {
        return Ok(Process {
            marked,
            ..Process::absent()
        });
    }
    let boot = need("boot ")?;
    let log: Vec<u64> = need("log")?
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let id: Vec<&str> = need("id")?.split(' ').collect();
    let closing = match need("closing ")? {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    // Without all of its weights no work is finished, whatever the program says of itself.
    let loading = value("loading ").and_then(|percent| percent.parse::<u32>().ok());
    let closing = match loading {
        Some(_) => Some(false),
        None => closing,
    };
    let code = need("rc")?.trim().parse::<i32>().ok();
    let seen = if number("epoch ")? != epoch || id.len() < 4 {
        Seen::Absent
    } else if let Some(code) = code {
        Seen::Exited { code, closing }
    } else if need("alive ")? == "yes" && id[2] == boot {
        Seen::Alive
    } else {
        Seen::Gone {
            rebooted: id[2] != boot,
        }
    };
    Ok(Process {
        seen,
        marked,
        loading,
        log_size: log.first().copied().unwrap_or(0),
        log_inode: log.get(1).copied().unwrap_or(0),
    })
}

/// How a process's end reads as the cause of a failure; None when it is none.
pub fn complaint(rank: usize, process: &Process) -> Option<Text> {
    match &process.seen {
        Seen::Exited { code: 0, .. } if process.loading.is_some() => {
            let percent = process.loading.unwrap_or_default();
            Some(Text::new(
                format!(
                    "Rank {rank} loaded only {percent} % of the checkpoint (its bar `Loading:` ended there): shards are missing or truncated, and what it made holds random weights. Gather the checkpoint and check it."
                ),
                format!(
                    "节点 {rank} 只加载了检查点的 {percent} %（`Loading:` 进度条停在该处）：分片缺失或不完整，结果中含有随机权重。请重新归集并检查检查点。"
                ),
            ))
        }
        Seen::Exited {
            code: 0,
            closing: Some(false),
        } => Some(Text::new(
            format!(
                "Rank {rank} left with exit code 0, but without the program's closing line: it did not finish its work."
            ),
            format!("节点 {rank} 的进程以退出码 0 结束，但没有输出结束语：任务并未完成。"),
        )),
        Seen::Exited { code: 0, .. } | Seen::Absent | Seen::Alive => None,
        Seen::Exited { code, .. } => Some(Text::new(
            format!("Rank {rank} left with exit code {code}."),
            format!("节点 {rank} 的进程以退出码 {code} 结束。"),
        )),
        Seen::Gone { rebooted: true } => Some(Text::new(
            format!("The node of rank {rank} was rebooted."),
            format!("节点 {rank} 已重启。"),
        )),
        Seen::Gone { rebooted: false } => Some(Text::new(
            format!("The process of rank {rank} was killed without leaving an exit code."),
            format!("节点 {rank} 的进程被强制结束，没有留下退出码。"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_was_not_loaded_whole_is_a_failure_whatever_was_said() {
        let look = |log: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let lay = r#"cd "$1" && printf %s "$2" > log && printf '0   ' > rc && printf 2 > epoch && printf '41 900 b1 2' > id"#;
            let laid = std::process::Command::new("sh")
                .args(["-c", lay, "lay"])
                .arg(folder.path())
                .arg(log)
                .status();
            assert!(laid.expect("sh runs").success());
            let text = crate::jobs::wrapper::look(
                &folder.path().display().to_string(),
                "c",
                Some("End time of running main: "),
            );
            let output = std::process::Command::new("sh")
                .args(["-c", &text])
                .output()
                .expect("sh runs");
            parse(&String::from_utf8_lossy(&output.stdout), 2).expect("an observation")
        };
        let end = "\n[INFO:swift] End time of running main: 2026\n";
        let whole = look(&format!(
            "Loading:   0%|\rLoading:  55%|\rLoading: 100%|██| 40/40{end}"
        ));
        assert_eq!((whole.loading, complaint(0, &whole)), (None, None));
        let torn = look(&format!("Loading:   0%|\rLoading:  55%|█ | 22/40{end}"));
        assert_eq!(torn.loading, Some(55));
        let said = complaint(0, &torn).expect("a complaint");
        assert!(said.en.contains("55 %"), "{said}");
        assert!(matches!(
            torn.seen,
            Seen::Exited {
                closing: Some(false),
                ..
            }
        ));
    }

    const ALIVE: &str = "boot b1\nepoch 2\nid 41 900 b1 2\nrc     \nlog 120 77\nalive yes\nmarked 3\nclosing no\nend\n";

    #[test]
    fn a_look_is_read() {
        let seen = |text: &str| parse(text, 2).map(|process| process.seen);
        assert_eq!(seen(ALIVE), Ok(Seen::Alive));
        assert_eq!(seen("marked 0\nfolder none\nend\n"), Ok(Seen::Absent));
        assert_eq!(seen(&ALIVE.replace("epoch 2", "epoch 1")), Ok(Seen::Absent));
        assert_eq!(
            seen(&ALIVE.replace("id 41 900 b1 2", "id ")),
            Ok(Seen::Absent)
        );
        assert_eq!(
            seen(&ALIVE.replace("rc     ", "rc 7   ")),
            Ok(Seen::Exited {
                code: 7,
                closing: Some(false)
            })
        );
        assert_eq!(
            seen(&ALIVE.replace("alive yes", "alive no")),
            Ok(Seen::Gone { rebooted: false })
        );
        assert_eq!(
            seen(&ALIVE.replace("boot b1", "boot b2")),
            Ok(Seen::Gone { rebooted: true })
        );
        assert_eq!(
            parse(ALIVE, 2).map(|p| (p.marked, p.log_size, p.log_inode)),
            Ok((3, 120, 77))
        );
    }

    #[test]
    fn a_torn_answer_is_no_observation() {
        for end in 0..ALIVE.len() - 1 {
            let torn = &ALIVE[..end];
            assert!(
                parse(torn, 2).is_err() || !torn.contains("closing"),
                "{torn:?}"
            );
        }
    }
}
