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

/// What the page of scripts/bench/drawing.py calls.
#[cfg(feature = "bench")]
mod bench {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    pub fn bench_fill(points: usize, lines: usize) {
        app::bench::fill(points, lines);
    }

    #[wasm_bindgen]
    pub fn bench_draw(canvas: &str, width: f64, height: f64) -> usize {
        app::bench::draw(canvas, width, height)
    }
}
