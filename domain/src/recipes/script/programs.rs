//! The commands of ms-swift among a script's statements, with their flags, their variables, and what becomes of their output.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Kept;
use super::remark::{Place, Remark, shortened};
use super::statements::{End, Statement};
use super::values::{Entry, Environment, Value, Variable};
use super::word::{PartKind, Word};

/// A word as a program gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    pub value: Value,
    /// The word of the command that it comes from.
    pub word: Range<usize>,
    /// Where it stands in the script and can be replaced; None where it is put together from several places.
    pub place: Option<Range<usize>>,
    /// The place is part of a quoted text, so that only plain characters can be written there.
    pub is_within: bool,
    /// A variable outside quotes that the script does not set: none, one or many words.
    pub is_open: bool,
    /// The variable that the word consists of.
    pub variable: Option<String>,
}

/// A flag with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// Without dashes, `-` as `_`.
    pub name: String,
    /// The word as it is written, dashes included, without `=value`.
    pub spelled: String,
    /// Where the name stands, dashes included.
    pub place: Option<Range<usize>>,
    /// The word of the command that it comes from.
    pub word: Range<usize>,
    pub values: Vec<Argument>,
    /// `--name=value`
    pub is_joined: bool,
    /// It stands on a line that the shell runs as a command of its own (see the script's remarks).
    pub is_cut_off: bool,
}

/// One command of ms-swift.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// `megatron` or `swift`, then its subcommand.
    pub name: String,
    /// Index among the script's statements.
    pub statement: usize,
    /// Of `megatron` or `swift`.
    pub head: Range<usize>,
    /// From the first word of the statement to its last.
    pub span: Range<usize>,
    pub flags: Vec<Flag>,
    /// Words that belong to no flag.
    pub strays: Vec<Argument>,
    /// What it gets from the script: exported before, or written before it.
    pub environment: BTreeMap<String, Value>,
    /// `nohup`, `exec`, `env` … before it.
    pub wrappers: Vec<String>,
    pub is_in_background: bool,
    /// The file that its output goes to, by `>`, `>>` or `| tee`.
    pub output: Option<String>,
    /// The innermost compound command around it.
    pub inside: Option<&'static str>,
}

impl Program {
    /// Whether it trains, rather than exporting or serving.
    pub fn trains(&self) -> bool {
        matches!(
            self.name.as_str(),
            "megatron sft"
                | "megatron pt"
                | "megatron rlhf"
                | "swift sft"
                | "swift pt"
                | "swift rlhf"
        )
    }

    /// The flag with this name; of several the last, which is the one that holds.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().rev().find(|flag| flag.name == name)
    }
}

pub(super) struct Found {
    pub programs: Vec<Program>,
    pub variables: Vec<Variable>,
    pub remarks: Vec<Remark>,
    pub kept: Vec<Kept>,
}

/// What may stand before a program and runs it.
const WRAPPERS: &[&str] = &[
    "nohup",
    "exec",
    "env",
    "sudo",
    "setsid",
    "nice",
    "ionice",
    "stdbuf",
    "command",
    "numactl",
    "timeout",
    "time",
    "unbuffer",
    "srun",
    "uv",
    "poetry",
    "conda",
    "micromamba",
];

