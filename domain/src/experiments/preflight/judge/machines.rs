//! Are the machines there, alike, and free?

use super::{Making, Situation, gib, list};
use crate::experiments::preflight::{Fix, Mark, Row};
use crate::language::Text;
use crate::recipes::memory::Fit;
use crate::recipes::version::Generation;

/// Beyond this the clocks of two nodes disagree: files look newer than they are, and run folders get odd names.
const SKEW_SECS: f64 = 2.0;
/// Loader workers pass batches through it; Docker's default of 64 MiB is the usual trap.
const SHM_BYTES: u64 = 1 << 30;

pub fn rows(s: &Situation<'_>) -> Vec<Row> {
    let mut rows = vec![answers(s), environment(s)];
    for (key, package, is_needed) in [
        ("ms-swift", "ms-swift", true),
        (
            "core",
            "megatron-core",
            s.version.generation() == Some(Generation::G3),
        ),
        ("torch", "torch", true),
        ("engine", "transformer-engine", false),
        ("transformers", "transformers", false),
    ] {
        rows.push(package_row(s, key, package, is_needed));
    }
    if s.version.generation() != Some(Generation::G3) {
        rows.push(megatron(s));
    }
    rows.extend([gpus(s), memory(s)]);
    if s.expected.offloaded_bytes > 0.0 {
        rows.push(ram(s));
    }
    rows.extend([shm(s), disk(s), cache(s), clock(s)]);
    rows
}

fn answers(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "ssh", "Answers over SSH", "SSH 连接")
        .each(|_, sight, _| (Mark::Ok, format!("{:.1} s", sight.asked.1 - sight.asked.0)));
    for (at, sight) in s.sights.iter().enumerate() {
        if let Err(why) = &sight.answer {
            row.row.cells[at].mark = Mark::Stops;
            row.problem(
                Mark::Stops,
                Text::new(
                    format!(
                        "{} does not answer: {}. Look at the node.",
                        sight.name, why.en
                    ),
                    format!("{} 没有响应：{}。请检查该节点。", sight.name, why.zh),
                ),
                why.en.clone(),
                Some(Fix::Open {
                    address: "/nodes".to_owned(),
                }),
            );
        }
    }
    row.done()
}

fn environment(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "container", "Container", "容器").each(|_, sight, seen| {
        let is_there =
            !sight.needs_image || seen.image.as_deref().is_some_and(|image| image != "none");
        let id = seen
            .image
            .as_deref()
            .unwrap_or_default()
            .trim_start_matches("sha256:");
        let value = match (sight.needs_image, is_there) {
            (false, _) => sight.environment.clone(),
            (true, true) => id.chars().take(12).collect(),
            (true, false) => format!("{}: –", sight.environment),
        };
        (if is_there { Mark::Ok } else { Mark::Stops }, value)
    });
    let missing = row.names(Mark::Stops);
    if !missing.is_empty() {
        let evidence = row.evidence();
        row.problem(
            Mark::Stops,
            Text::new(
                format!(
                    "The image is not on {}. Pull it there, or load it from a file.",
                    list(&missing)
                ),
                format!("{} 上没有该镜像。请拉取或从文件载入。", list(&missing)),
            ),
            evidence,
            None,
        );
    } else if s.sights.iter().any(|sight| sight.needs_image) && row.must_agree(Mark::Warning) {
        let evidence = row.evidence();
        row.problem(
            Mark::Warning,
            Text::new(
                "The nodes have different images under the same name. Pull it again everywhere.",
                "各节点上同名镜像的内容不同。请在所有节点重新拉取。",
            ),
            evidence,
            None,
        );
    }
    row.done()
}

