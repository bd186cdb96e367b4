//! What the trainer itself refuses or changes, found before the launch: one row a rule, each with the words that the program would use.
//!
//! Read in ms-swift and Megatron-core; rows that belong to some generations only say so.

mod division;
mod features;
mod packages;

use serde::{Deserialize, Serialize};

use super::Recipe;
use super::memory::Shape;
use super::settings::{Extra, Settings};
use super::version::{Generation, Version};
use crate::finding::{Finding, Weight};
use crate::language::Text;

/// What the rules look at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub recipe: &'a Recipe,
    pub settings: &'a Settings,
    pub version: Version,
    /// None: the model's config.json was not read; what needs it is left out.
    pub shape: Option<&'a Shape>,
    pub nodes: u64,
    pub gpus_per_node: u64,
    /// Installed packages by their PyPI names, those of the first node: (name, version).
    pub packages: &'a [(String, String)],
    /// Variables that the person sets for the training.
    pub variables: &'a [(String, String)],
    /// The command names weights to start from.
    pub has_weights: bool,
}

impl Facts<'_> {
    pub fn world(&self) -> u64 {
        self.nodes.saturating_mul(self.gpus_per_node)
    }

    fn extra(&self) -> Extra<'_> {
        Extra(&self.recipe.extra)
    }

    /// Leading numbers of a package's version; None where it is not installed, or its version is no such thing.
    fn package(&self, name: &str) -> Option<Version> {
        let (_, text) = self.packages.iter().find(|(known, _)| known == name)?;
        Version::parse(text)
    }

    /// How a package's version is spelled.
    fn spelled(&self, name: &str) -> &str {
        let found = self.packages.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, text)| text)
    }

    fn generation(&self) -> Generation {
        // Releases before 3.9 were refused before.
        self.version.generation().unwrap_or(Generation::G3)
    }
}

/// One rule.
pub struct Rule {
    pub key: &'static str,
    /// Empty: all.
    pub generations: &'static [Generation],
    /// What the program says, or does silently.
    pub says: &'static str,
    check: fn(&Facts<'_>) -> Option<Broken>,
}

/// Where a rule is broken: the form's field, what was found and what to write (English, Chinese).
struct Broken {
    field: &'static str,
    weight: Weight,
    en: String,
    zh: String,
}

fn stops(field: &'static str, en: String, zh: String) -> Option<Broken> {
    Some(Broken {
        field,
        weight: Weight::Stops,
        en,
        zh,
    })
}

fn warns(field: &'static str, en: String, zh: String) -> Option<Broken> {
    Some(Broken {
        field,
        weight: Weight::Warning,
        en,
        zh,
    })
}

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    pub rule: String,
    pub says: String,
    pub finding: Finding,
}

/// All rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [division::RULES, features::RULES, packages::RULES]
        .into_iter()
        .flatten()
}

/// Every rule that is broken, in the order of the table.
pub fn check(facts: &Facts<'_>) -> Vec<Breach> {
    let generation = facts.generation();
    let holds =
        |rule: &&Rule| rule.generations.is_empty() || rule.generations.contains(&generation);
    all()
        .filter(holds)
        .filter_map(|rule| {
            let broken = (rule.check)(facts)?;
            Some(Breach {
                rule: rule.key.to_owned(),
                says: rule.says.to_owned(),
                finding: Finding {
                    field: broken.field.to_owned(),
                    weight: broken.weight,
                    text: Text::new(broken.en, broken.zh),
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
