//! Findings of small files; the verdicts beside real ms-swift are in scripts/test_datasets.py.

use std::fmt::Write;

use proptest::prelude::*;

use super::file::MOST_ROW_BYTES;
use super::*;
use crate::recipes::version::Version;

const GOOD: &str =
    r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;

fn check_in(bytes: &[u8], version: &str, piece: usize) -> Report {
    let mut checker = Checker::new(Version::parse(version).unwrap(), Shape::Json);
    for piece in bytes.chunks(piece.max(1)) {
        checker.push(piece);
    }
    checker.finish()
}

fn check(text: impl AsRef<[u8]>, version: &str) -> Report {
    check_in(text.as_ref(), version, usize::MAX)
}

/// The kinds, with line and column.
fn places(report: &Report) -> Vec<(Kind, u64, u64)> {
    let findings = report.findings.iter();
    findings
        .map(|found| (found.kind, found.line, found.column))
        .collect()
}

#[test]
fn a_finding_names_line_column_and_path() {
    let text = format!(
        "{GOOD}\n{}\n",
        r#"{"messages": [{"role": "user", "content": "问题"}, {"role": "narrator", "content": "x"}]}"#
    );
    let report = check(&text, "4.6.0");
    assert_eq!(places(&report), [(Kind::UnknownRole, 2, 59)]);
    let found = &report.findings[0];
    assert_eq!((found.row, &*found.path), (2, "messages[1].role"));
    assert_eq!(found.effect, Effect::Dropped);
    assert_eq!((report.rows, report.rows_lost), (2, 1));
    assert!(found.found.en.contains("narrator") && found.found.zh.contains("narrator"));
}

#[test]
fn a_fault_inside_a_text_is_placed_inside_it() {
    let row = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "tool_call", "content": "{\"name\": f}"}]}"#;
    let report = check(row, "4.6.0");
    let column = row.find("f}\"").unwrap() as u64 + 1;
    assert!(
        places(&report).contains(&(Kind::CallNotJson, 1, column)),
        "{:?}",
        report.findings
    );
}

#[test]
fn what_differs_between_releases() {
    let openai = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "content": "2"}, {"role": "assistant", "content": "a"}]}"#;
    let old = check(openai, "3.9.3");
    assert_eq!(old.counts[0].effect, Effect::EmptyTurn);
    assert_eq!((old.rows_lost, old.verdict.empty_turn), (0, 1));
    let new = check(openai, "4.6.0");
    assert_eq!((new.verdict.kept, new.tool_calls), (1, 1));

    let tools = r#"{"tools": [{"type": "function", "function": {"name": "f"}}], "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;
    let text = tools.replace(
        "[{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]",
        "\"[]\"",
    );
    let mixed = format!("{text}\n{tools}\n");
    assert!(check(&mixed, "3.9.3").verdict.file_fails);
    assert_eq!(check(&mixed, "4.6.0").verdict.kept, 2);
    let object = tools
        .replace("[{\"type\"", "{\"type\"")
        .replace("}}]", "}}");
    assert_eq!(check(format!("{GOOD}\n{object}\n"), "3.9.3").rows_lost, 1);
    assert_eq!(check(format!("{GOOD}\n{object}\n"), "4.6.0").rows_lost, 0);
}