fn package_row(s: &Situation<'_>, key: &str, package: &str, is_needed: bool) -> Row {
    let mut row = Making::new(s, key, package, package).each(|_, _, seen| {
        match seen.probe.version_of(package) {
            Some(version) => (Mark::Ok, version.to_owned()),
            None if is_needed => (Mark::Stops, "–".to_owned()),
            None => (Mark::Ok, "–".to_owned()),
        }
    });
    let missing = row.names(Mark::Stops);
    if !missing.is_empty() {
        let evidence = row.evidence();
        row.problem(
            Mark::Stops,
            Text::new(
                format!(
                    "{} has no {package}. Install it in the environment that training runs in.",
                    list(&missing)
                ),
                format!("{} 上没有 {package}。请在训练环境中安装。", list(&missing)),
            ),
            evidence,
            None,
        );
    } else if row.must_agree(Mark::Stops) {
        let evidence = row.evidence();
        row.problem(
            Mark::Stops,
            Text::new(
                format!("The nodes have different releases of {package}. Install one and the same everywhere: mixed ones hang or fail long after the start."),
                format!("各节点的 {package} 版本不同。请全部安装同一版本，否则训练会在启动很久后卡住或失败。"),
            ),
            evidence,
            None,
        );
    }
    row.done()
}

/// 3.x reads Megatron-LM from a folder, and clones it from the network at each start where none is named.
fn megatron(s: &Situation<'_>) -> Row {
    let mut row =
        Making::new(s, "megatron", "MEGATRON_LM_PATH", "MEGATRON_LM_PATH").each(|_, _, seen| {
            match &seen.megatron {
                None => (Mark::Warning, "–".to_owned()),
                Some((path, version)) if version == "none" => (Mark::Stops, path.clone()),
                // Each node has its own variable, so the place may differ; the release may not.
                Some((_, version)) => (Mark::Ok, version.clone()),
            }
        });
    let evidence = row.evidence();
    let (gone, unset) = (row.names(Mark::Stops), row.names(Mark::Warning));
    if !gone.is_empty() {
        row.problem(
            Mark::Stops,
            Text::new(
                format!("MEGATRON_LM_PATH names a folder that is not on {}. Copy Megatron-LM there, or correct the path.", list(&gone)),
                format!("{} 上没有 MEGATRON_LM_PATH 所指的目录。请复制 Megatron-LM 或更正路径。", list(&gone)),
            ),
            evidence,
            None,
        );
    } else if !unset.is_empty() {
        row.problem(
            Mark::Warning,
            Text::new(
                format!("MEGATRON_LM_PATH is not set on {}: 3.x then clones Megatron-LM from the network at each start, which fails offline. Set it for the login of the node.", list(&unset)),
                format!("{} 未设置 MEGATRON_LM_PATH：3.x 每次启动都会从网络克隆 Megatron-LM，离线时会失败。请在节点登录环境中设置。", list(&unset)),
            ),
            evidence,
            None,
        );
    } else if row.must_agree(Mark::Stops) {
        row.problem(
            Mark::Stops,
            Text::new(
                "The nodes have different releases of Megatron-LM. Use the same branch everywhere.",
                "各节点的 Megatron-LM 版本不同。请使用同一分支。",
            ),
            evidence,
            None,
        );
    }
    row.done()
}

