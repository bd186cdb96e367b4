//! The queue: which experiments may begin, in what order, and why the others wait.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::sweep::Sweep;
use crate::ids::{ClusterId, ExperimentId};
use crate::language::Text;
use crate::time::Timestamp;

/// A refused start is tried again after this long; the nodes may be well by then.
pub const RETRY_MILLIS: i64 = 60_000;

/// How the experiment stands that another one waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Waits itself, or runs.
    Open,
    Succeeded,
    /// Failed, stopped or lost: what waits for it waits on, until it is launched again or taken out of the way.
    Ended,
}

/// One that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: ExperimentId,
    pub cluster: ClusterId,
    pub gpus_per_node: u32,
    /// The one that has to succeed first, by name.
    pub after: Option<(String, Before)>,
    /// Why the last start was refused, and when.
    pub refused: Option<(Text, Timestamp)>,
}

/// Why one waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Waits {
    /// It begins now.
    Begins,
    /// Those before it on the same cluster come first.
    Turn,
    Gpus {
        wanted: u32,
        free: u32,
    },
    After {
        name: String,
        has_ended: bool,
    },
    Refused {
        why: Text,
    },
}

/// Decides for each entry, in their order. `free`: GPUs of each node of a cluster that nothing of ours holds.
///
/// Who waits for GPUs makes everyone after it on that cluster wait, too: a small run that always found room would keep a large one
/// waiting for ever. Who waits for something else lets others pass.
pub fn decide(
    entries: &[Entry],
    free: &BTreeMap<ClusterId, Vec<BTreeSet<u32>>>,
    now: Timestamp,
) -> Vec<Waits> {
    let mut common: BTreeMap<&ClusterId, u32> = BTreeMap::new();
    for (cluster, nodes) in free {
        // A run uses the same GPUs on every node.
        let mut nodes = nodes.iter();
        let first = nodes.next().cloned().unwrap_or_default();
        let all = nodes.fold(first, |both, node| {
            both.intersection(node).copied().collect()
        });
        common.insert(cluster, u32::try_from(all.len()).unwrap_or(u32::MAX));
    }
    let mut is_blocked: BTreeSet<&ClusterId> = BTreeSet::new();
    let mut decided = Vec::with_capacity(entries.len());
    for entry in entries {
        let waits = match (&entry.after, &entry.refused) {
            (Some((name, before)), _) if *before != Before::Succeeded => Waits::After {
                name: name.clone(),
                has_ended: *before == Before::Ended,
            },
            (_, Some((why, at))) if now.0 < at.0.saturating_add(RETRY_MILLIS) => {
                Waits::Refused { why: why.clone() }
            }
            _ if is_blocked.contains(&entry.cluster) => Waits::Turn,
            _ => {
                let left = common.entry(&entry.cluster).or_default();
                if entry.gpus_per_node <= *left {
                    *left -= entry.gpus_per_node;
                    Waits::Begins
                } else {
                    is_blocked.insert(&entry.cluster);
                    Waits::Gpus {
                        wanted: entry.gpus_per_node,
                        free: *left,
                    }
                }
            }
        };
        decided.push(waits);
    }
    decided
}

/// How a form is put into the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// Id of the experiment that has to succeed first; empty: none.
    pub after: String,
    /// Start from the last checkpoint of that one.
    pub uses_result: bool,
    /// Packed first; then once more, unpacked, from the result.
    pub then_unpacked: bool,
    pub sweep: Option<Sweep>,
}

/// One that waits, as pages show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub id: ExperimentId,
    pub name: String,
    pub cluster: String,
    pub nodes: u64,
    pub gpus_per_node: u32,
    /// Of a sweep: its name, and what is tried here.
    pub sweep: String,
    pub label: String,
    /// Starts from the result of the one before.
    pub uses_result: bool,
    pub waits: Waits,
    pub since: Timestamp,
}

