//! The wasm entry, nothing else.

// As in `app`, whose views are laid out here.
#![recursion_limit = "512"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the script that the server puts into every page.
#[wasm_bindgen]
pub async fn hydrate() {
    console_error_panic_hook::set_once();
    app::hydrate().await;
}
