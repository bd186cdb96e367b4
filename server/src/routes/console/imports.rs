//! Imports of event files: a folder of a node, or an upload.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, State};
use axum::{Extension, Json};
use backend::imports::{self, Upload};
use backend::{Actor, Backend, Error};
use domain::finding::Finding;
use domain::ids::{ImportId, NodeId};
use domain::imports::ImportView;
use serde::Deserialize;

use super::{Answer, Started};

#[derive(Deserialize)]
pub struct NewImport {
    node_id: NodeId,
    /// A folder, or one event file; absolute.
    path: String,
    /// Empty: the folder's.
    #[serde(default)]
    name: String,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<ImportView>> {
    Ok(Json(imports::list(&backend, &actor).await?))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ImportId>,
) -> Answer<ImportView> {
    Ok(Json(imports::get(&backend, &actor, &id).await?))
}

pub async fn create(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<NewImport>,
) -> Answer<Started<ImportId>> {
    let id = imports::from_node(&backend, &actor, &new.node_id, &new.path, &new.name).await?;
    Ok(Json(Started { id }))
}

pub async fn look_again(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ImportId>,
) -> Answer<()> {
    Ok(Json(imports::look_again(&backend, &actor, &id).await?))
}

/// `multipart/form-data`: any number of files, whose names are their paths, and a field `name`.
pub async fn upload(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    form: Result<Multipart, MultipartRejection>,
) -> Answer<Started<ImportId>> {
    let broken = |why: String| {
        Error::Invalid(vec![Finding::stops(
            "files",
            format!("The upload cannot be read as multipart/form-data: {why}."),
            format!("无法按 multipart/form-data 读取上传内容：{why}。"),
        )])
    };
    let mut form = form.map_err(|why| broken(why.body_text()))?;
    let mut upload = Upload::begin(&backend, &actor).await?;
    let mut name = String::new();
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|why| broken(why.body_text()))?
    {
        match field.file_name().map(str::to_owned) {
            Some(file) => upload.take(&file, field).await?,
            None if field.name() == Some("name") => {
                name = field.text().await.map_err(|why| broken(why.body_text()))?;
            }
            None => {}
        }
    }
    let id = upload.finish(&backend, &actor, &name).await?;
    Ok(Json(Started { id }))
}
