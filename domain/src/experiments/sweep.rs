//! A sweep: the same form with other values in chosen fields, each a run of its own.

use serde::{Deserialize, Serialize};

use super::form::Form;
use crate::finding::Finding;
use crate::recipes::fields;

/// More runs than that are a mistake.
pub const MOST_RUNS: usize = 64;

/// Which fields, and how their values go together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sweep {
    pub axes: Vec<Axis>,
    pub way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Every value of each with every value of the others.
    #[default]
    Grid,
    /// The first values together, then the second ones, and so on.
    List,
}

/// One field with its values as typed, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Axis {
    /// Key of `recipes::fields::ALL`.
    pub key: String,
    pub values: String,
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// `learning_rate 1e-4 · lora_rank 8`.
    pub label: String,
    pub form: Form,
}

impl Axis {
    fn values(&self) -> Vec<&str> {
        let values = self.values.split([',', '，', '、']).map(str::trim);
        values.filter(|value| !value.is_empty()).collect()
    }
}

impl Sweep {
    /// How many runs it makes, before their values are looked at.
    pub fn count(&self) -> usize {
        let counts = self.axes.iter().map(|axis| axis.values().len());
        match self.way {
            Way::Grid if self.axes.is_empty() => 0,
            Way::Grid => counts.fold(1, usize::saturating_mul),
            Way::List => counts.max().unwrap_or(0),
        }
    }

    /// The runs, named `<name>-1`, `<name>-2` …. Findings are on the field `sweep`, and on the fields whose values do not fit.
    pub fn expand(&self, form: &Form) -> Result<Vec<Variant>, Vec<Finding>> {
        let wrong = |en: String, zh: String| Err(vec![Finding::stops("sweep", en, zh)]);
        let count = self.count();
        if count < 2 {
            return wrong(
                "Choose at least one field and write at least two values, separated by commas."
                    .to_owned(),
                "请至少选择一个字段，并填写至少两个用逗号分隔的取值。".to_owned(),
            );
        }
        if count > MOST_RUNS {
            return wrong(
                format!("This makes {count} runs; write fewer values, at most {MOST_RUNS} runs."),
                format!("共 {count} 次训练，请减少取值，最多 {MOST_RUNS} 次。"),
            );
        }
        for (at, axis) in self.axes.iter().enumerate() {
            if fields::find(&axis.key).is_none() {
                return wrong(
                    format!("There is no field \"{}\".", axis.key),
                    format!("没有字段“{}”。", axis.key),
                );
            }
            if self.axes[..at].iter().any(|other| other.key == axis.key) {
                return wrong(
                    format!(
                        "\"{}\" is chosen twice. Write all its values in one line.",
                        axis.key
                    ),
                    format!("“{}”选择了两次，请将取值写在同一行。", axis.key),
                );
            }
            let own = axis.values().len();
            if own == 0 || (self.way == Way::List && own != count) {
                return wrong(
                    format!(
                        "\"{}\" has {own} values; as a list, each field needs as many as the others: {count}.",
                        axis.key
                    ),
                    format!(
                        "“{}”有 {own} 个取值；按列表组合时各字段的取值数须相同：{count}。",
                        axis.key
                    ),
                );
            }
        }
        let mut findings: Vec<Finding> = Vec::new();
        let mut variants = Vec::with_capacity(count);
        for number in 0..count {
            let mut own = form.clone();
            own.name = format!("{}-{}", form.name.trim(), number + 1);
            let mut label = Vec::with_capacity(self.axes.len());
            let mut rest = number;
            // The last field changes fastest, as in nested loops.
            for axis in self.axes.iter().rev() {
                let values = axis.values();
                let at = match self.way {
                    Way::List => number,
                    Way::Grid => {
                        let at = rest % values.len();
                        rest /= values.len();
                        at
                    }
                };
                own.recipe.insert(axis.key.clone(), values[at].to_owned());
                label.push(format!("{} {}", axis.key, values[at]));
            }
            label.reverse();
            match own.recipe() {
                Ok(_) => variants.push(Variant {
                    label: label.join(" · "),
                    form: own,
                }),
                Err(all) => {
                    for mut finding in all {
                        if self.axes.iter().any(|axis| axis.key == finding.field) {
                            "sweep".clone_into(&mut finding.field);
                        }
                        if !findings.contains(&finding) {
                            findings.push(finding);
                        }
                    }
                }
            }
        }
        if findings.is_empty() {
            Ok(variants)
        } else {
            Err(findings)
        }
    }
}

/// The second half of "packed first, then unpacked from the result": the same run without packing, its LoRA as it was.
pub fn unpacked(form: &Form) -> Form {
    let mut next = form.clone();
    next.name = format!("{}-unpacked", form.name.trim());
    next.recipe.insert("packing".to_owned(), "false".to_owned());
    next
}

