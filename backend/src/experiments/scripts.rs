//! A pasted script beside the form: read into it, following it, mended; all arguments of a release; what differs from another recipe.

use std::collections::BTreeMap;

use domain::experiments::form::Form;
use domain::finding::{Finding, Weight};
use domain::ids::{ClusterId, ExperimentId};
use domain::recipes::arguments::{Argument, table};
use domain::recipes::dialects::strangers;
use domain::recipes::pasted;
use domain::recipes::review::{self, Review};
use domain::recipes::script::{Script, bytes};
use domain::recipes::version::{self, Version};
use domain::recipes::{Recipe, fields};

use crate::{Actor, Backend, Error, Result, nodes};

/// A script that was looked through, and what of it the form takes.
pub struct ScriptRead {
    pub review: Review,
    /// None: it has no training command.
    pub read: Option<pasted::Read>,
}

/// With what a form is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    Preset,
    /// What the project launched last.
    Last,
    Experiment(ExperimentId),
}

/// An argument that differs: its name in 4.x, what the other recipe says and what the form says.
pub type Change = (String, Option<String>, Option<String>);

/// Looks through a script for the release of a cluster's nodes; without a cluster, for its own.
pub async fn read_script(
    backend: &Backend,
    actor: &Actor,
    text: &str,
    cluster: &str,
) -> Result<ScriptRead> {
    too_long(text)?;
    let to = release_of(backend, actor, cluster).await?;
    let review = review::review(text, None, to, None);
    let read = pasted::read(&review);
    Ok(ScriptRead { review, read })
}

/// The form's script with the form's values in it, and what could not be written there.
pub fn follow_script(form: &Form) -> Result<(String, Vec<Finding>)> {
    too_long(&form.script)?;
    let recipe = form.recipe().map_err(Error::Invalid)?;
    Ok(pasted::follow(&form.script, &recipe, None))
}

/// The script with the comments that cut its commands off moved above them.
pub fn mend_script(text: &str) -> Result<String> {
    too_long(text)?;
    Ok(Script::read(text).with_comments_above().text().to_owned())
}

/// What in a script itself stands against a launch; the form's own values are judged with the recipe.
pub(super) fn findings(text: &str, to: Version) -> Vec<Finding> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let review = review::review(text, None, Some(to), None);
    let remarks = review.script.remarks().iter();
    let stops = remarks.filter(|remark| remark.weight == Weight::Stops);
    let own = stops.map(|remark| Finding {
        field: pasted::FIELD.to_owned(),
        weight: remark.weight,
        text: remark.sentence(),
    });
    // Nothing that is kept or shown may hold one.
    let secrets = secrets_in(&review.script);
    let named = (!secrets.is_empty()).then(|| {
        let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
        let names = names.join(", ");
        Finding::stops(
            pasted::FIELD,
            format!("The script holds secrets in clear: {names}. Move them to Reports, or let the script read them on the node, e.g. TOKEN=$(cat ~/.token)."),
            format!("脚本中有明文密钥：{names}。请移到“上报”，或让脚本在节点上读取，例如 TOKEN=$(cat ~/.token)。"),
        )
    });
    own.chain(named).collect()
}

/// A secret that stands in a script.
struct Secret {
    name: String,
    value: String,
    /// Of which program it is a flag; None: a variable.
    program: Option<usize>,
}

fn secrets_in(script: &Script) -> Vec<Secret> {
    let variables = script
        .variables()
        .iter()
        .filter(|variable| variable.value.is_exact)
        .map(|variable| Secret {
            name: variable.name.clone(),
            value: variable.value.text.clone(),
            program: None,
        });
    let flags = script
        .programs()
        .iter()
        .enumerate()
        .flat_map(|(index, program)| {
            program.flags.iter().filter_map(move |flag| {
                let value = flag.values.first().filter(|value| value.value.is_exact)?;
                Some(Secret {
                    name: flag.name.clone(),
                    value: value.value.text.clone(),
                    program: Some(index),
                })
            })
        });
    variables
        .chain(flags)
        .filter(|secret| strangers::is_secret(&secret.name) && !secret.value.is_empty())
        .collect()
}

