//! Reporters: each generation of `megatron` is told in its own way where records go.
//!
//! 3.9–3.11: TensorBoard always, W&B by --wandb_project. 3.12: --report_to wandb or swanlab, named by --wandb_*, TensorBoard always. 4.x:
//! --report_to is the whole list (tensorboard if nothing is said), named by --wandb_* and --swanlab_*.

use super::super::version::Generation;
use super::{Carrier, Change};
use crate::finding::Weight;
use crate::language::Text;

const FLAGS: &[&str] = &[
    "report_to",
    "wandb_project",
    "wandb_exp_name",
    "wandb_save_dir",
    "swanlab_project",
    "swanlab_exp_name",
];

pub fn is_of_reports(name: &str) -> bool {
    FLAGS.contains(&name)
}

/// Where the records of a command go.
#[derive(Default)]
struct Reports {
    wandb: bool,
    swanlab: bool,
}

pub fn carry(carrier: &mut Carrier<'_>) {
    let positions: Vec<usize> = (0..carrier.given.len())
        .filter(|index| is_of_reports(&carrier.given[*index].0))
        .collect();
    if positions.is_empty() || !carrier.trains() {
        return;
    }
    let from = carrier.from.generation();
    let to = carrier.to.generation();
    let list: Option<Vec<String>> = carrier.given("report_to").map(<[String]>::to_vec);
    let says = |name: &str| {
        list.as_ref()
            .is_some_and(|list| list.iter().any(|own| own == name))
    };
    let reports = match from {
        Some(Generation::G3) => Reports {
            wandb: says("wandb"),
            swanlab: says("swanlab"),
        },
        _ => Reports {
            wandb: says("wandb") || (list.is_none() && carrier.has("wandb_project")),
            swanlab: says("swanlab"),
        },
    };
    let is_old = matches!(to, Some(Generation::G1 | Generation::G2a));
    let has_wandb_project = carrier.has("wandb_project");
    for index in positions {
        let (name, values) = carrier.given[index].clone();
        one(carrier, index, &name, values, &reports, is_old);
    }
    if to == Some(Generation::G3) && list.is_none() && reports.wandb {
        let text = Text::new(
            "4.x reports to W&B only where --report_to names it, and the list replaces TensorBoard.",
            "4.x 只有在 --report_to 中写明才会上报 W&B，且该列表会取代 TensorBoard。",
        );
        carrier.put(
            None,
            "report_to",
            vec!["tensorboard".to_owned(), "wandb".to_owned()],
            Change::WrittenOut,
            text,
        );
    }
    if is_old && reports.wandb && !has_wandb_project {
        let text = Text::new(
            "3.9–3.11 report to W&B where a project is named; this is the one that 3.12 and 4.x name by themselves.",
            "3.9–3.11 在写明项目时上报 W&B；此为 3.12 与 4.x 默认的项目名。",
        );
        carrier.put(
            None,
            "wandb_project",
            vec!["megatron-swift".to_owned()],
            Change::WrittenOut,
            text,
        );
    }
}

