//! Reading the argument lists of the ms-swift that is installed on a node: from its source, without importing it, in a fifth of a second.
//!
//! `SNIPPET` is run with the node's Python. It reads the classes by `ast`, so that neither torch nor a GPU is needed, and prints one JSON
//! object in the shape of `fixtures/cli`. Compared with `dataclasses.fields` of the imported classes of 3.9.3 and 4.6.0, it names the same
//! arguments.

use serde_json::Value;

use super::{Argument, Listed, Table};

/// For `python3 -c`.
pub const SNIPPET: &str = include_str!("probe.py");

/// The table that the snippet printed. Says what it printed instead where that is no table.
pub fn read(output: &str) -> Result<Table, String> {
    let line = output
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with('{'))
        .ok_or_else(|| match output.trim().lines().last() {
            Some(last) => format!("the probe printed no list but: {last}"),
            None => "the probe printed nothing".to_owned(),
        })?;
    let json: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if let Some(problem) = json["problem"].as_str() {
        return Err(problem.to_owned());
    }
    let release = json["ms_swift"].as_str().unwrap_or_default().to_owned();
    let mut table = Table {
        release,
        is_whole: true,
        commands: std::collections::BTreeMap::new(),
    };
    for (command, list) in json["commands"].as_object().into_iter().flatten() {
        let list: Vec<Listed> =
            serde_json::from_value(list.clone()).map_err(|error| format!("{command}: {error}"))?;
        if !list.is_empty() {
            table.commands.insert(
                command.clone(),
                list.into_iter().map(Argument::from).collect(),
            );
        }
    }
    if table.commands.is_empty() {
        return Err("no argument class was found in the installed ms-swift".to_owned());
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_printed_is_a_table_or_says_why_not() {
        let table = read(
            "warning: something\n{\"ms_swift\": \"4.7.1\", \"commands\": {\"megatron sft\": [{\"name\": \"lr\", \"type\": \"Optional[float]\", \"default\": null, \"group\": \"X\"}, {\"name\": \"a\", \"type\": \"Literal['x', 'y']\", \"default\": \"x\"}]}}\n",
        )
        .expect("a table");
        assert_eq!((table.release.as_str(), table.is_whole), ("4.7.1", true));
        assert_eq!(
            table.find("megatron pt", "a").map(|a| a.choices.clone()),
            Some(vec!["x".to_owned(), "y".to_owned()])
        );
        assert!(read("").expect_err("nothing").contains("nothing"));
        assert!(
            read("Traceback\nModuleNotFoundError: x\n")
                .expect_err("no")
                .contains("ModuleNotFoundError")
        );
        assert!(
            read("{\"problem\": \"ms-swift is not installed\"}")
                .expect_err("no")
                .contains("not installed")
        );
        assert!(read("{\"ms_swift\": \"9\", \"commands\": {}}").is_err());
    }
}