/// The field of the reports that a flag or variable of another program means.
fn report_field(name: &str) -> Option<&'static str> {
    let field = match name {
        "SWANLAB_API_KEY" | "swanlab_token" => "swanlab_token",
        "WANDB_API_KEY" => "wandb_key",
        "swanlab_project" => "swanlab_project",
        "swanlab_workspace" | "SWANLAB_WORKSPACE" => "swanlab_workspace",
        "swanlab_exp_name" => "swanlab_exp_name",
        "swanlab_mode" | "SWANLAB_MODE" => "swanlab_mode",
        _ => return None,
    };
    Some(field)
}

/// The script without what belongs to the reports, and that as the form holds it, keys kept sealed.
pub async fn take_reports(
    backend: &Backend,
    actor: &Actor,
    text: &str,
) -> Result<(String, BTreeMap<String, String>)> {
    too_long(text)?;
    let mut script = Script::read(text);
    let mut taken = BTreeMap::new();
    let said: Vec<Secret> = {
        let variables = script
            .variables()
            .iter()
            .map(|variable| (variable.name.clone(), variable.value.clone(), None));
        let flags = script
            .programs()
            .iter()
            .enumerate()
            .flat_map(|(index, program)| {
                program.flags.iter().map(move |flag| {
                    (
                        flag.name.clone(),
                        flag.values
                            .first()
                            .map(|value| value.value.clone())
                            .unwrap_or_default(),
                        Some(index),
                    )
                })
            });
        let all = variables
            .chain(flags)
            .filter(|(_, value, _)| value.is_exact && !value.text.is_empty());
        all.map(|(name, value, program)| Secret {
            name,
            value: value.text,
            program,
        })
        .collect()
    };
    for secret in said {
        let is_of_lark = secret.name.starts_with("swanlab_lark")
            || secret.name == "swanlab_secret"
            || secret.name == "swanlab_webhook_url";
        let Some(field) = report_field(&secret.name) else {
            // No release of megatron knows them.
            if is_of_lark && let Some(program) = secret.program {
                script = script.without_flag(program, &secret.name).unwrap_or(script);
            }
            continue;
        };
        let value = match domain::recipes::reports::secret_name(field) {
            Some(_) => super::reports::keep_secret(backend, actor, field, &secret.value)
                .await?
                .to_string(),
            None => secret.value.clone(),
        };
        taken.insert(field.to_owned(), value);
        script = match secret.program {
            Some(program) => script.without_flag(program, &secret.name).unwrap_or(script),
            None => script.without_variable(&secret.name),
        };
    }
    if taken.keys().any(|key| key.starts_with("swanlab_")) {
        taken
            .entry("swanlab_host".to_owned())
            .or_insert_with(|| "https://swanlab.cn".to_owned());
    }
    Ok((script.text().to_owned(), taken))
}

fn too_long(text: &str) -> Result<()> {
    match bytes::decode(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(remark) => {
            let said = remark.sentence();
            Err(Error::Invalid(vec![Finding::stops(
                pasted::FIELD,
                said.en,
                said.zh,
            )]))
        }
    }
}

async fn release_of(backend: &Backend, actor: &Actor, cluster: &str) -> Result<Option<Version>> {
    let Ok(cluster) = cluster.parse::<ClusterId>() else {
        return Ok(None);
    };
    let found = nodes::list(backend, actor)
        .await?
        .into_iter()
        .find(|(known, _)| known.id == cluster);
    let Some((_, views)) = found else {
        return Ok(None);
    };
    let installed: Vec<(&str, Option<&str>)> = views
        .iter()
        .map(|view| {
            (
                view.node.name.as_str(),
                view.probe
                    .as_ref()
                    .and_then(|probe| probe.version_of("ms-swift")),
            )
        })
        .collect();
    Ok(version::same_version(&installed)
        .ok()
        .filter(|version| version.generation().is_some()))
}

