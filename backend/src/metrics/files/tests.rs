use ::parquet::file::reader::FileReader;
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::record::RowAccessor;
use domain::experiments::Experiment;
use domain::metrics::{Labels, Point, SeriesKey, Source, Summary};
use domain::time::Timestamp;

use super::*;

fn experiment() -> Experiment {
    Experiment {
        id: "01900000-0000-7000-8000-000000000001"
            .parse()
            .expect("an id"),
        project_id: "01900000-0000-7000-8000-000000000002"
            .parse()
            .expect("an id"),
        name: "损失/=cmd \"x\"".to_owned(),
        setup: None,
        created_at: Timestamp(0),
    }
}

fn series(name: &str, values: &[f64]) -> (Summary, Vec<Point>) {
    let points: Vec<Point> = (1..)
        .zip(values)
        .map(|(step, value)| Point {
            step,
            time_millis: step * 1000,
            value: *value,
        })
        .collect();
    let key = SeriesKey {
        name: name.to_owned(),
        labels: Labels::default().with("gpu", 0),
    };
    let summary = Summary {
        attempt: 2,
        source: Source::Client,
        key,
        count: points.len() as u64,
        non_finite: 0,
        first_step: 1,
        last_step: points.len() as i64,
        last: None,
        min: None,
        max: None,
    };
    (summary, points)
}

fn written(format: Format, all: &[(Summary, Vec<Point>)]) -> Vec<u8> {
    let mut writer = writer(&experiment(), format).expect("begun");
    let mut bytes = Vec::new();
    for (summary, points) in all {
        bytes.extend(writer.series(summary, points).expect("written"));
    }
    bytes.extend(writer.end().expect("ended"));
    bytes
}

#[test]
fn a_csv_keeps_names_with_commas_and_values_that_are_no_numbers() {
    let all = [series("a,\"b\"\n", &[0.1, f64::NAN, f64::NEG_INFINITY])];
    let bytes = written(Format::Csv, &all);
    let mut read = ::csv::Reader::from_reader(bytes.as_slice());
    let rows: Vec<::csv::StringRecord> = read.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(&rows[0][2], "a,\"b\"\n");
    assert_eq!(&rows[0][3], "{\"gpu\":\"0\"}");
    assert_eq!(
        (&rows[0][6], &rows[1][6], &rows[2][6]),
        ("0.1", "NaN", "-inf")
    );
    assert_eq!(rows[2][4].parse(), Ok(3));
}

#[test]
fn json_holds_columns_and_is_whole_without_any_series_too() {
    let all = [
        series("loss", &[1.5, f64::INFINITY]),
        series("lr", &[1e-308]),
    ];
    let read: serde_json::Value =
        serde_json::from_slice(&written(Format::Json, &all)).expect("JSON");
    assert_eq!(
        read["series"][0]["values"],
        serde_json::json!([1.5, "Infinity"])
    );
    assert_eq!(read["series"][1]["values"][0].as_f64(), Some(1e-308));
    let none: serde_json::Value =
        serde_json::from_slice(&written(Format::Json, &[])).expect("JSON");
    assert_eq!(none["series"], serde_json::json!([]));
}

#[test]
fn parquet_is_read_back_value_for_value_over_several_row_groups() {
    let many: Vec<f64> = (0..150_000).map(f64::from).collect();
    let all = [series("loss", &many), series("lr", &[f64::NAN, -0.0])];
    let bytes = Bytes::from(written(Format::Parquet, &all));
    let read = SerializedFileReader::new(bytes).expect("a Parquet file");
    assert_eq!(read.num_row_groups(), 2);
    let rows: Vec<_> = read
        .get_row_iter(None)
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    assert_eq!(rows.len(), 150_002);
    assert_eq!(rows[149_999].get_double(6).expect("a value"), 149_999.0);
    assert_eq!(rows[149_999].get_string(2).expect("a name"), "loss");
    assert!(rows[150_000].get_double(6).expect("a value").is_nan());
    assert_eq!(rows[150_001].get_long(4).expect("a step"), 2);
}

#[test]
fn a_file_has_a_name_that_every_file_system_takes() {
    let wanted = Wanted {
        name: Some("train/loss".to_owned()),
        ..Wanted::default()
    };
    assert_eq!(
        name_of(&experiment(), &wanted, Format::Csv),
        "损失__cmd__x_.train_loss.csv"
    );
}
