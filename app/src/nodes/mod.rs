//! Nodes: what there is, what is free, and adding one.

mod add_page;
mod detail_page;
mod gpu_strip;
mod host_key;
mod list_page;
pub mod server_fns;

pub use add_page::AddNodePage;
pub use detail_page::NodePage;
pub use gpu_strip::{GpuStrip, Standing, standing};
pub use list_page::NodesPage;
