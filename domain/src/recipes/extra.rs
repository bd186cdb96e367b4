//! Further arguments of a recipe, beyond its fields: read as a person types them, refused where they would undo what we write.

use super::command::ALWAYS_WRITTEN;
use super::fields;
use crate::finding::Finding;

/// The name of the form's input for them.
pub const FIELD: &str = "extra";

/// Extra arguments as a person types them, `--flag value value …`, read by the shell's rules of quoting.
pub fn read(text: &str) -> Result<Vec<(String, Vec<String>)>, Finding> {
    let words = shell_words::split(text).map_err(|_| {
        Finding::stops(
            "extra",
            "A quotation mark is not closed. Close it, or put a backslash before it.",
            "引号没有闭合。请补上引号，或在其前加反斜杠。",
        )
    })?;
    let mut flags: Vec<(String, Vec<String>)> = Vec::new();
    for word in words {
        match (word.strip_prefix("--"), flags.last_mut()) {
            (Some(flag), _) if !flag.is_empty() => {
                let (flag, value) = match flag.split_once('=') {
                    Some((flag, value)) => (flag, Some(value.to_owned())),
                    None => (flag, None),
                };
                if !flag
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
                {
                    return Err(Finding::stops(
                        "extra",
                        format!(
                            "\"--{flag}\" is no name of an argument: letters, digits, _ and - only."
                        ),
                        format!("“--{flag}”不是合法的参数名，只能包含字母、数字、_ 和 -。"),
                    ));
                }
                // The trainers take both spellings.
                let spelled = flag.replace('-', "_");
                let of_field = match spelled.as_str() {
                    "train_iters" => "num_train_epochs",
                    other => other,
                };
                if let Some(own) = fields::ALL.iter().find(|field| field.flag == of_field) {
                    return Err(Finding::stops(
                        "extra",
                        format!(
                            "--{flag} has its own field, \"{}\". Write the value there.",
                            own.label.0
                        ),
                        format!("--{flag} 有对应的字段“{}”，请在该字段中填写。", own.label.1),
                    ));
                }
                if ALWAYS_WRITTEN.contains(&spelled.as_str()) {
                    return Err(Finding::stops(
                        "extra",
                        format!(
                            "--{flag} is set by Trainyard itself, which finds runs and checkpoints by it. Take it out."
                        ),
                        format!("--{flag} 由 Trainyard 设置，用于定位运行与检查点。请将其移除。"),
                    ));
                }
                flags.push((flag.to_owned(), value.into_iter().collect()));
            }
            (_, Some((_, values))) => values.push(word),
            (_, None) => {
                return Err(Finding::stops(
                    "extra",
                    format!("\"{word}\" stands before any argument. Write --name value."),
                    format!("“{word}”前面没有参数名。请写成 --参数名 值。"),
                ));
            }
        }
    }
    Ok(flags)
}

/// The text with this argument at these values; None takes it out. What cannot be read is left, and the argument put behind it.
pub fn with(text: &str, name: &str, values: Option<&[String]>) -> String {
    let Ok(mut all) = read(text) else {
        let added = values
            .map(|values| write(&[(name.to_owned(), values.to_vec())]))
            .unwrap_or_default();
        return [text.trim_end(), &added].join(" ").trim().to_owned();
    };
    let at = all
        .iter()
        .position(|(flag, _)| flag.replace('-', "_") == name);
    match (at, values) {
        (Some(at), Some(values)) => all[at].1 = values.to_vec(),
        (Some(at), None) => {
            all.remove(at);
        }
        (None, Some(values)) => all.push((name.to_owned(), values.to_vec())),
        (None, None) => {}
    }
    write(&all)
}

/// The extra arguments as a person would type them.
pub fn write(extra: &[(String, Vec<String>)]) -> String {
    let words = extra.iter().map(|(flag, values)| {
        std::iter::once(format!("--{flag}"))
            .chain(values.iter().map(|value| crate::shell::quote(value)))
            .collect::<Vec<_>>()
            .join(" ")
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_argument_is_set_and_taken_out_by_its_name() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(with("", "a", Some(&words(&["x y", "z"]))), "--a 'x y' z");
        assert_eq!(
            with("--b-c 1 --a 2", "b_c", Some(&words(&["3"]))),
            "--b-c 3 --a 2"
        );
        assert_eq!(with("--b 1 --a 2", "b", None), "--a 2");
        assert_eq!(with("--b 'x", "a", Some(&words(&["1"]))), "--b 'x --a 1");
    }

    #[test]
    fn extra_arguments_keep_their_words() {
        let read = |text: &str| read(text).map_err(|finding| finding.text.en);
        assert_eq!(
            read("--attention_backend fused --target_modules 'linear qkv' b --async_save=true"),
            Ok(vec![
                ("attention_backend".to_owned(), vec!["fused".to_owned()]),
                (
                    "target_modules".to_owned(),
                    vec!["linear qkv".to_owned(), "b".to_owned()]
                ),
                ("async_save".to_owned(), vec!["true".to_owned()]),
            ])
        );
        for (text, part) in [
            ("word", "before any argument"),
            ("--a 'b", "not closed"),
            ("--a;b c", "is no name"),
            ("--lr 1", "its own field"),
            ("--train_iters 5", "its own field"),
            ("--micro-batch-size=2", "its own field"),
            (
                "--save_safetensors true",
                "--save_safetensors is set by Trainyard",
            ),
            (
                "--async_save true --output-dir /x",
                "--output-dir is set by",
            ),
            ("--mcore_model /x", "--mcore_model is set by"),
            ("--finetune=false", "--finetune is set by"),
        ] {
            assert!(read(text).expect_err("refused").contains(part), "{text}");
        }
    }
}