/// Every argument of the form's command in the release of its cluster: the release, whether the list is whole, the list.
pub async fn arguments(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
) -> Result<(String, bool, &'static [Argument])> {
    let newest = domain::recipes::dialects::NEUTRAL;
    let release = release_of(backend, actor, &form.cluster_id)
        .await?
        .unwrap_or(newest);
    let method = form
        .recipe
        .get("method")
        .and_then(|word| domain::recipes::Method::parse(word))
        .unwrap_or_default();
    let table = table(release);
    let list = table
        .command(&format!("megatron {}", method.command().0))
        .unwrap_or_default();
    Ok((release.to_string(), table.is_whole, list))
}

/// What the form says otherwise than another recipe. None where there is nothing to compare with.
pub async fn changes(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    against: &Against,
) -> Result<Option<Vec<Change>>> {
    let now = form.recipe().map_err(Error::Invalid)?;
    let other = match against {
        Against::Preset => Some((form
            .preset()
            .map_err(|finding| Error::Invalid(vec![finding]))?
            .recipe)()),
        Against::Experiment(id) => super::find(backend, actor, id)
            .await?
            .setup
            .map(|setup| setup.recipe),
        Against::Last => backend
            .store()
            .experiments(&actor.project)
            .await?
            .into_iter()
            .find_map(|experiment| experiment.setup)
            .map(|setup| setup.recipe),
    };
    Ok(other.map(|other| differing(&other, &now)))
}

fn differing(before: &Recipe, now: &Recipe) -> Vec<Change> {
    let said = |recipe: &Recipe| -> Vec<(String, String)> {
        let texts = fields::write(recipe);
        let own = fields::ALL
            .iter()
            .map(|field| (field.key.to_owned(), texts[field.key].clone()));
        let extra = recipe
            .extra
            .iter()
            .map(|(name, values)| (name.replace('-', "_"), values.join(" ")));
        own.chain(extra).collect()
    };
    let (before, now) = (said(before), said(now));
    let find = |list: &[(String, String)], name: &str| {
        list.iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.clone())
    };
    let mut names: Vec<&String> = before.iter().map(|(name, _)| name).collect();
    names.extend(
        now.iter()
            .map(|(name, _)| name)
            .filter(|name| find(&before, name).is_none()),
    );
    names
        .into_iter()
        .map(|name| (name.clone(), find(&before, name), find(&now, name)))
        .filter(|(_, before, now)| before != now)
        .collect()
}

#[cfg(test)]
mod tests {
    use domain::recipes::presets;

    use super::*;

    #[test]
    fn what_differs_between_two_recipes_is_named_once() {
        let now = Recipe {
            learning_rate: 2e-4,
            extra: vec![("clip_grad".to_owned(), vec!["0.5".to_owned()])],
            ..presets::lora()
        };
        assert_eq!(
            differing(&presets::lora(), &now),
            [
                (
                    "learning_rate".to_owned(),
                    Some("1e-4".to_owned()),
                    Some("2e-4".to_owned())
                ),
                ("clip_grad".to_owned(), None, Some("0.5".to_owned())),
            ]
        );
        assert_eq!(differing(&now, &now), []);
    }

    #[test]
    fn a_script_that_does_not_hold_together_stands_against_a_launch() {
        let to = Version::parse("4.6.0").expect("a version");
        assert_eq!(findings("", to), []);
        let found = findings("megatron sft --model /m --dataset 'd\n", to);
        assert_eq!((found.len(), found[0].field.as_str()), (1, "script"));
        assert!(found[0].text.en.contains("not closed"));
        let found = findings(
            "export WANDB_API_KEY=s3cret\nmegatron sft --model /m --dataset d --swanlab_token s3cret\n",
            to,
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].text.en.contains("WANDB_API_KEY, swanlab_token")
                && !found[0].text.en.contains("s3cret")
        );
        assert_eq!(
            findings(
                "export WANDB_API_KEY=$(cat ~/.key)\nmegatron sft --model /m --dataset d\n",
                to
            ),
            []
        );
    }
}
