use std::time::Instant;

use domain::comparison::filter::{Compare, Value};
use domain::comparison::{Cell, Column, Fact, Which};
use domain::ids::{ExperimentId, ProjectId, UserId};
use domain::time::Timestamp;

use super::super::tests::{first_admin, fresh};
use super::*;
use crate::clock;

const NOW: Timestamp = Timestamp(1_000_000_000);

async fn experiment(
    store: &Store,
    owner: &(UserId, ProjectId),
    name: &str,
    config: &str,
) -> ExperimentId {
    let id: ExperimentId = clock::new_id();
    sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, $5)")
        .bind(id.as_str())
        .bind(owner.1.as_str())
        .bind(owner.0.as_str())
        .bind(name)
        .bind(NOW.0 - 1000)
        .execute(&store.writer)
        .await
        .expect("stored");
    sqlx::query("insert into profiles (experiment_id, config, updated_at) values ($1, $2, 0)")
        .bind(id.as_str())
        .bind(config)
        .execute(&store.writer)
        .await
        .expect("stored");
    id
}

async fn metric(store: &Store, of: &ExperimentId, attempt: u32, name: &str, values: &[f64]) {
    metric_from(store, of, (attempt, 0), name, values).await;
}

async fn metric_from(
    store: &Store,
    of: &ExperimentId,
    (attempt, from): (u32, i64),
    name: &str,
    values: &[f64],
) {
    use domain::metrics::{Batch, Point, SeriesKey, Source};
    let batch: Batch = (from..)
        .zip(values)
        .map(|(step, value)| {
            (
                SeriesKey::plain(name),
                Point {
                    step,
                    time_millis: step,
                    value: *value,
                },
            )
        })
        .collect();
    let origin = super::super::Origin {
        experiment: of,
        attempt,
        source: Source::Client,
    };
    assert!(
        store
            .append_points(&origin, &batch, None)
            .await
            .expect("stored")
    );
}

async fn id_of(store: &Store, project: &ProjectId, name: &str, is_metric: bool) -> i64 {
    let found = store.columns_called(project, name).await.expect("read");
    found
        .iter()
        .find(|c| c.is_metric == is_metric)
        .expect("there")
        .id
}

async fn names(
    store: &Store,
    project: &ProjectId,
    of: Where,
    order: Order,
    is_descending: bool,
) -> Vec<String> {
    let wanted = Wanted {
        project,
        of: &of,
        with_archived: false,
        now: NOW,
    };
    let rows = store
        .page_of_rows(&wanted, order, is_descending, 0, &[])
        .await
        .expect("read");
    assert_eq!(
        store.count_rows(&wanted).await.expect("counted"),
        rows.len() as u64
    );
    rows.into_iter().map(|row| row.name).collect()
}

fn all() -> Where {
    Where::All(Vec::new())
}

#[tokio::test]
async fn values_follow_what_is_written() {
    let (store, _folder) = fresh().await;
    let owner = first_admin(&store).await;
    let run = experiment(
        &store,
        &owner,
        "run",
        r#"{"lr": 1e-4, "model": "glm", "bf16": true, "args.seed": 7}"#,
    )
    .await;
    metric(&store, &run, 1, "loss", &[3.0, 1.0, 2.0]).await;
    metric_from(&store, &run, (1, 3), "loss", &[f64::NAN, 5.0]).await;
    let (lr, model, bf16) = (
        id_of(&store, &owner.1, "lr", false).await,
        id_of(&store, &owner.1, "model", false).await,
        id_of(&store, &owner.1, "bf16", false).await,
    );
    let loss = id_of(&store, &owner.1, "loss", true).await;
    assert_eq!(
        id_of(&store, &owner.1, "seed", false).await,
        id_of(&store, &owner.1, "args.seed", false).await
    );
    let asked = [
        (loss, Which::Last),
        (loss, Which::Min),
        (loss, Which::Max),
        (lr, Which::Last),
        (model, Which::Last),
        (bf16, Which::Last),
    ];
    let read = async || {
        let rows = store
            .rows_of(&owner.1, std::slice::from_ref(&run), &asked)
            .await
            .expect("read");
        rows[0].cells.clone()
    };
    let number = Cell::Number;
    let text = |text: &str| Cell::Text(text.to_owned());
    assert_eq!(
        read().await,
        [
            number(5.0),
            number(1.0),
            number(5.0),
            number(1e-4),
            text("glm"),
            text("true")
        ]
    );
    // The newest attempt is shown, even while it is worse; an older one that is written late is not.
    metric(&store, &run, 2, "loss", &[9.0]).await;
    metric(&store, &run, 1, "loss", &[0.1]).await;
    assert_eq!(read().await[..3], [number(9.0), number(9.0), number(9.0)]);
    sqlx::query("update profiles set config = '{\"lr\": \"auto\"}' where experiment_id = $1")
        .bind(run.as_str())
        .execute(&store.writer)
        .await
        .expect("stored");
    assert_eq!(
        read().await[3..],
        [text("auto"), Cell::Missing, Cell::Missing]
    );
}

