use super::*;

const NOW: i64 = 1_000;

fn scalars(post: Post) -> Batch {
    match post.items {
        Items::Scalars(batch) => batch,
        other => panic!("not scalars: {other:?}"),
    }
}

#[test]
fn scalars_of_both_generations_are_read_value_for_value() {
    let old = br#"{"projectId":"p","experimentId":"r","type":"scalar","metrics":[
        {"index":0,"data":1.0,"create_time":"2026-11-23T23:22:16.529184+00:00","key":"train/loss","epoch":1},
        {"index":1,"data":"NaN","create_time":"2026-11-23T23:22:17.529184+00:00","key":"train/loss","epoch":2},
        {"index":2,"data":"INF","create_time":"2026-11-23T23:22:18.529184+00:00","key":"train/loss","epoch":3},
        {"index":0,"data":97,"create_time":"2026-11-23T23:22:18.529184+00:00","key":"__swanlab__.gpu.1.pct","epoch":1}
    ],"flagId":"f"}"#;
    let post = read(old, NOW).unwrap();
    assert_eq!((post.run.as_str(), post.rejected), ("r", 0));
    let batch = scalars(post);
    let loss = &batch.0[&SeriesKey::plain("train/loss")];
    assert_eq!(loss[0].time_millis, 1_795_476_136_529);
    assert!(loss[1].value.is_nan() && loss[2].value == f64::INFINITY);
    assert_eq!(
        batch.0[&SeriesKey::plain("__swanlab__.gpu.1.pct")][0].value,
        97.0
    );

    // 0.1 + 0.2 and the smallest denormal come through to the bit.
    let new = br#"{"projectId":"p","experimentId":"r","type":"scalar","metrics":[
        {"key":"x","index":5,"data":0.30000000000000004,"create_time":"2026-11-23T23:23:26.316781Z"},
        {"key":"x","index":6,"data":5e-324,"create_time":"2026-11-23T23:23:26Z"},
        {"key":"x","index":7,"data":1e308,"create_time":"2026-11-23T23:23:26Z"},
        {"key":"x","index":8,"data":"nan","create_time":"2026-11-23T23:23:26Z"}]}"#;
    let batch = scalars(read(new, NOW).unwrap());
    let values: Vec<u64> = batch.0[&SeriesKey::plain("x")][..3]
        .iter()
        .map(|point| point.value.to_bits())
        .collect();
    assert_eq!(values, [(0.1_f64 + 0.2).to_bits(), 1, 1e308_f64.to_bits()]);
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_is_kept() {
    let body = br#"{"experimentId":"r","type":"scalar","metrics":[
        {"key":"a","index":0,"data":[1]}, {"key":"a","index":"x","data":1}, 7, null, {"key":5,"index":0,"data":1},
        {"key":"a","index":1,"data":2.5}, {"key":"a","index":2.0,"data":true}]}"#;
    let post = read(body, NOW).unwrap();
    assert_eq!(post.rejected, 5);
    let points = &scalars(post).0[&SeriesKey::plain("a")];
    assert_eq!(
        points
            .iter()
            .map(|p| (p.step, p.value, p.time_millis))
            .collect::<Vec<_>>(),
        [(1, 2.5, NOW), (2, 1.0, NOW)]
    );
    for bad in [
        &b""[..],
        b"[]",
        b"{}",
        br#"{"experimentId":"r","type":"scalar"}"#,
        b"\xff",
    ] {
        assert!(read(bad, NOW).is_err());
    }
}

