//! Files as writers make them, and as disks leave them.

use std::collections::BTreeMap;

use super::super::jsonl;
use super::*;

const LORA: &[u8] = include_bytes!(
    "../../../fixtures/megatron-swift-4.6.0/lora_sft/runs/events.out.tfevents.1795477389.vm.966.0"
);
const FULL: &[u8] = include_bytes!(
    "../../../fixtures/megatron-swift-4.6.0/full_sft/runs/events.out.tfevents.1795477493.vm.1508.0"
);

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(&mut bytes, wire::bytes(number));
    varint(&mut bytes, content.len() as u64);
    bytes.extend(content);
    bytes
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let crc = |bytes: &[u8]| masked(crc32c::crc32c(bytes)).to_le_bytes();
    [&length, &crc(&length)[..], data, &crc(data)].concat()
}

fn event(wall_time: f64, step: i64, rest: &[u8]) -> Vec<u8> {
    let mut data = vec![9];
    data.extend(wall_time.to_le_bytes());
    data.push(0x10);
    varint(&mut data, step.cast_unsigned());
    data.extend(rest);
    record(&data)
}

fn scalar(tag: &str, step: i64, value: f32) -> Vec<u8> {
    let mut own = field(1, tag.as_bytes());
    own.push(0x15);
    own.extend(value.to_le_bytes());
    event(1.7e9 + step as f64, step, &field(5, &field(1, &own)))
}

fn tensor(tag: &str, step: i64, tensor: &[u8], plugin: Option<&str>) -> Vec<u8> {
    let mut own = field(1, tag.as_bytes());
    own.extend(field(8, tensor));
    if let Some(plugin) = plugin {
        own.extend(field(9, &field(1, &field(1, plugin.as_bytes()))));
    }
    event(1.7e9, step, &field(5, &field(1, &own)))
}

fn version(step: i64) -> Vec<u8> {
    event(1.7e9, step, &field(3, b"brain.Event:2"))
}

fn start(step: i64) -> Vec<u8> {
    event(1.7e9, step, &field(7, &[8, 1]))
}

fn losses(steps: std::ops::Range<i64>) -> Vec<u8> {
    steps
        .flat_map(|step| scalar("loss", step, step as f32 / 2.0))
        .collect()
}

type Points = BTreeMap<(u32, String), Vec<(i64, f64)>>;

fn points(reader: &mut Reader) -> Points {
    let mut all = Points::new();
    reader.drain(|attempt, tag, points| {
        all.entry((attempt, tag.to_owned()))
            .or_default()
            .extend(points.iter().map(|point| (point.step, point.value)));
    });
    all
}

/// Files of one run, cut into pieces of `stride` bytes.
fn read(files: &[&[u8]], stride: usize) -> (Points, Reader) {
    let mut reader = Reader::new(Some(crc32c::crc32c));
    for file in files {
        let id = reader.open();
        for piece in file.chunks(stride) {
            reader.push(id, piece);
        }
    }
    (points(&mut reader), reader)
}

fn steps(points: &Points, attempt: u32, tag: &str) -> Vec<i64> {
    let own = points.get(&(attempt, tag.to_owned()));
    own.map(|points| points.iter().map(|(step, _)| *step).collect())
        .unwrap_or_default()
}

fn damage(reader: &Reader) -> Vec<(u64, What)> {
    let (named, count) = reader.damage(FileId(0));
    assert_eq!(named.len() as u64, count);
    named
        .iter()
        .map(|damage| (damage.offset, damage.what))
        .collect()
}

#[test]
fn checksums_are_masked_as_tensorflow_does_it() {
    // Of TensorBoard's own tests, `masked_crc.rs`.
    assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(
        masked(crc32c::crc32c(b"\x1a\x11CRC test, one two")),
        0x5794_d08a
    );
    assert_eq!(masked(crc32c::crc32c(&24u64.to_le_bytes())), 0x224b_7fa3);
}