/// Variables that the launcher or a library of the trainer reads; set without `export` they reach neither.
fn is_read_by_trainer(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "NPROC_PER_NODE",
        "NNODES",
        "NODE_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "CUDA_VISIBLE_DEVICES",
        "PYTORCH_CUDA_ALLOC_CONF",
        "MEGATRON_LM_PATH",
        "MODELSCOPE_CACHE",
        "HF_HOME",
        "CUDA_DEVICE_MAX_CONNECTIONS",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",
        "USE_HF",
        "LOG_LEVEL",
        "OMP_NUM_THREADS",
        "SWIFT_TEST_CONVERT_PRECISION",
    ];
    NAMES.contains(&name)
        || [
            "NCCL_",
            "GLOO_",
            "SWANLAB_",
            "WANDB_",
            "NVTE_",
            "TORCH_NCCL_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

pub(super) fn find(text: &str, statements: &[Statement]) -> Found {
    let mut finder = Finder {
        text,
        environment: Environment::default(),
        found: Found {
            programs: Vec::new(),
            variables: Vec::new(),
            remarks: Vec::new(),
            kept: Vec::new(),
        },
        last_was_program: false,
    };
    for (index, statement) in statements.iter().enumerate() {
        finder.statement(index, statement, statements);
    }
    finder.not_exported();
    finder.found
}

struct Finder<'a> {
    text: &'a str,
    environment: Environment,
    found: Found,
    /// Whether the statement before was a program's, or cut off from one.
    last_was_program: bool,
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Assignments there hold only if a shell comes by.
fn is_conditional(inside: Option<&str>) -> bool {
    !matches!(inside, None | Some("{" | "("))
}

impl Finder<'_> {
    fn statement(&mut self, index: usize, statement: &Statement, all: &[Statement]) {
        if statement.words.is_empty() {
            for word in &statement.assignments {
                self.assign(word, statement, false, None);
            }
            return;
        }
        let first = statement.words[0].bare(self.text).unwrap_or_default();
        if matches!(
            first,
            "export" | "declare" | "typeset" | "readonly" | "local"
        ) {
            self.declare(first, statement);
            return;
        }
        if statement.words[0]
            .bare(self.text)
            .is_none_or(|first| first.starts_with("--") && first.len() > 2)
            && self.text[statement.span.clone()].starts_with("--")
        {
            self.cut_off(statement);
            return;
        }
        let arguments: Vec<Argument> = statement
            .words
            .iter()
            .flat_map(|word| self.environment.arguments(self.text, word))
            .collect();
        self.last_was_program = self.program(index, statement, all, &arguments);
        if !self.last_was_program {
            self.other(first, statement, &arguments);
        }
    }

    fn assign(&mut self, word: &Word, statement: &Statement, exports: bool, prefix: Option<()>) {
        let Some((name, adds, begin)) = word.assignment(self.text) else {
            return;
        };
        let is_conditional = is_conditional(statement.inside);
        let parts = word.parts_from(begin);
        let elements = match parts.as_slice() {
            [part] => match &part.kind {
                PartKind::Array(words) => Some(self.elements(words, is_conditional)),
                _ => None,
            },
            _ => None,
        };
        let mut traced = self.environment.text(self.text, &parts);
        let known = self.environment.entries.get(name);
        let was_exported = known.is_some_and(|known| known.is_exported);
        let mut all_elements = elements.clone();
        if adds && let Some(known) = known {
            match (&known.elements, elements) {
                (Some(before), added) => {
                    let mut joined = before.clone();
                    joined.extend(added.unwrap_or_default());
                    all_elements = Some(joined);
                }
                (None, None) => {
                    let mut joined = known.text.clone();
                    joined.extend(&traced);
                    traced = joined;
                }
                (None, Some(_)) => {}
            }
        }
        traced.is_inexact |= is_conditional;
        let is_prefix = prefix.is_some();
        let is_exported = exports || was_exported || self.environment.exports_all || is_prefix;
        self.found.variables.push(Variable {
            name: name.to_owned(),
            value: match &all_elements {
                Some(elements) => Value {
                    text: elements
                        .iter()
                        .map(|e| e.value.text.as_str())
                        .collect::<Vec<_>>()
                        .join(" "),
                    is_exact: elements.iter().all(|e| e.value.is_exact),
                },
                None => traced.value(),
            },
            span: word.span.clone(),
            value_span: begin..word.span.end,
            is_exported,
            is_prefix,
            is_conditional,
            is_array: all_elements.is_some(),
        });
        if !is_prefix {
            let entry = Entry {
                text: traced,
                elements: all_elements,
                is_exported,
            };
            self.environment.entries.insert(name.to_owned(), entry);
        }
    }

    fn elements(&self, words: &[Word], is_conditional: bool) -> Vec<Argument> {
        let mut elements: Vec<Argument> = words
            .iter()
            .flat_map(|word| self.environment.arguments(self.text, word))
            .collect();
        for element in &mut elements {
            element.value.is_exact &= !is_conditional;
        }
        elements
    }

    fn declare(&mut self, first: &str, statement: &Statement) {
        let is_option = |word: &Word| {
            word.bare(self.text)
                .is_some_and(|bare| bare.starts_with('-'))
        };
        let option_exports = statement.words.iter().any(|word| {
            is_option(word) && word.bare(self.text).is_some_and(|bare| bare.contains('x'))
        });
        let exports = first == "export" || option_exports;
        for word in &statement.words[1..] {
            if word.assignment(self.text).is_some() {
                self.assign(word, statement, exports, None);
            } else if exports && let Some(name) = word.bare(self.text) {
                if let Some(entry) = self.environment.entries.get_mut(name) {
                    entry.is_exported = true;
                }
                for variable in &mut self.found.variables {
                    if variable.name == name {
                        variable.is_exported = true;
                    }
                }
            }
        }
    }

    /// Whether it is a command of ms-swift.
    fn program(
        &mut self,
        index: usize,
        statement: &Statement,
        all: &[Statement],
        arguments: &[Argument],
    ) -> bool {
        let Some(at) = arguments
            .iter()
            .position(|argument| matches!(base_name(&argument.value.text), "megatron" | "swift"))
        else {
            return false;
        };
        let is_wrapped = at == 0
            || arguments
                .first()
                .is_some_and(|first| WRAPPERS.contains(&base_name(&first.value.text)));
        let Some(subcommand) = arguments.get(at + 1).filter(|_| is_wrapped) else {
            return false;
        };
        let sub = subcommand.value.text.as_str();
        if sub.is_empty()
            || !sub
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '-' || c == '_')
            || sub.starts_with('-')
        {
            return false;
        }
        let mut environment: BTreeMap<String, Value> = self
            .environment
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_exported)
            .map(|(name, entry)| (name.clone(), entry.text.value()))
            .collect();
        let from = self.found.variables.len();
        for word in &statement.assignments {
            self.assign(word, statement, true, Some(()));
        }
        for word in &statement.words {
            if arguments
                .get(at)
                .is_some_and(|program| word.span.start < program.word.start)
            {
                self.assign(word, statement, true, Some(()));
            }
        }
        for variable in &self.found.variables[from..] {
            environment.insert(variable.name.clone(), variable.value.clone());
        }
        let wrappers = arguments[..at]
            .iter()
            .filter(|argument| WRAPPERS.contains(&base_name(&argument.value.text)))
            .map(|argument| argument.value.text.clone())
            .collect();
        let (flags, strays) = self.flags(&arguments[at + 2..], false);
        self.found.programs.push(Program {
            name: format!("{} {sub}", base_name(&arguments[at].value.text)),
            statement: index,
            head: arguments[at].word.start..subcommand.word.end,
            span: statement.span.clone(),
            flags,
            strays,
            environment,
            wrappers,
            is_in_background: background(index, all),
            output: self.output(index, all),
            inside: statement.inside,
        });
        true
    }

    fn output(&self, index: usize, all: &[Statement]) -> Option<String> {
        let own = all[index].redirections.iter().rev().find(|redirection| {
            redirection.operator.contains('>')
                && !redirection.operator.ends_with('&')
                && !redirection.operator.starts_with('2')
        });
        if let Some(target) = own.and_then(|redirection| redirection.target.as_ref()) {
            return Some(self.environment.text(self.text, &target.parts).text);
        }
        let next = all.get(index + 1).filter(|next| next.is_piped)?;
        let tee = next.words.first()?.bare(self.text)? == "tee";
        let file = next.words[1..]
            .iter()
            .find(|word| !self.text[word.span.clone()].starts_with('-'))?;
        tee.then(|| self.environment.text(self.text, &file.parts).text)
    }

    fn flags(&mut self, arguments: &[Argument], is_cut_off: bool) -> (Vec<Flag>, Vec<Argument>) {
        let mut flags: Vec<Flag> = Vec::new();
        let mut strays = Vec::new();
        for argument in arguments {
            let text = argument.value.text.as_str();
            let name = text
                .strip_prefix("--")
                .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
            match (name, flags.last_mut()) {
                (Some(name), _) => {
                    let (name, value) = match name.split_once('=') {
                        Some((name, value)) => (name, Some(value)),
                        None => (name, None),
                    };
                    let spelled = format!("--{name}");
                    let is_verbatim = argument
                        .place
                        .as_ref()
                        .is_some_and(|place| self.text.get(place.clone()) == Some(text));
                    // Of `--name=value` name and value have places of their own where the word is written plainly.
                    let starts_plain = argument
                        .place
                        .as_ref()
                        .is_some_and(|place| self.text[place.clone()].starts_with(&spelled));
                    let split = argument
                        .place
                        .as_ref()
                        .filter(|_| starts_plain)
                        .map(|place| place.start + spelled.len());
                    let (place, values) = match value {
                        None => (
                            argument
                                .place
                                .clone()
                                .filter(|_| is_verbatim || !argument.is_within),
                            Vec::new(),
                        ),
                        Some(value) => (
                            split.and_then(|split| {
                                argument.place.as_ref().map(|place| place.start..split)
                            }),
                            vec![Argument {
                                value: Value {
                                    text: value.to_owned(),
                                    is_exact: argument.value.is_exact,
                                },
                                place: split.and_then(|split| {
                                    argument.place.as_ref().map(|place| split + 1..place.end)
                                }),
                                variable: None,
                                ..argument.clone()
                            }],
                        ),
                    };
                    flags.push(Flag {
                        name: name.replace('-', "_"),
                        spelled,
                        place,
                        word: argument.word.clone(),
                        values,
                        is_joined: value.is_some(),
                        is_cut_off,
                    });
                }
                (None, Some(flag))
                    if !flag.is_joined
                        && (!argument.is_open || flag.values.is_empty())
                        && !is_option(text) =>
                {
                    flag.values.push(argument.clone())
                }
                (None, _) => strays.push(argument.clone()),
            }
        }
        (flags, strays)
    }

    /// A line that begins with a flag: the shell takes it for a command of its own.
    fn cut_off(&mut self, statement: &Statement) {
        let at = Place::of(self.text, statement.span.start);
        let found = shortened(&self.text[statement.span.clone()]);
        let arguments: Vec<Argument> = statement
            .words
            .iter()
            .flat_map(|word| self.environment.arguments(self.text, word))
            .collect();
        let (flags, _) = self.flags(&arguments, true);
        let flag = flags
            .first()
            .map(|flag| flag.name.clone())
            .unwrap_or_default();
        let remark = Remark::stops(at, found).about(&flag);
        self.found.remarks.push(match statement.follows_comment {
            Some(comment) => {
                let line = Place::of(self.text, comment).line;
                remark
                    .says(
                        format!("Line {}: the command above ends at the comment in line {line}; a shell runs this line as a command of its own, and the flags are not passed.", at.line),
                        format!("第 {} 行：上面的命令在第 {line} 行的注释处结束；shell 会把本行当作单独的命令，这些参数不会传入。", at.line),
                    )
                    .write(
                        format!("Move the comment of line {line} above the command."),
                        format!("请将第 {line} 行的注释移到命令之前。"),
                    )
            }
            None => remark
                .says(
                    format!("Line {}: nothing continues the command to this line; a shell runs it as a command of its own, and the flags are not passed.", at.line),
                    format!("第 {} 行：上一行没有续行到本行；shell 会把本行当作单独的命令，这些参数不会传入。", at.line),
                )
                .write(
                    "End the line above with a backslash, with nothing behind it.",
                    "请在上一行末尾加反斜杠，且其后不能有空格。",
                ),
        });
        if self.last_was_program
            && let Some(program) = self.found.programs.last_mut()
        {
            program.flags.extend(flags);
        }
    }

    /// A command that is kept as text.
    fn other(&mut self, first: &str, statement: &Statement, arguments: &[Argument]) {
        let at = Place::of(self.text, statement.span.start);
        let line = shortened(&self.text[statement.span.clone()]);
        let name = base_name(first);
        let options: Vec<&str> = arguments
            .iter()
            .map(|a| a.value.text.as_str())
            .filter(|text| text.starts_with('-'))
            .collect();
        let has = |letter: char| {
            options
                .iter()
                .any(|option| !option.starts_with("--") && option.contains(letter))
        };
        let name = if name == "sudo" {
            arguments
                .get(1)
                .map_or("sudo", |a| base_name(&a.value.text))
        } else {
            name
        };
        let warning = match name {
            "rm" if has('r') || has('R') || options.contains(&"--recursive") => Some((
                "This line deletes folders. It is kept as it stands and runs on the nodes only when a person launches the script.",
                "该行会删除文件夹。它按原样保留，只有在有人启动该脚本时才会在节点上执行。",
            )),
            "pkill" | "killall" | "kill" | "shutdown" | "reboot" | "mkfs" | "dd" => Some((
                "This line ends processes or overwrites disks. It is kept as it stands and runs on the nodes only when a person launches the script.",
                "该行会结束进程或改写磁盘。它按原样保留，只有在有人启动该脚本时才会在节点上执行。",
            )),
            _ => None,
        };
        if let Some((en, zh)) = warning {
            self.found
                .remarks
                .push(Remark::warning(at, line.clone()).says(en, zh).write(
                    "Take it out if the launch does not need it.",
                    "若启动不需要它，请删除。",
                ));
        }
        let unset_or_read = matches!(name, "unset" | "read" | "mapfile" | "readarray");
        if unset_or_read {
            for argument in arguments.iter().skip(1) {
                self.environment.entries.remove(&argument.value.text);
            }
        }
        if name == "set" {
            self.environment.exports_all |=
                has('a') || arguments.iter().any(|a| a.value.text == "allexport");
            return;
        }
        let holds_program = arguments
            .iter()
            .any(|a| a.value.text.contains("megatron ") || a.value.text.contains("swift "));
        if warning.is_some() || holds_program || matches!(name, "source" | "." | "eval") {
            self.found.kept.push(Kept {
                at,
                what: name.to_owned(),
                text: line,
            });
        }
    }

    fn not_exported(&mut self) {
        if self.found.programs.is_empty() {
            return;
        }
        let missing: Vec<(Place, String)> = self
            .found
            .variables
            .iter()
            .filter(|variable| !variable.is_exported && is_read_by_trainer(&variable.name))
            .map(|variable| {
                (
                    Place::of(self.text, variable.span.start),
                    variable.name.clone(),
                )
            })
            .collect();
        for (at, name) in missing {
            self.found.remarks.push(
                Remark::warning(at, format!("{name}="))
                    .says(
                        format!("Line {}: {name} is set but not exported, so that the trainer does not get it.", at.line),
                        format!("第 {} 行：{name} 已赋值但未 export，训练程序读不到它。", at.line),
                    )
                    .write(format!("Write: export {name}=…"), format!("请写成：export {name}=…")),
            );
        }
    }
}

/// A word with one dash that is no negative number.
fn is_option(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Whether a pipeline ends in `&`.
fn background(index: usize, all: &[Statement]) -> bool {
    all[index..]
        .iter()
        .find(|statement| statement.end != End::Pipe)
        .is_some_and(|statement| statement.end == End::Background)
}
