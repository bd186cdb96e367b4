//! What the SwanLab client posts to `/api/house/metrics`: scalars, media and log lines, of releases 0.6 to 0.10.
//!
//! The shapes were recorded from the unmodified clients. A body is taken as far as it can be read: one item that cannot is counted and
//! left out, since a refused body would be thrown away by new clients and sent again for ever by old ones.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::stamp;
use crate::metrics::{Batch, Point, SeriesKey};

/// A body that was read.
#[derive(Debug, PartialEq)]
pub struct Post {
    /// The public id of the run it belongs to.
    pub run: String,
    pub items: Items,
    /// Items that could not be read.
    pub rejected: u64,
}

#[derive(Debug, PartialEq)]
pub enum Items {
    Scalars(Batch),
    Media(Vec<MediaItem>),
    Logs(Vec<LogLine>),
    /// A type that no known client sends.
    Unknown,
}

/// One image, text or the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaItem {
    pub name: String,
    pub step: i64,
    /// Among those of the same name and step.
    pub position: u32,
    /// The path of its file; of a text of an old client the text itself.
    pub said: String,
    pub caption: String,
    pub time_millis: i64,
}

/// One line of what the program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Counted by the client from 1; together with the time it stays the same when it is sent again.
    pub line: i64,
    pub micros: i64,
    /// `INFO`, `WARN`, `ERROR`.
    pub level: String,
    pub message: String,
}

/// No body of a client: not JSON, or without run and type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAPost(pub String);

/// Names beyond this are cut; the client's own limit is 512 characters.
pub const NAME_BYTES: usize = 8192;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "experimentId")]
    run: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    metrics: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Scalar<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    /// Raw, since JSON's own numbers would be rounded on the way, and out of range for some.
    #[serde(borrow)]
    index: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow, default)]
    create_time: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    index: &'a RawValue,
    data: OneOrMany,
    #[serde(default)]
    more: Option<Vec<Option<More>>>,
    #[serde(borrow, default)]
    create_time: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct More {
    #[serde(default)]
    caption: Option<String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    epoch: &'a RawValue,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    create_time: Option<Cow<'a, str>>,
}

/// Reads a body; series have the names the client gave them. An item without a time is of `now_millis`.
pub fn read(body: &[u8], now_millis: i64) -> Result<Post, NotAPost> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| NotAPost(format!("not a body of metrics: {error}")))?;
    let mut reader = Items::of(&envelope.kind);
    let mut rejected = 0;
    for item in &envelope.metrics {
        let text = item.get();
        let is_taken = match &mut reader {
            Items::Scalars(batch) => scalar(text, now_millis, batch).is_some(),
            Items::Media(all) => media(text, now_millis, all).is_some(),
            Items::Logs(all) => line(text, now_millis).map(|line| all.push(line)).is_some(),
            Items::Unknown => false,
        };
        rejected += u64::from(!is_taken);
    }
    Ok(Post {
        run: envelope.run.into_owned(),
        items: reader,
        rejected,
    })
}

impl Items {
    fn of(kind: &str) -> Items {
        match kind {
            "scalar" => Items::Scalars(Batch::default()),
            "media" => Items::Media(Vec::new()),
            "log" => Items::Logs(Vec::new()),
            _ => Items::Unknown,
        }
    }
}

fn scalar(text: &str, now_millis: i64, batch: &mut Batch) -> Option<()> {
    let item: Scalar = serde_json::from_str(text).ok()?;
    let point = Point {
        step: integer(item.index)?,
        time_millis: millis(item.create_time.as_deref(), now_millis),
        value: number(item.data)?,
    };
    batch.push(SeriesKey::plain(bounded(&item.key)), point);
    Some(())
}

fn media(text: &str, now_millis: i64, all: &mut Vec<MediaItem>) -> Option<()> {
    let item: Media = serde_json::from_str(text).ok()?;
    let data = match item.data {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    };
    let captions: Vec<String> = item
        .more
        .unwrap_or_default()
        .into_iter()
        .map(|more| more.and_then(|more| more.caption).unwrap_or_default())
        .collect();
    // The new client sends only the captions there are: with fewer than items nobody can tell whose they are.
    let is_aligned = captions.len() == data.len();
    let unclear = if is_aligned || captions.is_empty() {
        String::new()
    } else {
        format!("≈ {}", captions.join(" / "))
    };
    let step = integer(item.index)?;
    let time_millis = millis(item.create_time.as_deref(), now_millis);
    for (position, said) in data.into_iter().enumerate() {
        all.push(MediaItem {
            name: bounded(&item.key).to_owned(),
            step,
            position: u32::try_from(position).ok()?,
            said,
            caption: match captions.get(position) {
                Some(caption) if is_aligned => caption.clone(),
                _ => unclear.clone(),
            },
            time_millis,
        });
    }
    Some(())
}

fn line(text: &str, now_millis: i64) -> Option<LogLine> {
    let line: Line = serde_json::from_str(text).ok()?;
    Some(LogLine {
        line: integer(line.epoch)?,
        micros: line
            .create_time
            .as_deref()
            .and_then(stamp::micros)
            .unwrap_or(now_millis * 1000),
        level: line.level.into_owned(),
        message: line.message.into_owned(),
    })
}

fn millis(time: Option<&str>, now_millis: i64) -> i64 {
    time.and_then(stamp::micros)
        .map_or(now_millis, |micros| micros.div_euclid(1000))
}

/// At most `NAME_BYTES` of a name, whole characters.
pub fn bounded(name: &str) -> &str {
    if name.len() <= NAME_BYTES {
        return name;
    }
    let end = (0..=NAME_BYTES)
        .rev()
        .find(|at| name.is_char_boundary(*at))
        .unwrap_or(0);
    &name[..end]
}

/// A step; `5.0` is one too.
fn integer(raw: &RawValue) -> Option<i64> {
    let text = raw.get();
    text.parse().ok().or_else(|| {
        let value: f64 = text.parse().ok()?;
        let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
        is_whole.then_some(value as i64)
    })
}

/// A value: a number, or NaN and the infinities as strings, as Python's clients write them.
pub(super) fn number(raw: &RawValue) -> Option<f64> {
    match raw.get() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => match text.strip_prefix('"') {
            Some(rest) => non_finite(rest.strip_suffix('"')?),
            None => text.parse().ok(),
        },
    }
}

/// `NaN`, `INF`, `-inf`, `Infinity` in any case.
pub(super) fn non_finite(word: &str) -> Option<f64> {
    let (sign, bare) = match word.strip_prefix('-') {
        Some(bare) => (-1.0, bare),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    };
    if bare.eq_ignore_ascii_case("nan") {
        Some(f64::NAN)
    } else if bare.eq_ignore_ascii_case("inf") || bare.eq_ignore_ascii_case("infinity") {
        Some(sign * f64::INFINITY)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
