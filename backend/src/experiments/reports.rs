//! Reports to other hosts: their keys are kept sealed, and reach the last node alone.

use domain::finding::Finding;
use domain::ids::SecretId;
use domain::jobs::ProcessSpec;
use domain::people::Role;
use domain::recipes::reports::{self, Said};

use crate::{Actor, Backend, Error, Result, secrets};

/// The longest key of a host is a few hundred characters.
const LONGEST: usize = 4096;

/// Keeps the value of a secret field; what comes back stands in the form for it.
pub async fn keep_secret(
    backend: &Backend,
    actor: &Actor,
    key: &str,
    value: &str,
) -> Result<SecretId> {
    actor.needs(Role::Member)?;
    let name = reports::secret_name(key).ok_or(Error::NotFound("field"))?;
    let value = value.trim();
    if value.is_empty() || value.len() > LONGEST || value.chars().any(char::is_control) {
        return Err(Error::Invalid(vec![Finding::stops(
            key,
            format!("This is no key: write 1 … {LONGEST} characters on one line."),
            format!("这不是密钥：请在一行内填写 1 … {LONGEST} 个字符。"),
        )]));
    }
    secrets::keep(backend, &actor.project, &actor.user, &name, value).await
}

/// Gives the last node the variables of its reports, in a file that its script reads. Says which key is not there.
pub(super) async fn attach(
    backend: &Backend,
    actor: &Actor,
    said: &Said,
    processes: &mut [ProcessSpec],
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut variables = said.environment.clone();
    for (variable, key, id) in &said.secrets {
        let name = reports::secret_name(key).unwrap_or_default();
        let value = match id.parse::<SecretId>() {
            Ok(id) => secrets::reveal_named(backend, &actor.project, &id, &name).await?,
            Err(_) => None,
        };
        match value {
            Some(value) => variables.push((variable.clone(), value)),
            None => findings.push(Finding::stops(
                *key,
                "This key is not kept in this project. Write it again.",
                "该项目中没有保存此密钥，请重新填写。",
            )),
        }
    }
    if let (Some(last), false) = (processes.last_mut(), variables.is_empty()) {
        last.script = reports::reading(&last.script);
        last.files
            .push((reports::FILE.to_owned(), reports::file(&variables)));
    }
    Ok(findings)
}
