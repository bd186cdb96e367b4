//! API keys of the caller. The text of a key is shown once.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use backend::{Actor, Backend, people};
use domain::people::ApiKey;
use serde::{Deserialize, Serialize};

use super::Answer;

#[derive(Deserialize)]
pub struct NewKey {
    name: String,
}

#[derive(Serialize)]
pub struct MadeKey {
    #[serde(flatten)]
    key: ApiKey,
    /// 21 letters and digits; not shown again.
    secret: String,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<ApiKey>> {
    Ok(Json(people::list_api_keys(&backend, &actor).await?))
}

pub async fn create(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<NewKey>,
) -> Answer<MadeKey> {
    let (key, secret) = people::create_api_key(&backend, &actor, &new.name).await?;
    Ok(Json(MadeKey { key, secret }))
}

pub async fn revoke(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<domain::ids::ApiKeyId>,
) -> Answer<()> {
    Ok(Json(people::revoke_api_key(&backend, &actor, &id).await?))
}