#[test]
fn the_captured_files_say_what_their_logging_jsonl_says_value_for_value() {
    let logs: [&[u8]; 2] = [
        include_bytes!("../../../fixtures/megatron-swift-4.6.0/lora_sft/logging.jsonl"),
        include_bytes!("../../../fixtures/megatron-swift-4.6.0/full_sft/logging.jsonl"),
    ];
    for (file, log) in [LORA, FULL].into_iter().zip(logs) {
        let (points, reader) = read(&[file], file.len());
        assert_eq!((damage(&reader), reader.pending(FileId(0))), (vec![], 0));
        assert_eq!(reader.offset(FileId(0)), file.len() as u64);
        let mut compared = 0;
        let mut expected: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
        for record in jsonl::Reader::default().push(log) {
            for (name, value) in record.values {
                let tag = match name.as_str() {
                    "loss" => "train/loss",
                    "grad_norm" => "train/grad_norm",
                    "learning_rate" => "train/learning_rate",
                    "memory_gib" => "train/memory(GiB)",
                    "seconds_per_iteration" => "train/train_speed(s_it)",
                    "eval_loss" => "eval/loss",
                    name => panic!("{name} has no tag"),
                };
                let step = record.step.expect("4.x names it");
                // The file holds single precision, the log eight decimals.
                expected.entry(tag).or_default().push((step, value));
            }
        }
        assert_eq!(points.len(), expected.len());
        for (tag, expected) in expected {
            let found = &points[&(1, tag.to_owned())];
            assert_eq!(found.len(), expected.len(), "{tag}");
            for ((step, found), (wanted_step, wanted)) in found.iter().zip(expected) {
                assert_eq!(*step, wanted_step, "{tag}");
                let single = f64::from(wanted as f32);
                assert!(
                    (found - single).abs() <= 1e-8 + single.abs() * 1e-6,
                    "{tag} at {step}: {found} is not {wanted}"
                );
                compared += 1;
            }
        }
        assert!(compared > 180, "{compared}");
        // Every argument of the run is a text.
        let text = &reader.others()["lr/text_summary"];
        assert_eq!((text.plugin.as_str(), text.count), ("text", 1));
        assert_eq!(text.text.as_deref(), Some("0.001"));
        assert!(reader.others().len() > 400);
    }
}

#[test]
fn it_does_not_matter_where_the_bytes_are_cut() {
    let double = [&[8, 2, 0x32, 8][..], &0.1f64.to_le_bytes()].concat();
    let mixed = [
        version(0),
        losses(0..20),
        tensor("t", 3, &double, Some("scalars")),
        vec![1; 40],
    ]
    .concat();
    for file in [FULL, &mixed] {
        let (whole, reader) = read(&[file], file.len());
        for stride in [1, 2, 3, 7, 11, 12, 13, 64, 1000] {
            let (cut, own) = read(&[file], stride);
            assert_eq!(cut, whole, "{stride}");
            assert_eq!(damage(&own), damage(&reader));
            assert_eq!(own.offset(FileId(0)), reader.offset(FileId(0)));
            assert_eq!(own.pending(FileId(0)), reader.pending(FileId(0)));
            assert_eq!(own.others(), reader.others());
        }
    }
}

#[test]
fn a_file_that_ends_in_mid_record_is_read_on_when_it_has_grown() {
    let whole = losses(0..10);
    for cut in 0..whole.len() {
        let mut reader = Reader::new(Some(crc32c::crc32c));
        let file = reader.open();
        reader.push(file, &whole[..cut]);
        assert_eq!(reader.damage(file).1, 0, "half a record is no damage");
        assert_eq!(reader.offset(file) + reader.pending(file), cut as u64);
        let before = points(&mut reader);
        // The console is started again: what it knows is the offset, and where each series stands.
        let stands = before.get(&(1, "loss".to_owned())).map(|own| Known {
            attempt: 1,
            tag: "loss".to_owned(),
            count: own.len() as u64,
            first_step: 0,
            last_step: own.len() as i64 - 1,
        });
        let mut again = Reader::resumed(Some(crc32c::crc32c), stands, &BTreeMap::new());
        let file = again.reopen(reader.offset(file), 1);
        again.push(file, &whole[reader.offset(FileId(0)) as usize..]);
        let mut all = steps(&before, 1, "loss");
        all.extend(steps(&points(&mut again), 1, "loss"));
        assert_eq!(all, (0..10).collect::<Vec<_>>(), "cut at {cut}");
    }
}

