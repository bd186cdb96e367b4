//! The small bodies of the SwanLab client: a new experiment, its columns, its end.

use serde::Deserialize;
use serde_json::Value;

use super::{RunState, stamp};

/// `POST /project/{user}/{project}/experiment`. What is null or empty is left out by the client.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct NewExperiment {
    pub name: String,
    pub description: String,
    /// The client's own id of the run. Releases before 0.8 send it only when they resume.
    pub cuid: Option<String>,
    #[serde(rename = "createdAt")]
    pub created_at: Option<String>,
    pub labels: Vec<Label>,
    /// `job_type` of `swanlab.init`.
    pub job: Option<String>,
    /// `group` of `swanlab.init`.
    pub cluster: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Label {
    pub name: String,
}

impl NewExperiment {
    /// When the run began by its own clock; an offline run is sent long after.
    pub fn created_millis(&self) -> Option<i64> {
        stamp::micros(self.created_at.as_deref()?).map(|micros| micros.div_euclid(1000))
    }
}

/// `PUT …/state`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct NewState {
    state: String,
    #[serde(rename = "finishedAt")]
    finished_at: Option<String>,
}

impl NewState {
    /// A word that no client sends is taken for a run that goes on.
    pub fn state(&self) -> RunState {
        RunState::from_name(&self.state.to_ascii_lowercase()).unwrap_or(RunState::Running)
    }

    pub fn finished_millis(&self) -> Option<i64> {
        stamp::micros(self.finished_at.as_deref()?).map(|micros| micros.div_euclid(1000))
    }
}

/// What a client says of one of its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    /// `FLOAT`, `IMAGE`, `AUDIO`, `VIDEO`, `TEXT`, `ECHARTS`, `OBJECT3D`, `MOLECULE`, `HTML`; upper case.
    pub kind: String,
    /// As it was sent.
    pub detail: Value,
}

/// The columns of either form: a list of them, or `{"series": […]}`. What is none is left out.
pub fn columns(body: &Value) -> Vec<Column> {
    let list = body.get("series").unwrap_or(body).as_array();
    let column = |entry: &Value| {
        let name = entry.get("key")?.as_str()?;
        let kind = entry.get("type").and_then(Value::as_str).unwrap_or("FLOAT");
        Some(Column {
            name: super::posts::bounded(name).to_owned(),
            kind: kind.to_ascii_uppercase(),
            detail: entry.clone(),
        })
    };
    list.into_iter().flatten().filter_map(column).collect()
}

/// A person's workspace, which clients put into addresses: 1 to 25 of letters, digits, `-` and `_`.
pub fn workspace(user: &str) -> String {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    let name: String = user
        .chars()
        .map(|char| if fits(char) { char } else { '-' })
        .take(25)
        .collect();
    if name.bytes().any(|byte| byte != b'-') {
        name
    } else {
        "me".to_owned()
    }
}

/// Whether it is a name that clients can put into an address: 1 to 100 of letters, digits and `_-+.`.
pub fn is_project_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+.".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(fits)
}

/// Whether it can be a run's id: 1 to 512 characters, none that an address or a path gives a meaning to.
pub fn is_run_id(id: &str) -> bool {
    let fits = |char: char| !char.is_control() && !"<>:\"/\\|?*#%".contains(char);
    (1..=512).contains(&id.chars().count()) && id.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_of_columns_are_read() {
        let old =
            json!([{"class":"CUSTOM","type":"FLOAT","key":"train/loss"}, {"type":"IMAGE"}, 5]);
        let new = json!({"series":[{"key":"img","type":"IMAGE","xAxis":"epoch"}]});
        assert_eq!(columns(&old).len(), 1);
        let column = &columns(&new)[0];
        assert_eq!(
            (column.name.as_str(), column.kind.as_str()),
            ("img", "IMAGE")
        );
        assert!(columns(&json!("x")).is_empty());
    }

    #[test]
    fn a_state_is_read_with_its_time() {
        let state: NewState = serde_json::from_value(
            json!({"state":"CRASHED","from":"sdk","finishedAt":"2026-11-23T23:22:16.5Z"}),
        )
        .unwrap();
        assert_eq!(state.state(), RunState::Crashed);
        assert_eq!(state.finished_millis(), Some(1_795_476_136_500));
    }

    #[test]
    fn names_that_go_into_addresses_are_told_from_those_that_cannot() {
        assert_eq!(workspace("alice"), "alice");
        assert_eq!(workspace("Alice Müller / 1"), "Alice-M-ller---1");
        assert_eq!(workspace("李雷"), "me");
        assert!(
            is_project_name("megatron-swift_v1.0+x")
                && !is_project_name("a b")
                && !is_project_name("")
        );
        assert!(is_run_id("l6v6xd8t") && is_run_id("训练") && !is_run_id("a/b") && !is_run_id(""));
    }
}
