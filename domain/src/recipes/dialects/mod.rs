//! The four generations of ms-swift as dialects of one language: the same meaning under each one's names.
//!
//! [`carry`] takes a command's flags from one release to another: renames, inverts, takes out what has no counterpart and says so, and
//! writes out every default that differs between the two, at the value that the first release would have meant. The version-neutral form
//! of a flag is its name in 4.x (`NEUTRAL`).
//!
//! Source: ms-swift `megatron/argument/*.py` (3.x), `megatron/arguments/*.py` (4.x).

pub mod missing;
mod names;
pub use names::synonyms;
mod reports;
pub mod strangers;

use super::arguments::{self, Argument, kind, table};
use super::version::{Generation, Version};
use crate::finding::Weight;
use crate::language::Text;

/// The release whose names are the version-neutral ones.
pub const NEUTRAL: Version = Version {
    major: 4,
    minor: 6,
    patch: 0,
};

/// A flag without its dashes, and its words.
pub type Words = (String, Vec<String>);

/// What happened to one flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which of the given flags; None: it was added.
    pub index: Option<usize>,
    /// What stands there now; None: it was taken out.
    pub to: Option<Words>,
    pub weight: Change,
    pub text: Text,
}

/// How much of a flag's meaning arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The same under another name.
    Renamed,
    /// A default of the one release written out for the other.
    WrittenOut,
    /// Taken out, and nothing is lost: the other release always does so, or never reads it.
    NotNeeded,
    /// Taken out; the other release cannot do it.
    Lost(Weight),
}

/// A command that was carried over.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Carried {
    pub flags: Vec<Words>,
    pub steps: Vec<Step>,
}

/// What a command's flags become in another release. Values that are not known (a variable of the shell) are given as None and kept.
pub fn carry(
    command: &str,
    flags: &[(String, Option<Vec<String>>)],
    from: Version,
    to: Version,
) -> Carried {
    let mut carrier = Carrier {
        command,
        given: flags,
        from,
        to,
        carried: Carried::default(),
    };
    for index in 0..flags.len() {
        carrier.flag(index);
    }
    if from.generation() != to.generation() {
        reports::carry(&mut carrier);
        carrier.start_of_weights();
        carrier.defaults();
    }
    carrier.carried
}

struct Carrier<'a> {
    command: &'a str,
    given: &'a [(String, Option<Vec<String>>)],
    from: Version,
    to: Version,
    carried: Carried,
}

/// Whether a default means the same in every release, although it is spelt differently, or plays no part in training.
const SAME_MEANING: &[&str] = &[
    // 32 and 32.0
    "lora_alpha",
    // None picks nccl.
    "ddp_backend",
    // None is on where the model has a vision part.
    "vit_gradient_checkpointing",
    // Used only where wandb reports.
    "wandb_project",
    // Of generation, which 3.9's trainers do not do.
    "temperature",
    "top_k",
    "top_p",
    "repetition_penalty",
    // None picks by engine.
    "infer_backend",
    "vllm_use_async_engine",
    "report_to",
];

