//! Which charts a page has, in which sections and order, and what a person changed about that.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Labels, Summary};

/// Series that the trainer itself writes, in the order in which engineers look at them.
pub const TRAINING: [&str; 6] = [
    "loss",
    "eval_loss",
    "learning_rate",
    "grad_norm",
    "memory_gib",
    "seconds_per_iteration",
];

/// One chart: all series of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartName {
    pub name: String,
    /// What tells its lines apart; empty for a series without labels alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Labels>,
}

/// What an experiment has to show.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// By name.
    pub charts: Vec<ChartName>,
    /// Attempts that have points, oldest first.
    pub attempts: Vec<u32>,
    /// Steps times this is samples; None where the batch size is not known.
    pub samples_per_step: Option<u32>,
    pub layout: Layout,
}

impl Catalog {
    /// The charts of an experiment's series.
    pub fn of(summaries: &[Summary]) -> Catalog {
        let mut charts: BTreeMap<&str, BTreeSet<&Labels>> = BTreeMap::new();
        let mut attempts = BTreeSet::new();
        for summary in summaries {
            let labels = charts.entry(&summary.key.name).or_default();
            labels.insert(&summary.key.labels);
            attempts.insert(summary.attempt);
        }
        let charts = charts.into_iter().map(|(name, labels)| {
            let is_plain = labels.iter().all(|labels| labels.is_empty());
            let labels = if is_plain { BTreeSet::new() } else { labels };
            ChartName {
                name: name.to_owned(),
                labels: labels.into_iter().cloned().collect(),
            }
        });
        Catalog {
            charts: charts.collect(),
            attempts: attempts.into_iter().collect(),
            ..Catalog::default()
        }
    }
}

/// How large a chart is, in columns of the grid and steps of height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// 1 … 3.
    pub wide: u8,
    /// 1 … 3.
    pub tall: u8,
}

impl Default for Size {
    fn default() -> Size {
        Size { wide: 1, tall: 1 }
    }
}

impl Size {
    /// Larger or smaller by so many columns and steps, within what there is.
    #[must_use]
    pub fn by(self, wide: i8, tall: i8) -> Size {
        let within = |now: u8, by: i8| now.saturating_add_signed(by).clamp(1, 3);
        Size {
            wide: within(self.wide, wide),
            tall: within(self.tall, tall),
        }
    }
}

/// What a person arranged; kept per person and project, so that it holds for every experiment and on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Layout {
    /// First of all, in this order.
    pub pinned: Vec<String>,
    pub hidden: BTreeSet<String>,
    /// Placed by hand: within its section each of these stands before what is not named here, in this order.
    pub order: Vec<String>,
    pub sizes: BTreeMap<String, Size>,
    /// Sections by their key, open or closed where that is not the usual.
    pub sections: BTreeMap<String, bool>,
}

/// More names than this are not arranged by hand; a bound on what one row may hold.
pub const MOST_NAMES: usize = 2000;

impl Layout {
    /// Whether it may be stored.
    pub fn is_bounded(&self) -> bool {
        let names = self.pinned.iter().chain(&self.hidden).chain(&self.order);
        let keys = self.sizes.keys().chain(self.sections.keys());
        let (mut count, mut bytes) = (0, 0);
        for name in names.chain(keys) {
            count += 1;
            bytes += name.len();
        }
        count <= MOST_NAMES && bytes <= 256 * 1024
    }

    pub fn size(&self, name: &str) -> Size {
        self.sizes.get(name).copied().unwrap_or_default()
    }

    pub fn set_size(&mut self, name: &str, size: Size) {
        if size == Size::default() {
            self.sizes.remove(name);
        } else {
            self.sizes.insert(name.to_owned(), size);
        }
    }

    pub fn is_pinned(&self, name: &str) -> bool {
        self.pinned.iter().any(|pinned| pinned == name)
    }

    /// Pins a chart behind those that are, or takes it back.
    pub fn pin(&mut self, name: &str, is: bool) {
        self.pinned.retain(|pinned| pinned != name);
        if is {
            self.pinned.push(name.to_owned());
        }
    }

    pub fn hide(&mut self, name: &str, is: bool) {
        if is {
            self.hidden.insert(name.to_owned());
        } else {
            self.hidden.remove(name);
        }
    }

    /// Puts a chart at the place of another one of its section, `shown` being the section as it stands.
    pub fn put(&mut self, shown: &[String], name: &str, at: usize) {
        let Some(from) = shown.iter().position(|shown| shown == name) else {
            return;
        };
        let mut section = shown.to_vec();
        let moved = section.remove(from);
        section.insert(at.min(section.len()), moved);
        if self.is_pinned(name) {
            self.pinned = section;
        } else {
            self.order.retain(|placed| !section.contains(placed));
            self.order.extend(section);
        }
    }
}

