//! Sealing of secrets that others gave us: what stands in the store, and in every copy of it, opens only with a key that
//! stands in a file beside it, which no backup holds.
//!
//! **Invariant:** the key's file is complete and durable before anything is sealed with it, its owner alone may read it, and
//! it is never written over.

use crate::store::durable::Draft;
use crate::store::durable::parent;
use crate::store::error::Error;
use crate::store::error::Result;
use data_encoding::BASE64;
use ring::aead::Aad;
use ring::aead::CHACHA20_POLY1305;
use ring::aead::LessSafeKey;
use ring::aead::NONCE_LEN;
use ring::aead::Nonce;
use ring::aead::UnboundKey;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::fmt;
use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::sync::Arc;

/// Name of the key's file below the data directory.
pub const KEY_FILE: &str = "sealing.key";

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<LessSafeKey>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// The sealer of a data directory; makes its key when there is none.
    ///
    /// # Errors
    /// `Engine` or `Full` when the file system fails, or the file is no key.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(KEY_FILE);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            read => read.map_err(|error| Error::at(&path, &error))?,
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
        let key = key.map_err(|_| Error::Engine(format!("{} holds no key", path.display())))?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// The secret as it may be kept, bound to what it is for.
    ///
    /// # Errors
    /// `Engine` when the system gives no randomness.
    pub fn seal(&self, purpose: &str, secret: &str) -> Result<String> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = secret.as_bytes().to_vec();
        let done = self.0.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose.as_bytes()),
            &mut sealed,
        );
        done.map_err(|_| Error::Engine("a secret could not be sealed".to_owned()))?;
        Ok(BASE64.encode(&[&nonce[..], &sealed].concat()))
    }

    /// The secret again; `None` when it was sealed with another key, for another purpose, or changed since.
    #[must_use]
    pub fn unseal(&self, purpose: &str, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed.as_bytes()).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut body).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let drawn = SystemRandom::new().fill(&mut bytes);
    drawn.map_err(|_| Error::Engine("no randomness from the system".to_owned()))?;
    Ok(bytes)
}

/// Makes the key; where another process was quicker, its key counts.
fn make(path: &Path) -> Result<Vec<u8>> {
    let at = |error: io::Error| Error::at(path, &error);
    let draft = Draft::beside(path)?;
    let mut options = fs::OpenOptions::new();
    let mut file = options.create_new(true).write(true).mode(0o600).open(draft.path()).map_err(at)?;
    file.write_all(&random::<32>()?).map_err(at)?;
    let dir = fs::metadata(parent(path)).map_err(at)?;
    let own = file.metadata().map_err(at)?;
    if (own.uid(), own.gid()) != (dir.uid(), dir.gid()) {
        // A command that root runs makes it for whom the data belongs to.
        chown(draft.path(), Some(dir.uid()), Some(dir.gid())).map_err(at)?;
    }
    drop(file);
    draft.place()?;
    fs::read(path).map_err(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn whk_2_a_secret_opens_with_its_key_and_for_its_purpose_alone() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sealer = Sealer::open(dir.path()).unwrap();
        let sealed = sealer.seal("webhook", "a secret of sixteen").unwrap();
        assert!(!sealed.contains("secret"));
        assert_ne!(sealed, sealer.seal("webhook", "a secret of sixteen").unwrap(), "never twice the same");
        let again = Sealer::open(dir.path()).unwrap();
        assert_eq!(again.unseal("webhook", &sealed).as_deref(), Some("a secret of sixteen"));
        assert_eq!(again.unseal("mailbox", &sealed), None);
        assert_eq!(Sealer::open(other.path()).unwrap().unseal("webhook", &sealed), None);
        for changed in ["", "AAAA", sealed.get(4..).unwrap(), "no base64!"] {
            assert_eq!(again.unseal("webhook", changed), None, "{changed:?}");
        }
    }

    #[test]
    fn the_key_is_its_owners_alone_and_what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Sealer::open(dir.path()).unwrap();
        let path = dir.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(&path, "short").unwrap();
        assert!(Sealer::open(dir.path()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"short", "never written over");
    }
}
