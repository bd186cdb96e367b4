//! Reports: where a run's records go besides this console, which follows the run's own files and needs none of it.
//!
//! From 3.12 on `megatron` reports to SwanLab and W&B by flags; hosts, modes, workspaces and keys have no flag in any release and go into
//! the environment of the last node, whose last rank reports. 3.9–3.11 know W&B alone. Keys are kept as secrets: a form holds their ids.
//!
//! Source: ms-swift `megatron/callbacks/*.py` (4.x), `megatron/argument/megatron_args.py` (3.x); SwanLab's `SWANLAB_*`, W&B's `WANDB_*`.

use std::collections::BTreeMap;

use super::version::{Generation, Version};
use crate::finding::Finding;

/// What may be written into a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Choice(&'static [&'static str]),
    /// Kept encrypted; the form has its id.
    Secret,
}

/// One field of the reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    pub key: &'static str,
    pub kind: Kind,
    /// (English, Chinese)
    pub label: (&'static str, &'static str),
    pub help: (&'static str, &'static str),
}

/// All of them, in the order of the form.
pub const ALL: &[Field] = &[
    Field {
        key: "swanlab_host",
        kind: Kind::Text,
        label: ("SwanLab host", "SwanLab 主机"),
        help: (
            "Empty: this console, which follows the run by itself. Another one: its address, e.g. https://swanlab.cn.",
            "留空表示本控制台，它会自行跟踪训练。其他主机请填写地址，例如 https://swanlab.cn。",
        ),
    },
    Field {
        key: "swanlab_token",
        kind: Kind::Secret,
        label: ("SwanLab token", "SwanLab 密钥"),
        help: (
            "Stored encrypted; reaches the last node's environment only.",
            "加密存储，只写入最后一个节点的环境。",
        ),
    },
    Field {
        key: "swanlab_project",
        kind: Kind::Text,
        label: ("SwanLab project", "SwanLab 项目"),
        help: ("Empty: megatron-swift.", "留空为 megatron-swift。"),
    },
    Field {
        key: "swanlab_workspace",
        kind: Kind::Text,
        label: ("SwanLab workspace", "SwanLab 空间"),
        help: (
            "Empty: that of the token's owner.",
            "留空为密钥所属用户的空间。",
        ),
    },
    Field {
        key: "swanlab_exp_name",
        kind: Kind::Text,
        label: ("SwanLab experiment", "SwanLab 实验名"),
        help: ("Empty: the output folder.", "留空为输出目录。"),
    },
    Field {
        key: "swanlab_mode",
        kind: Kind::Choice(&["", "cloud", "local", "offline", "disabled"]),
        label: ("SwanLab mode", "SwanLab 模式"),
        help: ("Empty: SwanLab's own choice.", "留空由 SwanLab 决定。"),
    },
    Field {
        key: "wandb_project",
        kind: Kind::Text,
        label: ("W&B project", "W&B 项目"),
        help: ("Empty: no report to W&B.", "留空表示不上报 W&B。"),
    },
    Field {
        key: "wandb_exp_name",
        kind: Kind::Text,
        label: ("W&B run", "W&B 运行名"),
        help: ("Empty: W&B's own choice.", "留空由 W&B 决定。"),
    },
    Field {
        key: "wandb_host",
        kind: Kind::Text,
        label: ("W&B host", "W&B 主机"),
        help: ("Empty: wandb.ai.", "留空为 wandb.ai。"),
    },
    Field {
        key: "wandb_key",
        kind: Kind::Secret,
        label: ("W&B key", "W&B 密钥"),
        help: (
            "Stored encrypted; reaches the last node's environment only.",
            "加密存储，只写入最后一个节点的环境。",
        ),
    },
];

/// A secret's name in the store.
pub fn secret_name(key: &str) -> Option<String> {
    let field = ALL.iter().find(|field| field.key == key)?;
    (field.kind == Kind::Secret).then(|| format!("report {key}"))
}