#[test]
fn captions_go_with_their_items_only_where_it_is_clear_whose_they_are() {
    let of = |more: &str| {
        let body = format!(
            r#"{{"experimentId":"r","type":"media","metrics":[{{"key":"i","index":0,"data":["a.png","b.png"],"more":{more}}}]}}"#
        );
        match read(body.as_bytes(), NOW).unwrap().items {
            Items::Media(all) => all.into_iter().map(|item| item.caption).collect::<Vec<_>>(),
            other => panic!("not media: {other:?}"),
        }
    };
    assert_eq!(of(r#"[{"caption":"x"},null]"#), ["x", ""]);
    assert_eq!(of("null"), ["", ""]);
    assert_eq!(of(r#"[{"caption":"x"}]"#), ["≈ x", "≈ x"]);
}

#[test]
fn lines_keep_their_number_and_time() {
    let body = br#"{"experimentId":"r","type":"log","metrics":[
        {"level":"ERROR","epoch":8,"message":"Traceback\n  \u001b x","create_time":"2026-11-23T23:22:16.529184Z"}]}"#;
    match read(body, NOW).unwrap().items {
        Items::Logs(lines) => {
            assert_eq!((lines[0].line, lines[0].micros), (8, 1_795_476_136_529_184));
            assert_eq!(lines[0].message, "Traceback\n  \u{1b} x");
        }
        other => panic!("not lines: {other:?}"),
    }
}

#[test]
fn a_name_is_cut_between_characters() {
    let long = "é".repeat(NAME_BYTES);
    assert_eq!(bounded(&long).len(), NAME_BYTES);
    assert_eq!(bounded(&format!("a{long}")).len(), NAME_BYTES - 1);
}

/// Neither a body nor what is made of it may panic or hoard, whatever was done to it on the way.
#[test]
fn damaged_bodies_of_clients_break_nothing() {
    let seeds: [&[u8]; 7] = [
        br#"{"projectId":"p","experimentId":"r","type":"scalar","metrics":[{"index":0,"data":1.0,"create_time":"2026-11-23T23:22:16.529184+00:00","key":"train/loss","epoch":1},{"index":1,"data":"NaN","create_time":"2026-11-23T23:22:17Z","key":"__swanlab__.gpu.0.mem.value"}],"flagId":"f"}"#,
        br#"{"experimentId":"r","type":"media","metrics":[{"key":"i","index":0,"data":["a.png","b.png"],"more":[{"caption":"x"},null],"create_time":"2026-11-23T23:22:16Z"}]}"#,
        br#"{"experimentId":"r","type":"log","metrics":[{"level":"ERROR","epoch":8,"message":"Traceback\n \u001b x","create_time":"2026-11-23T23:22:16.529184Z"}]}"#,
        br#"[{"class":"CUSTOM","type":"FLOAT","key":"train/loss","sectionName":"train","sectionType":"PUBLIC"}]"#,
        br#"{"config":{"lr":{"value":0.001,"desc":"","sort":0},"m":{"value":{"a":{"b":[1,{}]}}}},"metadata":{"hardware":null,"runtime":{"hostname":"h"}},"requirements":"a==1"}"#,
        br#"{"name":"exp-1","description":"d","createdAt":"2026-11-23T23:23:24.985079Z","colors":["a","b"],"labels":[{"name":"a"}],"job":"train","cluster":"g1","cuid":"l6v6xd8t"}"#,
        br#"{"state":"CRASHED","from":"sdk","finishedAt":"2026-11-23T23:23:24.985079Z"}"#,
    ];
    fuzzing::run("SwanLab bodies", &seeds, |bytes| {
        if let Ok(post) = read(bytes, NOW)
            && let Items::Scalars(batch) = post.items
        {
            let points = batch.len();
            assert_eq!(crate::tracking::system::named(batch, "host").len(), points);
        }
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
            let _ = crate::tracking::requests::columns(&value);
        }
        if let Ok(profile) = serde_json::from_slice::<crate::tracking::config::Profile>(bytes) {
            use crate::tracking::config::{merge, merge_metadata, unwrapped};
            let (mut config, mut metadata) = Default::default();
            merge(&mut config, &unwrapped(&profile.config.unwrap_or_default()));
            merge_metadata(&mut metadata, &profile.metadata.unwrap_or_default());
        }
        if let Ok(new) = serde_json::from_slice::<crate::tracking::requests::NewExperiment>(bytes) {
            let _ = new.created_millis();
        }
        if let Ok(new) = serde_json::from_slice::<crate::tracking::requests::NewState>(bytes) {
            let _ = (new.state(), new.finished_millis());
        }
    });
}
