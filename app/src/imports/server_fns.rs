//! Imports for pages.

use crate::wire::Json;
use leptos::prelude::*;

use crate::error::AppError;

/// All imports as HTML; empty when there are none.
#[server(prefix = "/fn", endpoint = "imports/list", input = Json, output = Json)]
pub async fn list_imports() -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let imports = backend::imports::list(&backend, &actor).await?;
    Ok(super::html::list(&imports))
}

/// An import's name, and all that is known of it as HTML.
#[server(prefix = "/fn", endpoint = "imports/get", input = Json, output = Json)]
pub async fn get_import(id: String) -> Result<(String, String), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let import = backend::imports::get(&backend, &actor, &id.parse()?).await?;
    Ok((import.import.name.clone(), super::html::detail(&import)))
}

/// From a folder of a node.
#[server(prefix = "/fn", endpoint = "imports/create", input = Json, output = Json)]
pub async fn create_import(node: String, path: String, name: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let made = backend::imports::from_node(&backend, &actor, &node.parse()?, &path, &name).await?;
    Ok(made.to_string())
}

#[server(prefix = "/fn", endpoint = "imports/look", input = Json, output = Json)]
pub async fn look_again(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::imports::look_again(&backend, &actor, &id.parse()?).await?)
}