fn gpus(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "gpus", "Free GPUs", "空闲 GPU").each(|_, sight, seen| {
        let of = |index: &u32| seen.probe.gpus.iter().find(|gpu| gpu.index == *index);
        let has = s.gpus.iter().filter(|index| of(index).is_some()).count();
        let is_reserved = |index: &u32| sight.reserved.iter().any(|(gpu, _)| gpu == index);
        let is_foreign = |index: &u32| {
            of(index).is_some_and(|gpu| gpu.holders.iter().any(|holder| !holder.is_ours))
        };
        let free = s
            .gpus
            .iter()
            .filter(|index| of(index).is_some() && !is_reserved(index) && !is_foreign(index))
            .count();
        let mark = if has < s.gpus.len() || s.gpus.iter().any(is_reserved) {
            Mark::Stops
        } else if free < s.gpus.len() {
            Mark::Warning
        } else {
            Mark::Ok
        };
        (mark, format!("{free} / {}", s.gpus.len()))
    });
    for sight in s.sights {
        let Ok(seen) = &sight.answer else { continue };
        for index in s.gpus {
            let gpu = seen.probe.gpus.iter().find(|gpu| gpu.index == *index);
            let name = &sight.name;
            if let Some((_, holder)) = sight.reserved.iter().find(|(gpu, _)| gpu == index) {
                row.problem(
                    Mark::Stops,
                    Text::new(
                        format!("GPU {index} of {name} is held by \"{holder}\". Wait in the queue, choose fewer GPUs, or stop that job."),
                        format!("{name} 的 GPU {index} 正被“{holder}”占用。请排队等待、减少 GPU，或停止该任务。"),
                    ),
                    format!("{name} GPU {index}: {holder}"),
                    None,
                );
            } else if let Some(gpu) = gpu {
                if let Some(holder) = gpu.holders.iter().find(|holder| !holder.is_ours) {
                    let text = holder.text();
                    row.problem(
                        Mark::Warning,
                        Text::new(
                            format!(
                                "GPU {index} of {name} is {}: the run may run out of memory there.",
                                text.en
                            ),
                            format!(
                                "{name} 的 GPU {index} {}，训练可能因显存不足而失败。",
                                text.zh
                            ),
                        ),
                        format!(
                            "{} MiB of {} MiB used",
                            gpu.memory_used_mib, gpu.memory_total_mib
                        ),
                        None,
                    );
                }
            } else {
                row.problem(
                    Mark::Stops,
                    Text::new(
                        format!("{name} shows no GPU {index}. All nodes of a run need the same GPUs: check nvidia-smi there."),
                        format!("{name} 上没有 GPU {index}。所有节点需要相同的 GPU，请检查 nvidia-smi。"),
                    ),
                    format!("{name}: {} GPUs", seen.probe.gpus.len()),
                    Some(Fix::Open { address: "/nodes".to_owned() }),
                );
            }
        }
    }
    row.done()
}

/// The estimate against what the GPUs have, and have free now.
fn memory(s: &Situation<'_>) -> Row {
    let mut least: Option<f64> = None;
    let mut row = Making::new(s, "memory", "Memory of each GPU", "单卡显存").each(|_, _, seen| {
        let own = seen
            .probe
            .gpus
            .iter()
            .filter(|gpu| s.gpus.contains(&gpu.index));
        let room = own
            .map(|gpu| {
                // What strangers hold stays held; what our own ended jobs hold is going.
                let held = if gpu.holders.iter().any(|holder| !holder.is_ours) {
                    gpu.memory_used_mib
                } else {
                    0
                };
                gpu.memory_total_mib.saturating_sub(held) as f64 * f64::from(1 << 20)
            })
            .fold(f64::INFINITY, f64::min);
        let Some(estimate) = s.estimate.filter(|_| room.is_finite()) else {
            return (Mark::Unknown, "–".to_owned());
        };
        least = Some(least.map_or(room, |least| least.min(room)));
        let mark = match estimate.fit(room) {
            Fit::Fits => Mark::Ok,
            Fit::Tight => Mark::Warning,
            Fit::TooLarge => Mark::Stops,
        };
        (mark, format!("{} / {}", gib(estimate.likely()), gib(room)))
    });
    if let (Some(estimate), Some(room)) = (s.estimate, least) {
        let helps = |language_is_zh: bool| {
            let best = estimate.helps.iter().take(2).map(|help| {
                let text = if language_is_zh {
                    &help.text.zh
                } else {
                    &help.text.en
                };
                format!("{text} (−{})", gib(help.saves))
            });
            best.collect::<Vec<_>>()
                .join(if language_is_zh { "；" } else { "; " })
        };
        let evidence = estimate
            .parts
            .named()
            .map(|(name, bytes)| format!("{name} {}", gib(bytes)))
            .join(", ");
        let fix = estimate.helps.first().map(|help| Fix::Write {
            set: help.set.clone(),
        });
        let (likely, low, high, room_said) = (
            gib(estimate.likely()),
            gib(estimate.low),
            gib(estimate.high),
            gib(room),
        );
        match estimate.fit(room) {
            Fit::Fits => {}
            // Even the low band does not fit: it will not start.
            Fit::TooLarge if estimate.low > room => row.problem(
                Mark::Stops,
                Text::new(
                    format!("A GPU has {room_said}, the run needs about {likely} ({low} … {high}). What helps most: {}.", helps(false)),
                    format!("单卡可用 {room_said}，训练约需 {likely}（{low} … {high}）。最有效的办法：{}。", helps(true)),
                ),
                evidence,
                fix,
            ),
            _ => {
                for cell in row.row.cells.iter_mut().filter(|cell| cell.mark == Mark::Stops) {
                    cell.mark = Mark::Warning;
                }
                row.problem(
                    Mark::Warning,
                    Text::new(
                        format!("Tight: a GPU has {room_said}, the run needs about {likely} ({low} … {high}). What helps most: {}.", helps(false)),
                        format!("显存紧张：单卡可用 {room_said}，训练约需 {likely}（{low} … {high}）。最有效的办法：{}。", helps(true)),
                    ),
                    evidence,
                    fix,
                );
            }
        }
    }
    row.done()
}

