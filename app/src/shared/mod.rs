//! Pieces that many rooms use: the three faces of a load, states, times, sizes, forms.

pub mod badge;
pub mod confirm;
pub mod fields;
pub mod format;
pub mod fragment;
pub mod live;
pub mod load;
pub mod numbers;
pub mod place;
pub mod times;

pub use badge::{JobBadge, RehearsalMark, RunBadge};
pub use confirm::Confirmed;
pub use fields::{Findings, Submit, TextField};
pub use fragment::{Deed, Fragment};
pub use live::Live;
pub use load::{Failed, Load};
pub use times::{Ago, Lasted};