#[test]
fn damage_is_named_by_its_offset_and_the_rest_is_kept() {
    let one = losses(0..1).len();
    let whole = losses(0..5);
    // A bit of the data.
    let mut file = whole.clone();
    file[2 * one + 30] ^= 4;
    let (points, reader) = read(&[&file], 17);
    assert_eq!(steps(&points, 1, "loss"), [0, 1, 3, 4]);
    assert_eq!(damage(&reader), [(2 * one as u64, What::BadChecksum)]);
    // A bit of the length: what follows cannot be found.
    let mut file = whole.clone();
    file[2 * one] ^= 4;
    let (points, reader) = read(&[&file], 17);
    assert_eq!(steps(&points, 1, "loss"), [0, 1]);
    assert_eq!(damage(&reader), [(2 * one as u64, What::BadLength)]);
    assert!(reader.is_stopped(FileId(0)));
    // Whole, but no event.
    let file = [whole, record(&[0x0f, 1, 2]), losses(5..10)].concat();
    let (points, reader) = read(&[&file], 17);
    assert_eq!(steps(&points, 1, "loss").len(), 10);
    assert_eq!(damage(&reader), [(5 * one as u64, What::Unreadable)]);
}

#[test]
fn a_record_that_is_too_long_is_passed_over_without_being_held() {
    let mut reader = Reader::new(Some(crc32c::crc32c));
    let file = reader.open();
    reader.push(file, &losses(0..2));
    let length = (RECORD_LIMIT + 1).to_le_bytes();
    reader.push(file, &length);
    reader.push(file, &masked(crc32c::crc32c(&length)).to_le_bytes());
    let piece = vec![7; 1 << 20];
    for _ in 0..RECORD_LIMIT >> 20 {
        reader.push(file, &piece);
        assert!(reader.files[0].tail.is_empty(), "nothing of it is held");
    }
    // Its last byte, its checksum, and half of the next record.
    let rest = [vec![7; 5], losses(2..4)].concat();
    reader.push(file, &rest[..40]);
    reader.push(file, &rest[40..]);
    assert_eq!(steps(&points(&mut reader), 1, "loss"), [0, 1, 2, 3]);
    let bytes = RECORD_LIMIT + 1;
    assert_eq!(
        damage(&reader),
        [(losses(0..2).len() as u64, What::TooLong { bytes })]
    );
    assert_eq!(reader.pending(file), 0);
}

#[test]
fn numbers_of_every_kind_are_kept_to_the_last_bit() {
    let values = [
        f64::MAX,
        1e308,
        5e-324,
        -0.0,
        f64::MIN_POSITIVE,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        0.1,
    ];
    let mut file = version(0);
    for (step, value) in (0..).zip(values) {
        let double = [&[8, 2, 0x12, 0, 0x32, 8][..], &value.to_le_bytes()].concat();
        // Metadata only with the first value, as TensorFlow 2 writes it.
        file.extend(tensor(
            "double",
            step,
            &double,
            (step == 0).then_some("scalars"),
        ));
    }
    file.extend(scalar("single", -5, f32::MIN_POSITIVE / 8.0));
    let (points, reader) = read(&[&file], 100);
    assert_eq!(damage(&reader), []);
    let found: Vec<u64> = points[&(1, "double".to_owned())]
        .iter()
        .map(|(_, value)| value.to_bits())
        .collect();
    assert_eq!(found, values.map(f64::to_bits));
    assert_eq!(
        points[&(1, "single".to_owned())],
        [(-5, f64::from(f32::MIN_POSITIVE / 8.0))]
    );
}

#[test]
fn an_event_whose_time_is_no_number_is_left_out() {
    let mut own = field(1, b"loss");
    own.extend([0x15, 0, 0, 0, 0]);
    let nowhen = event(f64::NAN, 1, &field(5, &field(1, &own)));
    let (points, reader) = read(&[&[losses(0..1), nowhen, losses(2..3)].concat()], 50);
    assert_eq!(steps(&points, 1, "loss"), [0, 2]);
    assert_eq!((reader.undated(), damage(&reader)), (1, vec![]));
}

#[test]
fn what_is_no_scalar_is_counted_and_named() {
    let text = [&[8, 7, 0x12, 2, 0x12, 0][..], &field(8, b"hello")].concat();
    let double = [&[0x11][..], &3e-4f64.to_le_bytes()].concat();
    let entry = [field(1, b"lr"), field(2, &double)].concat();
    let content = field(3, &field(1, &entry));
    let named = field(1, &[field(1, b"hparams"), field(2, &content)].concat());
    let own = [field(1, b"_hparams_/session_start_info"), field(9, &named)].concat();
    let file = [
        tensor("note", 3, &text, Some("text")),
        tensor("note", 5, &text, None),
        event(1.7e9, 0, &field(5, &field(1, &own))),
    ]
    .concat();
    let (points, reader) = read(&[&file], 31);
    assert!(points.is_empty());
    let note = &reader.others()["note"];
    assert_eq!((note.plugin.as_str(), note.count), ("text", 2));
    assert_eq!((note.first_step, note.last_step), (3, 5));
    assert_eq!(note.text.as_deref(), Some("hello"));
    assert_eq!(
        reader.others()["_hparams_/session_start_info"].plugin,
        "hparams"
    );
    assert_eq!(reader.hparams()["lr"], hparams::Value::Number(3e-4));
}

