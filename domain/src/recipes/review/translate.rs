//! A script in the dialect of another release: the dialect's steps as edits in place.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::arguments::table;
use super::super::dialects::{Change, carry, strangers};
use super::super::script::{Place, Program, Remark, Script};
use super::super::version::Version;
use super::HIDDEN;
use crate::finding::Weight;
use crate::language::Text;

/// One thing that was changed for the other release.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Translated {
    #[serde(flatten)]
    pub at: Place,
    pub program: String,
    /// As it was given, `--save /out`; empty where it was added.
    pub from: String,
    /// As it stands now; empty where it was taken out.
    pub to: String,
    pub why: Text,
}

pub struct Done {
    pub script: Script,
    pub translated: Vec<Translated>,
    pub remarks: Vec<Remark>,
    /// (program, flag in the new script) → its place in the one that was given.
    pub from_where: BTreeMap<(usize, String), Place>,
}

fn words(name: &str, values: &[String]) -> String {
    let mut text = format!("--{name}");
    for value in values {
        text.push(' ');
        text.push_str(if strangers::is_secret(name) {
            HIDDEN
        } else {
            value
        });
    }
    text
}

pub fn translate(script: &Script, from: Version, to: Version) -> Done {
    let mut done = Done {
        script: script.clone(),
        translated: Vec::new(),
        remarks: Vec::new(),
        from_where: BTreeMap::new(),
    };
    for (index, program) in script.programs().iter().enumerate() {
        one(script, index, program, from, to, &mut done);
    }
    done
}

fn one(
    script: &Script,
    index: usize,
    program: &Program,
    from: Version,
    to: Version,
    done: &mut Done,
) {
    if from.generation() != to.generation()
        && table(from).command(&program.name).is_some()
        && table(to).command(&program.name).is_none()
    {
        let at = script.place(program.head.start);
        done.remarks.push(
            Remark::stops(at, program.name.clone())
                .says(
                    format!("ms-swift {to} has no command {}.", program.name),
                    format!("ms-swift {to} 没有 {} 命令。", program.name),
                )
                .write(
                    "Write swift export (one process): --mcore_model or --mcore_adapters with --to_hf true.",
                    "请写 swift export（单进程）：--mcore_model 或 --mcore_adapters 加 --to_hf true。",
                ),
        );
        return;
    }
    let flags: Vec<(String, Option<Vec<String>>)> = program
        .flags
        .iter()
        .map(|flag| {
            let is_exact = flag.values.iter().all(|value| value.value.is_exact);
            let values = flag
                .values
                .iter()
                .map(|value| value.value.text.clone())
                .collect();
            (flag.name.clone(), is_exact.then_some(values))
        })
        .collect();
    let place = |at: usize| {
        let flag = &program.flags[at];
        script.place(
            flag.place
                .as_ref()
                .map_or(flag.word.start, |place| place.start),
        )
    };
    for (at, flag) in program.flags.iter().enumerate() {
        done.from_where
            .insert((index, flag.name.clone()), place(at));
    }
    let head = script.place(program.head.start);
    for step in carry(&program.name, &flags, from, to).steps {
        let own = step.index.map(|at| &flags[at]);
        let at = step.index.map_or(head, place);
        let before = own.map_or_else(String::new, |(name, values)| {
            words(name, values.as_deref().unwrap_or_default())
        });
        let after = step
            .to
            .as_ref()
            .map_or_else(String::new, |(name, values)| words(name, values));
        let stays = step.weight == Change::Lost(Weight::Stops)
            && step.to.as_ref().map(|(name, _)| name) == own.map(|(name, _)| name)
            && own.is_some();
        if let Change::Lost(weight) = step.weight {
            let flag = own.map_or("", |(name, _)| name.as_str());
            let remark = Remark::new(
                weight,
                at,
                if before.is_empty() {
                    program.name.clone()
                } else {
                    before.clone()
                },
            );
            done.remarks.push(
                remark
                    .about(flag)
                    .says(step.text.en.clone(), step.text.zh.clone()),
            );
        }
        // A whole command's remark changes no word; neither does one that could not be carried.
        if stays || (own.is_none() && step.to.is_none()) {
            continue;
        }
        let edited = match (own, &step.to) {
            (Some((name, _)), Some((new, values))) if name == new => {
                done.script.with_flag(index, name, values)
            }
            (Some((name, values)), Some((new, now))) => {
                let is_same = values.as_ref() == Some(now) || values.is_none();
                done.script
                    .with_renamed(index, name, new, (!is_same).then_some(now.as_slice()))
            }
            (Some((name, _)), None) => done.script.without_flag(index, name),
            (None, Some((new, values))) => done.script.with_flag(index, new, values),
            (None, None) => Ok(done.script.clone()),
        };
        match edited {
            Ok(edited) => {
                done.script = edited;
                if let Some((new, _)) = &step.to {
                    done.from_where.insert((index, new.clone()), at);
                }
                done.translated.push(Translated {
                    at,
                    program: program.name.clone(),
                    from: before,
                    to: after,
                    why: step.text,
                });
            }
            Err(refused) => {
                let flag = own.map_or("", |(name, _)| name.as_str());
                done.remarks.push(
                    Remark::stops(at, before)
                        .about(flag)
                        .says(step.text.en.clone(), step.text.zh.clone())
                        .write(refused.0.en, refused.0.zh),
                );
            }
        }
    }
}