impl Carrier<'_> {
    fn is_known(&self, version: Version, name: &str) -> bool {
        table(version).find(self.command, name).is_some()
    }

    fn target(&self, name: &str) -> Option<&'static Argument> {
        table(self.to).find(self.command, name)
    }

    fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// The values of a given flag, where they are known.
    fn given(&self, name: &str) -> Option<&[String]> {
        let (_, values) = self.given.iter().rev().find(|(given, _)| given == name)?;
        values.as_deref()
    }

    fn trains(&self) -> bool {
        matches!(
            self.command,
            "megatron sft" | "megatron pt" | "megatron rlhf"
        )
    }

    fn keep(&mut self, name: &str, values: &Option<Vec<String>>) {
        self.carried
            .flags
            .push((name.to_owned(), values.clone().unwrap_or_default()));
    }

    fn put(
        &mut self,
        index: Option<usize>,
        name: &str,
        values: Vec<String>,
        weight: Change,
        text: Text,
    ) {
        self.carried.flags.push((name.to_owned(), values.clone()));
        self.carried.steps.push(Step {
            index,
            to: Some((name.to_owned(), values)),
            weight,
            text,
        });
    }

    fn take_out(&mut self, index: usize, weight: Change, text: Text) {
        self.carried.steps.push(Step {
            index: Some(index),
            to: None,
            weight,
            text,
        });
    }

    fn flag(&mut self, index: usize) {
        let (name, values) = self.given[index].clone();
        if self.trains()
            && reports::is_of_reports(&name)
            && self.from.generation() != self.to.generation()
        {
            // Carried together afterwards: what one of them becomes hangs on the others.
            return;
        }
        // HfArgumentParser gives each switch that is on by default a twin `--no_x` without a value.
        let plain = name.strip_prefix("no_").filter(|plain| {
            values.as_ref().is_some_and(Vec::is_empty)
                && self.is_known(self.to, plain)
                && !self.is_known(self.to, &name)
        });
        if let Some(plain) = plain.map(str::to_owned) {
            let text = renamed(&name, &plain, self.to);
            return self.put(
                Some(index),
                &plain,
                vec!["false".to_owned()],
                Change::Renamed,
                text,
            );
        }
        if self.is_known(self.to, &name) {
            return match names::other_value(
                self.command,
                &name,
                values.as_deref(),
                self.from,
                self.to,
            ) {
                Some((new, text)) => self.put(Some(index), &name, new, Change::Renamed, text),
                None => self.keep(&name, &values),
            };
        }
        if let Some(partner) =
            names::partner(self.command, &name, |name| self.is_known(self.to, name))
        {
            return self.rename(index, &name, values, partner);
        }
        if let Some((weight, text)) =
            missing::why(self.command, &name, values.as_deref(), self.from, self.to)
        {
            return self.take_out(index, weight, text);
        }
        // Known to neither, or to a list that is not whole: it stays as it is, and the check names it.
        if !self.is_known(self.from, &name) || !table(self.to).is_whole {
            return self.keep(&name, &values);
        }
        self.take_out(
            index,
            Change::Lost(Weight::Warning),
            missing::no_counterpart(&name, self.to),
        );
    }

    fn rename(
        &mut self,
        index: usize,
        name: &str,
        values: Option<Vec<String>>,
        partner: names::Partner,
    ) {
        let text = renamed(name, partner.name, self.to);
        match partner.convert(values.as_deref()) {
            Ok(values) => self.put(Some(index), partner.name, values, Change::Renamed, text),
            Err(names::Unconverted::Unknown) => {
                // A plain rename keeps what is not known; anything else needs the value.
                if partner.is_plain() {
                    self.carried
                        .flags
                        .push((partner.name.to_owned(), Vec::new()));
                    self.carried.steps.push(Step {
                        index: Some(index),
                        to: Some((partner.name.to_owned(), Vec::new())),
                        weight: Change::Renamed,
                        text,
                    });
                } else {
                    let text = Text::new(
                        format!(
                            "--{name} is --{} in ms-swift {}, with another value, and the value here is known only when it runs. Write it out.",
                            partner.name, self.to
                        ),
                        format!(
                            "--{name} 在 ms-swift {} 中对应 --{}，取值不同，而此处的值要到运行时才知道。请写出具体值。",
                            self.to, partner.name
                        ),
                    );
                    self.keep(name, &values);
                    self.carried.steps.push(Step {
                        index: Some(index),
                        to: Some((name.to_owned(), Vec::new())),
                        weight: Change::Lost(Weight::Stops),
                        text,
                    });
                }
            }
            Err(names::Unconverted::Refused(text)) => {
                self.take_out(index, Change::Lost(Weight::Stops), text)
            }
        }
    }

    /// Where the weights come from, which each generation asks for in its own way.
    fn start_of_weights(&mut self) {
        if !self.trains() {
            return;
        }
        let has_mcore = self.has("mcore_model") || self.has("load");
        let to = self.to.generation();
        if has_mcore || !self.has("model") {
            return;
        }
        let started_from_hf = match self.from.generation() {
            Some(Generation::G2a) => self
                .given("load_safetensors")
                .is_some_and(|values| values.first().is_none_or(|value| value == "true")),
            Some(Generation::G2b | Generation::G3) => true,
            _ => false,
        };
        if !started_from_hf {
            return;
        }
        match to {
            Some(Generation::G1) => self.carried.steps.push(Step {
                index: None,
                to: None,
                weight: Change::Lost(Weight::Stops),
                text: Text::new(
                    format!("ms-swift {} cannot start from Hugging Face weights. Convert the model first (swift export --model … --to_mcore true --output_dir D) and write --load D.", self.to),
                    format!("ms-swift {} 不能直接从 Hugging Face 权重开始训练。请先转换（swift export --model … --to_mcore true --output_dir D），再写 --load D。", self.to),
                ),
            }),
            Some(Generation::G2a) => {
                let text = Text::new(
                    format!("ms-swift {} starts from Hugging Face weights only with this flag.", self.to),
                    format!("ms-swift {} 需要该参数才能从 Hugging Face 权重开始训练。", self.to),
                );
                self.put(None, "load_safetensors", vec!["true".to_owned()], Change::WrittenOut, text);
            }
            _ => {}
        }
    }

    /// Writes out what the release it comes from would have meant by saying nothing.
    fn defaults(&mut self) {
        // How it would train is nothing to an export.
        if self.command == "megatron export" {
            return;
        }
        for (name, value) in flipped(self.command, self.from, self.to) {
            let is_set = self.carried.flags.iter().any(|(set, _)| set == name);
            if is_set || !matters(self.command, name, self.given) {
                continue;
            }
            let own = self.target(name).and_then(Argument::default_text);
            let text = match own {
                Some(own) => Text::new(
                    format!(
                        "ms-swift {} means --{name} {value} by saying nothing, {} means {own}.",
                        self.from, self.to
                    ),
                    format!(
                        "未写时 ms-swift {} 取 --{name} {value}，{} 取 {own}。",
                        self.from, self.to
                    ),
                ),
                None => Text::new(
                    format!(
                        "ms-swift {} means --{name} {value} by saying nothing, {} decides by itself.",
                        self.from, self.to
                    ),
                    format!(
                        "未写时 ms-swift {} 取 --{name} {value}，{} 自行决定。",
                        self.from, self.to
                    ),
                ),
            };
            self.put(None, name, vec![value], Change::WrittenOut, text);
        }
        let keeps_hf = self.is_known(self.from, "save_safetensors")
            && !self.is_known(self.to, "save_safetensors");
        if self.trains()
            && keeps_hf
            && !self.has("save_safetensors")
            && default(self.command, "save_safetensors", self.from).as_deref() == Some("true")
        {
            self.carried.steps.push(Step {
                index: None,
                to: None,
                weight: Change::Lost(Weight::Warning),
                text: missing::safetensors(self.from, self.to),
            });
        }
    }
}

