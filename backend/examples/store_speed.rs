//! How fast the metric store is: `cargo run --release -p backend --example store_speed [FOLDER]`. Figures are CPU time of the process, on
//! whatever else the machine does.

use std::path::PathBuf;
use std::time::Duration;

use backend::store::{Origin, Store};
use backend::{Actor, Backend, Settings, clock, metrics};
use domain::ids::{ExperimentId, ProjectId, UserId};
use domain::metrics::{Batch, DrawRequest, Point, SeriesKey, Smoothing, Source, wire};

/// CPU time of this process so far: user and system ticks of /proc/self/stat would be coarse, the scheduler counts nanoseconds.
fn cpu() -> Duration {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        nanos += text
            .split(' ')
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Duration::from_nanos(nanos)
}

fn noise(n: u64) -> f64 {
    let bits = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64 / u64::MAX as f64
}

fn value(series: u64, step: i64) -> f64 {
    2.0 + 8.0 / (1.0 + step as f64 * 0.001) + 0.3 * noise(series << 40 | step as u64)
}

fn batch(series: std::ops::Range<u64>, steps: std::ops::Range<i64>) -> Batch {
    let mut batch = Batch::default();
    for n in series {
        let key = SeriesKey::plain(format!("train/metric_{n:03}"));
        for step in steps.clone() {
            let time_millis = 1_760_000_000_000 + step * 1000 + (noise(step as u64) * 40.0) as i64;
            batch.push(
                key.clone(),
                Point {
                    step,
                    time_millis,
                    value: value(n, step),
                },
            );
        }
    }
    batch
}

fn on_disk(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|file| {
            file.file_name()
                .to_string_lossy()
                .starts_with("trainyard.sqlite")
        })
        .filter_map(|file| file.metadata().ok())
        .map(|data| std::os::unix::fs::MetadataExt::blocks(&data) * 512)
        .sum()
}

async fn experiment(
    store: &Store,
    path: &std::path::Path,
) -> Result<(Actor, Vec<ExperimentId>), Box<dyn std::error::Error>> {
    let (user, project): (UserId, ProjectId) = (clock::new_id(), clock::new_id());
    store.replace_setup_link("link", clock::now()).await?;
    store
        .insert_first_admin(
            "link",
            &user,
            "ada",
            "hash",
            &project,
            "default",
            clock::now(),
        )
        .await?;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await?;
    let mut ids = Vec::new();
    for n in 0..8 {
        let id: ExperimentId = clock::new_id();
        sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, 0)")
            .bind(id.as_str())
            .bind(project.as_str())
            .bind(user.as_str())
            .bind(format!("run {n}"))
            .execute(&pool)
            .await?;
        ids.push(id);
    }
    pool.close().await;
    Ok((
        Actor {
            user,
            project,
            role: domain::people::Role::Admin,
        },
        ids,
    ))
}

