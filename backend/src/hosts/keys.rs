//! Key pairs that live as long as one copy.

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

use crate::error::{Error, Result};

/// An Ed25519 pair, both halves in OpenSSH form.
pub struct EphemeralKey {
    pub private: String,
    /// `ssh-ed25519 AAAA…`, without a comment.
    pub public: String,
}

/// Makes a pair from the system's randomness.
pub fn ephemeral_key() -> Result<EphemeralKey> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| Error::internal("make a key")(error.to_string()))?;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let public = key
        .public_key()
        .to_openssh()
        .map_err(Error::internal("write a key"))?;
    let private = key
        .to_openssh(LineEnding::LF)
        .map_err(Error::internal("write a key"))?;
    Ok(EphemeralKey {
        private: private.to_string(),
        public: public.trim().to_owned(),
    })
}