#[test]
fn damage_is_named_and_ends_the_file() {
    for (bytes, kind, line, column) in [
        (
            format!("{GOOD}\n{{\"messages\": [{{\"role\": \"us\n{GOOD}\n").into_bytes(),
            Kind::UnfinishedRow,
            2,
            27,
        ),
        (
            format!("{GOOD} xyz\n").into_bytes(),
            Kind::UnexpectedCharacter,
            1,
            GOOD.len() as u64 + 2,
        ),
        (
            GOOD.replacen('q', "q\0", 1).into_bytes(),
            Kind::NulByte,
            1,
            45,
        ),
        (
            GOOD.replacen('q', "\\ud800", 1).into_bytes(),
            Kind::LoneSurrogate,
            1,
            44,
        ),
        (
            GOOD.replacen('q', "\\q", 1).into_bytes(),
            Kind::BadEscape,
            1,
            44,
        ),
        (
            GOOD.replacen('q', "\t", 1).into_bytes(),
            Kind::ControlCharacter,
            1,
            44,
        ),
        (
            GOOD.replacen("\"content\"", "\"role\"", 1).into_bytes(),
            Kind::DuplicateKey,
            1,
            32,
        ),
        (
            GOOD.replace('"', "'").into_bytes(),
            Kind::UnexpectedCharacter,
            1,
            2,
        ),
        (b"\xff\xfe{\0".to_vec(), Kind::Utf16, 1, 1),
        (
            GOOD.replacen('q', "\u{1}", 1).into_bytes(),
            Kind::ControlCharacter,
            1,
            44,
        ),
        (
            [b"{\"a\": \"", &b"\xe9"[..], b"\"}"].concat(),
            Kind::NotUtf8,
            1,
            8,
        ),
        (b"".to_vec(), Kind::EmptyFile, 1, 1),
        (b"\n\n".to_vec(), Kind::EmptyFile, 1, 1),
        (
            format!("[{GOOD},\n{GOOD},\n]").into_bytes(),
            Kind::UnexpectedCharacter,
            3,
            1,
        ),
        (
            format!("[{GOOD},\n{GOOD}").into_bytes(),
            Kind::UnfinishedRow,
            2,
            GOOD.len() as u64 + 1,
        ),
        (format!("[{GOOD}]\nx").into_bytes(), Kind::AfterArray, 2, 1),
    ] {
        for version in ["3.9.3", "4.6.0"] {
            let report = check(&bytes, version);
            assert!(
                report.verdict.file_fails,
                "{}",
                String::from_utf8_lossy(&bytes)
            );
            assert!(
                places(&report).contains(&(kind, line, column)),
                "{:?} {:?}",
                String::from_utf8_lossy(&bytes),
                report.findings
            );
        }
    }
}

#[test]
fn what_is_harmless_is_let_through() {
    let bom = format!("\u{feff}{GOOD}\r\n\r\n{GOOD}\r\n");
    let report = check(&bom, "3.9.3");
    assert_eq!((report.rows, report.verdict.kept), (2, 2));
    assert_eq!(places(&report), [(Kind::ByteOrderMark, 1, 1)]);
    let pretty = GOOD.replace("[", "[\n  ").replace(", {", ",\n  {");
    let report = check(&pretty, "4.6.0");
    assert_eq!((report.rows, report.rows_lost), (1, 0));
    let array = format!("[\n{GOOD},\n{GOOD}\n]\n");
    assert_eq!(check(&array, "3.9.3").verdict.kept, 2);
}

#[test]
fn a_bomb_of_brackets_and_a_row_without_end_are_named() {
    let bomb = format!(
        "{}\n{GOOD}\n",
        "[".repeat(1 << 20).replacen('[', "{\"a\":[", 1)
    );
    let report = check(&bomb, "4.6.0");
    assert!(
        places(&report)
            .iter()
            .any(|place| place.0 == Kind::NestedTooDeep),
        "{:?}",
        report.findings
    );

    let mut checker = Checker::new(Version::parse("4.6.0").unwrap(), Shape::Json);
    checker.push(GOOD.as_bytes());
    checker.push(b"\n{\"messages\": [{\"role\": \"user\", \"content\": \"");
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..=(MOST_ROW_BYTES >> 20) {
        checker.push(&piece);
    }
    checker.push(b"\"}]}\n");
    checker.push(GOOD.as_bytes());
    let report = checker.finish();
    assert_eq!((report.rows, report.rows_lost), (3, 1));
    let long = &report.findings[0];
    assert_eq!((long.kind, long.line), (Kind::RowTooLong, 2));
    assert!(
        long.found
            .en
            .contains(&(43 + 4 + ((MOST_ROW_BYTES >> 20) + 1) * (1 << 20)).to_string()),
        "{}",
        long.found.en
    );
}

#[test]
fn what_comes_after_ten_mebibytes_must_have_been_there_before() {
    let mut text = String::new();
    let filler = GOOD.replacen('q', &"q".repeat(2000), 1);
    while text.len() <= 10 << 20 {
        let _ = writeln!(text, "{filler}");
    }
    let lines = text.lines().count() as u64;
    let late = |row: &str| check(format!("{text}{GOOD}\n{row}\n"), "4.6.0");
    let column = late(&GOOD.replacen('{', "{\"id\": 1, ", 1));
    assert_eq!(places(&column), [(Kind::LateColumn, lines + 2, 8)]);
    let key = late(&GOOD.replacen("\"a\"", "\"a\", \"loss\": false", 1));
    assert!(key.verdict.file_fails, "{:?}", key.findings);
    assert!(!late(GOOD).verdict.file_fails);
}

