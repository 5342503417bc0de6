//! What stays the same as long as the store lives: the workspace's id, and the key that signs links to its files.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::random_bytes;
use crate::domain::id::Millis;
use crate::store;
use crate::store::engine::WriteTx;
use data_encoding::BASE32_NOPAD;
use std::fmt;

/// Name of the secret that signs links to attachments (OBJ-44).
pub(crate) const FILE_KEY: &str = "file_key_1";
/// How the names of the moments begin at which mailboxes were added.
const MAILBOX_ADDED: &str = "mailbox_added/";
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

    /// When the mailbox of that name was first read; the first call notes it. Mail from before is not ours to take
    /// (EML-3). For the daemon.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn mailbox_added_at(&self, mailbox: &str) -> Result<Millis> {
        let name = format!("{MAILBOX_ADDED}{mailbox}");
        let now = self.inner.clock.now();
        let added = self.inner.store.update(move |tx| {
            let kept: Option<[u8; 8]> = store::meta::secret(tx, &name)?.and_then(|at| at.try_into().ok());
            if let Some(at) = kept {
                return Ok(Millis(u64::from_be_bytes(at)));
            }
            store::meta::put_secret(tx, &name, &now.0.to_be_bytes())?;
            Ok(now)
        });
        Ok(added.await?)
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
