//! API keys for pages.

use crate::wire::Json;
use domain::people::ApiKey;
use leptos::prelude::*;

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "people/keys", input = Json, output = Json)]
pub async fn list_keys() -> Result<Vec<ApiKey>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::people::list_api_keys(&backend, &actor).await?)
}

/// The key's text, which is told only here.
#[server(prefix = "/fn", endpoint = "people/create_key", input = Json, output = Json)]
pub async fn create_key(name: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::people::create_api_key(&backend, &actor, &name)
        .await?
        .1)
}

#[server(prefix = "/fn", endpoint = "people/revoke_key", input = Json, output = Json)]
pub async fn revoke_key(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::people::revoke_api_key(&backend, &actor, &id.parse()?).await?)
}