/// Where charts stand together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKey {
    Pinned,
    /// What the trainer writes.
    Training,
    /// Names without a `/`.
    Other,
    /// By what stands before the first `/`.
    Prefix(String),
    /// GPUs and machines.
    System,
    Hidden,
}

impl SectionKey {
    /// What it is called in a layout.
    pub fn word(&self) -> String {
        match self {
            SectionKey::Pinned => "pinned".to_owned(),
            SectionKey::Training => "training".to_owned(),
            SectionKey::Other => "other".to_owned(),
            SectionKey::Prefix(prefix) => format!("{prefix}/"),
            SectionKey::System => "system".to_owned(),
            SectionKey::Hidden => "hidden".to_owned(),
        }
    }

    fn of(name: &str) -> SectionKey {
        if TRAINING.contains(&name) {
            return SectionKey::Training;
        }
        match name.split_once('/') {
            Some((prefix, _)) if is_system(prefix) => SectionKey::System,
            Some((prefix, _)) => SectionKey::Prefix(prefix.to_owned()),
            None if is_system(name) => SectionKey::System,
            None => SectionKey::Other,
        }
    }
}

/// Names that are about machines: our own telemetry, and what tracker clients call theirs.
fn is_system(name: &str) -> bool {
    let is = |word: &str| {
        name.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
    };
    name.starts_with("__swanlab__")
        || ["gpu", "cpu", "host", "node", "system", "disk", "network"]
            .iter()
            .any(|word| is(word))
}

/// Charts that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub key: SectionKey,
    pub charts: Vec<String>,
}

