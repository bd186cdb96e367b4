use super::super::probe::{ANSWER, parse};
use super::*;
use crate::recipes::memory::{GIB, Parts};

fn sight(name: &str, change: impl FnOnce(&mut Seen)) -> Sight {
    let mut seen = parse(ANSWER).expect("whole");
    change(&mut seen);
    Sight {
        name: name.to_owned(),
        answer: Ok(seen),
        asked: (1_700_000_000.2, 1_700_000_000.8),
        reserved: Vec::new(),
        environment: "login".to_owned(),
        needs_image: false,
        interface: "eth0".to_owned(),
        model: "/m".to_owned(),
        mcore: "/m-mcore".to_owned(),
        dataset: "/d.jsonl".to_owned(),
        cache: "/w/cache".to_owned(),
    }
}

fn estimate(gib: f64) -> Estimate {
    let parts = Parts {
        weights: gib * GIB,
        ..Parts::default()
    };
    Estimate {
        parts,
        low: 0.9 * gib * GIB,
        high: 1.1 * gib * GIB,
        stage: 0,
        tokens: 1.0,
        is_counted: true,
        helps: Vec::new(),
    }
}

fn report(sights: &[Sight], estimate: &Estimate, change: impl FnOnce(&mut Expected)) -> Report {
    let mut expected = Expected {
        model: "qwen".to_owned(),
        dataset_bytes: 120,
        dataset_sha256: "abc".to_owned(),
        checkpoint_bytes: GIB,
        checkpoints: 3,
        ..Expected::default()
    };
    change(&mut expected);
    let situation = Situation {
        version: Version::parse("4.6.0").expect("a version"),
        sights,
        gpus: &[0, 1],
        estimate: Some(estimate),
        expected: &expected,
        port: 29_500,
        breaches: &[],
        rules: 40,
        findings: &[],
        variables: &[],
    };
    judge(&situation, 0.6)
}

/// The rows that are not ok, with their marks.
fn bad(report: &Report) -> Vec<(&str, Mark)> {
    let rows = report.rows.iter().filter(|row| row.mark() > Mark::Unknown);
    let bad: Vec<(&str, Mark)> = rows.map(|row| (row.key.as_str(), row.mark())).collect();
    for (key, _) in &bad {
        let row = report
            .rows
            .iter()
            .find(|row| row.key == *key)
            .expect("there");
        assert!(!row.problems.is_empty(), "{key} says nothing");
        for problem in &row.problems {
            assert!(problem.why.en != problem.why.zh, "{key}");
        }
    }
    bad
}

fn two(change: impl FnOnce(&mut Seen)) -> [Sight; 2] {
    [sight("node-1", |_| ()), sight("node-2", change)]
}

#[test]
fn two_sound_nodes_pass_and_each_check_has_a_cell_a_node() {
    let report = report(&two(|_| ()), &estimate(40.0), |_| ());
    assert_eq!(bad(&report), []);
    assert_eq!(report.counts(), (0, 0));
    assert!(report.findings().is_empty());
    for row in report.rows.iter().filter(|row| row.key != "rules") {
        assert_eq!(row.cells.len(), 2, "{}", row.key);
        assert!(
            !row.differs() || row.key == "port" || row.key == "reach",
            "{}",
            row.key
        );
    }
}