fn one(
    carrier: &mut Carrier<'_>,
    index: usize,
    name: &str,
    values: Option<Vec<String>>,
    reports: &Reports,
    is_old: bool,
) {
    let to = carrier.to;
    let is_new = to.generation() == Some(Generation::G3);
    let swanlab_lost = || {
        Text::new(
            format!(
                "megatron of ms-swift {to} cannot report to SwanLab. Trainyard records the run by itself; for another SwanLab host use Reports in the form."
            ),
            format!(
                "ms-swift {to} 的 megatron 不能上报 SwanLab。Trainyard 会自行记录；若需其他 SwanLab 主机，请使用表单中的“上报”。"
            ),
        )
    };
    match name {
        "report_to" if is_new => {
            let mut list = vec!["tensorboard".to_owned()];
            list.extend(values.unwrap_or_default());
            let text = Text::new(
                "In 4.x --report_to is the whole list; TensorBoard, which 3.x always writes, is named too.",
                "在 4.x 中 --report_to 是完整列表；3.x 总会写的 TensorBoard 也列入其中。",
            );
            carrier.put(Some(index), "report_to", list, Change::Renamed, text);
        }
        "report_to" if is_old => {
            if reports.swanlab {
                carrier.take_out(index, Change::Lost(Weight::Warning), swanlab_lost());
            } else {
                let text = Text::new(
                    format!(
                        "ms-swift {to} has no --report_to: it always writes TensorBoard files, and W&B where --wandb_project is given."
                    ),
                    format!(
                        "ms-swift {to} 没有 --report_to：总会写 TensorBoard 文件，写明 --wandb_project 时上报 W&B。"
                    ),
                );
                carrier.take_out(index, Change::NotNeeded, text);
            }
        }
        // 3.12 takes one.
        "report_to" => {
            let one = if reports.swanlab {
                Some("swanlab")
            } else {
                reports.wandb.then_some("wandb")
            };
            match one {
                Some(one) if values.as_deref() == Some(&[one.to_owned()]) => {
                    carrier.keep(name, &values)
                }
                Some(one) => {
                    let (weight, text) = if reports.swanlab && reports.wandb {
                        (
                            Change::Lost(Weight::Warning),
                            Text::new(
                                format!(
                                    "ms-swift {to} reports to one of W&B and SwanLab; SwanLab stays."
                                ),
                                format!(
                                    "ms-swift {to} 只能上报 W&B 或 SwanLab 之一，保留 SwanLab。"
                                ),
                            ),
                        )
                    } else {
                        (
                            Change::Renamed,
                            Text::new(
                                format!(
                                    "ms-swift {to} always writes TensorBoard files; --report_to names one more."
                                ),
                                format!(
                                    "ms-swift {to} 总会写 TensorBoard 文件；--report_to 再写一个。"
                                ),
                            ),
                        )
                    };
                    carrier.put(Some(index), name, vec![one.to_owned()], weight, text);
                }
                None => {
                    let text = Text::new(
                        format!("ms-swift {to} always writes TensorBoard files."),
                        format!("ms-swift {to} 总会写 TensorBoard 文件。"),
                    );
                    carrier.take_out(index, Change::NotNeeded, text);
                }
            }
        }
        "swanlab_project" | "swanlab_exp_name" if is_new => carrier.keep(name, &values),
        "swanlab_project" | "swanlab_exp_name" if is_old => {
            carrier.take_out(index, Change::Lost(Weight::Warning), swanlab_lost())
        }
        "swanlab_project" | "swanlab_exp_name" => {
            let new = name.replace("swanlab", "wandb");
            let text = Text::new(
                format!("ms-swift {to} names a SwanLab run by --{new}."),
                format!("ms-swift {to} 用 --{new} 命名 SwanLab 运行。"),
            );
            carrier.put(
                Some(index),
                &new,
                values.unwrap_or_default(),
                Change::Renamed,
                text,
            );
        }
        // Of a 3.12 run that reports to SwanLab.
        "wandb_project" | "wandb_exp_name" if is_new && reports.swanlab && !reports.wandb => {
            let new = name.replace("wandb", "swanlab");
            let text = Text::new(
                format!("In ms-swift {to} a SwanLab run is named by --{new}."),
                format!("ms-swift {to} 用 --{new} 命名 SwanLab 运行。"),
            );
            carrier.put(
                Some(index),
                &new,
                values.unwrap_or_default(),
                Change::Renamed,
                text,
            );
        }
        "wandb_save_dir" if is_new => {
            let text = Text::new(
                "4.x keeps W&B's files in the run's own folder.",
                "4.x 将 W&B 文件放在运行目录中。",
            );
            carrier.take_out(index, Change::NotNeeded, text);
        }
        // Named, but reported nowhere: to name it in 3.9–3.11 would turn it on.
        "wandb_project" if is_old && !reports.wandb => {
            let text = Text::new(
                format!(
                    "The script does not report to W&B; in ms-swift {to} --{name} would turn it on."
                ),
                format!("该脚本未上报 W&B；在 ms-swift {to} 中写 --{name} 会将其开启。"),
            );
            carrier.take_out(index, Change::NotNeeded, text);
        }
        _ => carrier.keep(name, &values),
    }
}
