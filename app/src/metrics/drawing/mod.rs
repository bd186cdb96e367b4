//! What a chart looks like: one drawing for the canvas in the browser and for the SVG of the server.

mod frame;
mod pen;
mod picture;
mod scene;
#[cfg(feature = "ssr")]
mod svg;

pub use frame::Frame;
pub use pen::{Align, Colour, Ink, Pen};
pub use picture::{Line, Picture};
pub use scene::draw;
#[cfg(feature = "ssr")]
pub use svg::{Theme, svg};
