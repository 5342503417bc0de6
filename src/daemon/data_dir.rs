//! The data directory: made private, and locked by the one process that may use it.
//!
//! | below it | what |
//! |---|---|
//! | `store.redb` | the store |
//! | `blobs/` | raw mails and attachments |
//! | `search/` | the index of words; made anew when it is missing |
//! | `reading.marks` | which mails are being read, for the one that takes the process down |
//! | `oauth/` | tokens of mailboxes, for the owner alone |
//! | `lock` | locked while a process uses the directory; names the directory to other daemons on a mailbox |
//! | `run/` | `control.sock` and `addresses.json` of the running daemon |

use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::desk::random_bytes;
use crate::store::durable::make_dir;
use data_encoding::HEXLOWER;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Octets of the random part of a directory's name.
const HOLDER_BYTES: usize = 16;
/// Most of the lock file that is read for it.
const LOCK_BYTES_MAX: u64 = 100;

/// Holds the directory until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Makes the directory if need be and locks it.
    ///
    /// # Errors
    /// [`Exit::TryAgain`] when another process has it, [`Exit::Store`] when the file system refuses.
    pub(crate) fn lock(path: &Path) -> Result<Self, Failure> {
        let refused = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(Exit::Store, format!("{what} {}: {error}", path.display()))
        };
        if !path.exists() {
            make_dir(path).map_err(|error| refused("cannot make", &error))?;
            let private = Permissions::from_mode(0o700);
            fs::set_permissions(path, private).map_err(|error| refused("cannot make private", &error))?;
        }
        let mut options = OpenOptions::new();
        let options = options.create(true).read(true).write(true).truncate(false).mode(0o600);
        let lock = options.open(path.join("lock")).map_err(|error| refused("cannot lock", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process uses {}; stop it first", path.display());
                Err(Failure::new(Exit::TryAgain, message))
            }
            Err(TryLockError::Error(error)) => Err(refused("cannot lock", &error)),
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A name that no other data directory has, by which claims on mailboxes are told apart (EML-19). It outlives restarts and
    /// is in no backup; a copy of the directory gets another one, for its files are others.
    ///
    /// # Errors
    /// [`Exit::Store`] when the lock file cannot be read or written.
    pub(crate) fn holder(&self) -> Result<String, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Store, format!("cannot use the lock: {error}"));
        let mut known = String::new();
        (&self.lock).seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        (&self.lock).take(LOCK_BYTES_MAX).read_to_string(&mut known).map_err(|error| failed(&error))?;
        if known.len() != 2 * HOLDER_BYTES || !known.bytes().all(|b| b.is_ascii_hexdigit()) {
            known = HEXLOWER.encode(&random_bytes::<HOLDER_BYTES>().map_err(|error| failed(&error))?);
            self.lock.write_all_at(known.as_bytes(), 0).map_err(|error| failed(&error))?;
            self.lock.sync_all().map_err(|error| failed(&error))?;
        }
        let metadata = self.lock.metadata().map_err(|error| failed(&error))?;
        Ok(format!("{known}{:x}", metadata.ino()))
    }

    /// The user this process works as, which owns the lock or is root.
    pub(crate) fn owner(&self) -> Result<u32, Failure> {
        let metadata = self.lock.metadata().map_err(|error| Failure::doing("read the lock", error))?;
        Ok(metadata.uid())
    }

    /// The directory of the running daemon, made if need be.
    pub(crate) fn run_dir(&self) -> Result<PathBuf, Failure> {
        let dir = self.path.join("run");
        make_dir(&dir).map_err(|error| Failure::opening(&error))?;
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).map_err(|error| Failure::doing("make run/", error))?;
        Ok(dir)
    }
}

/// Where the control socket of a daemon on `data_dir` is.
pub(crate) fn control_socket(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("control.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let first = DataDir::lock(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let second = DataDir::lock(&path).unwrap_err();
        assert_eq!(second.exit, Exit::TryAgain);
        assert!(second.message.starts_with("another process uses "), "{second}");
        drop(first);
        DataDir::lock(&path).unwrap();
    }

    #[test]
    fn eml_19_a_directory_keeps_its_name_and_a_copy_gets_another() {
        let dir = tempfile::tempdir().unwrap();
        let (path, copy) = (dir.path().join("data"), dir.path().join("copy"));
        let held = DataDir::lock(&path).unwrap();
        let name = held.holder().unwrap();
        assert_eq!(held.holder().unwrap(), name);
        drop(held);
        let again = DataDir::lock(&path).unwrap();
        assert_eq!(again.holder().unwrap(), name);
        fs::create_dir(&copy).unwrap();
        fs::copy(path.join("lock"), copy.join("lock")).unwrap();
        assert_ne!(DataDir::lock(&copy).unwrap().holder().unwrap(), name);
    }

    #[test]
    fn fault_94_a_directory_that_cannot_be_is_refused() {
        let refused = DataDir::lock(Path::new("/proc/no/such")).unwrap_err();
        assert_eq!(refused.exit, Exit::Store);
    }
}
