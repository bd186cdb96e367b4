//! A process that stores points is killed again and again: what it said was stored is there once, and nothing is there twice.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backend::clock;
use backend::store::{Offset, Origin, Store};
use domain::ids::{ExperimentId, ProjectId, UserId};
use domain::metrics::{Batch, Point, SeriesKey, Source};

const ROUNDS: u64 = 100;
const SERIES: [&str; 3] = ["loss", "grad_norm", "lr"];

/// Where the child finds its database, its experiment and the batch that it begins with.
const DATABASE: &str = "KILLED_DATABASE";
const EXPERIMENT: &str = "KILLED_EXPERIMENT";
const FROM: &str = "KILLED_FROM";

/// Points of a batch: single ones, and enough to pass the borders of blocks often.
fn steps(batch: u64) -> std::ops::Range<i64> {
    let begin = |batch: u64| (batch / 4 * 303 + [0, 1, 2, 102][(batch % 4) as usize]) as i64;
    begin(batch)..begin(batch + 1)
}

fn points(batch: u64) -> Batch {
    let mut points = Batch::default();
    for step in steps(batch) {
        for name in SERIES {
            let point = Point {
                step,
                time_millis: step * 1000,
                value: step as f64 / 7.0,
            };
            points.push(SeriesKey::plain(name), point);
        }
    }
    points
}

fn origin(experiment: &ExperimentId) -> Origin<'_> {
    Origin {
        experiment,
        attempt: 1,
        source: Source::Jsonl,
    }
}

async fn experiment(store: &Store, database: &Path) -> ExperimentId {
    let (user, project, id): (UserId, ProjectId, ExperimentId) =
        (clock::new_id(), clock::new_id(), clock::new_id());
    let now = clock::now();
    store.replace_setup_link("link", now).await.expect("stored");
    store
        .insert_first_admin("link", &user, "ada", "hash", &project, "default", now)
        .await
        .expect("made");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", database.display()))
        .await
        .expect("opened");
    sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, 'run', 0)")
        .bind(id.as_str())
        .bind(project.as_str())
        .bind(user.as_str())
        .execute(&pool)
        .await
        .expect("stored");
    pool.close().await;
    id
}

/// The process that is killed: stores one batch after the other and says so after each.
#[tokio::test]
#[ignore = "is started by the other test"]
async fn child() {
    let (Ok(database), Ok(id), Ok(from)) = (
        std::env::var(DATABASE),
        std::env::var(EXPERIMENT),
        std::env::var(FROM),
    ) else {
        return;
    };
    let store = Store::open(&PathBuf::from(database)).await.expect("opened");
    let id: ExperimentId = id.parse().expect("an id");
    for batch in from.parse::<u64>().expect("a number").. {
        let offset = Offset {
            file: "logging.jsonl".to_owned(),
            from: batch,
            to: batch + 1,
            inode: 1,
        };
        // False: it was stored before the kill, and nobody had heard of it.
        store
            .append_points(&origin(&id), &points(batch), Some(&offset))
            .await
            .expect("stored");
        println!("\nstored {batch}");
    }
}

#[tokio::test]
async fn no_point_is_lost_or_doubled_by_a_hundred_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("trainyard.sqlite");
    let store = Store::open(&database).await.expect("opened");
    let id = experiment(&store, &database).await;
    store.close().await;
    let mut next = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(DATABASE, &database)
            .env(EXPERIMENT, id.as_str())
            .env(FROM, next.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("an output")).lines();
        let stored = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("stored ")?.parse::<u64>().ok());
        // Killed while it stores what comes after this one.
        let last = stored
            .take(1 + round as usize % 7)
            .last()
            .expect("something was stored");
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(last >= next, "round {round} went back");
        next = last + 1;
    }
    let store = Store::open(&database).await.expect("opened");
    let standing = store
        .metric_offset(&id, 1, "logging.jsonl")
        .await
        .expect("read")
        .expect("known");
    assert!(standing.offset >= next && standing.offset <= next + ROUNDS);
    let expected: Vec<i64> = (0..steps(standing.offset).start).collect();
    for name in SERIES {
        let rows = store
            .series_of(&id, 1, &SeriesKey::plain(name))
            .await
            .expect("read");
        let columns = store.columns(&rows[0], 0).await.expect("read");
        assert_eq!(columns.steps, expected, "{name}");
        assert_eq!(rows[0].summary.count, expected.len() as u64);
    }
    assert!(
        expected.len() > 10_000,
        "{} points are too few to mean anything",
        expected.len()
    );
}
