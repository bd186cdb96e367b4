//! TensorBoard's event files: bytes as they arrive → points of every series, none left out.
//!
//! A file is a sequence of TFRecords, `u64 length | u32 masked CRC of the length | data | u32 masked CRC of the data`, little endian, no
//! index; each holds one `Event`. Own framing and walking of the wire format, since this is what an import's time goes into: a record
//! is read where it lies, and a scalar costs one comparison with the tag that followed the last one before.
//!
//! A run is one folder, whose files are read in the order of their names. A restarted trainer begins a new file at an earlier step: what
//! came before stays as an earlier attempt, and nothing is ever removed ([`segments`]).

mod event;
mod hparams;
mod segments;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::Point;
use event::{Event, Held, Tensor, Value};
pub use segments::Known;
use segments::{Segments, Writer};
use wire::Wire;

/// CRC-32C of some bytes (Castagnoli, as the `crc32c` crate calculates it): given in, since the fast ones are not for every target.
pub type Crc32c = fn(&[u8]) -> u32;

/// Bytes before and after a record's data.
const HEAD: usize = 12;
const FRAME: usize = 16;
/// A longer record is passed over instead of being kept in memory until it is whole; scalars come in records of some dozen bytes.
const RECORD_LIMIT: u64 = 64 << 20;
/// What protobuf itself can hold: a longer length is no length.
const LENGTH_LIMIT: u64 = 2 << 30;
/// Damage that is named; further damage is only counted.
const DAMAGE_LIMIT: usize = 100;
/// Tags without scalars that are named, and text of them that is kept.
const OTHERS_LIMIT: usize = 10_000;
const TEXT_LIMIT: usize = 4 << 10;
const TEXTS_LIMIT: usize = 1 << 20;
/// A longer tag is damage.
const TAG_LIMIT: usize = 16 << 10;

/// Reads one run: any number of files, each cut anywhere.
pub struct Reader {
    check: Option<Crc32c>,
    /// Masked CRCs of short lengths, calculated once each; 0: not yet.
    lengths: Box<[u32; 512]>,
    files: Vec<File>,
    segments: Segments,
    /// Plugins of tags that are not scalars.
    plugins: HashMap<Box<[u8]>, String>,
    others: BTreeMap<String, Other>,
    /// Bytes of all texts in `others`.
    text_bytes: usize,
    hparams: BTreeMap<String, hparams::Value>,
    undated: u64,
    left_out: u64,
}

/// One file of a run, as far as it was taken.
#[derive(Default)]
struct File {
    /// Where the first record lies that is not whole yet.
    at: u64,
    /// Bytes taken beyond `at`.
    pending: u64,
    /// Those of an unfinished record, unless it is passed over.
    tail: Vec<u8>,
    /// Bytes that are still to be passed over.
    skip: u64,
    is_stopped: bool,
    writer: Writer,
    damage: Vec<Damage>,
    damages: u64,
}

/// Something in a file that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Of the record in its file, in bytes.
    pub offset: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The record's length is not what was written: where the next record begins cannot be known, the rest of the file is not read.
    BadLength,
    /// The record's data is not what was written; the record is left out.
    BadChecksum,
    /// The record is no Event, or a value in it is none; what was not understood is left out.
    Unreadable,
    /// A record of so many bytes, which holds no scalars; it was passed over.
    TooLong { bytes: u64 },
}

/// A tag that is no scalar.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Other {
    /// TensorBoard's plugin: `text`, `histograms`, `images`, `hparams` …; empty where the file names none.
    pub plugin: String,
    pub count: u64,
    pub first_step: i64,
    pub last_step: i64,
    /// The newest text, where it is one and short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Names a file of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(usize);

impl Reader {
    /// A run of which nothing was read. Without `check`, checksums are not compared: faster, and damage shows only where a record
    /// cannot be read.
    pub fn new(check: Option<Crc32c>) -> Reader {
        Reader {
            check,
            lengths: Box::new([0; 512]),
            files: Vec::new(),
            segments: Segments::default(),
            plugins: HashMap::new(),
            others: BTreeMap::new(),
            text_bytes: 0,
            hparams: BTreeMap::new(),
            undated: 0,
            left_out: 0,
        }
    }

    /// Goes on with a run whose series stand where `known` says, in the order of their attempts, and whose other tags are `others`.
    pub fn resumed(
        check: Option<Crc32c>,
        known: impl IntoIterator<Item = Known>,
        others: &BTreeMap<String, Other>,
    ) -> Reader {
        let mut reader = Reader::new(check);
        for known in known {
            reader.segments.know(known);
        }
        for (tag, other) in others {
            reader.text_bytes += other.text.as_ref().map_or(0, String::len);
            // A tensor is one by its shape, whatever was said of it first.
            if other.plugin != "tensor" {
                let tag = tag.as_bytes().into();
                reader.plugins.insert(tag, other.plugin.clone());
            }
        }
        reader.others = others.clone();
        reader
    }

    /// The next file, to be read from its beginning. Files of one run are opened in the order of their names.
    pub fn open(&mut self) -> FileId {
        let writer = self.segments.writer();
        self.add(File {
            writer,
            ..File::default()
        })
    }

