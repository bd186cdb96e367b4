//! The flags of a script against a release's list: unknown names, wrong values, what is missing, what is a secret.

use std::collections::BTreeMap;

use super::super::arguments::{Kind, Table, table};
use super::super::dialects::{missing, strangers};
use super::super::script::{Flag, Place, Program, Remark, Script};
use super::super::version::{Generation, Version};
use super::HIDDEN;
use crate::finding::Weight;

/// Commands of ms-swift of which no list is known; they are kept as they stand.
const UNLISTED: &[&str] = &[
    "sft",
    "pt",
    "rlhf",
    "app",
    "eval",
    "web-ui",
    "merge-lora",
    "rollout",
    "sample",
    "web_ui",
];

/// `--config FILE` from here on …
const FIRST_WITH_CONFIG: Version = Version {
    major: 3,
    minor: 10,
    patch: 0,
};
/// … and a file as first word from here on instead.
const FIRST_WITH_FILE: Version = Version {
    major: 4,
    minor: 2,
    patch: 0,
};

pub fn check(
    given: &Script,
    new: &Script,
    from_where: &BTreeMap<(usize, String), Place>,
    from: Version,
    to: Version,
    list: &Table,
) -> Vec<Remark> {
    let mut remarks = secrets(given);
    if given.programs().is_empty() {
        remarks.push(
            Remark::stops(Place { line: 1, column: 1 }, "")
                .says(
                    "There is no command of ms-swift in this script.",
                    "该脚本中没有 ms-swift 命令。",
                )
                .write("Paste a script that runs megatron sft, pt, rlhf or export, or swift export, infer or deploy.", "请粘贴包含 megatron sft、pt、rlhf、export 或 swift export、infer、deploy 的脚本。"),
        );
        return remarks;
    }
    for (index, program) in new.programs().iter().enumerate() {
        let place = |flag: &Flag| {
            from_where
                .get(&(index, flag.name.clone()))
                .copied()
                .or_else(|| {
                    given
                        .programs()
                        .get(index)
                        .map(|own| given.place(own.head.start))
                })
                .unwrap_or(Place { line: 1, column: 1 })
        };
        let checker = Checker {
            program,
            own: given.programs().get(index),
            given,
            from,
            to,
            list,
            place: &place,
        };
        remarks.extend(checker.check());
    }
    remarks
}

struct Checker<'a> {
    program: &'a Program,
    /// The same program in the script that was given.
    own: Option<&'a Program>,
    given: &'a Script,
    from: Version,
    to: Version,
    list: &'a Table,
    place: &'a dyn Fn(&Flag) -> Place,
}