#[test]
fn a_resume_keeps_both_attempts_with_purge_step_and_without() {
    let first = [version(0), losses(0..100)].concat();
    let plain = [version(80), losses(80..120)].concat();
    let purging = [version(80), start(80), losses(80..120)].concat();
    for second in [&plain, &purging] {
        let (points, _) = read(&[&first, second], 1000);
        assert_eq!(steps(&points, 1, "loss"), (0..100).collect::<Vec<_>>());
        assert_eq!(steps(&points, 2, "loss"), (80..120).collect::<Vec<_>>());
        // The same in one file, as `cat` makes it.
        let (joined, _) = read(&[&[&first[..], second].concat()], 999);
        assert_eq!(joined, points);
    }
}

#[test]
fn what_only_goes_on_is_no_new_attempt() {
    // A second file that goes on, a last evaluation at the last step, points out of order, other series at other steps.
    let files: [&[u8]; 2] = [
        &[
            version(0),
            losses(0..100),
            scalar("epoch", 1, 1.0),
            losses(100..150),
            scalar("loss", 148, 0.0),
            losses(150..151),
        ]
        .concat(),
        &[version(150), scalar("epoch", 2, 1.0), losses(150..160)].concat(),
    ];
    let (points, _) = read(&files, 77);
    assert_eq!(points.keys().map(|(attempt, _)| *attempt).max(), Some(1));
    assert_eq!(steps(&points, 1, "loss").len(), 100 + 50 + 1 + 1 + 10);
    assert_eq!(steps(&points, 1, "epoch"), [1, 2]);
}

#[test]
fn two_writers_at_the_same_time_stay_apart() {
    let mut reader = Reader::new(None);
    let (one, other) = (reader.open(), reader.open());
    for step in 0..50 {
        reader.push(one, &losses(step..step + 1));
        reader.push(other, &losses(step..step + 1));
        if step == 20 {
            reader.push(one, &losses(21..30));
        }
    }
    let points = points(&mut reader);
    let attempts: Vec<u32> = points.keys().map(|(attempt, _)| *attempt).collect();
    assert!(attempts.len() <= 3, "{attempts:?}");
    assert_eq!(points.values().map(Vec::len).sum::<usize>(), 109);
}

#[test]
fn twenty_thousand_series_and_a_name_of_four_kilobytes_are_kept() {
    let long = format!("<script>alert('{}')</script>", "学".repeat(1360));
    let mut file = scalar(&long, 1, 1.0);
    for step in 0..2 {
        for series in 0..20_000 {
            file.extend(scalar(&format!("layer/{series}/norm"), step, 1.0));
        }
    }
    let (points, reader) = read(&[&file], 1 << 16);
    assert_eq!(points.len(), 20_001);
    assert_eq!(steps(&points, 1, &long), [1]);
    assert_eq!(points.values().map(Vec::len).sum::<usize>(), 40_001);
    assert_eq!(reader.left_out(), 0);
}

#[test]
fn damaged_files_break_nothing() {
    let double = [&[8, 2, 0x12, 0, 0x32, 8][..], &0.1f64.to_le_bytes()].concat();
    let mixed = [
        version(0),
        losses(0..9),
        start(3),
        tensor("t", 3, &double, Some("scalars")),
        losses(3..12),
    ]
    .concat();
    fuzzing::run("tfevents", &[LORA, FULL, &mixed], |bytes| {
        // Unchecked, damage goes deeper; cut in two, the tail is used.
        for check in [None, Some(crc32c::crc32c as Crc32c)] {
            let mut reader = Reader::new(check);
            let file = reader.open();
            let (before, after) = bytes.split_at(bytes.len() / 3);
            reader.push(file, before);
            reader.push(file, after);
            assert_eq!(
                reader.offset(file) + reader.pending(file),
                bytes.len() as u64
            );
            let kept: usize = points(&mut reader).values().map(Vec::len).sum();
            assert!(kept <= bytes.len());
        }
    });
}