    /// A file that was read up to a record at `offset` and whose points went into `attempt`.
    pub fn reopen(&mut self, offset: u64, attempt: u32) -> FileId {
        let writer = self.segments.writer_in(attempt);
        self.add(File {
            at: offset,
            writer,
            ..File::default()
        })
    }

    fn add(&mut self, file: File) -> FileId {
        self.files.push(file);
        FileId(self.files.len() - 1)
    }

    /// Takes the next bytes of a file.
    pub fn push(&mut self, file: FileId, mut bytes: &[u8]) {
        // Taken out, so that file and series can be written to at once.
        let mut own = std::mem::take(&mut self.files[file.0]);
        own.pending += bytes.len() as u64;
        while !bytes.is_empty() && !own.is_stopped {
            if own.skip > 0 {
                let passed = bytes
                    .len()
                    .min(usize::try_from(own.skip).unwrap_or(usize::MAX));
                bytes = &bytes[passed..];
                own.skip -= passed as u64;
                if own.skip == 0 {
                    let rest = bytes.len() as u64;
                    own.at += own.pending - rest;
                    own.pending = rest;
                }
            } else if own.tail.is_empty() {
                let used = self.records(&mut own, bytes);
                bytes = &bytes[used..];
                if own.skip == 0 && !own.is_stopped {
                    own.tail.extend_from_slice(bytes);
                    break;
                }
            } else {
                // Only as much as the unfinished record lacks.
                let wanted = match own.tail.first_chunk::<8>() {
                    Some(length) if own.tail.len() >= HEAD => {
                        FRAME
                            + usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX / 2)
                    }
                    _ => HEAD,
                };
                let lacks = wanted.saturating_sub(own.tail.len()).min(bytes.len());
                own.tail.extend_from_slice(&bytes[..lacks]);
                bytes = &bytes[lacks..];
                let tail = std::mem::take(&mut own.tail);
                let used = self.records(&mut own, &tail);
                if own.skip > 0 {
                    // What is held of a record that is too long counts as passed over.
                    own.skip -= (tail.len() - used) as u64;
                } else if !own.is_stopped && used == 0 {
                    own.tail = tail;
                }
            }
        }
        if own.is_stopped {
            own.tail = Vec::new();
        }
        self.files[file.0] = own;
    }

    /// Reads whole records; how many bytes they were.
    fn records(&mut self, file: &mut File, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(head) = rest.first_chunk::<HEAD>() {
            let (length, crc) = split(head);
            if !self.is_length(length, crc) {
                file.note(What::BadLength);
                file.is_stopped = true;
                break;
            }
            if length > RECORD_LIMIT {
                file.note(What::TooLong { bytes: length });
                file.skip = length + FRAME as u64;
                break;
            }
            // Fits, as it is below the limit.
            let end = HEAD + length as usize;
            let Some((record, after)) = rest.split_at_checked(end + 4) else {
                break;
            };
            let data = &record[HEAD..end];
            let is_whole = self.check.is_none_or(|crc| {
                record.last_chunk::<4>() == Some(&masked(crc(data)).to_le_bytes())
            });
            if !is_whole {
                file.note(What::BadChecksum);
            } else if self.record(file, data).is_none() {
                file.note(What::Unreadable);
            }
            rest = after;
            file.at += record.len() as u64;
            file.pending -= record.len() as u64;
        }
        bytes.len() - rest.len()
    }

    #[inline(always)]
    fn is_length(&mut self, length: u64, crc: u32) -> bool {
        let Some(check) = self.check else {
            return length <= LENGTH_LIMIT;
        };
        let slot = usize::try_from(length)
            .ok()
            .and_then(|length| self.lengths.get_mut(length));
        match slot {
            Some(known) if *known == crc && crc != 0 => true,
            slot => {
                let right = masked(check(&length.to_le_bytes()));
                if let Some(slot) = slot {
                    *slot = right;
                }
                right == crc && length <= LENGTH_LIMIT
            }
        }
    }

    /// None: something in it was not understood.
    #[inline(always)]
    fn record(&mut self, file: &mut File, data: &[u8]) -> Option<()> {
        let event = Event::read(data)?;
        if !event.wall_time.is_finite() {
            self.undated += 1;
            return Some(());
        }
        if event.is_version {
            self.segments.begin_writer(&mut file.writer);
        }
        if event.is_start {
            self.segments.begin_session(&mut file.writer);
        }
        let Some(summary) = event.summary else {
            return Some(());
        };
        let mut summary = Wire(summary);
        let time_millis = (event.wall_time * 1000.0 + 0.5) as i64;
        while let Some(value) = event::next_value(&mut summary) {
            let value = value?;
            let number = match value.held {
                Held::Simple(number) => f64::from(number),
                _ => match self.other(&value, event.step)? {
                    Some(number) => number,
                    None => continue,
                },
            };
            let point = Point {
                step: event.step,
                time_millis,
                value: number,
            };
            if value.tag.len() > TAG_LIMIT {
                return None;
            }
            if !self.segments.push(&mut file.writer, value.tag, point) {
                self.left_out += 1;
            }
        }
        Some(())
    }

    /// A value that is no `simple_value`: its number, if it is one after all; else it is counted.
    #[inline(never)]
    fn other(&mut self, value: &Value<'_>, step: i64) -> Option<Option<f64>> {
        if value.tag.len() > TAG_LIMIT {
            return None;
        }
        let mut named = None;
        if let Some(metadata) = value.metadata {
            let said = event::plugin(metadata)?;
            if said.name == b"hparams" {
                hparams::read(said.content, &mut self.hparams);
            }
            if said.name != b"scalars" && !said.name.is_empty() {
                let name = String::from_utf8_lossy(said.name).into_owned();
                if self.plugins.len() < OTHERS_LIMIT {
                    self.plugins.insert(value.tag.into(), name.clone());
                }
                named = Some(name);
            }
        }
        if named.is_none() && !self.plugins.is_empty() {
            named = self.plugins.get(value.tag).cloned();
        }
        let (kind, text) = match value.held {
            Held::Tensor(tensor) => match Tensor::read(tensor)? {
                Tensor::Scalar(number) if named.is_none() => return Some(Some(number)),
                Tensor::Text(text) => ("text", text),
                _ => ("tensor", None),
            },
            Held::Legacy(kind) => (kind, None),
            Held::Simple(_) | Held::Nothing => ("", None),
        };
        let tag = String::from_utf8_lossy(value.tag);
        if self.others.len() >= OTHERS_LIMIT && !self.others.contains_key(&*tag) {
            self.left_out += 1;
            return Some(None);
        }
        let other = self
            .others
            .entry(tag.into_owned())
            .or_insert_with(|| Other {
                plugin: named.unwrap_or_else(|| kind.to_owned()),
                first_step: step,
                ..Other::default()
            });
        other.count += 1;
        other.last_step = step;
        let room = TEXTS_LIMIT.saturating_sub(self.text_bytes).min(TEXT_LIMIT);
        if let Some(text) = text.filter(|text| text.len() <= room) {
            self.text_bytes += text.len();
            other.text = Some(String::from_utf8_lossy(text).into_owned());
        }
        Some(None)
    }

    /// Hands over the points taken since the last call: (attempt from 1, tag, points in the order of arrival).
    pub fn drain(&mut self, each: impl FnMut(u32, &str, &[Point])) {
        self.segments.drain(each);
    }

    /// Up to where a file's records are read, in bytes: where reading goes on after a restart.
    pub fn offset(&self, file: FileId) -> u64 {
        self.files[file.0].at
    }

    /// Bytes taken beyond the offset: an unfinished record, or all that follows a bad length.
    pub fn pending(&self, file: FileId) -> u64 {
        self.files[file.0].pending
    }

    /// The attempt to which a file's next points belong, from 1.
    pub fn attempt(&self, file: FileId) -> u32 {
        self.files[file.0].writer.attempt()
    }

    /// A bad length was met: nothing more of this file can be read.
    pub fn is_stopped(&self, file: FileId) -> bool {
        self.files[file.0].is_stopped
    }

    /// The first damage of a file, and how much there was in all.
    pub fn damage(&self, file: FileId) -> (&[Damage], u64) {
        (&self.files[file.0].damage, self.files[file.0].damages)
    }

    /// Tags that are no scalars.
    pub fn others(&self) -> &BTreeMap<String, Other> {
        &self.others
    }

    /// Hyperparameters as TensorBoard's plugin of that name has them.
    pub fn hparams(&self) -> &BTreeMap<String, hparams::Value> {
        &self.hparams
    }

    /// Events whose time is not a number; they are left out.
    pub fn undated(&self) -> u64 {
        self.undated
    }

    /// Values that were left out because there are too many different tags.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl File {
    fn note(&mut self, what: What) {
        self.damages += 1;
        if self.damage.len() < DAMAGE_LIMIT {
            self.damage.push(Damage {
                offset: self.at,
                what,
            });
        }
    }
}

/// Length and its masked CRC.
fn split(head: &[u8; HEAD]) -> (u64, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *head;
    (
        u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        u32::from_le_bytes([i, j, k, l]),
    )
}

/// A CRC as TFRecords store it.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Whether a file that begins like this is a file of TFRecords: its first length is followed by its checksum.
pub fn is_event_file(beginning: &[u8], check: Crc32c) -> bool {
    beginning.first_chunk::<HEAD>().is_some_and(|head| {
        let (length, crc) = split(head);
        masked(check(&length.to_le_bytes())) == crc
    })
}

/// The runs below a folder, as TensorBoard names them: each folder with event files by its path relative to the first (`.` for that one
/// itself), and its files in the order in which they are read. Paths are relative, parts joined by `/`; other files are left out.
pub fn runs(paths: impl IntoIterator<Item = String>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", &path));
        if is_event_file_name(name) {
            all.entry(folder.to_owned()).or_default().push(path);
        }
    }
    all.values_mut().for_each(|files| files.sort());
    all
}

/// Whether TensorBoard would take a file of this name for an event file.
pub fn is_event_file_name(name: &str) -> bool {
    name.contains("tfevents")
}