fn ram(s: &Situation<'_>) -> Row {
    let need = s.expected.offloaded_bytes;
    let mut row = Making::new(s, "ram", "Memory of the machine", "内存").each(|_, _, seen| {
        match seen.ram_free {
            Some(free) => (
                if (free as f64) < need {
                    Mark::Stops
                } else {
                    Mark::Ok
                },
                gib(free as f64),
            ),
            None => (Mark::Unknown, "–".to_owned()),
        }
    });
    row.blame(Mark::Stops, |short| {
        Text::new(
            format!("The optimizer on the CPU takes about {} on each node, more than {} has free. Lower --optimizer_offload_fraction.", gib(need), short),
            format!("CPU 优化器在每个节点约占内存 {}，超过 {} 的可用内存。请减小 --optimizer_offload_fraction。", gib(need), short),
        )
    });
    row.done()
}

fn shm(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "shm", "/dev/shm", "/dev/shm").each(|_, _, seen| match seen.shm {
        Some((all, free)) => (
            if all.min(free) < SHM_BYTES {
                Mark::Warning
            } else {
                Mark::Ok
            },
            gib(free as f64),
        ),
        None => (Mark::Unknown, "–".to_owned()),
    });
    row.blame(Mark::Warning, |small| {
        Text::new(
            format!("/dev/shm of {small} has little room: loader workers and NCCL may end in a bus error. Start the container with --shm-size 16g, or lower the loader's workers."),
            format!("{small} 的 /dev/shm 空间很小，数据加载与 NCCL 可能报 Bus error。请以 --shm-size 16g 启动容器，或减少加载进程。"),
        )
    });
    row.done()
}

/// Room for the checkpoints that will be kept, and a tenth more.
fn disk(s: &Situation<'_>) -> Row {
    let each = s.expected.checkpoint_bytes;
    let need = each * s.expected.checkpoints as f64 * 1.1;
    let mut row =
        Making::new(s, "disk", "Disk for checkpoints", "检查点磁盘空间").each(|_, _, seen| {
            let Some(free) = seen.disk_free else {
                return (Mark::Unknown, "–".to_owned());
            };
            let is_writable =
                seen.work_is_writable && seen.inodes_free.is_none_or(|count| count > 1000);
            let mark = if !is_writable || (free as f64) < each * 1.1 {
                Mark::Stops
            } else if (free as f64) < need {
                Mark::Warning
            } else {
                Mark::Ok
            };
            (mark, gib(free as f64))
        });
    let (short, tight) = (row.names(Mark::Stops), row.names(Mark::Warning));
    let count = s.expected.checkpoints;
    let evidence = format!("{} × {count} + 10 %; {}", gib(each), row.evidence());
    if !short.is_empty() {
        row.problem(
            Mark::Stops,
            Text::new(
                format!("The work folder of {} cannot take even one checkpoint of {}: it is full, out of inodes, or not writable.", list(&short), gib(each)),
                format!("{} 的工作目录连一个 {} 的检查点都放不下：空间或 inode 不足，或不可写。", list(&short), gib(each)),
            ),
            evidence,
            None,
        );
    } else if !tight.is_empty() {
        row.problem(
            Mark::Warning,
            Text::new(
                format!("{count} checkpoints of {} will fill the disk of {}. Save less often, or keep fewer.", gib(each), list(&tight)),
                format!("{count} 个 {} 的检查点会占满 {} 的磁盘。请降低保存频率或减少保留数量。", gib(each), list(&tight)),
            ),
            evidence,
            None,
        );
    }
    row.done()
}