fn renamed(name: &str, new: &str, to: Version) -> Text {
    Text::new(
        format!("--{name} is --{new} in ms-swift {to}."),
        format!("--{name} 在 ms-swift {to} 中写作 --{new}。"),
    )
}

/// The default of what `name` (of any generation) means in a release, as that release's own name would spell it.
fn default(command: &str, name: &str, version: Version) -> Option<String> {
    table(version)
        .find(command, name)
        .and_then(Argument::default_text)
}

/// Arguments of `to` whose default differs in meaning from that of `from`, with the value that `from` means.
pub fn flipped(command: &str, from: Version, to: Version) -> Vec<(&'static str, String)> {
    let (Some(source), Some(target)) = (table(from).command(command), table(to).command(command))
    else {
        return Vec::new();
    };
    let mut flips = Vec::new();
    for argument in target {
        // The model's shape is the model's own affair.
        if SAME_MEANING.contains(&argument.name.as_str())
            || missing::STRUCTURE.contains(&argument.name.as_str())
        {
            continue;
        }
        let meant = match source.iter().find(|own| own.name == argument.name) {
            Some(own) => own.default_text(),
            None => match names::partner(command, &argument.name, |name| {
                table(from).find(command, name).is_some()
            }) {
                // Both names are there: the newer one speaks.
                Some(partner) if table(to).find(command, partner.name).is_some() => None,
                // Of the partner, by the partner's own rule.
                Some(partner) => match default(command, partner.name, from) {
                    Some(value) => {
                        names::partner(command, partner.name, |name| name == argument.name)
                            .and_then(|back| back.convert(Some(&[value])).ok())
                            .map(|values| values.join(" "))
                    }
                    None => None,
                },
                None => missing::meant_without(&argument.name, from).map(str::to_owned),
            },
        };
        let same = match (&meant, argument.default_text()) {
            (Some(meant), Some(own)) => {
                *meant == own
                    || matches!((meant.parse::<f64>(), own.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
            }
            (Some(_), None) => false,
            // Nothing was meant, so nothing can be written out.
            (None, _) => true,
        };
        if let (Some(meant), false) = (meant.filter(|meant| !meant.is_empty()), same)
            && (argument.kind != arguments::Kind::Switch || kind::switch(&meant).is_some())
        {
            flips.push((argument.name.as_str(), meant));
        }
    }
    flips
}

/// Whether a default plays a part in this command at all.
fn matters(command: &str, name: &str, given: &[(String, Option<Vec<String>>)]) -> bool {
    let value = |name: &str| {
        given
            .iter()
            .find(|(own, _)| own == name)
            .and_then(|(_, values)| values.as_ref()?.first().map(String::as_str))
    };
    match name {
        "beta" => {
            command == "megatron rlhf" && matches!(value("rlhf_type"), Some("dpo" | "kto") | None)
        }
        "scale_rewards" | "kl_in_reward" => {
            command == "megatron rlhf" && value("rlhf_type") == Some("grpo")
        }
        "max_length" => command != "swift export" || value("to_cached_dataset") == Some("true"),
        // Before 4.x an empty thinking block was always trained.
        "disable_ignore_empty_think" => {
            matches!(command, "megatron sft" | "megatron pt")
                && value("loss_scale").is_none_or(|scale| !scale.contains("ignore_empty_think"))
        }
        _ => true,
    }
}

#[cfg(test)]
/// A value that fits an argument and is not its default where it can be helped.
pub fn sample(argument: &Argument) -> Vec<String> {
    let one = match argument.kind {
        arguments::Kind::Switch => (argument.default != serde_json::json!(true)).to_string(),
        arguments::Kind::Integer => "7".to_owned(),
        arguments::Kind::Real => "0.25".to_owned(),
        arguments::Kind::Json => "{\"a\": [1, \"it's\"]}".to_owned(),
        arguments::Kind::Choice => argument.choices.last().cloned().unwrap_or_default(),
        arguments::Kind::Text => "/a b/it's $x".to_owned(),
    };
    if argument.takes_many {
        vec![one.clone(), one]
    } else {
        vec![one]
    }
}

#[cfg(test)]
mod tests;
