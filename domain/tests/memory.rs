//! The memory estimate against what ms-swift's own example scripts say they used.

use domain::recipes::memory::{GIB, RowLengths, Shape, estimate};
use domain::recipes::settings::Settings;
use domain::recipes::version::Generation;
use domain::recipes::{Recipe, Tuner, extra, presets};
use serde_json::Value;

/// Name, whether it is a row of the table, estimate and measurement in GiB.
fn cases() -> Vec<(String, bool, f64, f64)> {
    let text = include_str!("../fixtures/memory/measured.json");
    let all: Value = serde_json::from_str(text).expect("JSON");
    let one = |case: &Value| {
        let number = |key: &str, default: u32| {
            let value = case[key].as_u64().unwrap_or(default.into());
            u32::try_from(value).expect("a small number")
        };
        let words = case["extra"].as_array().expect("extra").iter();
        let text: Vec<String> = words
            .map(|word| format!("--{}", word.as_str().expect("a word")))
            .collect();
        let recipe = Recipe {
            tuner: if case["tuner"] == "full" {
                Tuner::Full
            } else {
                Tuner::Lora
            },
            lora_rank: number("lora_rank", 8),
            micro_batch_size: number("micro", 1),
            global_batch_size: number("global", 16),
            max_length: number("max_length", 0),
            packing: case["packing"] == true,
            tensor_parallel: number("tp", 1),
            pipeline_parallel: number("pp", 1),
            expert_parallel: number("ep", 1),
            extra: extra::read(&text.join(" ")).expect("arguments"),
            ..presets::lora()
        };
        let settings = Settings::of(&recipe, Generation::G3);
        let shape = Shape::of_config(&all["models"][case["model"].as_str().expect("a model")])
            .expect("a shape");
        let rows = RowLengths {
            mean: case["rows"].as_f64(),
            longest: case["rows"].as_f64(),
            is_guess: false,
        };
        let world = number("world", 0).into();
        let estimate = estimate(&shape, &settings, world, 8, rows).expect("an estimate");
        let name = case["name"].as_str().expect("a name").to_owned();
        (
            name,
            case["table"] == true,
            estimate.likely() / GIB,
            case["gib"].as_f64().expect("GiB"),
        )
    };
    all["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .map(one)
        .collect()
}

#[test]
fn every_measured_case_is_estimated_within_15_percent() {
    let mut out = Vec::new();
    for (name, is_of_table, estimate, measured) in cases() {
        let ratio = estimate / measured;
        println!("memory case | {name} | {estimate:.1} | {measured} | {ratio:.2} | {is_of_table}");
        // The others are beyond what is asked for; they are printed, and held a little wider.
        let limit = if is_of_table { 0.15 } else { 0.2 };
        if (ratio - 1.0).abs() > limit {
            out.push(format!("{name}: {estimate:.1} of {measured}"));
        }
    }
    assert!(out.is_empty(), "{out:?}");
}
