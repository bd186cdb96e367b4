//! A release's arguments, as a table or as JSON.

use std::fmt::Write;

use domain::recipes::arguments::{GENERATIONS, Table, table};
use domain::recipes::review::kind_name;
use domain::recipes::version::Version;
use serde_json::json;

pub fn say(to: Option<Version>, list: Option<&Table>, as_json: bool) -> String {
    let version = to.unwrap_or(GENERATIONS[GENERATIONS.len() - 1].1);
    let table = list.unwrap_or_else(|| table(version));
    if as_json {
        let commands: serde_json::Map<String, serde_json::Value> = table
            .commands
            .iter()
            .map(|(command, list)| {
                let list: Vec<_> = list
                    .iter()
                    .map(|argument| {
                        json!({
                            "name": argument.name, "kind": kind_name(argument.kind), "takes_many": argument.takes_many, "default": argument.default,
                            "choices": argument.choices, "group": argument.group,
                        })
                    })
                    .collect();
                (command.clone(), list.into())
            })
            .collect();
        return super::answer::pretty(
            &json!({ "release": table.release, "is_whole": table.is_whole, "commands": commands }),
        );
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "ms-swift {}{}",
        table.release,
        if table.is_whole {
            ""
        } else {
            " (not the whole list)"
        }
    );
    for (command, list) in &table.commands {
        let _ = writeln!(text, "\n{command}: {} arguments", list.len());
        for argument in list {
            let many = if argument.takes_many { " …" } else { "" };
            let default = argument.default_text().unwrap_or_else(|| "-".to_owned());
            let choices = if argument.choices.is_empty() {
                String::new()
            } else {
                format!("  one of {}", argument.choices.join(", "))
            };
            let _ = writeln!(
                text,
                "  --{:44} {:8} {default}{choices}",
                argument.name,
                format!("{}{many}", kind_name(argument.kind))
            );
        }
    }
    text
}
