//! Datasets: register a file on a node, look at its first rows.

use bytes::Bytes;
use domain::datasets::Dataset;
use domain::ids::{DatasetId, NodeId};
use domain::people::Role;
use domain::shell::quote;

use crate::hosts::{Exit, Limits, read_file};
use crate::models::{absolute, wrong};
use crate::{Actor, Backend, Error, Result, clock, nodes};

/// Hashing reads the whole file: a large one takes minutes.
const HASH_SECS: u64 = 600;
/// Rows are shown from the file's beginning; a row that is longer than this is not shown.
const HEAD_BYTES: u64 = 4 << 20;

pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<Dataset>> {
    backend.store().datasets(&actor.project).await
}

pub async fn get(backend: &Backend, actor: &Actor, id: &DatasetId) -> Result<Dataset> {
    backend
        .store()
        .dataset(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("dataset"))
}

/// Registers a file after counting and hashing it on its node. Findings are on `path`.
pub async fn register(
    backend: &Backend,
    actor: &Actor,
    node: &NodeId,
    path: &str,
    name: &str,
) -> Result<DatasetId> {
    actor.needs(Role::Member)?;
    let node = nodes::get(backend, actor, node).await?.node;
    let path = absolute("path", path)?;
    let quoted = quote(&path);
    // The last row may lack its line end, so rows are counted by awk, not by wc.
    let command = format!(
        "[ -f {quoted} ] || exit 66; stat -L -c %s {quoted} && awk 'NF {{ n++ }} END {{ print n + 0 }}' {quoted} && sha256sum < {quoted}"
    );
    let host = nodes::host(backend, &node).await?;
    let output = host
        .run(&command, Bytes::new(), Limits::of_secs(HASH_SECS))
        .await
        .map_err(|error| nodes::unreachable(&node, &error))?;
    if output.exit == Exit::Code(66) {
        return Err(wrong(
            "path",
            format!(
                "There is no file {path} on {}. Check the spelling, or copy it there first.",
                node.name
            ),
            format!(
                "{} 上没有文件 {path}。请检查拼写，或先将文件复制到该处。",
                node.name
            ),
        ));
    }
    let text = output.text();
    let mut words = text.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (size, rows) = (number(), number());
    let (Some(size_bytes), Some(rows), Some(sha256)) = (size, rows, words.next()) else {
        return Err(wrong(
            "path",
            format!("{path} cannot be read: {}", output.complaint()),
            format!("无法读取 {path}：{}", output.complaint()),
        ));
    };
    if rows == 0 {
        return Err(wrong(
            "path",
            format!("{path} holds no rows."),
            format!("{path} 中没有数据行。"),
        ));
    }
    let last = path.rsplit('/').next().unwrap_or(&path);
    let name = if name.trim().is_empty() {
        last
    } else {
        name.trim()
    };
    let dataset = Dataset {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: name.to_owned(),
        node_id: node.id.clone(),
        rows,
        size_bytes,
        sha256: sha256.to_owned(),
        created_at: clock::now(),
        path,
    };
    if !backend
        .store()
        .insert_dataset(&dataset, &actor.user)
        .await?
    {
        return Err(wrong(
            "path",
            format!("{} on {} is in the list already.", dataset.path, node.name),
            format!("{} 上的 {} 已在列表中。", node.name, dataset.path),
        ));
    }
    backend
        .announce(
            &actor.project,
            "dataset",
            dataset.id.as_str(),
            serde_json::json!({}),
        )
        .await?;
    Ok(dataset.id)
}

/// The first `count` rows as they stand in the file.
pub async fn head(
    backend: &Backend,
    actor: &Actor,
    id: &DatasetId,
    count: u32,
) -> Result<Vec<String>> {
    let dataset = get(backend, actor, id).await?;
    let node = nodes::stored(backend, &dataset.node_id).await?;
    let host = nodes::host(backend, &node).await?;
    let slice = read_file(&*host, &dataset.path, Some(0), HEAD_BYTES)
        .await
        .map_err(|error| nodes::unreachable(&node, &error))?;
    let slice = slice.ok_or(Error::NotFound("file"))?;
    let text = String::from_utf8_lossy(&slice.bytes);
    // Without its end, a row is not shown: half a JSON text helps nobody.
    let whole = if slice.bytes.len() as u64 == slice.size {
        &text
    } else {
        text.rsplit_once('\n').map_or("", |(whole, _)| whole)
    };
    Ok(whole
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(count as usize)
        .map(str::to_owned)
        .collect())
}
