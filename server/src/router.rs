//! Every route on one screen.

use app::context::Caller;
use axum::Router;
use axum::extract::{Extension, FromRef, State};
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use backend::Backend;
use leptos::prelude::{LeptosOptions, provide_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, generate_route_list};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::guard::{Gate, guard};
use crate::routes::{assets, console, events, openai, sessions, swanlab};

/// What handlers can ask for.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub backend: Backend,
    pub leptos: LeptosOptions,
}

/// The whole address space. Prefixes are fixed; see docs/architecture.md.
pub fn router(state: AppState, gate: Gate) -> Router {
    let pages: Vec<AxumRouteListing> = generate_route_list(app::App);
    // Pages are compressed on the fly; assets are prepared at build time, and a compressed event stream would be held back.
    let compress = CompressionLayer::new().compress_when(
        SizeAbove::new(1024)
            .and(NotForContentType::SSE)
            .and(NotForContentType::new("application/wasm"))
            // Packed already: compressing would only take time.
            .and(NotForContentType::new("application/vnd.trainyard.curves")),
    );
    Router::new()
        .route("/fn/{*path}", any(server_function))
        .leptos_routes_with_handler(pages, get(page))
        .route("/pkg/{name}", get(assets::asset))
        .route("/session/setup", post(sessions::setup))
        .route("/session/login", post(sessions::log_in))
        .route("/session/logout", post(sessions::log_out))
        .route("/session/language", post(sessions::language))
        .route("/session/project", post(sessions::project))
        .route("/session/theme", post(sessions::theme))
        .nest("/console/v1", console::routes())
        .nest("/api", swanlab::routes())
        .route("/api/", get(swanlab::alive))
        .route("/space/~/settings", get(swanlab::links::settings))
        .route("/health", get(async || "ok\n"))
        .route("/events", get(events::changes))
        .route("/events/turns/{id}", get(events::turn))
        .route("/v1/models", get(openai::models))
        .route("/v1/chat/completions", post(openai::chat_completions))
        .route("/v1/completions", post(openai::completions))
        .fallback(get(page))
        .layer(from_fn_with_state(gate, guard))
        .layer(compress)
        .with_state(state)
}

/// What pages and server functions find in their context.
fn context(backend: Backend, caller: Caller) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        provide_context(backend.clone());
        provide_context(caller.clone());
    }
}

async fn server_function(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    request: Request<axum::body::Body>,
) -> impl IntoResponse {
    leptos_axum::handle_server_fns_with_context(context(backend, caller), request).await
}

async fn page(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    request: Request<axum::body::Body>,
) -> Response {
    // Links that a tracker's client prints.
    if request.uri().path().starts_with("/@") {
        return swanlab::links::follow(&state.backend, &caller, request.uri().path()).await;
    }
    let options = state.leptos.clone();
    let provide = context(state.backend.clone(), caller);
    let render = leptos_axum::render_app_to_stream_with_context(
        move || {
            provide();
            provide_context(assets::pieces());
        },
        move || app::shell(options.clone()),
    );
    render(request).await.into_response()
}
