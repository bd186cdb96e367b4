//! A pasted script and the form as two views of one recipe: the script read into the form, the form's changes written into the script,
//! and the script made ready for a launch. Comments, unknown flags, own variables, order and quoting stay.

use std::collections::BTreeMap;

use super::command::{ALWAYS_WRITTEN, Command};
use super::dialects::{NEUTRAL, carry, strangers};
use super::review::{self, Review, neutral};
use super::script::Script;
use super::version::Version;
use super::{Length, Method, Recipe, extra, fields};
use crate::finding::{Finding, Weight};
use crate::language::Text;
use crate::shell::quote;

/// The name of the form's input for the script.
pub const FIELD: &str = "script";

/// What a script says, as the form holds it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// Texts by the keys of `fields::ALL`; what the script does not say is missing.
    pub recipe: BTreeMap<String, String>,
    /// All other arguments, in version-neutral words.
    pub extra: String,
    /// What the console sets itself at a launch, as the script has it: (flag, words).
    pub set_by_us: Vec<(String, String)>,
}

/// Reads the first training command of a reviewed script into the form.
pub fn read(review: &Review) -> Option<Read> {
    let program = review
        .script
        .programs()
        .iter()
        .find(|program| program.trains())?;
    let mut read = Read::default();
    let mut put = |key: &str, value: &str| read.recipe.insert(key.to_owned(), value.to_owned());
    let flags = neutral(program, review.guess.version);
    let preference = flags
        .iter()
        .find(|(name, _)| name == "rlhf_type")
        .and_then(|(_, values)| values.first());
    let method = match (program.name.split(' ').nth(1), preference) {
        (Some("rlhf"), Some(preference)) => Method::parse(preference),
        (Some("pt"), _) => Some(Method::Pt),
        _ => Some(Method::Sft),
    };
    if let Some(method) = method {
        put("method", method.word());
    }
    let mut others = Vec::new();
    for (name, values) in &flags {
        let one = values.first().map(String::as_str);
        match (name.as_str(), one) {
            ("rlhf_type", _) if method.is_some() => {}
            ("num_train_epochs", Some(count)) => {
                put("length_unit", "epochs");
                put("length", count);
            }
            ("train_iters", Some(count)) => {
                put("length_unit", "iterations");
                put("length", count);
            }
            _ => match fields::ALL.iter().find(|field| {
                field.flag == name && field.key != "length_unit" && field.key != "length"
            }) {
                Some(field) => {
                    // A switch alone is on.
                    put(field.key, one.unwrap_or("true"));
                }
                None if ALWAYS_WRITTEN.contains(&name.as_str()) => {
                    read.set_by_us.push((name.clone(), values.join(" ")));
                }
                None if strangers::is_secret(name) => {}
                None => others.push((name.clone(), values.clone())),
            },
        }
    }
    read.extra = extra::write(&others);
    by_saying_nothing(&mut read.recipe);
    Some(read)
}

/// Fills in what a release means where the script says nothing; what it settles only from the model is left to the form.
fn by_saying_nothing(recipe: &mut BTreeMap<String, String>) {
    let of = |recipe: &BTreeMap<String, String>, key: &str, default: &str| {
        recipe
            .get(key)
            .cloned()
            .unwrap_or_else(|| default.to_owned())
    };
    let tuner = of(recipe, "tuner", "full");
    let rate = if tuner == "full" { "1e-5" } else { "1e-4" };
    // Without a step of its own, evaluation follows saving.
    let saving = of(recipe, "save_interval", "500");
    let settled = [
        ("tuner", tuner.as_str()),
        ("learning_rate", rate),
        ("min_learning_rate", "0"),
        ("warmup_fraction", "0"),
        ("save_interval", "500"),
        ("eval_interval", &saving),
    ];
    for (key, value) in settled {
        recipe
            .entry(key.to_owned())
            .or_insert_with(|| value.to_owned());
    }
    let table = super::arguments::table(NEUTRAL);
    for field in fields::ALL {
        let default = table
            .find("megatron sft", field.flag)
            .and_then(|argument| argument.default_text());
        if let Some(default) =
            default.filter(|_| !matches!(field.key, "length" | "length_unit" | "method"))
        {
            // Of 32.0 the form takes 32.
            let whole = default
                .strip_suffix(".0")
                .filter(|_| matches!(field.kind, fields::Kind::Integer(_)));
            recipe
                .entry(field.key.to_owned())
                .or_insert_with(|| whole.unwrap_or(&default).to_owned());
        }
    }
}

