//! The wasm entry, nothing else.
