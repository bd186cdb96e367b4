//! What things are: pure rules, no I/O, no clock, no randomness; also builds for wasm.
