//! Whether a release can do what a recipe says: what is lost on the way into its dialect, and which of its values that release refuses.

use super::arguments::table;
use super::command::{self, Train};
use super::dialects::{Change, strangers};
use super::version::Version;
use super::{Recipe, extra, fields};
use crate::finding::{Finding, Weight};
use crate::language::Text;

/// Everything that stands against it, each beside its field; what has no field of its own is an extra argument.
pub fn findings(recipe: &Recipe, version: Version) -> Vec<Finding> {
    // Where things lie is not the recipe's affair.
    let anywhere = Train {
        model: "m",
        mcore_model: "m",
        dataset: "d",
        output: "o",
    };
    let neutral = command::neutral(&anywhere, recipe);
    let carried = command::carry(recipe, &neutral, version);
    let mut findings: Vec<Finding> = Vec::new();
    for step in &carried.steps {
        let Change::Lost(weight) = step.weight else {
            continue;
        };
        let name = step.index.map_or("", |index| neutral[index].0.as_str());
        // We write it ourselves, and a release without it does as we want.
        if command::ALWAYS_WRITTEN.contains(&name) {
            continue;
        }
        findings.push(Finding {
            field: field_of(name).to_owned(),
            weight,
            text: step.text.clone(),
        });
    }
    let command = format!("megatron {}", recipe.method.command().0);
    let table = table(version);
    for (name, values) in &carried.flags {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let Some(argument) = table.find(&command, name) else {
            findings.push(unknown(&command, name, version));
            continue;
        };
        // What a shell fills in is not judged.
        if values.iter().any(|value| value.contains('$')) {
            continue;
        }
        if let Some(wrong) = argument.check(&values) {
            let found = wrong.index.map_or("", |index| values[index]);
            let shown = format!("--{name} {found}");
            findings.push(Finding {
                field: field_of(name).to_owned(),
                weight: if table.is_whole {
                    Weight::Stops
                } else {
                    Weight::Warning
                },
                text: Text::new(
                    format!(
                        "ms-swift {version} does not take {}: write {}.",
                        shown.trim(),
                        wrong.expected.en
                    ),
                    format!(
                        "ms-swift {version} 不接受 {}：请写{}。",
                        shown.trim(),
                        wrong.expected.zh
                    ),
                ),
            });
        }
    }
    findings
}

fn unknown(command: &str, name: &str, version: Version) -> Finding {
    let table = table(version);
    let advice = strangers::advice(command, name, version);
    let write = match (&advice, table.nearest(command, name)) {
        (Some(advice), _) => advice.clone(),
        (None, Some(near)) => Text::new(
            format!("Did you mean --{near}?"),
            format!("是否想写 --{near}？"),
        ),
        (None, None) => Text::new("Take it out.", "请删除。"),
    };
    Finding {
        field: extra::FIELD.to_owned(),
        weight: if table.is_whole || advice.is_some() {
            Weight::Stops
        } else {
            Weight::Warning
        },
        text: Text::new(
            format!(
                "{command} of ms-swift {version} has no --{name}. {}",
                write.en
            ),
            format!(
                "ms-swift {version} 的 {command} 没有 --{name}。{}",
                write.zh
            ),
        ),
    }
}

/// The field of the form that a flag of any generation belongs to.
fn field_of(name: &str) -> &'static str {
    let neutral = super::review::neutral_name("megatron sft", name);
    fields::ALL
        .iter()
        .find(|field| field.flag == neutral)
        .map_or(extra::FIELD, |field| field.key)
}

#[cfg(test)]
mod tests {
    use super::super::command::train;
    use super::super::{Method, Tuner, presets};
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    fn training() -> Train<'static> {
        Train {
            model: "/models/qwen3",
            mcore_model: "/models/qwen3-mcore",
            dataset: "/data/d.jsonl",
            output: "/output/run",
        }
    }

    #[test]
    fn what_a_release_cannot_do_is_said_beside_its_field() {
        let recipe = Recipe {
            extra: vec![
                ("save_total_limit".to_owned(), vec!["3".to_owned()]),
                ("no_rope_fusion".to_owned(), vec!["true".to_owned()]),
            ],
            ..presets::lora()
        };
        let lost = findings(&recipe, version("3.9.3"));
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].text.en.contains("keeps every checkpoint"));
        let rendered = |release: &str| {
            train(&training(), &recipe, version(release))
                .expect("spoken")
                .render()
        };
        assert!(rendered("4.6.0").contains("--apply_rope_fusion false"));
        assert!(rendered("3.9.3").contains("--no_rope_fusion true"));
        for part in [
            "--load /models/qwen3-mcore",
            "--save /output/run",
            "--train_type lora",
            "--max_epochs 3",
            "--save_interval 200",
            "--log_interval 5",
        ] {
            assert!(rendered("3.9.3").contains(part), "{part}");
        }
    }

    #[test]
    fn values_and_names_that_a_release_refuses_are_found_before_the_launch() {
        let with = |name: &str, value: &str| Recipe {
            extra: vec![(name.to_owned(), vec![value.to_owned()])],
            ..presets::lora()
        };
        for (recipe, release, field, part) in [
            (presets::grpo(), "3.9.3", "method", "--rlhf_type grpo"),
            (
                Recipe {
                    tuner: Tuner::LoraLlm,
                    ..presets::lora()
                },
                "3.12.6",
                "tuner",
                "one of lora, full",
            ),
            (
                with("attention_backnd", "flash"),
                "4.6.0",
                "extra",
                "Did you mean --attention_backend?",
            ),
            (
                with("swanlab_token", "x"),
                "4.6.0",
                "extra",
                "SWANLAB_API_KEY",
            ),
            (with("clip_grad", "much"), "3.9.3", "extra", "a number"),
        ] {
            let found = findings(&recipe, version(release));
            let is_it = |finding: &Finding| {
                finding.field == field
                    && finding.weight == Weight::Stops
                    && finding.text.en.contains(part)
            };
            assert!(found.iter().any(is_it), "{part}: {found:?}");
        }
        for preset in presets::ALL
            .iter()
            .filter(|preset| (preset.recipe)().method != Method::Grpo)
        {
            for (_, release) in super::super::arguments::GENERATIONS {
                let found = findings(&(preset.recipe)(), release);
                let stops: Vec<&Finding> = found
                    .iter()
                    .filter(|finding| finding.weight == Weight::Stops)
                    .collect();
                assert!(stops.is_empty(), "{release} {}: {stops:?}", preset.key);
            }
        }
    }
}
