//! What a command says in version-neutral words.

use std::collections::BTreeMap;

use super::super::arguments::table;
use super::super::dialects::{NEUTRAL, Words, carry};
use super::super::script::Program;
use super::super::version::Version;

/// The name of a flag in 4.x, where it has one.
pub fn neutral_name(command: &str, name: &str) -> String {
    if table(NEUTRAL).find(command, name).is_some() {
        return name.to_owned();
    }
    let others = super::super::dialects::synonyms(command, name);
    others
        .into_iter()
        .find(|other| table(NEUTRAL).find(command, other).is_some())
        .unwrap_or(name)
        .to_owned()
}

/// The flags of a program under their version-neutral names, in order, with what its release means by saying nothing. Of two of one name
/// the last holds.
pub fn neutral(program: &Program, version: Version) -> Vec<Words> {
    let flags: Vec<(String, Option<Vec<String>>)> = program
        .flags
        .iter()
        .map(|flag| {
            (
                flag.name.clone(),
                Some(
                    flag.values
                        .iter()
                        .map(|value| value.value.text.clone())
                        .collect(),
                ),
            )
        })
        .collect();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let carried = carry(&program.name, &flags, version, NEUTRAL).flags;
    for (index, (name, _)) in carried.iter().enumerate() {
        last.insert(name.clone(), index);
    }
    carried
        .into_iter()
        .enumerate()
        .filter(|(index, (name, _))| last.get(name) == Some(index))
        .map(|(_, words)| words)
        .collect()
}