impl Checker<'_> {
    fn head(&self) -> Place {
        self.own.map_or(Place { line: 1, column: 1 }, |own| {
            self.given.place(own.head.start)
        })
    }

    fn check(&self) -> Vec<Remark> {
        let command = self.program.name.as_str();
        let release = &self.list.release;
        if self.list.command(command).is_none() {
            let sub = command.split(' ').nth(1).unwrap_or_default();
            let is_of_swift = command.starts_with("swift ");
            if command == "megatron export" {
                return vec![
                    Remark::stops(self.head(), command)
                        .says(
                            format!("ms-swift {} has no megatron export.", self.to),
                            format!("ms-swift {} 没有 megatron export。", self.to),
                        )
                        .write(
                            "Write swift export (one process).",
                            "请写 swift export（单进程）。",
                        ),
                ];
            }
            let remark = if is_of_swift && UNLISTED.contains(&sub) {
                Remark::warning(self.head(), command)
                    .says(
                        format!("{command} is not a Megatron command; Trainyard has no list of its arguments and leaves it as it stands."),
                        format!("{command} 不是 Megatron 命令；Trainyard 没有其参数列表，按原样保留。"),
                    )
                    .write(format!("For Megatron write megatron {sub}."), format!("若使用 Megatron 请写 megatron {sub}。"))
            } else {
                Remark::stops(self.head(), command)
                    .says(
                        format!("ms-swift has no command \"{command}\"."),
                        format!("ms-swift 没有“{command}”命令。"),
                    )
                    .write(
                        "Write megatron sft, pt, rlhf or export, or swift export, infer or deploy.",
                        "请写 megatron sft、pt、rlhf、export，或 swift export、infer、deploy。",
                    )
            };
            return vec![remark];
        }
        let mut remarks = Vec::new();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for flag in &self.program.flags {
            let nth = seen.entry(&flag.name).or_default();
            let own = self.own_flag(&flag.name, *nth);
            *nth += 1;
            let at = own.map_or_else(|| (self.place)(flag), |own| place_of(self.given, own));
            if *nth > 1 {
                remarks.push(
                    Remark::warning(at, shown(flag))
                        .about(&flag.name)
                        .says(
                            format!("--{} is given twice; the last one holds.", flag.name),
                            format!("--{} 出现了两次，以最后一次为准。", flag.name),
                        )
                        .write("Take one of them out.", "请删除其中一个。"),
                );
            }
            remarks.extend(self.flag(flag, own, at));
        }
        for stray in &self.program.strays {
            if stray.is_open || !stray.value.is_exact || self.is_config(&stray.value.text) {
                continue;
            }
            let own = self
                .own
                .and_then(|own| own.strays.iter().find(|own| own.value == stray.value));
            let at = own
                .and_then(|own| own.place.clone())
                .map_or_else(|| self.head(), |place| self.given.place(place.start));
            remarks.push(
                Remark::stops(at, stray.value.text.clone())
                    .says(
                        format!("\"{}\" belongs to no flag; {command} of ms-swift {release} ends with remaining_argv.", stray.value.text),
                        format!("“{}”不属于任何参数；ms-swift {release} 的 {command} 会以 remaining_argv 报错退出。", stray.value.text),
                    )
                    .write("Write --name before it, or take it out.", "请在其前写 --参数名，或将其删除。"),
            );
        }
        if self.trains() {
            remarks.extend(self.start());
            remarks.extend(self.variables());
        }
        remarks
    }

    fn trains(&self) -> bool {
        self.program.name.starts_with("megatron ") && self.program.trains()
    }

    /// From 4.2 on a file may stand first.
    fn is_config(&self, text: &str) -> bool {
        let is_file = [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| text.ends_with(end));
        is_file && self.to >= FIRST_WITH_FILE
    }

    /// The n-th flag of this name in the script that was given.
    fn own_flag(&self, name: &str, nth: usize) -> Option<&Flag> {
        self.own?
            .flags
            .iter()
            .filter(|flag| flag.name == name)
            .nth(nth)
    }

    fn flag(&self, flag: &Flag, own: Option<&Flag>, at: Place) -> Vec<Remark> {
        let command = self.program.name.as_str();
        let release = &self.list.release;
        let Some(argument) = self.list.find(command, &flag.name) else {
            return self.unknown(flag, at);
        };
        let values: Vec<&str> = flag
            .values
            .iter()
            .map(|value| value.value.text.as_str())
            .collect();
        if flag
            .values
            .iter()
            .any(|value| value.is_open || !value.value.is_exact)
        {
            return Vec::new();
        }
        let Some(wrong) = argument.check(&values) else {
            return Vec::new();
        };
        // The place of the value itself, where the script that was given still has it.
        let value_at = wrong
            .index
            .and_then(|index| own?.values.get(index)?.place.clone())
            .map_or(at, |place| self.given.place(place.start));
        let found = match wrong.index {
            Some(index) if strangers::is_secret(&flag.name) => {
                let _ = index;
                HIDDEN.to_owned()
            }
            Some(index) => values[index].to_owned(),
            None => format!("--{}", flag.name),
        };
        let remark = match wrong.index {
            None => Remark::stops(at, found).says(
                format!("--{} has no value.", flag.name),
                format!("--{} 没有值。", flag.name),
            ),
            Some(1) if !argument.takes_many => Remark::stops(value_at, found.clone()).says(
                format!(
                    "--{} takes one value; \"{found}\" is one too many.",
                    flag.name
                ),
                format!("--{} 只接受一个值，“{found}”是多余的。", flag.name),
            ),
            // A list that is not whole may lack a choice.
            Some(_) if argument.kind == Kind::Choice && !self.list.is_whole => {
                Remark::warning(value_at, found.clone()).says(
                    format!(
                        "\"{found}\" is no choice of --{} that is known of ms-swift {release}.",
                        flag.name
                    ),
                    format!(
                        "“{found}”不在已知的 ms-swift {release} --{} 取值中。",
                        flag.name
                    ),
                )
            }
            Some(_) => Remark::stops(value_at, found.clone()).says(
                format!("\"{found}\" does not fit --{}.", flag.name),
                format!("“{found}”不符合 --{} 的要求。", flag.name),
            ),
        };
        vec![remark.about(&flag.name).write(
            format!("Write {}.", wrong.expected.en),
            format!("请写{}。", wrong.expected.zh),
        )]
    }

    fn unknown(&self, flag: &Flag, at: Place) -> Vec<Remark> {
        let command = self.program.name.as_str();
        let name = flag.name.as_str();
        let release = &self.list.release;
        // A file of arguments, taken before they are parsed.
        if name == "config" && self.to >= FIRST_WITH_CONFIG && self.to < FIRST_WITH_FILE {
            return Vec::new();
        }
        // The twin of a switch that is on by default.
        if let Some(plain) = name.strip_prefix("no_")
            && flag.values.is_empty()
            && self
                .list
                .find(command, plain)
                .is_some_and(|argument| argument.default == serde_json::json!(true))
        {
            return Vec::new();
        }
        let advice = strangers::advice(command, name, self.to);
        let elsewhere = (table(self.from).find(command, name).is_some()
            && self.from.generation() != self.to.generation())
        .then(|| missing::why(command, name, None, self.from, self.to))
        .flatten();
        let near = self.list.nearest(command, name);
        let is_beginning = near.is_some_and(|near| near.starts_with(name));
        let remark = Remark::new(
            if self.list.is_whole || advice.is_some() {
                Weight::Stops
            } else {
                Weight::Warning
            },
            at,
            shown(flag),
        )
        .about(name);
        let says = if self.list.is_whole || advice.is_some() {
            (
                format!(
                    "{command} of ms-swift {release} has no flag --{name}; it would end with remaining_argv."
                ),
                format!(
                    "ms-swift {release} 的 {command} 没有 --{name} 参数，运行时会以 remaining_argv 报错退出。"
                ),
            )
        } else {
            (
                format!(
                    "--{name} is not among the flags that Trainyard knows of ms-swift {release}, whose list is not whole."
                ),
                format!(
                    "--{name} 不在 Trainyard 已知的 ms-swift {release} 参数中，该版本的列表并不完整。"
                ),
            )
        };
        let write = match (advice, elsewhere, near) {
            (Some(advice), _, _) => (advice.en, advice.zh),
            (None, Some((_, why)), _) => (why.en, why.zh),
            (None, None, Some(near)) if is_beginning => (
                format!("Write it in full: --{near}."),
                format!("请写完整的参数名：--{near}。"),
            ),
            (None, None, Some(near)) => (format!("Did you mean --{near}?"), format!("是否想写 --{near}？")),
            (None, None, None) if self.list.is_whole => ("Take it out.".to_owned(), "请删除。".to_owned()),
            (None, None, None) => (
                "Read the list from a node that has this release (trainyard script --arguments), or check its spelling.".to_owned(),
                "请从装有该版本的节点读取参数列表（trainyard script --arguments），或检查拼写。".to_owned(),
            ),
        };
        vec![remark.says(says.0, says.1).write(write.0, write.1)]
    }

    /// Where training starts from, and on what.
    fn start(&self) -> Vec<Remark> {
        let has = |name: &str| self.program.flag(name).is_some();
        let is_open = self.program.strays.iter().any(|stray| stray.is_open);
        let takes_file = has("config")
            || self
                .program
                .strays
                .iter()
                .any(|stray| self.is_config(&stray.value.text));
        if is_open || takes_file {
            return Vec::new();
        }
        let mut remarks = Vec::new();
        let stops = |en: &str, zh: &str, write: (&str, &str)| {
            Remark::stops(self.head(), self.program.name.clone())
                .says(en, zh)
                .write(write.0, write.1)
        };
        let allows_none = self.program.flag("no_initialization").is_some();
        match self.to.generation() {
            Some(Generation::G1) if !has("load") && !allows_none && !self.lost_start() => remarks.push(stops(
                "3.9 starts from MCore weights only: it ends with \"You did not pass `--load`\".",
                "3.9 只能从 MCore 权重开始：会以 “You did not pass `--load`” 报错。",
                (
                    "Write --load with the folder that swift export --to_mcore true made.",
                    "请写 --load 加上 swift export --to_mcore true 生成的文件夹。",
                ),
            )),
            Some(Generation::G3) if !has("mcore_model") && !has("model") => remarks.push(stops(
                "There is neither --model nor --mcore_model: it ends with \"You did not pass `--mcore_model/--model`\".",
                "既没有 --model 也没有 --mcore_model：会以 “You did not pass `--mcore_model/--model`” 报错。",
                ("Write --model with the folder of the weights.", "请写 --model 加上权重文件夹。"),
            )),
            _ => {}
        }
        if !has("dataset") && !has("cached_dataset") {
            remarks.push(stops(
                "There is no --dataset to train on.",
                "没有用于训练的 --dataset。",
                (
                    "Write --dataset with a file or an id.",
                    "请写 --dataset 加上文件或数据集 ID。",
                ),
            ));
        }
        remarks
    }

    /// What the launcher reads from the environment.
    fn variables(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let value = |name: &str| self.program.environment.get(name);
        let at = |name: &str| {
            let set = self
                .given
                .variables()
                .iter()
                .rev()
                .find(|variable| variable.name == name);
            set.map_or(self.head(), |variable| {
                self.given.place(variable.span.start)
            })
        };
        let generation = self.to.generation();
        match value("NPROC_PER_NODE") {
            None if generation == Some(Generation::G2a) => remarks.push(
                Remark::stops(self.head(), self.program.name.clone())
                    .says(
                        format!(
                            "megatron of ms-swift {} does not start without NPROC_PER_NODE.",
                            self.to
                        ),
                        format!(
                            "ms-swift {} 的 megatron 缺少 NPROC_PER_NODE 时无法启动。",
                            self.to
                        ),
                    )
                    .write(
                        "Write export NPROC_PER_NODE= with the number of GPUs of a node.",
                        "请写 export NPROC_PER_NODE= 加上每个节点的 GPU 数。",
                    ),
            ),
            None if value("NNODES").is_none() => remarks.push(
                Remark::warning(self.head(), self.program.name.clone())
                    .says(
                        "Without NPROC_PER_NODE one process on one GPU trains.",
                        "未设置 NPROC_PER_NODE 时只有一个进程在一张 GPU 上训练。",
                    )
                    .write(
                        "Write export NPROC_PER_NODE= with the number of GPUs of a node.",
                        "请写 export NPROC_PER_NODE= 加上每个节点的 GPU 数。",
                    ),
            ),
            Some(processes) => {
                let visible = value("CUDA_VISIBLE_DEVICES")
                    .filter(|visible| visible.is_exact && !visible.text.is_empty());
                let gpus = visible.map(|visible| {
                    visible
                        .text
                        .split(',')
                        .filter(|gpu| !gpu.trim().is_empty())
                        .count()
                });
                if let (Some(gpus), Ok(count), true) =
                    (gpus, processes.text.parse::<usize>(), processes.is_exact)
                    && gpus != count
                {
                    remarks.push(
                        Remark::stops(at("NPROC_PER_NODE"), format!("NPROC_PER_NODE={count}"))
                            .says(
                                format!("NPROC_PER_NODE is {count}, but CUDA_VISIBLE_DEVICES names {gpus} GPUs."),
                                format!("NPROC_PER_NODE 为 {count}，但 CUDA_VISIBLE_DEVICES 中有 {gpus} 张 GPU。"),
                            )
                            .write(format!("Write NPROC_PER_NODE={gpus}, or as many GPUs."), format!("请写 NPROC_PER_NODE={gpus}，或列出同样数量的 GPU。")),
                    );
                }
            }
            None => {}
        }
        let is_old = generation != Some(Generation::G3);
        if is_old && value("MEGATRON_LM_PATH").is_none() {
            remarks.push(
                Remark::warning(self.head(), self.program.name.clone())
                    .says(
                        format!("Without MEGATRON_LM_PATH ms-swift {} fetches Megatron-LM from the network at every start.", self.to),
                        format!("未设置 MEGATRON_LM_PATH 时，ms-swift {} 每次启动都会联网获取 Megatron-LM。", self.to),
                    )
                    .write("Write export MEGATRON_LM_PATH= with the folder of Megatron-LM.", "请写 export MEGATRON_LM_PATH= 加上 Megatron-LM 的文件夹。"),
            );
        }
        let name = "MEGATRON_LM_PATH";
        if !is_old && value(name).is_some() {
            remarks.push(
                    Remark::warning(at(name), format!("{name}="))
                        .says(
                            format!("ms-swift {} does not read {name}; it uses the installed megatron-core.", self.to),
                            format!("ms-swift {} 不读取 {name}，使用已安装的 megatron-core。", self.to),
                        )
                        .write("Take it out, or leave it: it does no harm.", "可删除，保留也无妨。"),
                );
        }
        remarks
    }

    /// Whether the translation said already that the weights must be converted.
    fn lost_start(&self) -> bool {
        self.from.generation() != self.to.generation()
            && self.own.is_some_and(|own| {
                own.flag("model").is_some()
                    && own.flag("mcore_model").is_none()
                    && own.flag("load").is_none()
            })
            && matches!(
                self.from.generation(),
                Some(Generation::G2b | Generation::G3)
            )
    }
}

