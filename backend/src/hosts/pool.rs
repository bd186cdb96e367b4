//! One `Host` per node, kept while its login stays the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::ids::NodeId;
use domain::nodes::Address;

use super::{Host, Login, SshHost};

/// The open connections.
#[derive(Default)]
pub struct Hosts {
    open: Mutex<HashMap<NodeId, Known>>,
}

struct Known {
    address: Address,
    host_key: String,
    host: Arc<dyn Host>,
}

impl Hosts {
    /// The host of a node, if it was opened with this address and key before.
    pub fn known(&self, node: &NodeId, address: &Address, host_key: &str) -> Option<Arc<dyn Host>> {
        let open = self
            .open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        open.get(node)
            .filter(|known| known.address == *address && known.host_key == host_key)
            .map(|known| known.host.clone())
    }

    /// Remembers how a node is reached; replaces an earlier login.
    pub fn open(&self, node: &NodeId, login: Login) -> Arc<dyn Host> {
        let known = Known {
            address: login.address.clone(),
            host_key: login.host_key.clone(),
            host: Arc::new(SshHost::new(login)),
        };
        let host = known.host.clone();
        self.open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(node.clone(), known);
        host
    }

    /// Puts a host of the caller's in place of SSH: the seam for tests.
    pub fn place(&self, node: &NodeId, address: Address, host_key: String, host: Arc<dyn Host>) {
        let known = Known {
            address,
            host_key,
            host,
        };
        self.open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(node.clone(), known);
    }

    pub fn forget(&self, node: &NodeId) {
        self.open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .remove(node);
    }
}
