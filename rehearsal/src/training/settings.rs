//! What a run was told and what follows from it: batch sizes, iterations, the learning rate.

use std::path::PathBuf;

use super::batch::Learnt;
use super::optimizer;
use super::schedule::{Decay, Schedule};
use crate::model::mcore;
use crate::programs::arguments::Arguments;
use crate::release::Generation;

/// A refusal by the name Python prints, as `ValueError: …`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

pub(super) fn refuse<T>(text: String) -> Result<T, Refused> {
    Err(Refused(text))
}

/// Which weights are trained.
#[derive(Clone, Debug, PartialEq)]
pub enum Tuner {
    Full,
    Lora {
        rank: usize,
        scale: f64,
        modules: Vec<&'static str>,
    },
}

/// How a generation calls what this program acts on.
#[derive(Debug)]
pub struct Names {
    pub tuner: &'static str,
    pub mcore_model: &'static str,
    pub mcore_adapter: &'static str,
    pub output: &'static str,
    pub epochs: &'static str,
    pub save_every: &'static str,
    pub eval_every: &'static str,
    pub log_every: &'static str,
}

/// The names of a generation: ms-swift 3.9 `megatron/argument/*.py`, 4.6 `megatron/arguments/*.py`.
pub fn names(generation: Generation) -> &'static Names {
    match generation {
        Generation::Three => &Names {
            tuner: "train_type",
            mcore_model: "load",
            mcore_adapter: "adapter_load",
            output: "save",
            epochs: "max_epochs",
            save_every: "save_interval",
            eval_every: "eval_interval",
            log_every: "log_interval",
        },
        Generation::Four => &Names {
            tuner: "tuner_type",
            mcore_model: "mcore_model",
            mcore_adapter: "mcore_adapter",
            output: "output_dir",
            epochs: "num_train_epochs",
            save_every: "save_steps",
            eval_every: "eval_steps",
            log_every: "logging_steps",
        },
    }
}

/// The arguments this program acts on, parsed.
#[derive(Clone, Debug)]
pub struct Settings {
    pub names: &'static Names,
    pub generation: Generation,
    pub tuner: Tuner,
    pub model: Option<PathBuf>,
    pub mcore_model: Option<PathBuf>,
    pub mcore_adapter: Option<PathBuf>,
    pub fresh: bool,
    pub micro_batch: usize,
    pub global_batch: usize,
    pub save_every: u64,
    pub eval_every: u64,
    pub log_every: u64,
    /// 4.x: so many checkpoints are kept.
    pub save_total_limit: Option<usize>,
    /// 3.x: of those before the last, only multiples of this are kept.
    pub save_retain_every: Option<u64>,
    pub max_length: usize,
    pub truncation: Truncation,
    pub packing: bool,
    /// What of an answer is learnt besides its words.
    pub learnt: Learnt,
    pub seed: u64,
    pub optimizer: optimizer::Settings,
}

/// What happens to rows over `--max_length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    Delete,
    Left,
    Right,
}

pub(super) fn positive(arguments: &Arguments, name: &str) -> Result<u64, Refused> {
    match arguments.integer(name) {
        Some(value) if value > 0 => Ok(value.unsigned_abs()),
        value => refuse(format!("ValueError: {name}: {value:?} must be positive")),
    }
}

