//! The plain routes: everything that is not a page or a server function.

pub mod assets;
pub mod console;
pub mod events;
pub mod openai;
pub mod sessions;
pub mod swanlab;
