//! A TensorBoard event file: scalars and the arguments as text, as torch's SummaryWriter writes them.
//!
//! A record is its length, the masked CRC of the length, the data, the masked CRC of the data; the data is a protobuf
//! `Event` (tensorflow/core/util/event.proto and framework/summary.proto).

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// An open event file.
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Makes `folder` and the file in it, which begins with its version.
    pub fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).context("create the tensorboard folder")?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = format!(
            "events.out.tfevents.{}.{}.{}.0",
            now() as u64,
            host.trim(),
            std::process::id()
        );
        let mut events = Self {
            file: File::create(folder.join(name)).context("create the event file")?,
        };
        events.write(None, |event| {
            event.bytes(3, b"brain.Event:2");
            let mut source = Message::default();
            source.bytes(1, b"tensorboard.summary.writer.event_file_writer");
            event.message(10, source);
        })?;
        Ok(events)
    }

    /// One number of one series.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        let mut point = Message::default();
        point.bytes(1, tag.as_bytes());
        point.float(2, value as f32);
        self.summary(step, point)
    }

    /// A text at step 0 under `tag/text_summary`.
    pub fn text(&mut self, tag: &str, text: &str) -> Result<()> {
        self.text_at(tag, 0, text)
    }

    /// The same at another step.
    pub fn text_at(&mut self, tag: &str, step: u64, text: &str) -> Result<()> {
        let mut plugin = Message::default();
        plugin.bytes(1, b"text");
        let mut metadata = Message::default();
        metadata.message(1, plugin);
        let mut dimension = Message::default();
        dimension.number(1, 1);
        let mut shape = Message::default();
        shape.message(2, dimension);
        let mut tensor = Message::default();
        tensor.number(1, 7); // DT_STRING
        tensor.message(2, shape);
        tensor.bytes(8, text.as_bytes());
        let mut point = Message::default();
        point.bytes(1, format!("{tag}/text_summary").as_bytes());
        point.message(8, tensor);
        point.message(9, metadata);
        self.summary(step, point)
    }

    fn summary(&mut self, step: u64, point: Message) -> Result<()> {
        self.write(Some(step), |event| {
            let mut summary = Message::default();
            summary.message(1, point);
            event.message(5, summary);
        })
    }

    fn write(&mut self, step: Option<u64>, fill: impl FnOnce(&mut Message)) -> Result<()> {
        let mut event = Message::default();
        event.double(1, now());
        if let Some(step) = step.filter(|step| *step > 0) {
            event.number(2, step);
        }
        fill(&mut event);
        let data = event.0;
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&data);
        record.extend(masked_crc(&data).to_le_bytes());
        self.file.write_all(&record).context("write an event")
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// A protobuf message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn message(&mut self, field: u64, value: Message) {
        self.bytes(field, &value.0);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

/// CRC-32C, rotated and shifted so that a CRC of data holding a CRC stays a good one.
fn masked_crc(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The captured event file (ms-swift 4.6.0, fixture lora_sft/runs), its first two records.
    const CAPTURED: &[u8] = include_bytes!("../../tests/fixtures/lora_sft.tfevents.head");

    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let crc = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(crc(8), masked_crc(&bytes[..8]));
            let data = &bytes[12..12 + length];
            assert_eq!(crc(12 + length), masked_crc(data));
            found.push(data.to_vec());
            bytes = &bytes[16 + length..];
        }
        found
    }

    #[test]
    fn records_are_framed_and_filled_as_torch_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path()).unwrap();
        events.text("use_ray", "False").unwrap();
        let file = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let ours = records(&std::fs::read(file).unwrap());
        let captured = records(CAPTURED);
        assert_eq!(captured.len(), 2);
        for (ours, captured) in ours.iter().zip(&captured) {
            // Behind the key and the eight bytes of the wall time, which differ, all is the same.
            assert_eq!(ours[9..], captured[9..]);
        }
    }
}
