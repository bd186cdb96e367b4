//! The tables that come with Trainyard.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::super::version::{Generation, Version};
use super::{Argument, Listed, Table};

const FIRST: &str = include_str!("../../../fixtures/cli/ms-swift-3.9.3.json");
const NEWEST: &str = include_str!("../../../fixtures/cli/ms-swift-4.6.0.json");
const CHANGES: &str = include_str!("../../../fixtures/cli/changes.json");

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

/// Lists as changes to a neighbour's; a base stands before what is built on it.
#[derive(Deserialize)]
struct Changes {
    releases: Vec<Release>,
}

#[derive(Deserialize)]
struct Release {
    release: String,
    base: String,
    commands: BTreeMap<String, Changed>,
}

#[derive(Deserialize)]
struct Changed {
    /// A command that the base has not: this release's list of that one.
    like: Option<String>,
    #[serde(default)]
    removed: Vec<String>,
    #[serde(default)]
    set: Vec<Listed>,
}

/// Every known release by (major, minor), and the newest of each line of 3.x and 4.x for what is newer still.
struct Tables {
    known: BTreeMap<(u32, u32), Table>,
    /// For releases that are not known: their nearest older list, marked as not whole.
    newer: BTreeMap<u32, Table>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    // The files are part of the program; a test reads them all.
    let mut by_release: BTreeMap<String, Table> = [FIRST, NEWEST]
        .iter()
        .filter_map(|json| Table::read(json).ok())
        .map(|table| (table.release.clone(), table))
        .collect();
    let changes: Changes = serde_json::from_str(CHANGES).unwrap_or(Changes {
        releases: Vec::new(),
    });
    for release in changes.releases {
        if let Some(base) = by_release.get(&release.base) {
            let table = changed(base, release);
            by_release.insert(table.release.clone(), table);
        }
    }
    let mut known = BTreeMap::new();
    for (release, table) in by_release {
        if let Some(version) = Version::parse(&release) {
            known.insert((version.major, version.minor), table);
        }
    }
    let newer = known
        .iter()
        .map(|((major, _), table)| {
            let table = Table {
                is_whole: false,
                ..table.clone()
            };
            (*major, table)
        })
        .collect();
    Tables { known, newer }
});

static NOTHING: Table = Table {
    release: String::new(),
    is_whole: false,
    commands: BTreeMap::new(),
};

/// The list of a release; of one that is not known, the newest of its line before it, which then is not whole.
pub fn table(version: Version) -> &'static Table {
    let tables = &*TABLES;
    tables
        .known
        .get(&(version.major, version.minor))
        .or_else(|| {
            tables
                .newer
                .range(..=version.major)
                .next_back()
                .map(|(_, table)| table)
        })
        .or_else(|| tables.newer.values().next())
        .unwrap_or(&NOTHING)
}

/// Every release whose whole list is known, oldest first.
pub fn releases() -> impl Iterator<Item = &'static str> {
    TABLES.known.values().map(|table| table.release.as_str())
}

fn changed(base: &Table, release: Release) -> Table {
    let mut commands: BTreeMap<String, Vec<Argument>> = BTreeMap::new();
    // What is like another command comes after it.
    let (like, own): (Vec<_>, Vec<_>) = release
        .commands
        .into_iter()
        .partition(|(_, change)| change.like.is_some());
    for (command, change) in own.into_iter().chain(like) {
        let mut list = match &change.like {
            Some(other) => commands.get(other).cloned(),
            None => base.commands.get(&command).cloned(),
        }
        .unwrap_or_default();
        list.retain(|argument| !change.removed.contains(&argument.name));
        for listed in change.set {
            let argument = Argument::from(listed);
            match list.iter_mut().find(|known| known.name == argument.name) {
                Some(known) => *known = argument,
                None => list.push(argument),
            }
        }
        commands.insert(command, list);
    }
    Table {
        release: release.release,
        is_whole: true,
        commands,
    }
}
