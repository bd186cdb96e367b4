//! Node keys, tokens and webhooks: sealed before they reach the database.
//!
//! XChaCha20-Poly1305 with a random 24-byte nonce per secret, stored in front of the ciphertext. The key is 32 random bytes in a
//! file of mode 0600 outside the database, so that a copy of the database alone opens nothing. The secret's id is authenticated
//! with it: a row cannot be swapped for another.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use domain::ids::{ProjectId, SecretId, UserId};

use crate::error::{Error, Result};
use crate::store::NewSecretRow;
use crate::{Backend, clock};

const NONCE_BYTES: usize = 24;

/// Seals and opens. Holds the key; deliberately without `Debug`.
pub struct Secrets {
    cipher: XChaCha20Poly1305,
}

impl Secrets {
    /// Reads the key file, or makes it at the first start.
    pub fn open(key_file: &Path) -> Result<Secrets> {
        let mut key = [0_u8; 32];
        match OpenOptions::new().read(true).open(key_file) {
            Ok(mut file) => file
                .read_exact(&mut key)
                .map_err(Error::internal("read the key file"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                random(&mut key)?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(key_file)
                    .map_err(Error::internal("make the key file"))?;
                file.write_all(&key)
                    .and_then(|()| file.sync_all())
                    .map_err(Error::internal("write the key file"))?;
            }
            Err(error) => return Err(Error::internal("open the key file")(error)),
        }
        Ok(Secrets {
            cipher: XChaCha20Poly1305::new(Key::from_slice(&key)),
        })
    }

    /// `about` is authenticated with it: it opens under the same only.
    pub(crate) fn seal(&self, about: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0_u8; NONCE_BYTES];
        random(&mut nonce)?;
        let sealed = self
            .cipher
            .encrypt(
                XNonce::from_slice(&nonce),
                Payload {
                    msg: plain,
                    aad: about.as_bytes(),
                },
            )
            .map_err(|_| Error::internal("seal a secret")("encryption failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(crate) fn unseal(&self, about: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let (nonce, body) = sealed
            .split_at_checked(NONCE_BYTES)
            .ok_or_else(|| Error::internal("open a secret")("the row is too short"))?;
        self.cipher
            .decrypt(
                XNonce::from_slice(nonce),
                Payload {
                    msg: body,
                    aad: about.as_bytes(),
                },
            )
            .map_err(|_| {
                Error::internal("open a secret")("it was sealed with another key file, or damaged")
            })
    }
}

/// Fills `bytes` from the operating system's generator.
pub(crate) fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::internal("read random bytes")(error.to_string()))
}

/// `plain` sealed, with the id under which it opens once it is stored.
pub(crate) fn sealed(backend: &Backend, plain: &str) -> Result<(SecretId, Vec<u8>)> {
    let id: SecretId = clock::new_id();
    let sealed = backend.secrets().seal(id.as_str(), plain.as_bytes())?;
    Ok((id, sealed))
}

/// Stores `plain` and gives the id under which it can be opened.
pub async fn keep(
    backend: &Backend,
    project: &ProjectId,
    creator: &UserId,
    name: &str,
    plain: &str,
) -> Result<SecretId> {
    let (id, sealed) = sealed(backend, plain)?;
    let new = NewSecretRow {
        id: &id,
        project,
        creator,
        name,
        sealed: &sealed,
        now: clock::now(),
    };
    backend.store().insert_secret(new).await?;
    Ok(id)
}

/// Opens a secret that `keep` stored for this project under this name; None: there is none.
pub async fn reveal_named(
    backend: &Backend,
    project: &ProjectId,
    id: &SecretId,
    name: &str,
) -> Result<Option<String>> {
    let Some(sealed) = backend.store().secret_named(project, id, name).await? else {
        return Ok(None);
    };
    String::from_utf8(backend.secrets().unseal(id.as_str(), &sealed)?)
        .map(Some)
        .map_err(Error::internal("read a secret"))
}

/// Opens a secret that `keep` stored.
pub async fn reveal(backend: &Backend, id: &SecretId) -> Result<String> {
    let sealed = backend
        .store()
        .secret(id)
        .await?
        .ok_or(Error::NotFound("secret"))?;
    String::from_utf8(backend.secrets().unseal(id.as_str(), &sealed)?)
        .map_err(Error::internal("read a secret"))
}

/// In front of what `seal_text` has sealed.
const SEALED: &str = "sealed ";

/// Seals a text that stands in a row about `about`.
pub(crate) fn seal_text(backend: &Backend, about: &str, plain: &str) -> Result<String> {
    let sealed = backend.secrets().seal(about, plain.as_bytes())?;
    Ok(format!("{SEALED}{}", BASE64_STANDARD.encode(sealed)))
}

/// Opens what `seal_text` has sealed.
pub(crate) fn open_text(backend: &Backend, about: &str, text: &str) -> Result<String> {
    let sealed = text
        .strip_prefix(SEALED)
        .ok_or_else(|| Error::internal("open a text")("it was not sealed"))?;
    let sealed = BASE64_STANDARD
        .decode(sealed)
        .map_err(Error::internal("read a sealed text"))?;
    String::from_utf8(backend.secrets().unseal(about, &sealed)?)
        .map_err(Error::internal("read a secret"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_opens_only_under_its_own_id_and_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secrets.key");
        let secrets = Secrets::open(&file).expect("made");
        let (one, other): (SecretId, SecretId) = (clock::new_id(), clock::new_id());
        let sealed = secrets.seal(one.as_str(), b"token").expect("sealed");
        assert!(!sealed.windows(5).any(|w| w == b"token"));
        assert_eq!(
            Secrets::open(&file)
                .expect("read again")
                .unseal(one.as_str(), &sealed)
                .expect("opens"),
            b"token"
        );
        assert!(secrets.unseal(other.as_str(), &sealed).is_err());
        let elsewhere = Secrets::open(&folder.path().join("other.key")).expect("made");
        assert!(elsewhere.unseal(one.as_str(), &sealed).is_err());
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
