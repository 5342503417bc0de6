//! The file that holds the tokens of one mailbox.
//!
//! **Invariant:** the file is replaced as a whole and durable before anybody goes on; its owner alone may read it, and it
//! belongs to the owner of the data directory. Whoever refreshes holds its lock, also against other processes: two
//! refreshes at once would each make the other's token worthless.

use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

/// Below the data directory.
const DIR: &str = "oauth";
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Longest wait for another process that refreshes, and between two looks.
const LOCK_WAIT: Duration = Duration::from_secs(40);
const LOCK_LOOK: Duration = Duration::from_millis(50);

/// The place of one mailbox's tokens.
#[derive(Clone, Debug)]
pub struct Vault {
    path: PathBuf,
}

/// What the file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The application the tokens were given to.
    pub(super) client_id: String,
    pub(super) refresh_token: String,
    /// The one before, until the next rotation.
    pub(super) previous_refresh_token: Option<String>,
    pub(super) access_token: String,
    /// Milliseconds since 1970.
    pub(super) access_until_ms: u64,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Held while tokens are refreshed.
#[derive(Debug)]
pub(super) struct VaultLock(#[expect(dead_code, reason = "the lock goes with it")] File);

impl Vault {
    /// The vault of `mailbox` below `data_dir`.
    #[must_use]
    pub fn new(data_dir: &Path, mailbox: &str) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let mut name = String::new();
        for c in mailbox.chars() {
            if fits(c) { name.push(c) } else { name += &format!("%{:x}", u32::from(c)) }
        }
        Self { path: data_dir.join(DIR).join(format!("{name}.json")) }
    }

    /// The file, for people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When the file was last written; another value means other tokens.
    pub(super) fn written_at(&self) -> Option<SystemTime> {
        fs::metadata(&self.path).and_then(|metadata| metadata.modified()).ok()
    }

    /// What is kept; `None` before the first consent.
    ///
    /// # Errors
    /// A sentence on what is wrong with the file.
    pub(super) fn read(&self) -> Result<Option<Kept>, String> {
        let shown = self.path.display();
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{shown} cannot be read: {error}")),
        };
        if metadata.mode() & 0o077 != 0 {
            return Err(format!("{shown} is open to others (mode {:04o}); chmod 600 it", metadata.mode() & 0o7777));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(format!("{shown} is too large to hold tokens"));
        }
        let bytes = fs::read(&self.path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        // What is wrong within is not said: it may be half a token.
        serde_json::from_slice(&bytes).map(Some).map_err(|_| format!("{shown} holds no tokens that can be read"))
    }

    /// Replaces the file; durable when this returns.
    ///
    /// # Errors
    /// A sentence on what went wrong; the file is as it was.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), String> {
        self.replace(kept).map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }

    fn replace(&self, kept: &Kept) -> io::Result<()> {
        let bytes = serde_json::to_vec(kept)?;
        let dir = self.dir()?;
        let draft = self.path.with_extension("json.new");
        let mut options = OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&bytes)?;
        same_owner(&dir, &draft)?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        File::open(&dir)?.sync_all()
    }

    /// The directory, made if need be.
    fn dir(&self) -> io::Result<PathBuf> {
        let dir = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        if !dir.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&dir)?;
            let above = dir.parent().unwrap_or(Path::new(".")).to_owned();
            same_owner(&above, &dir)?;
            File::open(above)?.sync_all()?;
        }
        Ok(dir)
    }

    /// Waits until nobody else refreshes.
    pub(super) async fn lock(&self) -> Result<VaultLock, String> {
        let path = self.path.with_extension("lock");
        let refused = |error: io::Error| format!("{} cannot be locked: {error}", path.display());
        let dir = self.dir().map_err(refused)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).write(true).truncate(false).mode(0o600).open(&path).map_err(refused)?;
        same_owner(&dir, &path).map_err(refused)?;
        let locked = tokio::time::timeout(LOCK_WAIT, async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_LOOK).await,
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        });
        match locked.await {
            Ok(Ok(())) => Ok(VaultLock(file)),
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Err(format!("another process holds {}", path.display())),
        }
    }
}

/// Gives `path` to the owner of `dir`: a command run by root must not lock the daemon out.
fn same_owner(dir: &Path, path: &Path) -> io::Result<()> {
    let (dir, file) = (fs::metadata(dir)?, fs::metadata(path)?);
    if dir.uid() == file.uid() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(dir.uid()), Some(dir.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn ops_2_tokens_stand_in_a_file_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::new(dir.path(), "a/b \u{fc}");
        assert!(vault.read().unwrap().is_none());
        let kept = Kept {
            client_id: "app".to_owned(),
            refresh_token: "secret-r".to_owned(),
            previous_refresh_token: None,
            access_token: "secret-a".to_owned(),
            access_until_ms: 7,
        };
        vault.write(&kept).unwrap();
        vault.write(&kept).unwrap();
        assert_eq!(vault.path().file_name().unwrap(), "a%2fb%20%fc.json");
        assert_eq!(fs::metadata(vault.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(vault.path().parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(vault.read().unwrap().unwrap().refresh_token, "secret-r");
        assert!(!format!("{kept:?}").contains("secret"));
        fs::set_permissions(vault.path(), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(vault.read().unwrap_err().contains("is open to others"));
        fs::write(vault.path(), "{\"refresh_token\":\"secret-").unwrap();
        fs::set_permissions(vault.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!vault.read().unwrap_err().contains("secret"));
    }
}