#[test]
fn many_findings_are_counted_and_some_are_listed() {
    let row = GOOD.replacen("user", "nobody", 1);
    let text: String = (0..1000).map(|_| format!("{row}\n")).collect();
    let report = check(text + GOOD, "4.6.0");
    assert_eq!((report.rows_lost, report.findings.len()), (1000, LISTED));
    assert_eq!(
        (report.counts[0].count, report.finding_count()),
        (1000, 1000)
    );
}

#[test]
fn marks_say_where_each_row_lies() {
    let pretty = GOOD.replace("[", "[\n  ");
    let bad = GOOD.replacen("user", "nobody", 1);
    for text in [
        format!("{GOOD}\r\n\n  {bad}\n{pretty}\n{GOOD}"),
        format!("\u{feff}{GOOD}{bad}\n{GOOD}"),
        format!(" [ {GOOD} ,\n{pretty},{bad}\n]\n")
            .trim_start()
            .to_owned(),
    ] {
        let mut checker = Checker::new(Version::parse("4.6.0").unwrap(), Shape::Json).with_marks();
        let mut marks = Vec::new();
        for piece in text.as_bytes().chunks(7) {
            checker.push(piece);
            marks.extend(checker.take_marks());
        }
        checker.end();
        marks.extend(checker.take_marks());
        let rows: Vec<_> = marks
            .iter()
            .map(|mark| text[mark.start as usize..mark.end as usize].trim())
            .collect();
        for (row, mark) in rows.iter().zip(&marks) {
            assert!(
                serde_json::from_str::<serde_json::Value>(row).is_ok(),
                "{row}"
            );
            assert_eq!(mark.effect == Effect::Dropped, *row == bad, "{row}");
        }
        assert!(rows.len() >= 3 && rows[0] == GOOD, "{rows:?}");
    }
}

#[test]
fn every_kind_has_its_own_name() {
    let names: std::collections::BTreeSet<_> = Kind::ALL
        .iter()
        .map(|kind| serde_json::to_string(kind).unwrap())
        .collect();
    assert_eq!(names.len(), Kind::ALL.len());
}

fn any_row() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(GOOD.to_owned()),
        Just(GOOD.replacen("user", "nobody", 1)),
        Just("{\"query\": \"q\", \"response\": null}".to_owned()),
        Just("{\"messages\":\n [ ]\n}".to_owned()),
        Just("null".to_owned()),
        Just("{\"messages\": \"[]\"}".to_owned()),
        "[\\[\\]{}\",:a0 \\\\\n]{0,40}",
    ]
}

proptest! {
    /// However a file is cut into pieces, the report is the same; and no bytes end the program.
    #[test]
    fn pieces_of_any_size_say_the_same(rows in prop::collection::vec(any_row(), 0..6), is_array: bool, piece in 1usize..50, version in prop::sample::select(vec!["3.9.3", "3.12.6", "4.6.0"])) {
        let text = if is_array { format!("[{}]", rows.join(",\n")) } else { rows.join("\n") };
        let whole = check(&text, version);
        prop_assert_eq!(&check_in(text.as_bytes(), version, piece), &whole);
        let verdict = &whole.verdict;
        prop_assert_eq!(verdict.kept + verdict.changed + verdict.empty_turn + verdict.dropped, whole.rows);
    }

    #[test]
    fn no_bytes_end_the_program(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let report = check(&bytes, "4.6.0");
        prop_assert!(report.rows_lost <= report.rows);
    }

    /// What serde_json reads as one JSON value, the scanner reads too, and the other way round where nothing was noted.
    #[test]
    fn reads_what_serde_json_reads(text in "[\\[\\]{}\":,a0-9eE.+ \\\\n-]{0,30}|\\{\"[a-z\\\\u0-9]{0,8}\":(true|null|[0-9.eE+-]{1,6}|\\[[0-9, ]{0,8}\\])\\}") {
        let mut parser = super::json::Parser::default();
        let ours = super::json::read(&mut parser, text.as_bytes());
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        if theirs.is_ok() {
            prop_assert!(ours.is_ok(), "{text}: {ours:?}");
        } else if ours.is_ok() {
            prop_assert!(!parser.faults.is_empty() || text.contains("Inf") || text.contains("NaN"), "{text}: {:?}", theirs.err());
        }
    }
}