fn place_of(script: &Script, flag: &Flag) -> Place {
    script.place(
        flag.place
            .as_ref()
            .map_or(flag.word.start, |place| place.start),
    )
}

fn shown(flag: &Flag) -> String {
    let mut text = flag.spelled.clone();
    for value in &flag.values {
        text.push(' ');
        text.push_str(if strangers::is_secret(&flag.name) {
            HIDDEN
        } else {
            &value.value.text
        });
    }
    text
}

/// Secrets that stand in the script in clear.
fn secrets(script: &Script) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let said = |at: Place, found: String, flag: &str| {
        Remark::warning(at, found)
            .about(flag)
            .says(
                "A secret stands here in clear; everybody who sees the script sees it.",
                "此处以明文写有密钥，任何能看到脚本的人都能看到它。",
            )
            .write(
                "Keep it under Reports in the form: it is stored encrypted and reaches the last node's environment only.",
                "请在表单的“上报”中保存：会加密存储，只写入最后一个节点的环境。",
            )
    };
    for variable in script.variables() {
        if strangers::is_secret(&variable.name)
            && variable.value.is_exact
            && !variable.value.text.is_empty()
        {
            remarks.push(said(
                script.place(variable.span.start),
                format!("{}={HIDDEN}", variable.name),
                "",
            ));
        }
    }
    for program in script.programs() {
        for flag in &program.flags {
            let is_written = flag
                .values
                .iter()
                .any(|value| value.value.is_exact && !value.value.text.is_empty());
            if strangers::is_secret(&flag.name) && is_written {
                let at = script.place(
                    flag.place
                        .as_ref()
                        .map_or(flag.word.start, |place| place.start),
                );
                remarks.push(said(at, format!("--{} {HIDDEN}", flag.name), &flag.name));
            }
        }
    }
    remarks
}