impl Settings {
    /// Reads the arguments and fills in what ms-swift works out itself, which `args.json` then shows.
    pub fn settle(generation: Generation, arguments: &mut Arguments) -> Result<Self, Refused> {
        let names = names(generation);
        let lora = match arguments.text(names.tuner) {
            Some("full") => false,
            Some("lora") => true,
            other => {
                return refuse(format!(
                    "NotImplementedError: {} {other:?} is not part of this rehearsal",
                    names.tuner
                ));
            }
        };
        if arguments.number("lr").is_none() {
            arguments.set("lr", if lora { 1e-4 } else { 1e-5 });
        }
        for (name, from) in [
            (names.eval_every, names.save_every),
            ("start_weight_decay", "weight_decay"),
            ("end_weight_decay", "weight_decay"),
        ] {
            let is_unset = arguments.integer(name).is_none() && arguments.number(name).is_none();
            if arguments.has(name) && is_unset {
                let value = arguments.dict().get(from).cloned().unwrap_or_default();
                arguments.set(name, value);
            }
        }
        if arguments.text("truncation_strategy").is_none() {
            arguments.set("truncation_strategy", "delete");
        }
        let truncation =
            match arguments.text("truncation_strategy") {
                Some("left") => Truncation::Left,
                Some("right") => Truncation::Right,
                Some("split") => return refuse(
                    "NotImplementedError: truncation_strategy split is not part of this rehearsal"
                        .into(),
                ),
                _ => Truncation::Delete,
            };
        let save_total_limit = arguments.integer("save_total_limit");
        if save_total_limit.is_some_and(|limit| limit < 2) {
            return refuse(format!(
                "ValueError: save_total_limit: {} must be greater than or equal to 2.",
                save_total_limit.unwrap_or_default()
            ));
        }
        if arguments.list("dataset").is_empty() && arguments.list("cached_dataset").is_empty() {
            return refuse("ValueError: self.dataset: [], self.cached_dataset: []. Please input the training dataset.".into());
        }
        if arguments.integer("train_iters").is_none() && arguments.integer(names.epochs).is_none() {
            return refuse(match generation {
                // Megatron's own loop fails where it first compares the number.
                Generation::Three => {
                    "TypeError: '<' not supported between instances of 'int' and 'NoneType'".into()
                }
                Generation::Four => {
                    "ValueError: Please specify `--train_iters` or `--num_train_epochs`.".into()
                }
            });
        }
        let rank = positive(arguments, "lora_rank")? as usize;
        let alpha = arguments.number("lora_alpha").unwrap_or(32.0);
        let spread = if arguments.flag("use_rslora") {
            (rank as f64).sqrt()
        } else {
            rank as f64
        };
        let folder = |name: &str| arguments.text(name).map(PathBuf::from);
        let number = |name: &str, default: f64| arguments.number(name).unwrap_or(default);
        Ok(Self {
            tuner: if lora {
                Tuner::Lora {
                    rank,
                    scale: alpha / spread,
                    modules: modules(arguments)?,
                }
            } else {
                Tuner::Full
            },
            model: folder("model"),
            names,
            generation,
            mcore_model: folder(names.mcore_model),
            mcore_adapter: folder(names.mcore_adapter),
            fresh: arguments.flag("finetune"),
            micro_batch: positive(arguments, "micro_batch_size")? as usize,
            global_batch: positive(arguments, "global_batch_size")? as usize,
            save_every: positive(arguments, names.save_every)?,
            eval_every: positive(arguments, names.eval_every)?,
            log_every: positive(arguments, names.log_every)?,
            save_total_limit: save_total_limit.map(|limit| limit.unsigned_abs() as usize),
            save_retain_every: arguments
                .integer("save_retain_interval")
                .map(i64::unsigned_abs),
            max_length: arguments
                .integer("max_length")
                .map_or(usize::MAX, |length| length.max(1) as usize),
            truncation,
            packing: arguments.flag("packing"),
            learnt: learnt(generation, arguments),
            seed: arguments.integer("seed").unwrap_or(42).unsigned_abs(),
            optimizer: optimizer::Settings {
                beta1: number("adam_beta1", 0.9),
                beta2: number("adam_beta2", 0.95),
                eps: number("adam_eps", 1e-8),
                weight_decay: number("weight_decay", 0.1),
                clip: number("clip_grad", 1.0),
            },
        })
    }

    /// Micro batches per rank and step. Fails with Megatron's words when the global batch does not divide.
    pub fn micro_batches(&self, data: usize) -> Result<usize, Refused> {
        let together = self.micro_batch * data;
        if !self.global_batch.is_multiple_of(together) {
            return refuse(format!(
                "AssertionError: global batch size ({}) is not divisible by micro batch size ({}) times data parallel size ({data})",
                self.global_batch, self.micro_batch
            ));
        }
        Ok(self.global_batch / together)
    }

    /// Iterations for `rows` rows (or packs): in 3.9 `--train_iters` wins over epochs, in 4.x epochs win.
    pub fn iterations(&self, arguments: &Arguments, rows: usize, data: usize) -> u64 {
        let together = self.micro_batch * data;
        let usable = rows / together * together;
        let given = arguments.integer("train_iters").map(i64::unsigned_abs);
        let epochs = arguments.integer(self.names.epochs);
        let passes =
            epochs.map(|epochs| usable as u64 * epochs.unsigned_abs() / self.global_batch as u64);
        match self.generation {
            Generation::Three => given.or(passes),
            Generation::Four => passes.or(given),
        }
        .unwrap_or(0)
    }

    /// Evaluation steps for `rows` validation rows; 0 turns evaluation off.
    pub fn eval_iterations(&self, arguments: &Arguments, rows: usize, data: usize) -> u64 {
        let together = self.micro_batch * data;
        match arguments.integer("eval_iters") {
            _ if rows < together => 0,
            Some(given) if given >= 0 => given.unsigned_abs(),
            _ => ((rows / together * together / self.global_batch) as u64).max(1),
        }
    }

