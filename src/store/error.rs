//! What can go wrong in the store.
//!
//! **Invariant:** a full disk, a damaged store and a refused change are told apart here, because the edges answer them
//! differently: 452 or 507 for [`Error::Full`], exit 79 for a store that cannot be read, the refusal's own words otherwise.

use crate::domain::refusal::Refusal;
use crate::store::engine::Table;
use std::io;
use std::path::Path;

/// Result of everything in the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The disk or the engine failed. After an `update` the outcome is unknown: the change may be there or not, never
    /// in parts.
    #[error("store: {0}")]
    Engine(String),
    /// No space, no quota or the file size limit reached (ENOSPC, EDQUOT, EFBIG); recovers when space is back.
    #[error("out of storage space")]
    Full,
    /// A stored record or blob is not what was written.
    #[error("damaged record in {}, key {}: {why}", table.0, data_encoding::HEXLOWER.encode(key))]
    Corrupt {
        /// Where it stands.
        table: Table,
        /// Its key.
        key: Vec<u8>,
        /// What is wrong with it.
        why: String,
    },
    /// No store at that path, and none was to be made.
    #[error("no store at {path}")]
    Missing {
        /// The path.
        path: String,
    },
    /// Mails and files of a store, and no store; an empty one beside them would sweep them away.
    #[error("{path} is missing beside its mails; put it back, or move the directory away to begin anew")]
    Gone {
        /// The path.
        path: String,
    },
    /// A file without content where the store should be; never overwritten.
    #[error("{path} is empty: not a store; restore a backup, or remove the file to begin anew")]
    Empty {
        /// The path.
        path: String,
    },
    /// A file of another kind where the store should be; never overwritten.
    #[error("{path} is not a store")]
    Foreign {
        /// The path.
        path: String,
    },
    /// A store that cannot be opened; never overwritten.
    #[error("{path} cannot be read: {why}")]
    Damaged {
        /// The path.
        path: String,
        /// What the engine says.
        why: String,
    },
    /// The store was written by a later version.
    #[error("the store has version {found}, this program knows up to {known}; use the later program")]
    Newer {
        /// Version of the store.
        found: u32,
        /// Highest version known here.
        known: u32,
    },
    /// Another process has the store open.
    #[error("the store is in use by another process")]
    Locked,
    /// The caller's own rules refused the change; nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Error {
    /// An I/O error while doing `what`: `Full` where space is what lacks, else `Engine`.
    #[must_use]
    pub fn from_io(what: &str, error: &io::Error) -> Self {
        if is_full(error) { Self::Full } else { Self::Engine(format!("{what}: {error}")) }
    }

    /// An I/O error at `path`.
    pub(crate) fn at(path: &Path, error: &io::Error) -> Self {
        Self::from_io(&path.display().to_string(), error)
    }
}

/// Whether space is what lacks: ENOSPC, EDQUOT, EFBIG.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_lack_of_space_is_told_apart_from_other_faults() {
        for (errno, full) in [(28, true), (122, true), (27, true), (5, false), (13, false)] {
            let error = Error::from_io("write", &io::Error::from_raw_os_error(errno));
            assert_eq!(error == Error::Full, full, "errno {errno}: {error}");
        }
    }
}