/// What an adapter's shape is made of: these cannot differ from the run whose result another one starts from.
pub fn shape_findings(
    first: &crate::recipes::Recipe,
    next: &crate::recipes::Recipe,
) -> Vec<Finding> {
    use crate::recipes::settings::Extra;
    let mut findings = Vec::new();
    let mut locked = |field: &str, was: String, is: String| {
        if was != is {
            findings.push(Finding::stops(
                field,
                format!("It starts from a result that was trained with {was}; {is} has another shape. Write {was}."),
                format!("它从以 {was} 训练的结果开始，{is} 的形状不同。请填写 {was}。"),
            ));
        }
    };
    locked(
        "tuner",
        first.tuner.word().to_owned(),
        next.tuner.word().to_owned(),
    );
    if first.tuner.is_lora() && next.tuner.is_lora() {
        locked(
            "lora_rank",
            first.lora_rank.to_string(),
            next.lora_rank.to_string(),
        );
        locked(
            "lora_alpha",
            first.lora_alpha.to_string(),
            next.lora_alpha.to_string(),
        );
        let targets = |recipe: &crate::recipes::Recipe| {
            let words = Extra(&recipe.extra).words(&["target_modules"]);
            words.map_or_else(|| "all-linear".to_owned(), |words| words.join(" "))
        };
        locked("extra", targets(first), targets(next));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::{Recipe, presets};

    fn sweep(way: Way, axes: &[(&str, &str)]) -> Sweep {
        let axis = |(key, values): &(&str, &str)| Axis {
            key: (*key).to_owned(),
            values: (*values).to_owned(),
        };
        Sweep {
            axes: axes.iter().map(axis).collect(),
            way,
        }
    }

    fn labels(sweep: &Sweep) -> Vec<String> {
        let form = Form {
            name: "run".to_owned(),
            ..Form::of_preset("")
        };
        sweep
            .expand(&form)
            .expect("expands")
            .into_iter()
            .map(|variant| format!("{}: {}", variant.form.name, variant.label))
            .collect()
    }

    #[test]
    fn a_grid_is_every_pair_and_a_list_goes_side_by_side() {
        let axes = [("learning_rate", "1e-4, 5e-5"), ("lora_rank", "8,16")];
        assert_eq!(
            labels(&sweep(Way::Grid, &axes)),
            [
                "run-1: learning_rate 1e-4 · lora_rank 8",
                "run-2: learning_rate 1e-4 · lora_rank 16",
                "run-3: learning_rate 5e-5 · lora_rank 8",
                "run-4: learning_rate 5e-5 · lora_rank 16",
            ]
        );
        assert_eq!(
            labels(&sweep(Way::List, &axes)),
            [
                "run-1: learning_rate 1e-4 · lora_rank 8",
                "run-2: learning_rate 5e-5 · lora_rank 16"
            ]
        );
    }

    #[test]
    fn what_makes_no_sweep_is_said() {
        let said = |sweep: &Sweep| {
            sweep.expand(&Form::of_preset("")).expect_err("no sweep")[0]
                .text
                .en
                .clone()
        };
        assert!(said(&sweep(Way::Grid, &[])).contains("at least two values"));
        assert!(said(&sweep(Way::Grid, &[("seed", "1")])).contains("at least two values"));
        assert!(said(&sweep(Way::Grid, &[("seed", "1,2"), ("seed", "3,4")])).contains("twice"));
        assert!(
            said(&sweep(Way::List, &[("seed", "1,2"), ("lora_rank", "8")]))
                .contains("has 1 values")
        );
        assert!(said(&sweep(Way::Grid, &[("colour", "1,2")])).contains("no field"));
        assert!(
            said(&sweep(Way::Grid, &[("learning_rate", "1e-4, fast")]))
                .contains("\"fast\" does not fit")
        );
        let many = (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert!(said(&sweep(Way::Grid, &[("seed", &many)])).contains("65 runs"));
    }

    #[test]
    fn the_shape_of_a_lora_is_locked_to_the_run_it_starts_from() {
        let first = presets::lora();
        assert_eq!(
            shape_findings(
                &first,
                &Recipe {
                    packing: true,
                    learning_rate: 1e-5,
                    ..presets::lora()
                }
            ),
            []
        );
        let other = Recipe {
            lora_rank: 16,
            ..presets::lora()
        };
        let findings = shape_findings(&first, &other);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].field, "lora_rank");
        assert!(findings[0].text.en.contains("Write 8."));
        assert_eq!(shape_findings(&first, &presets::full())[0].field, "tuner");
        let form = unpacked(&Form {
            name: "a".to_owned(),
            ..Form::of_preset("")
        });
        assert_eq!(
            (form.name.as_str(), form.recipe["packing"].as_str()),
            ("a-unpacked", "false")
        );
    }
}