/// What the reports come to for a release.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    /// In version-neutral words.
    pub flags: Vec<(String, Vec<String>)>,
    /// Of the last node.
    pub environment: Vec<(String, String)>,
    /// Of the last node: (variable, key of the field, id of the secret).
    pub secrets: Vec<(String, &'static str, String)>,
    pub findings: Vec<Finding>,
}

/// Reads the texts of the form.
pub fn say(values: &BTreeMap<String, String>, version: Version) -> Said {
    let mut said = Said::default();
    let value = |key: &str| {
        values
            .get(key)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    for key in values
        .keys()
        .filter(|key| !ALL.iter().any(|field| field.key == key.as_str()))
    {
        said.findings.push(Finding::stops(
            key,
            format!("There is no report field \"{key}\"."),
            format!("没有名为“{key}”的上报字段。"),
        ));
    }
    for field in ALL {
        if let (Kind::Choice(choices), Some(text)) = (field.kind, value(field.key))
            && !choices.contains(&text.as_str())
        {
            let choices = choices
                .iter()
                .filter(|choice| !choice.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            said.findings.push(Finding::stops(
                field.key,
                format!("\"{text}\" does not fit; write one of {choices}."),
                format!("“{text}”不符合要求；请填写 {choices} 之一。"),
            ));
        }
    }
    let mut reporters = vec!["tensorboard".to_owned()];
    let set = |said: &mut Said, name: &str, key: &str| {
        if let Some(text) = value(key) {
            said.environment.push((name.to_owned(), text));
        }
    };
    if let Some(host) = value("swanlab_host") {
        let knows = matches!(version.generation(), Some(Generation::G2b | Generation::G3));
        if !host.starts_with("http://") && !host.starts_with("https://") {
            said.findings.push(Finding::stops(
                "swanlab_host",
                format!("\"{host}\" is no address; write it with http:// or https://."),
                format!("“{host}”不是地址；请以 http:// 或 https:// 开头。"),
            ));
        } else if !knows {
            said.findings.push(Finding::warning(
                "swanlab_host",
                format!("megatron of ms-swift {version} cannot report to SwanLab: only this console gets the records."),
                format!("ms-swift {version} 的 megatron 不能上报 SwanLab：只有本控制台会得到记录。"),
            ));
        } else {
            reporters.push("swanlab".to_owned());
            let host = host
                .trim_end_matches('/')
                .trim_end_matches("/api")
                .to_owned();
            said.environment
                .push(("SWANLAB_API_HOST".to_owned(), format!("{host}/api")));
            said.environment.push(("SWANLAB_WEB_HOST".to_owned(), host));
            set(&mut said, "SWANLAB_MODE", "swanlab_mode");
            set(&mut said, "SWANLAB_WORKSPACE", "swanlab_workspace");
            if let Some(id) = value("swanlab_token") {
                said.secrets
                    .push(("SWANLAB_API_KEY".to_owned(), "swanlab_token", id));
            }
            for flag in ["swanlab_project", "swanlab_exp_name"] {
                if let Some(text) = value(flag) {
                    said.flags.push((flag.to_owned(), vec![text]));
                }
            }
        }
    }
    if let Some(project) = value("wandb_project") {
        reporters.push("wandb".to_owned());
        said.flags.push(("wandb_project".to_owned(), vec![project]));
        if let Some(name) = value("wandb_exp_name") {
            said.flags.push(("wandb_exp_name".to_owned(), vec![name]));
        }
        set(&mut said, "WANDB_BASE_URL", "wandb_host");
        if let Some(id) = value("wandb_key") {
            said.secrets
                .push(("WANDB_API_KEY".to_owned(), "wandb_key", id));
        }
    }
    if reporters.len() > 1 {
        said.flags.insert(0, ("report_to".to_owned(), reporters));
    }
    said
}

/// The file that the last node's script reads its reports' variables from, and the line that does it. The file is taken away once read.
pub const FILE: &str = "reports.env";

/// The lines of the file.
pub fn file(variables: &[(String, String)]) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", crate::shell::quote(value)))
        .collect()
}

/// In front of a script that starts in another folder than the one it came from.
pub fn reading(script: &str) -> String {
    format!(". \"$OLDPWD/{FILE}\" && rm -f \"$OLDPWD/{FILE}\"\n{script}")
}

#[cfg(test)]
mod tests {
    use super::super::command::{Train, train};
    use super::super::{Recipe, presets};
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn command(values: &BTreeMap<String, String>, release: &str) -> String {
        let version = Version::parse(release).expect("a version");
        let of = Train {
            model: "/m",
            mcore_model: "/c",
            dataset: "/d",
            output: "/o",
        };
        let recipe = Recipe {
            extra: say(values, version).flags,
            ..presets::lora()
        };
        train(&of, &recipe, version).expect("spoken").render()
    }

    #[test]
    fn nothing_said_is_this_console_alone() {
        let version = Version::parse("4.6.0").expect("a version");
        assert_eq!(say(&form(&[]), version), Said::default());
        assert_eq!(
            say(&form(&[("swanlab_project", "p")]), version),
            Said::default()
        );
    }

    #[test]
    fn each_generation_reports_in_its_own_way() {
        let both = form(&[
            ("swanlab_host", "https://swanlab.cn/"),
            ("swanlab_token", "id-1"),
            ("swanlab_project", "p"),
            ("swanlab_mode", "cloud"),
            ("wandb_project", "w"),
            ("wandb_key", "id-2"),
        ]);
        let newest = command(&both, "4.6.0");
        for part in [
            "--report_to tensorboard swanlab wandb",
            "--swanlab_project p",
            "--wandb_project w",
        ] {
            assert!(newest.contains(part), "{part}\n{newest}");
        }
        let swanlab = form(&[
            ("swanlab_host", "https://swanlab.cn"),
            ("swanlab_project", "p"),
        ]);
        let between = command(&swanlab, "3.12.6");
        assert!(
            between.contains("--report_to swanlab") && between.contains("--wandb_project p"),
            "{between}"
        );
        let first = command(&form(&[("wandb_project", "w")]), "3.9.3");
        assert!(
            first.contains("--wandb_project w") && !first.contains("report_to"),
            "{first}"
        );
        let said = say(&both, Version::parse("4.6.0").expect("a version"));
        assert_eq!(
            said.environment[0],
            (
                "SWANLAB_API_HOST".to_owned(),
                "https://swanlab.cn/api".to_owned()
            )
        );
        assert_eq!(
            said.secrets,
            [
                (
                    "SWANLAB_API_KEY".to_owned(),
                    "swanlab_token",
                    "id-1".to_owned()
                ),
                ("WANDB_API_KEY".to_owned(), "wandb_key", "id-2".to_owned())
            ]
        );
        assert!(!newest.contains("id-1"));
        let old = say(&swanlab, Version::parse("3.9.3").expect("a version"));
        assert!(old.flags.is_empty() && old.findings[0].text.en.contains("only this console"));
    }

    #[test]
    fn what_does_not_fit_is_said_beside_its_field() {
        let version = Version::parse("4.6.0").expect("a version");
        let fields: Vec<String> = say(
            &form(&[
                ("swanlab_host", "swanlab.cn"),
                ("swanlab_mode", "loud"),
                ("colour", "red"),
            ]),
            version,
        )
        .findings
        .into_iter()
        .map(|finding| finding.field)
        .collect();
        assert_eq!(fields, ["colour", "swanlab_mode", "swanlab_host"]);
    }

    #[test]
    fn the_last_nodes_script_reads_the_file_and_takes_it_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let variables = [("A".to_owned(), "it's $x".to_owned())];
        let script = format!(
            "cat > {FILE} <<'EOF'\n{}EOF\ncd / || exit 1\n{}",
            file(&variables),
            reading("printf %s \"$A\"; ls \"$OLDPWD\"\n")
        );
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(script)
            .current_dir(folder.path())
            .output()
            .expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's $x");
    }
}