/// Puts one before another (None: at the end). Ids that are not there change nothing.
pub fn moved(
    order: &[ExperimentId],
    id: &ExperimentId,
    before: Option<&ExperimentId>,
) -> Vec<ExperimentId> {
    if !order.contains(id) || before == Some(id) {
        return order.to_vec();
    }
    let mut rest: Vec<ExperimentId> = order.iter().filter(|one| *one != id).cloned().collect();
    let at = before.and_then(|before| rest.iter().position(|one| one == before));
    rest.insert(at.unwrap_or(rest.len()), id.clone());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<T: std::str::FromStr>(n: u8) -> T
    where
        T::Err: std::fmt::Debug,
    {
        format!("00000000-0000-7000-8000-0000000000{n:02}")
            .parse()
            .expect("an id")
    }

    fn entry(n: u8, cluster: u8, gpus: u32) -> Entry {
        Entry {
            id: id(n),
            cluster: id(cluster),
            gpus_per_node: gpus,
            after: None,
            refused: None,
        }
    }

    fn free(clusters: &[(u8, &[&[u32]])]) -> BTreeMap<ClusterId, Vec<BTreeSet<u32>>> {
        let set = |gpus: &&[u32]| gpus.iter().copied().collect();
        clusters
            .iter()
            .map(|(n, nodes)| (id(*n), nodes.iter().map(set).collect()))
            .collect()
    }

    fn decided(entries: &[Entry], nodes: &[(u8, &[&[u32]])]) -> Vec<Waits> {
        decide(entries, &free(nodes), Timestamp(1_000_000))
    }

    #[test]
    fn several_begin_at_once_where_they_fit_and_the_order_holds() {
        let entries = [entry(1, 90, 2), entry(2, 90, 2), entry(3, 90, 1)];
        let all = decided(&entries, &[(90, &[&[0, 1, 2, 3], &[0, 1, 2, 3]])]);
        assert_eq!(
            all,
            [
                Waits::Begins,
                Waits::Begins,
                Waits::Gpus { wanted: 1, free: 0 }
            ]
        );
        // The small one could begin, but then the large one might never.
        let entries = [entry(1, 90, 4), entry(2, 90, 1), entry(3, 91, 1)];
        let all = decided(&entries, &[(90, &[&[0, 1]]), (91, &[&[0]])]);
        assert_eq!(
            all,
            [
                Waits::Gpus { wanted: 4, free: 2 },
                Waits::Turn,
                Waits::Begins
            ]
        );
    }

    #[test]
    fn only_gpus_that_are_free_on_every_node_count() {
        let all = decided(&[entry(1, 90, 2)], &[(90, &[&[0, 1], &[1, 2]])]);
        assert_eq!(all, [Waits::Gpus { wanted: 2, free: 1 }]);
        assert_eq!(
            decided(&[entry(1, 90, 1)], &[]),
            [Waits::Gpus { wanted: 1, free: 0 }]
        );
    }

    #[test]
    fn who_waits_for_another_or_was_refused_lets_others_pass() {
        let mut after = entry(1, 90, 2);
        after.after = Some(("run-1".to_owned(), Before::Open));
        let mut refused = entry(2, 90, 2);
        refused.refused = Some((Text::verbatim("no disk"), Timestamp(999_000)));
        let all = decided(
            &[after.clone(), refused.clone(), entry(3, 90, 2)],
            &[(90, &[&[0, 1]])],
        );
        assert_eq!(
            all[0],
            Waits::After {
                name: "run-1".to_owned(),
                has_ended: false
            }
        );
        assert_eq!(
            all[1],
            Waits::Refused {
                why: Text::verbatim("no disk")
            }
        );
        assert_eq!(all[2], Waits::Begins);
        after.after = Some(("run-1".to_owned(), Before::Succeeded));
        refused.refused = Some((Text::verbatim("no disk"), Timestamp(1)));
        let all = decided(&[after, refused], &[(90, &[&[0, 1, 2, 3]])]);
        assert_eq!(all, [Waits::Begins, Waits::Begins]);
    }

    #[test]
    fn one_is_put_before_another_or_at_the_end() {
        let order: Vec<ExperimentId> = (1..=4).map(id).collect();
        let numbers = |ids: Vec<ExperimentId>| -> Vec<usize> {
            ids.iter()
                .map(|one| order.iter().position(|known| known == one).expect("known") + 1)
                .collect()
        };
        assert_eq!(numbers(moved(&order, &id(4), Some(&id(1)))), [4, 1, 2, 3]);
        assert_eq!(numbers(moved(&order, &id(1), None)), [2, 3, 4, 1]);
        assert_eq!(numbers(moved(&order, &id(2), Some(&id(2)))), [1, 2, 3, 4]);
        assert_eq!(numbers(moved(&order, &id(9), None)), [1, 2, 3, 4]);
    }
}
