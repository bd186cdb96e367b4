//! Reads what was found and sums it up, series by series.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use domain::metrics::jsonl::{self, Record};
use domain::metrics::tfevents::{self, What};
use domain::metrics::{Point, stdout};
use serde::{Serialize, Serializer};

use super::Inspect;
use super::find::{Found, Kind};

/// Small enough to stay in the processor's cache on its way through.
const PIECE: usize = 256 << 10;

/// One run, as docs/inspect.md describes it.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub run: String,
    pub kind: &'static str,
    /// How often it was started, as far as its steps show.
    pub attempts: u32,
    pub series: Vec<Series>,
    /// Tags that are no scalars: texts, images, histograms …
    pub others: Vec<Other>,
    pub hparams: serde_json::Value,
    pub files: Vec<FileRead>,
    /// Events whose time is no number.
    pub undated: u64,
    /// Values of tags beyond the number that is kept.
    pub left_out: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Series {
    pub name: String,
    pub attempt: u32,
    pub points: u64,
    pub non_finite: u64,
    pub first_step: i64,
    #[serde(serialize_with = "any_number")]
    pub first_value: f64,
    pub last_step: i64,
    #[serde(serialize_with = "any_number")]
    pub last_value: f64,
    /// Of the finite values.
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Other {
    pub name: String,
    #[serde(flatten)]
    pub other: tfevents::Other,
}

#[derive(Debug, Serialize)]
pub(super) struct FileRead {
    pub path: String,
    pub bytes: u64,
    /// Of a last record or line that is not whole: the file is still being written, or was cut off.
    pub unfinished_bytes: u64,
    pub damage: Vec<Damage>,
    /// Of which `damage` names the first hundred.
    pub damage_count: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Damage {
    pub offset: u64,
    #[serde(flatten)]
    pub what: Said,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Said {
    Event(What),
    Line { what: &'static str },
}

impl Run {
    pub fn points(&self) -> u64 {
        self.series.iter().map(|series| series.points).sum()
    }

    fn is_empty(&self) -> bool {
        self.series.is_empty() && self.others.is_empty()
    }
}

/// JSON has no word for these.
fn any_number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        value if value.is_finite() => serializer.serialize_f64(value),
        value if value.is_nan() => serializer.serialize_str("NaN"),
        value if value > 0.0 => serializer.serialize_str("Infinity"),
        _ => serializer.serialize_str("-Infinity"),
    }
}

/// Processor time of this thread so far, in seconds; 0 where the kernel does not say.
pub(super) fn cpu_secs() -> f64 {
    let said = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = said
        .split(' ')
        .next()
        .and_then(|word| word.parse::<u64>().ok());
    nanos.unwrap_or_default() as f64 / 1e9
}

pub(super) fn all(found: &[Found], inspect: &Inspect) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for found in found {
        let run = match found.kind {
            Kind::Tfevents => events(found, inspect)?,
            Kind::Jsonl | Kind::Log => lines(found)?,
        };
        if !run.is_empty() || found.kind == Kind::Tfevents && is_damaged(&run) {
            runs.push(run);
        } else if found.is_named {
            return Err(format!(
                "{} holds no metrics: it was read as {}, and no record was found in it.",
                found.files[0].display(),
                match found.kind {
                    Kind::Tfevents => "a tfevents file",
                    Kind::Jsonl => "a logging.jsonl",
                    Kind::Log => "a train log",
                }
            ));
        }
    }
    // Damage alone is worth a word, but nothing was read.
    if runs.iter().all(Run::is_empty)
        && let Some(run) = runs.first()
    {
        let file = &run.files[0];
        return Err(format!("{}: {}", file.path, super::table::damage(file)));
    }
    Ok(runs)
}

fn is_damaged(run: &Run) -> bool {
    run.files.iter().any(|file| file.damage_count > 0)
}

/// Gives a file to `take`, piece by piece; its size.
fn pieces(path: &Path, mut take: impl FnMut(&[u8])) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}.", path.display());
    let mut file = File::open(path).map_err(failed)?;
    let (mut piece, mut size) = (vec![0; PIECE], 0);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(size),
            Ok(length) => {
                take(&piece[..length]);
                size += length as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

fn events(found: &Found, inspect: &Inspect) -> Result<Run, String> {
    let check = (!inspect.no_checksum).then_some(crc32c::crc32c as tfevents::Crc32c);
    let mut reader = tfevents::Reader::new(check);
    let mut sums = Sums::default();
    let mut files = Vec::new();
    for path in &found.files {
        let file = reader.open();
        let bytes = pieces(path, |piece| {
            reader.push(file, piece);
            if !inspect.timing {
                reader.drain(|attempt, tag, points| sums.add(attempt, tag, points));
            }
        })?;
        let (damage, damage_count) = reader.damage(file);
        let is_stopped = reader.is_stopped(file);
        files.push(FileRead {
            path: path.display().to_string(),
            bytes,
            unfinished_bytes: if is_stopped { 0 } else { reader.pending(file) },
            damage: damage
                .iter()
                .map(|damage| Damage {
                    offset: damage.offset,
                    what: Said::Event(damage.what),
                })
                .collect(),
            damage_count,
        });
    }
    reader.drain(|attempt, tag, points| sums.add(attempt, tag, points));
    let others = reader.others().iter().map(|(name, other)| Other {
        name: name.clone(),
        other: other.clone(),
    });
    Ok(Run {
        run: found.run.clone(),
        kind: "tfevents",
        others: others.collect(),
        hparams: serde_json::to_value(reader.hparams()).unwrap_or_default(),
        files,
        undated: reader.undated(),
        left_out: reader.left_out(),
        ..sums.run()
    })
}

fn lines(found: &Found) -> Result<Run, String> {
    let path = &found.files[0];
    let mut placer = Placer::default();
    let (mut log, mut json) = (stdout::Reader::default(), jsonl::Reader::default());
    let bytes = match found.kind {
        Kind::Log => {
            let bytes = pieces(path, |piece| placer.add(log.push(piece)))?;
            placer.add(log.finish().into_iter().collect());
            bytes
        }
        _ => pieces(path, |piece| placer.add(json.push(piece)))?,
    };
    let damage = json.bad_offsets.iter().map(|offset| Damage {
        offset: *offset,
        what: Said::Line { what: "bad_line" },
    });
    Ok(Run {
        run: found.run.clone(),
        kind: if found.kind == Kind::Log {
            "log"
        } else {
            "jsonl"
        },
        files: vec![FileRead {
            path: path.display().to_string(),
            bytes,
            unfinished_bytes: json.pending_bytes() as u64,
            damage: damage.collect(),
            damage_count: json.bad_lines,
        }],
        ..placer.sums.run()
    })
}

/// Gives records their steps and attempts.
#[derive(Default)]
struct Placer {
    sums: Sums,
    attempt: u32,
    newest: i64,
}

impl Placer {
    fn add(&mut self, records: Vec<Record>) {
        for record in records {
            // An evaluation of 3.x says no step; it follows the training record of its step.
            let step = record.step.unwrap_or(self.newest);
            if step < self.newest || self.attempt == 0 {
                self.attempt += 1;
            }
            self.newest = step;
            for (name, value) in record.values {
                let point = Point {
                    step,
                    time_millis: 0,
                    value,
                };
                self.sums.add(self.attempt, &name, &[point]);
            }
        }
    }
}

/// Sums of series by attempt and name, in the order in which they appeared.
#[derive(Default)]
struct Sums {
    all: Vec<Series>,
    places: BTreeMap<u32, HashMap<String, usize>>,
}

impl Sums {
    fn add(&mut self, attempt: u32, name: &str, points: &[Point]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let places = self.places.entry(attempt).or_default();
        let place = match places.get(name) {
            Some(place) => *place,
            None => {
                places.insert(name.to_owned(), self.all.len());
                self.all.push(Series {
                    name: name.to_owned(),
                    attempt,
                    points: 0,
                    non_finite: 0,
                    first_step: first.step,
                    first_value: first.value,
                    last_step: last.step,
                    last_value: last.value,
                    min: None,
                    max: None,
                });
                self.all.len() - 1
            }
        };
        let series = &mut self.all[place];
        series.points += points.len() as u64;
        (series.last_step, series.last_value) = (last.step, last.value);
        for value in points.iter().map(|point| point.value) {
            if value.is_finite() {
                series.min = Some(series.min.map_or(value, |min| min.min(value)));
                series.max = Some(series.max.map_or(value, |max| max.max(value)));
            } else {
                series.non_finite += 1;
            }
        }
    }

    fn run(self) -> Run {
        Run {
            run: String::new(),
            kind: "",
            attempts: self.places.keys().next_back().copied().unwrap_or(0),
            series: self.all,
            others: Vec::new(),
            hparams: serde_json::json!({}),
            files: Vec::new(),
            undated: 0,
            left_out: 0,
        }
    }
}