async fn ask(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    request: &DrawRequest,
) -> Result<usize, backend::Error> {
    let drawn = metrics::draw(backend, actor, id, request).await?;
    Ok(wire::encode(&drawn).len())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("store-speed"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("trainyard.sqlite");
    let store = Store::open(&path).await?;
    let (actor, ids) = experiment(&store, &path).await?;
    let origin = |n: usize| Origin {
        experiment: &ids[n],
        attempt: 1,
        source: Source::Client,
    };
    let empty = on_disk(&folder);

    // Pushed in batches: 20 series, 50,000 points each, 1000 steps a batch.
    let batches: Vec<Batch> = (0..50)
        .map(|n| batch(0..20, n * 1000..(n + 1) * 1000))
        .collect();
    let before = cpu();
    for batch in &batches {
        store.append_points(&origin(0), batch, None).await?;
    }
    println!(
        "ingest, 20 series × 1000 points a batch: {:.3} µs a point",
        (cpu() - before).as_secs_f64()
    );
    println!(
        "on disk while live (with the log beside it): {:.2} B a point",
        (on_disk(&folder) - empty) as f64 / 1e6
    );
    drop(batches);

    // One step of 20 series a batch.
    let before = cpu();
    let begun = on_disk(&folder);
    for step in 0..5000 {
        store
            .append_points(&origin(1), &batch(0..20, step..step + 1), None)
            .await?;
    }
    println!(
        "ingest, 20 series × 1 point a batch: {:.2} µs a point",
        (cpu() - before).as_secs_f64() * 1e6 / 1e5
    );
    println!(
        "on disk meanwhile: {:.2} B a point",
        (on_disk(&folder) as f64 - begun as f64) / 1e5
    );

    // 20,000 series.
    let before = cpu();
    let many = batch(0..20_000, 0..1);
    store.append_points(&origin(2), &many, None).await?;
    println!(
        "first point of 20,000 series: {:.1} µs a series",
        (cpu() - before).as_secs_f64() * 1e6 / 2e4
    );
    let before = cpu();
    store
        .append_points(&origin(2), &batch(0..20_000, 1..2), None)
        .await?;
    println!(
        "next point of 20,000 series: {:.1} µs a series",
        (cpu() - before).as_secs_f64() * 1e6 / 2e4
    );

    // One of a million and one of ten million.
    for (n, length) in [(3, 1_000_000), (4, 10_000_000)] {
        for from in (0..length).step_by(100_000) {
            store
                .append_points(&origin(n), &batch(0..1, from..from + 100_000), None)
                .await?;
        }
    }
    for id in &ids[..3] {
        for series in store.loose_series(id).await? {
            store.compact(series).await?;
        }
    }
    store.close().await;
    println!(
        "on disk, packed and closed, 12.14 M points of 20,042 series: {:.2} B a point",
        (on_disk(&folder) - empty) as f64 / 12.14e6
    );

    let store = Store::open(&path).await?;
    let backend = Backend::new(store, Settings::new(folder.clone()))?;
    let of = |count: u64, smoothing, from: Option<f64>, to: Option<f64>| DrawRequest {
        series: (0..count)
            .map(|n| SeriesKey::plain(format!("train/metric_{n:03}")))
            .collect(),
        width_px: 1200,
        smoothing,
        from,
        to,
        ..DrawRequest::default()
    };
    let ema = Smoothing::Ema { weight: 0.6 };
    for (what, n, count, length) in [
        ("20 × 50 k", 0, 20, 50_000.0),
        ("1 M × 1", 3, 1, 1e6),
        ("10 M × 1", 4, 1, 1e7),
    ] {
        for smoothing in [
            Smoothing::None,
            ema,
            Smoothing::TimeWeighted { weight: 0.6 },
            Smoothing::Gaussian { deviation: 5.0 },
        ] {
            let before = cpu();
            let bytes = ask(&backend, &actor, &ids[n], &of(count, smoothing, None, None)).await?;
            let first = cpu() - before;
            let mut costs = Vec::new();
            let mut most = bytes;
            for zoom in 0..60_i32 {
                let width = length * 0.9_f64.powi(zoom * 3 / 2);
                let from = (length - width) * 0.37;
                let before = cpu();
                most = most.max(
                    ask(
                        &backend,
                        &actor,
                        &ids[n],
                        &of(count, smoothing, Some(from), Some(from + width)),
                    )
                    .await?,
                );
                costs.push(cpu() - before);
            }
            costs.sort();
            let mut whole = Vec::new();
            for _ in 0..9 {
                let before = cpu();
                metrics::draw(&backend, &actor, &ids[n], &of(count, smoothing, None, None)).await?;
                let drawn = cpu() - before;
                ask(&backend, &actor, &ids[n], &of(count, smoothing, None, None)).await?;
                whole.push((cpu() - before - drawn, drawn));
            }
            whole.sort();
            let (whole, cut) = whole[4];
            println!(
                "  whole again: {:.2} ms, {:.2} of them before it is packed",
                whole.as_secs_f64() * 1e3,
                cut.as_secs_f64() * 1e3
            );
            println!(
                "draw {what}, {smoothing:?}: first {:.1} ms, any zoom p50 {:.2} ms, most {:.2} ms; whole {bytes} B, most {most} B",
                first.as_secs_f64() * 1e3,
                costs[30].as_secs_f64() * 1e3,
                costs[59].as_secs_f64() * 1e3
            );
        }
    }
    // A point comes, everybody looks.
    let mut costs = Vec::new();
    for step in 0..50 {
        let origin = Origin {
            experiment: &ids[3],
            attempt: 1,
            source: Source::Client,
        };
        backend
            .store()
            .append_points(
                &origin,
                &batch(0..1, 1_000_000 + step..1_000_001 + step),
                None,
            )
            .await?;
        let before = cpu();
        ask(&backend, &actor, &ids[3], &of(1, ema, None, None)).await?;
        costs.push(cpu() - before);
    }
    costs.sort();
    println!(
        "draw 1 M × 1 after one more point: p50 {:.2} ms",
        costs[25].as_secs_f64() * 1e3
    );
    Ok(())
}
