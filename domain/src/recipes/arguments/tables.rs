//! The tables that come with Trainyard.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::super::version::{Generation, Version};
use super::{Argument, Listed, Table};

const FIRST: &str = include_str!("../../../fixtures/cli/ms-swift-3.9.3.json");
const NEWEST: &str = include_str!("../../../fixtures/cli/ms-swift-4.6.0.json");
const CHANGES: &str = include_str!("../../../fixtures/cli/changes-3.10-3.12.json");

/// A release of each generation, by which its arguments are told.
pub const GENERATIONS: [(Generation, Version); 4] = [
    (Generation::G1, version(3, 9, 3)),
    (Generation::G2a, version(3, 11, 3)),
    (Generation::G2b, version(3, 12, 6)),
    (Generation::G3, version(4, 6, 0)),
];

const fn version(major: u32, minor: u32, patch: u32) -> Version {
    Version {
        major,
        minor,
        patch,
    }
}

#[derive(Deserialize)]
struct Changes {
    new_commands: Vec<NewCommand>,
    removed: Vec<Removed>,
    added: Vec<Added>,
}

#[derive(Deserialize)]
struct NewCommand {
    since: String,
    command: String,
    like: String,
}

#[derive(Deserialize)]
struct Removed {
    since: String,
    name: String,
}

#[derive(Deserialize)]
struct Added {
    since: String,
    /// The one command that has it; else every training command and `megatron export`.
    only: Option<String>,
    #[serde(flatten)]
    argument: Listed,
}

fn bundled(json: &str) -> Table {
    // The files are part of the program; a test reads them all.
    Table::read(json).unwrap_or_else(|_| Table {
        release: String::new(),
        is_whole: false,
        commands: BTreeMap::new(),
    })
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let first = bundled(FIRST);
    let newest = bundled(NEWEST);
    let changes: Changes = serde_json::from_str(CHANGES).unwrap_or(Changes {
        new_commands: Vec::new(),
        removed: Vec::new(),
        added: Vec::new(),
    });
    let of = |minor: u32| changed(&first, &changes, version(3, minor, 0));
    // 4.0 still accepts `train_type`; whatever else differs before 4.6 is not known.
    let other_4x = Table {
        is_whole: false,
        ..newest.clone()
    };
    Tables {
        between: [of(10), of(11), of(12)],
        first,
        newest,
        other_4x,
    }
});

struct Tables {
    first: Table,
    /// 3.10, 3.11, 3.12
    between: [Table; 3],
    newest: Table,
    other_4x: Table,
}

/// What is known of a release. Before 3.9 nothing is, and the list of 3.9.3 stands in.
pub fn table(version: Version) -> &'static Table {
    match (version.major, version.minor) {
        (3, 10) => &TABLES.between[0],
        (3, 11) => &TABLES.between[1],
        (3, 12..) => &TABLES.between[2],
        (4, 6) => &TABLES.newest,
        (4.., _) => &TABLES.other_4x,
        _ => &TABLES.first,
    }
}

fn changed(base: &Table, changes: &Changes, at: Version) -> Table {
    let holds = |since: &str| Version::parse(since).is_some_and(|since| since <= at);
    let mut commands = base.commands.clone();
    for new in changes.new_commands.iter().filter(|new| holds(&new.since)) {
        if let Some(like) = commands.get(&new.like).cloned() {
            commands.insert(new.command.clone(), like);
        }
    }
    for (command, list) in &mut commands {
        if !command.starts_with("megatron ") {
            continue;
        }
        list.retain(|argument| {
            !changes
                .removed
                .iter()
                .any(|removed| holds(&removed.since) && removed.name == argument.name)
        });
        for added in changes.added.iter().filter(|added| holds(&added.since)) {
            if added.only.as_ref().is_some_and(|only| only != command) {
                continue;
            }
            let argument = Argument::from(added.argument.clone());
            match list.iter_mut().find(|known| known.name == argument.name) {
                Some(known) => *known = argument,
                None => list.push(argument),
            }
        }
    }
    Table {
        release: format!("{}.{}", at.major, at.minor),
        is_whole: false,
        commands,
    }
}