/// The script with the recipe's values, in the script's own dialect: only what differs is changed. Says what could not be.
pub fn follow(text: &str, recipe: &Recipe, told: Option<Version>) -> (String, Vec<Finding>) {
    let review = review::review(text, told, None, None);
    let Some(index) = review
        .script
        .programs()
        .iter()
        .position(|program| program.trains())
    else {
        return (text.to_owned(), Vec::new());
    };
    let before = neutral(&review.script.programs()[index], review.guess.version);
    let wanted = said_by(recipe);
    let mut script = review
        .script
        .with_program_named(index, &format!("megatron {}", recipe.method.command().0));
    let mut findings = Vec::new();
    // A flag that the script only means by saying nothing is not written into it.
    let is_written = |name: &str| {
        let own = &review.script.programs()[index];
        own.flags.iter().any(|flag| {
            flag.name == name
                || super::dialects::synonyms("megatron sft", name).contains(&flag.name.as_str())
        })
    };
    for (name, values) in &wanted {
        let now = before
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, values)| values);
        if now.is_some_and(|now| same(name, now, values))
            || (now.is_none() && is_default(name, values, review.guess.version))
        {
            continue;
        }
        script = apply(
            &script,
            index,
            name,
            Some(values),
            review.guess.version,
            &mut findings,
        );
    }
    for (name, _) in &before {
        let is_ours = ALWAYS_WRITTEN.contains(&name.as_str())
            || strangers::is_secret(name)
            || name == "rlhf_type"
            || is_field(name);
        if !is_ours && is_written(name) && !wanted.iter().any(|(own, _)| own == name) {
            script = apply(
                &script,
                index,
                name,
                None,
                review.guess.version,
                &mut findings,
            );
        }
    }
    let length = match recipe.length {
        Length::Epochs(_) => "train_iters",
        Length::Iterations(_) => "num_train_epochs",
    };
    if is_written(length) {
        script = apply(
            &script,
            index,
            length,
            None,
            review.guess.version,
            &mut findings,
        );
    }
    (script.text().to_owned(), findings)
}

fn is_field(name: &str) -> bool {
    fields::ALL.iter().any(|field| field.flag == name)
}

/// What the recipe says in version-neutral words, without what the console sets.
fn said_by(recipe: &Recipe) -> Vec<(String, Vec<String>)> {
    let mut said = Vec::new();
    let texts = fields::write(recipe);
    for field in fields::ALL {
        let is_lora = matches!(field.key, "lora_rank" | "lora_alpha");
        let value = &texts[field.key];
        match field.key {
            "length_unit" => {}
            "length" => {
                let name = if matches!(recipe.length, Length::Epochs(_)) {
                    "num_train_epochs"
                } else {
                    "train_iters"
                };
                said.push((name.to_owned(), vec![value.clone()]));
            }
            "method" => {
                if let (_, Some(preference)) = recipe.method.command() {
                    said.push(("rlhf_type".to_owned(), vec![preference.to_owned()]));
                }
            }
            _ if is_lora && !recipe.tuner.is_lora() => {}
            _ => said.push((field.flag.to_owned(), vec![value.clone()])),
        }
    }
    said.extend(
        recipe
            .extra
            .iter()
            .map(|(name, values)| (name.replace('-', "_"), values.clone())),
    );
    said
}

/// The same value, however it is spelt: `1e-4` and `0.0001`, `--packing` and `--packing true`.
fn same(name: &str, now: &[String], wanted: &[String]) -> bool {
    if now == wanted {
        return true;
    }
    match (now, wanted) {
        ([], [one]) => one == "true" && name != "system",
        ([a], [b]) => matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b),
        _ => false,
    }
}

/// Whether a release means this by saying nothing.
fn is_default(name: &str, values: &[String], version: Version) -> bool {
    let own = carry(
        "megatron sft",
        &[(name.to_owned(), Some(values.to_vec()))],
        NEUTRAL,
        version,
    )
    .flags;
    let Some((name, values)) = own.first() else {
        return true;
    };
    let default = super::arguments::table(version)
        .find("megatron sft", name)
        .and_then(|argument| argument.default_text());
    default.is_some_and(|default| same(name, &[default], values))
}

/// One argument, given in version-neutral words, into a script of `version`.
fn apply(
    script: &Script,
    index: usize,
    name: &str,
    values: Option<&[String]>,
    version: Version,
    findings: &mut Vec<Finding>,
) -> Script {
    let command = script
        .programs()
        .get(index)
        .map_or("megatron sft", |program| program.name.as_str());
    let given = values.map_or_else(|| vec!["true".to_owned()], <[String]>::to_vec);
    let carried = carry(command, &[(name.to_owned(), Some(given))], NEUTRAL, version);
    let told = carried.steps.iter().find(|step| step.index == Some(0));
    let Some((own, now)) = carried
        .flags
        .first()
        .filter(|_| told.is_none_or(|step| step.to.is_some()))
    else {
        if let Some(step) = told.filter(|_| values.is_some()) {
            findings.push(Finding {
                field: FIELD.to_owned(),
                weight: Weight::Warning,
                text: step.text.clone(),
            });
        }
        return script.clone();
    };
    let edited = match values {
        Some(_) => script.with_flag(index, own, now),
        None => script.without_flag(index, own),
    };
    edited.unwrap_or_else(|refused| {
        findings.push(Finding {
            field: FIELD.to_owned(),
            weight: Weight::Warning,
            text: refused.0,
        });
        script.clone()
    })
}

