//! First contact: the host key of an unknown machine, shown to a person before anything else is said to it.
//!
//! The SSH library above hides an unknown key, so this goes through russh itself and stops right after the key exchange.

use std::sync::{Arc, Mutex};

use russh::client;
use russh::keys::{HashAlg, PublicKey};
use tokio::time::timeout;

use super::HostError;
use super::ssh::{resolve, transport};

const ANSWER: std::time::Duration = std::time::Duration::from_secs(10);

/// A host key as a person compares it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HostKey {
    /// `ssh-ed25519 AAAA…`
    pub openssh: String,
    /// `SHA256:…`, as `ssh-keygen -lf` prints it.
    pub fingerprint: String,
}

impl HostKey {
    /// A key as it is stored, with its fingerprint. None: this is no OpenSSH public key.
    pub fn from_openssh(text: &str) -> Option<HostKey> {
        let key = PublicKey::from_openssh(text).ok()?;
        Some(HostKey {
            openssh: text.to_owned(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        })
    }
}

struct Look {
    seen: Arc<Mutex<Option<PublicKey>>>,
}

impl client::Handler for Look {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKey) -> Result<bool, Self::Error> {
        *self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(key.clone());
        // No: we only came to look.
        Ok(false)
    }
}

/// Asks the machine for its host key.
pub async fn first_contact(host: &str, port: u16) -> Result<HostKey, HostError> {
    let address = resolve(host, port).await?;
    let seen = Arc::new(Mutex::new(None));
    let look = client::connect(Arc::new(transport()), address, Look { seen: seen.clone() });
    let result = timeout(ANSWER, look)
        .await
        .map_err(|_| HostError::TimedOut(ANSWER))?;
    let key = seen
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    match (key, result) {
        (Some(key), _) => Ok(HostKey {
            openssh: key
                .to_openssh()
                .map_err(|error| HostError::Broken(error.to_string()))?,
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        }),
        (None, Err(russh::Error::IO(why))) => Err(HostError::Refused {
            address: address.to_string(),
            why: why.to_string(),
        }),
        (None, Err(why)) => Err(HostError::Broken(format!("this is no SSH server: {why}"))),
        (None, Ok(_)) => Err(HostError::Broken("no host key was shown".to_owned())),
    }
}