#[test]
fn whatever_differs_on_one_node_is_found_there() {
    type Change = fn(&mut Seen);
    let cases: &[(&str, Mark, Change)] = &[
        ("ms-swift", Mark::Stops, |seen| {
            seen.probe.packages[0].version = "4.5.0".to_owned()
        }),
        ("core", Mark::Stops, |seen| {
            seen.probe.packages.remove(1);
        }),
        ("gpus", Mark::Stops, |seen| {
            seen.probe.gpus.pop();
        }),
        ("shm", Mark::Warning, |seen| {
            seen.shm = Some((64 << 20, 60 << 20))
        }),
        ("disk", Mark::Stops, |seen| seen.disk_free = Some(1 << 29)),
        ("disk", Mark::Warning, |seen| seen.disk_free = Some(2 << 30)),
        ("disk", Mark::Stops, |seen| seen.work_is_writable = false),
        ("cache", Mark::Stops, |seen| {
            "denied".clone_into(&mut seen.cache)
        }),
        ("cache", Mark::Warning, |seen| seen.old_locks = 2),
        ("clock", Mark::Warning, |seen| {
            seen.clock = Some((1_700_003_600.0, 1_700_003_600.5))
        }),
        ("model", Mark::Stops, |seen| {
            seen.model.as_mut().expect("there").weights = "zz".to_owned()
        }),
        ("mcore", Mark::Stops, |seen| seen.mcore = None),
        ("template", Mark::Stops, |seen| {
            seen.model.as_mut().expect("there").template = "zz".to_owned()
        }),
        ("dataset", Mark::Stops, |seen| {
            seen.dataset = Some((120, true, "other".to_owned()))
        }),
        ("dataset", Mark::Stops, |seen| seen.dataset = None),
        ("reach", Mark::Stops, |seen| {
            seen.reach = Some("timeout".to_owned())
        }),
        ("interface", Mark::Stops, |seen| {
            seen.probe.interfaces.clear()
        }),
        ("nccl", Mark::Warning, |seen| seen.variables.clear()),
        ("ib", Mark::Stops, |seen| seen.infiniband.clear()),
    ];
    for (key, mark, change) in cases {
        let report = report(&two(change), &estimate(40.0), |_| ());
        assert_eq!(bad(&report), [(*key, *mark)], "{key}");
        let row = report
            .rows
            .iter()
            .find(|row| row.key == *key)
            .expect("there");
        assert!(row.differs(), "{key}");
        assert!(
            row.problems[0].evidence.contains("node-2") || *key == "gpus",
            "{key}: {}",
            row.problems[0].evidence
        );
    }
}

#[test]
fn a_node_that_is_away_stops_the_launch_and_makes_nothing_else_wrong() {
    let mut sights = two(|_| ());
    sights[1].answer = Err(Text::new("connection refused", "连接被拒绝"));
    let report = report(&sights, &estimate(40.0), |_| ());
    assert_eq!(bad(&report), [("ssh", Mark::Stops)]);
    assert_eq!(report.findings()[0].field, "cluster_id");
}

#[test]
fn gpus_that_are_held_and_ports_that_are_taken_are_found() {
    let mut sights = two(|_| ());
    sights[0].reserved = vec![(1, "run-7".to_owned())];
    let found = report(&sights, &estimate(40.0), |_| ());
    assert_eq!(bad(&found), [("gpus", Mark::Stops)]);
    assert!(found.findings()[0].text.en.contains("held by \"run-7\""));
    let sights = [
        sight("node-1", |seen| seen.listening.push(29_500)),
        sight("node-2", |seen| seen.listening.push(29_500)),
    ];
    assert_eq!(
        bad(&report(&sights, &estimate(40.0), |_| ())),
        [("port", Mark::Stops)]
    );
}

#[test]
fn memory_stops_only_what_cannot_fit_and_warns_where_it_is_tight() {
    let sights = two(|_| ());
    let mark = |gib| {
        bad(&report(&sights, &estimate(gib), |_| ()))
            .first()
            .map(|(_, mark)| *mark)
    };
    assert_eq!(mark(60.0), None);
    assert_eq!(mark(75.0), Some(Mark::Warning));
    assert_eq!(mark(84.0), Some(Mark::Warning));
    assert_eq!(mark(95.0), Some(Mark::Stops));
    let found = report(&sights, &estimate(40.0), |expected| {
        expected.offloaded_bytes = 2000.0 * GIB
    });
    assert_eq!(bad(&found), [("ram", Mark::Stops)]);
}