    /// The learning rate's curve over the whole run.
    pub fn schedule(&self, arguments: &Arguments, iterations: u64) -> Result<Schedule, Refused> {
        let style = arguments.text("lr_decay_style").unwrap_or("cosine");
        let style = Decay::parse(style)
            .map_err(|error| Refused(format!("NotImplementedError: {error}")))?;
        let batch = self.global_batch as f64;
        let decay = arguments
            .integer("lr_decay_iters")
            .map_or(iterations, i64::unsigned_abs) as f64
            * batch;
        let warmup = match arguments.number("lr_warmup_fraction") {
            Some(fraction) => fraction * decay,
            None => arguments.integer("lr_warmup_iters").unwrap_or(0) as f64 * batch,
        };
        Ok(Schedule {
            most: arguments.number("lr").unwrap_or(0.0),
            least: arguments.number("min_lr").unwrap_or(0.0),
            start: arguments.number("lr_warmup_init").unwrap_or(0.0),
            warmup,
            decay,
            style,
        })
    }
}

/// 3.9 learns the empty thought before an answer and stops at the end of its turn; 4.x masks the one and learns one token more.
fn learnt(generation: Generation, arguments: &Arguments) -> Learnt {
    let scale = arguments.text("loss_scale").unwrap_or("default");
    let masks_thought = match generation {
        Generation::Three => scale.contains("ignore_empty_think"),
        Generation::Four => {
            scale.contains("ignore_empty_think") || !arguments.flag("disable_ignore_empty_think")
        }
    };
    Learnt {
        empty_thought: !masks_thought,
        line_end: generation == Generation::Four,
    }
}

fn modules(arguments: &Arguments) -> Result<Vec<&'static str>, Refused> {
    let mut chosen = Vec::new();
    for word in arguments.list("target_modules") {
        if matches!(word.as_str(), "all-linear") {
            chosen.extend(mcore::LINEAR);
            continue;
        }
        match mcore::LINEAR
            .iter()
            .find(|name| name.rsplit('.').next() == Some(word.as_str()))
        {
            Some(name) => chosen.push(*name),
            None => {
                return refuse(format!(
                    "ValueError: Target modules {{'{word}'}} not found in the base model."
                ));
            }
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Result<(Arguments, Settings), Refused> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut arguments = Arguments::parse("megatron sft", &words).unwrap();
        let settings = Settings::settle(Generation::Four, &mut arguments)?;
        Ok((arguments, settings))
    }

    const LORA: &str = "--model m --dataset d --tuner_type lora --micro_batch_size 4 --global_batch_size 16 --num_train_epochs 1";

    #[test]
    fn iterations_are_those_of_the_captured_runs() {
        let (arguments, lora) = settings(LORA).unwrap();
        assert_eq!(lora.iterations(&arguments, 760, 1), 47);
        assert_eq!(lora.eval_iterations(&arguments, 40, 1), 2);
        assert_eq!(lora.eval_iterations(&arguments, 3, 1), 0);
        assert_eq!(arguments.number("lr"), Some(1e-4));
        assert_eq!(
            lora.tuner,
            Tuner::Lora {
                rank: 8,
                scale: 4.0,
                modules: mcore::LINEAR.to_vec()
            }
        );
    }

    #[test]
    fn the_older_release_has_its_own_names_and_lets_given_iterations_win() {
        let settle = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let mut arguments =
                Arguments::parse_of(Generation::Three, "megatron sft", &words).unwrap();
            let settings = Settings::settle(Generation::Three, &mut arguments).unwrap();
            (arguments, settings)
        };
        let line = "--load b --dataset d --train_type lora --micro_batch_size 4 --max_epochs 1 --save_interval 20";
        let (arguments, settings) = settle(line);
        assert_eq!(settings.iterations(&arguments, 760, 1), 47);
        assert_eq!((settings.eval_every, settings.log_every), (20, 5));
        assert!(!settings.fresh, "finetune is false by default");
        let (arguments, settings) = settle(&format!("{line} --train_iters 9"));
        assert_eq!(settings.iterations(&arguments, 760, 1), 9);
    }

    fn refused(result: Result<impl std::fmt::Debug, Refused>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_batch_that_does_not_divide_and_a_missing_dataset_are_refused() {
        let (_, lora) = settings(LORA).unwrap();
        assert_eq!(
            refused(lora.micro_batches(3)),
            "AssertionError: global batch size (16) is not divisible by micro batch size (4) times data parallel size (3)"
        );
        assert!(
            refused(settings("--model m --tuner_type lora --train_iters 1"))
                .contains("Please input the training dataset")
        );
    }
}