fn cache(s: &Situation<'_>) -> Row {
    let mut row =
        Making::new(s, "cache", "MODELSCOPE_CACHE", "MODELSCOPE_CACHE").each(|_, sight, seen| {
            let mark = match seen.cache.as_str() {
                "ok" if seen.old_locks > 0 => Mark::Warning,
                "ok" => Mark::Ok,
                "none" if seen.work_is_writable => Mark::Ok,
                _ => Mark::Stops,
            };
            (
                mark,
                if seen.old_locks > 0 {
                    format!("{} ({} old locks)", sight.cache, seen.old_locks)
                } else {
                    sight.cache.clone()
                },
            )
        });
    let (denied, locked) = (row.names(Mark::Stops), row.names(Mark::Warning));
    let evidence = row.evidence();
    if !denied.is_empty() {
        let path = s
            .sights
            .first()
            .map(|sight| sight.cache.clone())
            .unwrap_or_default();
        row.problem(
            Mark::Stops,
            Text::new(
                format!("{path} cannot be written on {}. ms-swift keeps its dataset cache and locks there.", list(&denied)),
                format!("{} 上的 {path} 不可写，而 ms-swift 在其中存放数据缓存与锁。", list(&denied)),
            ),
            evidence,
            Some(Fix::MakeFolder { path, nodes: denied }),
        );
    } else if !locked.is_empty() {
        row.problem(
            Mark::Warning,
            Text::new(
                format!("Lock files older than ten minutes lie in the cache of {}. If no other training runs there, a dead one left them, and this one waits for ever: remove them.", list(&locked)),
                format!("{} 的缓存中有十分钟以上的锁文件。若没有其他训练，它们是已结束的进程留下的，会让本次训练一直等待，请删除。", list(&locked)),
            ),
            evidence,
            None,
        );
    }
    row.done()
}

/// How far each node's clock is from the console's, from the middle of question and answer; only the nodes are compared.
fn clock(s: &Situation<'_>) -> Row {
    let offset = |at: usize| {
        let sight = &s.sights[at];
        let (began, ended) = sight.answer.as_ref().ok()?.clock?;
        Some(f64::midpoint(began, ended) - f64::midpoint(sight.asked.0, sight.asked.1))
    };
    let known: Vec<f64> = (0..s.sights.len()).filter_map(offset).collect();
    let (first, last) = known
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), one| {
            (low.min(*one), high.max(*one))
        });
    let is_apart = known.len() > 1 && last - first > SKEW_SECS;
    let mut row = Making::new(s, "clock", "Clocks", "时钟").each(|at, _, _| match offset(at) {
        // Anything smaller is the way of the question.
        Some(own) => {
            let own = if own.abs() < 0.5 { 0.0 } else { own };
            (
                if is_apart { Mark::Warning } else { Mark::Ok },
                format!("{own:+.1} s"),
            )
        }
        None => (Mark::Unknown, "–".to_owned()),
    });
    if is_apart {
        let evidence = row.evidence();
        row.problem(
            Mark::Warning,
            Text::new(
                format!("The nodes' clocks are {:.1} s apart. Run an NTP client (chrony) on them: times in logs and caches go wrong.", last - first),
                format!("各节点时钟相差 {:.1} 秒。请运行 NTP（chrony），否则日志与缓存的时间会出错。", last - first),
            ),
            evidence,
            None,
        );
    }
    row.done()
}
