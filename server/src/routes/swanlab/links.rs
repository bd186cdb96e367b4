//! The links that the client prints, answered with our own pages.

use app::context::Caller;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use backend::{Backend, tracking};

use crate::cookies;

/// Where the new client sends people for a key.
pub async fn settings() -> Redirect {
    Redirect::to("/experiments/send")
}

/// `/@workspace/project` and `/@workspace/project/runs/id`. What is not there is on the list of experiments neither.
pub async fn follow(backend: &Backend, caller: &Caller, path: &str) -> Response {
    let list = Redirect::to("/experiments").into_response();
    let Some((_, actor)) = &caller.actor else {
        return Redirect::to("/login").into_response();
    };
    let mut parts = path.split('/').skip(2);
    let Some(name) = parts.next() else {
        return list;
    };
    let found = tracking::access::in_project(backend, actor, name).await;
    let Ok(Some((actor, project))) = found else {
        return list;
    };
    let target = match (parts.next(), parts.next()) {
        (Some("runs"), Some(id)) => match tracking::runs::find(backend, &actor, id).await {
            Ok(Some(run)) => Redirect::to(&format!("/experiments/{}", run.experiment)),
            _ => Redirect::to("/experiments"),
        },
        _ => Redirect::to("/experiments"),
    };
    // The project becomes the one that is worked in.
    (
        [(header::SET_COOKIE, cookies::set_project(&project.id))],
        target,
    )
        .into_response()
}
