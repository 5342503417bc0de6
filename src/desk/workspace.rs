//! What stays the same as long as the store lives: the workspace's id, and the key that signs links to its files.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::random_bytes;
use crate::store;
use crate::store::engine::WriteTx;
use data_encoding::BASE32_NOPAD;
use std::fmt;

/// Name of the secret that signs links to attachments (OBJ-44).
const FILE_KEY: &str = "file_key_1";
/// How every workspace id begins.
const ID_PREFIX: &str = "dg";
/// Octets of chance in a workspace id.
const ID_BYTES: usize = 5;

/// Who the workspace is.
#[derive(Clone)]
pub struct Workspace {
    /// `id_code` of OBJ-10, as objects show it.
    pub id: String,
    /// Signs links to attachments. Links signed with another key are not found.
    pub file_key: [u8; 32],
}

impl fmt::Debug for Workspace {
    /// Never shows key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Desk {
    /// The workspace; the first call on a new store names it. For the daemon.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn workspace(&self) -> Result<Workspace> {
        let fresh_id = BASE32_NOPAD.encode(&random_bytes::<ID_BYTES>()?).to_lowercase();
        let fresh_key = random_bytes::<32>()?;
        let known = self.inner.store.update(move |tx| {
            let file_key = file_key(tx, &fresh_key)?;
            let id = match store::meta::workspace_id(tx)? {
                Some(id) => id,
                None => {
                    let id = format!("{ID_PREFIX}{fresh_id}");
                    store::meta::put_workspace_id(tx, &id)?;
                    id
                }
            };
            Ok(Workspace { id, file_key })
        });
        Ok(known.await?)
    }
}

fn file_key(tx: &mut dyn WriteTx, fresh: &[u8; 32]) -> store::Result<[u8; 32]> {
    let kept = store::meta::secret(tx, FILE_KEY)?.and_then(|key| key.try_into().ok());
    if let Some(key) = kept {
        return Ok(key);
    }
    store::meta::put_secret(tx, FILE_KEY, fresh)?;
    Ok(*fresh)
}