/// The script as one node runs it: the command's flags and the launch's variables in place, in the foreground, Unix line ends.
pub fn launch(
    text: &str,
    command: &Command,
    variables: &[(String, String)],
    told: Option<Version>,
    version: Version,
) -> Result<String, Text> {
    let review = review::review(text, told, Some(version), None);
    let script = review.new.with_comments_above();
    let index = script
        .programs()
        .iter()
        .position(|program| program.trains())
        .ok_or_else(|| {
            Text::new(
                "The script has no training command of megatron.",
                "脚本中没有 megatron 训练命令。",
            )
        })?;
    let mut script = script.with_program_named(index, &command.program.join(" "));
    let given: Vec<(String, Option<Vec<String>>)> = script.programs()[index]
        .flags
        .iter()
        .map(|flag| {
            let is_exact = flag.values.iter().all(|value| value.value.is_exact);
            (
                flag.name.clone(),
                is_exact.then(|| {
                    flag.values
                        .iter()
                        .map(|value| value.value.text.clone())
                        .collect()
                }),
            )
        })
        .collect();
    let refused = |why: super::script::Refused| why.0;
    for (name, values) in &command.flags {
        // What only the shell knows came from the script and stays there.
        let stays = given.iter().any(|(own, now)| {
            own == name
                && (now.is_none() && values.iter().any(|value| value.contains(['$', '`', '*'])))
        });
        if !stays {
            script = script.with_flag(index, name, values).map_err(refused)?;
        }
    }
    for (name, _) in &given {
        if !command.flags.iter().any(|(own, _)| own == name) && !strangers::is_secret(name) {
            script = script.without_flag(index, name).map_err(refused)?;
        }
    }
    for (name, value) in variables {
        script = script.with_variable(index, name, value);
    }
    Ok(script.in_foreground(index).for_shell())
}

/// A script as `sh` runs it: one that is written for bash is given to bash.
pub fn for_sh(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let names_bash = first.starts_with("#!") && first.contains("bash");
    let script = Script::read(text);
    let has_array = script.variables().iter().any(|variable| variable.is_array);
    let has_bash = ["[[", "<<<", "&>", "function ", "$'", "<("]
        .iter()
        .any(|mark| text.contains(mark));
    if names_bash || has_array || has_bash {
        format!("exec bash -c {}\n", quote(text))
    } else {
        text.to_owned()
    }
}

