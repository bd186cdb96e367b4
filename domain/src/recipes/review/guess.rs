//! Which release a script was written for: said in it, or seen from its flags and variables.

use super::super::arguments::{GENERATIONS, table};
use super::super::script::{Kind, Script};
use super::super::version::{Generation, Version};
use crate::language::Text;

/// The release that a script is read as.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    pub version: Version,
    /// Somebody said so.
    pub is_told: bool,
    /// What speaks for it; empty where nothing decides.
    pub because: Vec<Text>,
}

/// What a generation's releases say that the others do not.
fn marks(script: &Script) -> Vec<(Vec<Generation>, Text)> {
    let mut marks = Vec::new();
    for program in script.programs() {
        for flag in &program.flags {
            let known: Vec<Generation> = GENERATIONS
                .iter()
                .filter(|(_, version)| table(*version).find(&program.name, &flag.name).is_some())
                .map(|(generation, _)| *generation)
                .collect();
            if !known.is_empty() && known.len() < GENERATIONS.len() {
                let line = script
                    .place(
                        flag.place
                            .as_ref()
                            .map_or(flag.word.start, |place| place.start),
                    )
                    .line;
                marks.push((
                    known,
                    Text::new(
                        format!("--{} (line {line})", flag.name),
                        format!("--{}（第 {line} 行）", flag.name),
                    ),
                ));
            }
        }
        if program.name == "megatron export" {
            let line = script.place(program.head.start).line;
            let later = vec![Generation::G2a, Generation::G2b, Generation::G3];
            marks.push((
                later,
                Text::new(
                    format!("megatron export (line {line})"),
                    format!("megatron export（第 {line} 行）"),
                ),
            ));
        }
    }
    for variable in script
        .variables()
        .iter()
        .filter(|variable| variable.name == "MEGATRON_LM_PATH")
    {
        let line = script.place(variable.span.start).line;
        let older = vec![Generation::G1, Generation::G2a, Generation::G2b];
        marks.push((
            older,
            Text::new(
                format!("MEGATRON_LM_PATH (line {line})"),
                format!("MEGATRON_LM_PATH（第 {line} 行）"),
            ),
        ));
    }
    marks
}

/// A release that is written out: `ms-swift 4.6.0` in a comment, `ms-swift==3.9.3` in a command.
fn written(script: &Script) -> Option<(Version, Text)> {
    let mut line = 1;
    for (kind, text) in script.pieces() {
        if matches!(kind, Kind::Comment | Kind::Word) {
            for spelling in ["ms-swift ", "ms-swift==", "ms_swift==", "ms-swift=="] {
                let found = text
                    .split_once(spelling)
                    .map(|(_, rest)| rest.trim_start_matches(['v', '=', ' ']));
                let version = found
                    .map(|rest| {
                        rest.chars()
                            .take_while(|c| c.is_ascii_digit() || *c == '.')
                            .collect::<String>()
                    })
                    .and_then(|digits| Version::parse(&digits));
                if let Some(version) = version.filter(|version| version.generation().is_some()) {
                    let said = Text::new(
                        format!("\"ms-swift {version}\" is written in line {line}"),
                        format!("第 {line} 行写有“ms-swift {version}”"),
                    );
                    return Some((version, said));
                }
            }
        }
        line += text.matches('\n').count();
    }
    None
}

pub fn guess(script: &Script, told: Option<Version>, wanted: Option<Version>) -> Guess {
    if let Some(version) = told {
        return Guess {
            version,
            is_told: true,
            because: Vec::new(),
        };
    }
    let written = written(script);
    let marks = marks(script);
    let score = |generation: Generation| {
        marks
            .iter()
            .filter(|(known, _)| known.contains(&generation))
            .count()
    };
    let most = GENERATIONS
        .iter()
        .map(|(generation, _)| score(*generation))
        .max()
        .unwrap_or(0);
    if let Some((version, because)) = written
        && version
            .generation()
            .is_some_and(|generation| score(generation) * 2 >= most)
    {
        return Guess {
            version,
            is_told: false,
            because: vec![because],
        };
    }
    // Nothing speaks against reading it as what it is wanted for.
    if most == 0 {
        return Guess {
            version: wanted.unwrap_or(GENERATIONS[3].1),
            is_told: false,
            because: Vec::new(),
        };
    }
    let likely: Vec<(Generation, Version)> = GENERATIONS
        .into_iter()
        .filter(|(generation, _)| score(*generation) == most)
        .collect();
    let starts_from_hf = script.main_program().is_some_and(|program| {
        program.trains()
            && program.flag("load").is_none()
            && program.flag("mcore_model").is_none()
            && program.flag("load_safetensors").is_none()
    });
    let wanted = wanted.and_then(Version::generation);
    let chosen = likely
        .iter()
        .find(|(generation, _)| Some(*generation) == wanted)
        // 3.9 does not start without MCore weights; 3.12 does by itself.
        .or_else(|| {
            likely.iter().find(|(generation, _)| {
                starts_from_hf && *generation == Generation::G2b && likely.len() > 1
            })
        })
        .or(likely.first());
    let (generation, version) = chosen.copied().unwrap_or(GENERATIONS[3]);
    Guess {
        version,
        is_told: false,
        because: marks
            .into_iter()
            .filter(|(known, _)| known.contains(&generation))
            .map(|(_, text)| text)
            .take(5)
            .collect(),
    }
}