#[tokio::test]
async fn conditions_find_what_they_say() {
    let (store, _folder) = fresh().await;
    let owner = first_admin(&store).await;
    let one = experiment(
        &store,
        &owner,
        "alpha Glm",
        r#"{"lr": 1e-4, "model": "glm"}"#,
    )
    .await;
    let two = experiment(&store, &owner, "beta", r#"{"lr": 2e-4, "model": "qwen"}"#).await;
    let three = experiment(&store, &owner, "gamma", r#"{"lr": "auto"}"#).await;
    metric(&store, &one, 1, "loss", &[2.0]).await;
    metric(&store, &two, 1, "loss", &[1.0]).await;
    store.set_tag(&one, "best", true).await.expect("tagged");
    store.set_tag(&one, "old", true).await.expect("tagged");
    store
        .set_tag(&three, "bestish", true)
        .await
        .expect("tagged");
    store
        .set_notes(&two, "seems fine\nmore")
        .await
        .expect("noted");
    let (lr, model) = (
        id_of(&store, &owner.1, "lr", false).await,
        id_of(&store, &owner.1, "model", false).await,
    );
    let loss = id_of(&store, &owner.1, "loss", true).await;
    let number = Value::Number;
    let text = |text: &str| Value::Text(text.to_owned());
    let value = |id, compare, value| Where::Value(id, Which::Last, compare, value);
    let fact = |fact, compare, value| Where::Fact(fact, compare, value);
    use Compare::*;
    for (of, wanted) in [
        (value(lr, Greater, number(1e-4)), vec!["beta"]),
        (
            value(lr, GreaterOrEqual, number(1e-4)),
            vec!["beta", "alpha Glm"],
        ),
        (value(lr, NotEqual, number(1e-4)), vec!["gamma", "beta"]),
        (value(lr, Equal, text("auto")), vec!["gamma"]),
        (value(model, Contains, text("QW")), vec!["beta"]),
        (value(model, NotEqual, text("glm")), vec!["beta"]),
        (value(model, Equal, Value::Missing), vec!["gamma"]),
        (
            value(model, NotEqual, Value::Missing),
            vec!["beta", "alpha Glm"],
        ),
        (value(loss, LessOrEqual, number(1.5)), vec!["beta"]),
        (fact(Fact::Name, Contains, text("GLM")), vec!["alpha Glm"]),
        (fact(Fact::Tags, Equal, text("best")), vec!["alpha Glm"]),
        (
            fact(Fact::Tags, Contains, text("best")),
            vec!["gamma", "alpha Glm"],
        ),
        (
            fact(Fact::Tags, NotEqual, text("best")),
            vec!["gamma", "beta"],
        ),
        (fact(Fact::Tags, Equal, Value::Missing), vec!["beta"]),
        (
            fact(Fact::Tags, NotEqual, Value::Missing),
            vec!["gamma", "alpha Glm"],
        ),
        (fact(Fact::Notes, Contains, text("fine")), vec!["beta"]),
        (
            fact(Fact::Notes, Equal, Value::Missing),
            vec!["gamma", "alpha Glm"],
        ),
        (
            fact(Fact::Created, Less, number(2000.0)),
            vec!["gamma", "beta", "alpha Glm"],
        ),
        (fact(Fact::Created, Greater, number(2000.0)), vec![]),
        (
            Where::Not(Box::new(fact(Fact::Name, Contains, text("a")))),
            vec![],
        ),
        (
            Where::Any(vec![
                value(lr, Greater, number(1e-4)),
                fact(Fact::Tags, Equal, text("old")),
            ]),
            vec!["beta", "alpha Glm"],
        ),
        (
            Where::All(vec![
                value(lr, Greater, number(1e-5)),
                value(loss, Greater, number(1.5)),
            ]),
            vec!["alpha Glm"],
        ),
    ] {
        let order = Order::Fact(Fact::Created);
        assert_eq!(
            names(&store, &owner.1, of.clone(), order, true).await,
            wanted,
            "{of:?}"
        );
    }
    // Sorted: numbers first, then texts, then what has none.
    assert_eq!(
        names(
            &store,
            &owner.1,
            all(),
            Order::Value(lr, Which::Last),
            false
        )
        .await,
        ["alpha Glm", "beta", "gamma"]
    );
    assert_eq!(
        names(
            &store,
            &owner.1,
            all(),
            Order::Value(loss, Which::Min),
            false
        )
        .await,
        ["beta", "alpha Glm", "gamma"]
    );
    for fact in [
        Fact::Name,
        Fact::State,
        Fact::Tags,
        Fact::Notes,
        Fact::Duration,
        Fact::Attempts,
    ] {
        assert_eq!(
            names(&store, &owner.1, all(), Order::Fact(fact), false)
                .await
                .len(),
            3
        );
    }
    // What is archived is only there when it is asked for, and another project sees nothing.
    store.set_archived(&one, Some(NOW)).await.expect("archived");
    assert_eq!(
        names(&store, &owner.1, all(), Order::Fact(Fact::Created), true).await,
        ["gamma", "beta"]
    );
    let of = Where::Archived;
    let wanted = Wanted {
        project: &owner.1,
        of: &of,
        with_archived: true,
        now: NOW,
    };
    assert_eq!(store.count_rows(&wanted).await.expect("counted"), 1);
    assert_eq!(
        names(
            &store,
            &clock::new_id(),
            all(),
            Order::Fact(Fact::Created),
            true
        )
        .await,
        [""; 0]
    );
}

#[tokio::test]
async fn groups_have_counts_and_means() {
    let (store, _folder) = fresh().await;
    let owner = first_admin(&store).await;
    for (name, model, loss) in [("a", "glm", 1.0), ("b", "glm", 3.0), ("c", "qwen", 5.0)] {
        let id = experiment(&store, &owner, name, &format!(r#"{{"model": "{model}"}}"#)).await;
        metric(&store, &id, 1, "loss", &[loss + 1.0, loss]).await;
        store.set_tag(&id, "t", true).await.expect("tagged");
    }
    experiment(&store, &owner, "d", "{}").await;
    let model = id_of(&store, &owner.1, "model", false).await;
    let loss = id_of(&store, &owner.1, "loss", true).await;
    let of = all();
    let wanted = Wanted {
        project: &owner.1,
        of: &of,
        with_archived: false,
        now: NOW,
    };
    let columns = [(loss, Which::Last), (loss, Which::Max)];
    let by = |order| store.group_rows(&wanted, order, &columns);
    let groups = by(Order::Value(model, Which::Last)).await.expect("read");
    assert_eq!(groups[0].value, Cell::Text("glm".to_owned()));
    assert_eq!((groups[0].count, groups.len()), (2, 3));
    assert_eq!(
        groups[0].means,
        [
            (loss, Which::Last, 2.0, 1.0, 3.0),
            (loss, Which::Max, 3.0, 2.0, 4.0)
        ]
    );
    assert!(
        groups
            .iter()
            .any(|group| group.value == Cell::Missing && group.means.is_empty())
    );
    let tags = by(Order::Fact(Fact::Tags)).await.expect("read");
    assert_eq!(tags[0].count, 3);
    assert_eq!(
        store.tags_of_project(&owner.1).await.expect("read"),
        [("t".to_owned(), 3)]
    );
}

#[tokio::test]
async fn chosen_columns_are_a_persons_own() {
    let (store, _folder) = fresh().await;
    let owner = first_admin(&store).await;
    assert_eq!(
        store.table_view(&owner.0, &owner.1).await.expect("read"),
        None
    );
    let chosen: Vec<Column> = vec![
        Column::Fact(Fact::Tags),
        Column::Metric("a:b".to_owned(), Which::Max),
    ];
    for columns in [&chosen[..1], &chosen] {
        store
            .set_table_view(&owner.0, &owner.1, columns)
            .await
            .expect("kept");
    }
    assert_eq!(
        store.table_view(&owner.0, &owner.1).await.expect("read"),
        Some(chosen)
    );
}

/// 75,000 experiments × 100 columns: `cargo test --lib table_of_75000 -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "seeds 7.5 million values"]
async fn the_first_rows_of_a_table_of_75000_are_there_in_200_ms() {
    let count: i64 = std::env::var("TABLE_ROWS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(75_000);
    let (store, folder) = fresh().await;
    let owner = first_admin(&store).await;
    let seeded = Instant::now();
    let mut transaction = store.writer.begin().await.expect("begun");
    for n in 0..count {
        let id: ExperimentId = clock::new_id();
        sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, $5)")
            .bind(id.as_str())
            .bind(owner.1.as_str())
            .bind(owner.0.as_str())
            .bind(format!("run {n}"))
            .bind(n)
            .execute(&mut *transaction)
            .await
            .expect("stored");
        let config: Vec<String> = (0..70)
            .map(|c| match c {
                0..20 => format!("\"text_{c}\": \"choice {}\"", (n * 7 + c) % 12),
                _ => format!("\"number_{c}\": {}", (n * 7919 + c * 31) % 10_007),
            })
            .collect();
        sqlx::query("insert into profiles (experiment_id, config, updated_at) values ($1, $2, 0)")
            .bind(id.as_str())
            .bind(format!("{{{}}}", config.join(",")))
            .execute(&mut *transaction)
            .await
            .expect("stored");
        // The series' rows alone: their chunks play no part here.
        sqlx::query(
            "insert into series (experiment_id, attempt, source, name, labels, count, non_finite, first_step, last_step, last_time, \
             last_value, min_value, max_value) select $1, 1, 'client', 'metric_' || value, '{}', 1, 0, 0, 0, 0, \
             ($2 * 104729 + value) % 1000003, ($2 * 15485863 + value) % 1000003, ($2 * 32452843 + value) % 1000003 \
             from json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29]')",
        )
        .bind(id.as_str())
        .bind(n)
        .execute(&mut *transaction)
        .await
        .expect("stored");
        // In pieces: one transaction of all would write everything twice before it ends.
        if n % 1000 == 999 {
            transaction.commit().await.expect("committed");
            transaction = store.writer.begin().await.expect("begun");
        }
    }
    transaction.commit().await.expect("committed");
    sqlx::query("analyze")
        .execute(&store.writer)
        .await
        .expect("analysed");
    let size = std::fs::metadata(folder.path().join("trainyard.sqlite"))
        .expect("a file")
        .len();
    println!(
        "seeded {count} in {:.0?}, {} MiB",
        seeded.elapsed(),
        size >> 20
    );
    let columns: Vec<(i64, Which)> = store
        .find_columns(&owner.1, "", 100)
        .await
        .expect("read")
        .iter()
        .map(|column| (column.id, Which::Last))
        .collect();
    assert_eq!(columns.len(), 100);
    let (number, metric) = (
        id_of(&store, &owner.1, "number_33", false).await,
        id_of(&store, &owner.1, "metric_7", true).await,
    );
    let text = id_of(&store, &owner.1, "text_3", false).await;
    let newest = Order::Fact(Fact::Created);
    let few = Where::Value(
        number,
        Which::Last,
        Compare::Greater,
        Value::Number(9_900.0),
    );
    let many = Where::Value(number, Which::Last, Compare::Greater, Value::Number(100.0));
    let both = Where::All(vec![
        Where::Value(
            text,
            Which::Last,
            Compare::Equal,
            Value::Text("choice 3".to_owned()),
        ),
        Where::Value(metric, Which::Min, Compare::Less, Value::Number(500_000.0)),
    ]);
    let name = Where::Fact(
        Fact::Name,
        Compare::Contains,
        Value::Text("7499".to_owned()),
    );
    for (what, of, order, is_descending, page) in [
        ("newest first", all(), newest, true, 0),
        ("page 1000", all(), newest, true, 999),
        (
            "by last metric",
            all(),
            Order::Value(metric, Which::Last),
            true,
            0,
        ),
        (
            "by least metric",
            all(),
            Order::Value(metric, Which::Min),
            false,
            0,
        ),
        (
            "by config number",
            all(),
            Order::Value(number, Which::Last),
            false,
            0,
        ),
        (
            "by config text",
            all(),
            Order::Value(text, Which::Last),
            false,
            0,
        ),
        ("by name", all(), Order::Fact(Fact::Name), false, 0),
        ("number > few", few.clone(), newest, true, 0),
        ("number > many", many, newest, true, 0),
        ("text and metric", both, newest, true, 0),
        (
            "few, by metric",
            few,
            Order::Value(metric, Which::Last),
            true,
            0,
        ),
        ("name holds", name, newest, true, 0),
    ] {
        let wanted = Wanted {
            project: &owner.1,
            of: &of,
            with_archived: false,
            now: NOW,
        };
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..5 {
            let begun = Instant::now();
            store.count_rows(&wanted).await.expect("counted");
            rows = store
                .page_of_rows(&wanted, order, is_descending, page, &columns)
                .await
                .expect("read")
                .len();
            times.push(begun.elapsed());
        }
        times.sort();
        println!(
            "{what}: {rows} rows, median {:.1?}, first and worst {:.1?}",
            times[2], times[4]
        );
        assert!(times[2].as_millis() <= 200, "{what}: {:?}", times[2]);
    }
    let of = all();
    let wanted = Wanted {
        project: &owner.1,
        of: &of,
        with_archived: false,
        now: NOW,
    };
    let begun = Instant::now();
    let groups = store
        .group_rows(&wanted, Order::Value(text, Which::Last), &columns[..0])
        .await
        .expect("read");
    println!("groups: {} in {:.1?}", groups.len(), begun.elapsed());
    let begun = Instant::now();
    let shown: Vec<(i64, Which)> = vec![(metric, Which::Last), (number, Which::Last)];
    store
        .group_rows(&wanted, Order::Value(text, Which::Last), &shown)
        .await
        .expect("read");
    println!(
        "groups with the means of two columns in {:.1?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn numbers_that_were_written_as_texts_are_numbers() {
    let (store, _folder) = fresh().await;
    let owner = first_admin(&store).await;
    let config = r#"{"lr": "1e-4", "epochs": "3", "version": "4.10", "seed": "007", "on": "true", "list": "[1]", "ratio": "-0.5", "tiny": "1.0e-10"}"#;
    let run = experiment(&store, &owner, "run", config).await;
    let names = [
        "lr", "epochs", "version", "seed", "on", "list", "ratio", "tiny",
    ];
    let mut asked = Vec::new();
    for name in names {
        asked.push((id_of(&store, &owner.1, name, false).await, Which::Last));
    }
    let text = |text: &str| Cell::Text(text.to_owned());
    let expected = [
        Cell::Number(1e-4),
        Cell::Number(3.0),
        text("4.10"),
        text("007"),
        text("true"),
        text("[1]"),
        Cell::Number(-0.5),
        Cell::Number(1e-10),
    ];
    let rows = store
        .rows_of(&owner.1, std::slice::from_ref(&run), &asked)
        .await
        .expect("read");
    assert_eq!(rows[0].cells, expected);
    // The same when the configuration is told anew.
    sqlx::query("update profiles set config = config || ' ' where experiment_id = $1")
        .bind(run.as_str())
        .execute(&store.writer)
        .await
        .expect("stored");
    let rows = store
        .rows_of(&owner.1, std::slice::from_ref(&run), &asked)
        .await
        .expect("read");
    assert_eq!(rows[0].cells, expected);
}

/// Numbers, then texts, then what has neither: every page of both directions, joined, is the whole in that order.
#[tokio::test]
async fn pages_by_a_value_go_through_numbers_texts_and_nothing() {
    let (store, _folder) = fresh().await;
    let owner = first_admin(&store).await;
    let all_of = 3 * PAGE_ROWS as usize + 7;
    for n in 0..all_of {
        let config = match n % 3 {
            0 => format!("{{\"x\": {}}}", (n * 7919) % 101),
            1 => format!("{{\"x\": \"choice {}\"}}", (n * 31) % 5),
            _ => "{}".to_owned(),
        };
        experiment(&store, &owner, &format!("run {n}"), &config).await;
    }
    let column = id_of(&store, &owner.1, "x", false).await;
    let of = all();
    let wanted = Wanted {
        project: &owner.1,
        of: &of,
        with_archived: false,
        now: NOW,
    };
    for is_descending in [false, true] {
        let mut cells = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for page in 0..5 {
            let rows = store
                .page_of_rows(
                    &wanted,
                    Order::Value(column, Which::Last),
                    is_descending,
                    page,
                    &[(column, Which::Last)],
                )
                .await
                .expect("read");
            let expected = all_of.saturating_sub(page as usize * PAGE_ROWS as usize);
            assert_eq!(rows.len(), expected.min(PAGE_ROWS as usize), "page {page}");
            for row in rows {
                assert!(seen.insert(row.id.to_string()), "{} twice", row.name);
                cells.push(row.cells[0].clone());
            }
        }
        let rank = |cell: &Cell| match cell {
            Cell::Number(_) => 0,
            Cell::Text(_) => 1,
            Cell::Missing => 2,
        };
        assert_eq!(cells.len(), all_of);
        for pair in cells.windows(2) {
            let is_sorted = match (&pair[0], &pair[1]) {
                (Cell::Number(a), Cell::Number(b)) if is_descending => a >= b,
                (Cell::Number(a), Cell::Number(b)) => a <= b,
                (Cell::Text(a), Cell::Text(b)) if is_descending => a >= b,
                (Cell::Text(a), Cell::Text(b)) => a <= b,
                (a, b) => rank(a) <= rank(b),
            };
            assert!(is_sorted, "{pair:?}");
        }
    }
}
