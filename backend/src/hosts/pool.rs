//! One `Host` per node, kept while its login stays the same, behind a back-off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::NodeId;
use domain::nodes::Address;

use super::back_off::BackOff;
use super::{Host, Login, SshHost};

/// The open connections.
#[derive(Default)]
pub struct Hosts {
    open: Mutex<HashMap<NodeId, Known>>,
}

struct Known {
    address: Address,
    host_key: String,
    host: Arc<BackOff>,
}

impl Hosts {
    fn locked(&self) -> MutexGuard<'_, HashMap<NodeId, Known>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host of a node, if it was opened with this address and key before.
    pub fn known(&self, node: &NodeId, address: &Address, host_key: &str) -> Option<Arc<dyn Host>> {
        self.locked()
            .get(node)
            .filter(|known| known.address == *address && known.host_key == host_key)
            .map(|known| known.host.clone() as Arc<dyn Host>)
    }

    /// Remembers how a node is reached; replaces an earlier login.
    pub fn open(&self, node: &NodeId, login: Login) -> Arc<dyn Host> {
        let (address, host_key) = (login.address.clone(), login.host_key.clone());
        self.place(node, address, host_key, Arc::new(SshHost::new(login)))
    }

    /// Puts a host of the caller's in place of SSH: the seam for tests.
    pub fn place(
        &self,
        node: &NodeId,
        address: Address,
        host_key: String,
        host: Arc<dyn Host>,
    ) -> Arc<dyn Host> {
        let host = Arc::new(BackOff::new(host));
        let known = Known {
            address,
            host_key,
            host: host.clone(),
        };
        self.locked().insert(node.clone(), known);
        host
    }

    /// A person wants to know now: the next call does not wait for the end of a pause.
    pub fn end_pause(&self, node: &NodeId) {
        if let Some(known) = self.locked().get(node) {
            known.host.end_pause();
        }
    }

    pub fn forget(&self, node: &NodeId) {
        self.locked().remove(node);
    }
}