/// The sections of a page: pinned, training, by prefix, machines, and last what is hidden. Empty ones are left out.
pub fn sections<'a>(names: impl Iterator<Item = &'a str>, layout: &Layout) -> Vec<Section> {
    let pinned: BTreeMap<&str, usize> = places(&layout.pinned);
    let placed: BTreeMap<&str, usize> = places(&layout.order);
    let mut all: BTreeMap<SectionKey, Vec<&str>> = BTreeMap::new();
    for name in names {
        let key = if layout.hidden.contains(name) {
            SectionKey::Hidden
        } else if pinned.contains_key(name) {
            SectionKey::Pinned
        } else {
            SectionKey::of(name)
        };
        all.entry(key).or_default().push(name);
    }
    let training = |name: &str| TRAINING.iter().position(|known| *known == name);
    all.into_iter()
        .map(|(key, mut charts)| {
            let is_pinned = key == SectionKey::Pinned;
            charts.sort_by_key(|name| {
                let by_hand = if is_pinned { &pinned } else { &placed };
                let last = usize::MAX;
                (
                    by_hand.get(name).copied().unwrap_or(last),
                    training(name).unwrap_or(last),
                    *name,
                )
            });
            Section {
                key,
                charts: charts.into_iter().map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// Charts that a page opens with; sections behind them wait closed.
const OPENED: usize = 24;

/// Which sections are open: those of a search, those that a person opened, and from the top on as many as make a page.
pub fn opened(sections: &[Section], layout: &Layout, is_search: bool) -> BTreeSet<SectionKey> {
    let mut room = OPENED;
    let mut open = BTreeSet::new();
    for section in sections {
        let usual = match section.key {
            SectionKey::Hidden => false,
            SectionKey::Pinned | SectionKey::Training | SectionKey::System => true,
            _ => room > 0,
        };
        let is_open = is_search
            || layout
                .sections
                .get(&section.key.word())
                .copied()
                .unwrap_or(usual);
        if is_open {
            room = room.saturating_sub(section.charts.len());
            open.insert(section.key.clone());
        }
    }
    open
}

fn places(names: &[String]) -> BTreeMap<&str, usize> {
    let places = names.iter().enumerate();
    places.map(|(at, name)| (name.as_str(), at)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{SeriesKey, Source};
    use super::*;

    fn shown(names: &[&str], layout: &Layout) -> Vec<(String, Vec<String>)> {
        sections(names.iter().copied(), layout)
            .into_iter()
            .map(|section| (section.key.word(), section.charts))
            .collect()
    }

    #[test]
    fn training_comes_first_and_machines_last() {
        let names = [
            "grad_norm",
            "gpu_power_w",
            "zeta",
            "train/acc",
            "loss",
            "eval/acc",
            "gpu/0/mem",
            "gputastic",
        ];
        let found = shown(&names, &Layout::default());
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["training", "other", "eval/", "train/", "system"]);
        assert_eq!(found[0].1, ["loss", "grad_norm"]);
        assert_eq!(found[1].1, ["gputastic", "zeta"]);
        assert_eq!(found[4].1, ["gpu/0/mem", "gpu_power_w"]);
    }

    #[test]
    fn what_is_pinned_stands_first_and_what_is_hidden_last() {
        let mut layout = Layout::default();
        layout.pin("b/x", true);
        layout.pin("loss", true);
        layout.hide("a/x", true);
        let found = shown(&["a/x", "a/y", "b/x", "loss"], &layout);
        assert_eq!(
            found[0],
            (
                "pinned".to_owned(),
                vec!["b/x".to_owned(), "loss".to_owned()]
            )
        );
        assert_eq!(found[2], ("hidden".to_owned(), vec!["a/x".to_owned()]));
        layout.pin("loss", false);
        assert_eq!(layout.pinned, ["b/x"]);
    }

    #[test]
    fn a_page_opens_with_what_fits_and_remembers_what_was_opened() {
        let names: Vec<String> = (0..60)
            .map(|n| format!("{}/{n}", ["a", "b", "c"][n / 20]))
            .collect();
        let mut layout = Layout::default();
        let all = sections(names.iter().map(String::as_str), &layout);
        let prefixes = |layout: &Layout, is_search| -> Vec<String> {
            opened(&all, layout, is_search)
                .iter()
                .map(SectionKey::word)
                .collect()
        };
        assert_eq!(prefixes(&layout, false), ["a/", "b/"]);
        assert_eq!(prefixes(&layout, true), ["a/", "b/", "c/"]);
        layout.sections = [("a/".to_owned(), false), ("c/".to_owned(), true)].into();
        assert_eq!(prefixes(&layout, false), ["b/", "c/"]);
    }

    #[test]
    fn a_moved_chart_keeps_its_place_and_new_ones_come_behind() {
        let mut layout = Layout::default();
        let names = ["a/1", "a/2", "a/3"];
        let section: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        layout.put(&section, "a/3", 0);
        assert_eq!(shown(&names, &layout)[0].1, ["a/3", "a/1", "a/2"]);
        assert_eq!(
            shown(&["a/0", "a/1", "a/2", "a/3"], &layout)[0].1,
            ["a/3", "a/1", "a/2", "a/0"]
        );
        layout.put(&["a/3".into(), "a/1".into(), "a/2".into()], "a/3", 99);
        assert_eq!(shown(&names, &layout)[0].1, ["a/1", "a/2", "a/3"]);
        layout.put(&section, "nothing", 0);
        assert_eq!(layout.order.len(), 3);
    }

    #[test]
    fn sizes_stay_within_what_there_is() {
        let mut layout = Layout::default();
        layout.set_size("loss", Size::default().by(9, -4));
        assert_eq!(layout.size("loss"), Size { wide: 3, tall: 1 });
        layout.set_size("loss", layout.size("loss").by(-2, 0));
        assert!(layout.sizes.is_empty());
    }

    #[test]
    fn a_layout_that_is_too_large_is_told() {
        let mut layout = Layout::default();
        assert!(layout.is_bounded());
        layout.order = (0..=MOST_NAMES).map(|n| n.to_string()).collect();
        assert!(!layout.is_bounded());
        layout.order = vec!["x".repeat(300_000)];
        assert!(!layout.is_bounded());
    }

    #[test]
    fn series_of_one_name_are_one_chart() {
        let summary = |attempt, name: &str, gpu: Option<u32>| Summary {
            attempt,
            source: Source::Jsonl,
            key: SeriesKey {
                name: name.to_owned(),
                labels: gpu.map_or_else(Labels::default, |gpu| Labels::default().with("gpu", gpu)),
            },
            count: 1,
            non_finite: 0,
            first_step: 0,
            last_step: 0,
            last: None,
            min: None,
            max: None,
        };
        let catalog = Catalog::of(&[
            summary(2, "loss", None),
            summary(1, "loss", None),
            summary(2, "gpu_power_w", Some(1)),
            summary(2, "gpu_power_w", Some(0)),
        ]);
        assert_eq!(catalog.attempts, [1, 2]);
        let lines: Vec<(&str, usize)> = catalog
            .charts
            .iter()
            .map(|c| (c.name.as_str(), c.labels.len()))
            .collect();
        assert_eq!(lines, [("gpu_power_w", 2), ("loss", 0)]);
    }
}