/// The script that `for_sh` was given, with the line that reads its reports' variables in front where it has one.
pub fn shown(script: &str) -> String {
    let reading = super::reports::reading("");
    if let Some(rest) = script.strip_prefix(&reading) {
        return format!("{reading}{}", shown(rest));
    }
    let inner = script
        .strip_prefix("exec bash -c ")
        .and_then(|quoted| shell_words::split(quoted).ok());
    match inner {
        Some(mut words) if words.len() == 1 => words.remove(0),
        _ => script.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{Train, train};
    use super::super::presets;
    use super::*;

    const GLM: &str = include_str!("review/tests/glm_air_3.9.sh");
    const QWEN: &str = include_str!("review/tests/qwen_moe_4.6.sh");

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    fn recipe_of(text: &str) -> Recipe {
        let read = read(&review::review(text, None, None, None)).expect("a training");
        fields::read(&read.recipe, &read.extra, &presets::lora())
            .unwrap_or_else(|why| panic!("{why:?}"))
    }

    #[test]
    fn a_script_fills_the_form() {
        let read = read(&review::review(GLM, None, None, None)).expect("a training");
        for (key, value) in [
            ("method", "sft"),
            ("tuner", "lora"),
            ("learning_rate", "1e-4"),
            ("length", "3"),
            ("length_unit", "epochs"),
            ("save_interval", "200"),
            ("expert_parallel", "8"),
        ] {
            assert_eq!(
                read.recipe.get(key).map(String::as_str),
                Some(value),
                "{key}"
            );
        }
        assert_eq!(
            (
                read.recipe["packing"].as_str(),
                read.recipe["seed"].as_str()
            ),
            ("false", "42"),
            "what 3.9 means by saying nothing"
        );
        for part in [
            "--recompute_granularity full",
            "--apply_rope_fusion false",
            "--moe_grouped_gemm false",
            "--dataloader_num_workers 8",
        ] {
            assert!(read.extra.contains(part), "{part} {}", read.extra);
        }
        assert!(read.set_by_us.contains(&(
            "mcore_model".to_owned(),
            "/models/GLM-4.5-Air-mcore".to_owned()
        )));
        assert!(recipe_of(QWEN).packing);
    }

    #[test]
    fn the_form_that_a_script_filled_changes_no_byte_of_it() {
        for text in [GLM, QWEN] {
            let recipe = recipe_of(text);
            let (followed, findings) = follow(text, &recipe, None);
            // What the script left to the model and the form has to say is added; without it, it is the same again.
            let given: Vec<String> = Script::read(text)
                .main_program()
                .expect("one")
                .flags
                .iter()
                .map(|flag| flag.name.clone())
                .collect();
            let mut script = Script::read(followed.clone());
            let now: Vec<String> = script
                .main_program()
                .expect("one")
                .flags
                .iter()
                .map(|flag| flag.name.clone())
                .collect();
            for name in now.iter().filter(|name| !given.contains(name)) {
                script = script.without_flag(0, name).expect("taken out");
            }
            assert_eq!(script.text(), text);
            assert!(now.len() - given.len() < 10, "{now:?}");
            assert_eq!(findings, []);
            assert_eq!(
                follow(&followed, &recipe_of(&followed), None).0,
                followed,
                "a second time nothing is left to do"
            );
        }
    }

    #[test]
    fn a_change_in_the_form_changes_its_place_in_the_script() {
        let base = follow(GLM, &recipe_of(GLM), None).0;
        let mut recipe = recipe_of(&base);
        recipe.learning_rate = 5e-5;
        recipe
            .extra
            .retain(|(name, _)| name != "moe_permute_fusion");
        recipe
            .extra
            .push(("apply_rope_fusion".to_owned(), vec!["true".to_owned()]));
        recipe
            .extra
            .retain(|(name, values)| name != "apply_rope_fusion" || values[0] == "true");
        recipe.length = Length::Iterations(50);
        let (text, findings) = follow(&base, &recipe, None);
        assert_eq!(findings, []);
        for part in [
            "--lr 5e-5 \\\n",
            "--no_rope_fusion false \\\n",
            "--train_iters 50",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("moe_permute_fusion") && !text.contains("--max_epochs"));
        assert!(
            text.contains("# GLM-4.5-Air, LoRA, two nodes")
                && text.contains("rm -rf /output/old-logs")
        );
        let again = recipe_of(&text);
        assert_eq!(
            (again.learning_rate, again.length),
            (5e-5, Length::Iterations(50))
        );
    }

    #[test]
    fn a_launch_sets_its_own_and_keeps_the_rest() {
        let recipe = recipe_of(GLM);
        let of = Train {
            model: "/work/models/glm",
            mcore_model: "/work/models/glm mcore",
            dataset: "/work/d.jsonl",
            output: "/work/experiments/run",
        };
        let variables = [
            ("NNODES", "1"),
            ("NODE_RANK", "0"),
            ("MASTER_ADDR", "10.9.9.9"),
            ("NPROC_PER_NODE", "2"),
            ("CUDA_VISIBLE_DEVICES", "0,1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for release in ["3.9.3", "4.6.0"] {
            let command = train(&of, &recipe, version(release)).expect("spoken");
            let text = launch(GLM, &command, &variables, None, version(release)).expect("made");
            let script = Script::read(text.clone());
            let program = script.main_program().expect("one");
            for (name, values) in &command.flags {
                let own: Vec<String> = program
                    .flag(name)
                    .unwrap_or_else(|| panic!("--{name}\n{text}"))
                    .values
                    .iter()
                    .map(|value| value.value.text.clone())
                    .collect();
                assert_eq!(own, *values, "--{name}");
            }
            assert_eq!(program.flags.len(), command.flags.len());
            assert!(
                !program.is_in_background
                    && program.output.is_none()
                    && program.wrappers.is_empty(),
                "{text}"
            );
            for (name, value) in &variables {
                assert_eq!(
                    program
                        .environment
                        .get(name)
                        .map(|value| value.text.as_str()),
                    Some(value.as_str()),
                    "{name}"
                );
            }
            for part in [
                "# GLM-4.5-Air, LoRA, two nodes",
                "rm -rf /output/old-logs",
                "MODELSCOPE_CACHE=/data/cache",
                "# node 1",
            ] {
                assert!(text.contains(part), "{part}\n{text}");
            }
            assert!(for_sh(&text).starts_with("exec bash -c '"));
            assert_eq!(shown(&for_sh(&text)), text);
            let read = super::super::reports::reading(&for_sh(&text));
            assert!(shown(&read).ends_with(&text) && shown(&read).starts_with(". "));
        }
        assert_eq!(
            for_sh("#!/bin/sh\nmegatron sft --a 1\n"),
            "#!/bin/sh\nmegatron sft --a 1\n"
        );
    }
}
