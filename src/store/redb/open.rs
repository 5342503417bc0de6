//! Opening and making the store's file.
//!
//! **Invariant:** a file that stands at the store's path is opened or refused, never replaced and never initialised. A new
//! store is made under another name and linked into place when it is complete and synced.

use crate::store::durable::DRAFT_MARK;
use crate::store::durable::Draft;
use crate::store::durable::parent;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::redb::backup;
use crate::store::redb::guarded::Gate;
use crate::store::redb::guarded::Guarded;
use crate::store::redb::tx::fault;
use ::redb::Builder;
use ::redb::Database;
use ::redb::DatabaseError;
use ::redb::ReadableDatabase;
use ::redb::StorageBackend;
use ::redb::StorageError;
use ::redb::backends::FileBackend;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;

/// First bytes of a redb file.
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1a, 0x0a, 0xa9, 0x0d, 0x0a];

/// The file format this program writes.
const FORMAT_VERSION: u32 = 3;

/// What redb says of a format above its own.
const NEWER_FORMAT_TEXT: &str = "Expected file format version <=";

/// Where the database is opened from, the first time and after every fault.
pub(super) struct Source {
    open: Box<dyn Fn() -> Result<Database> + Send + Sync>,
    file_bytes: Box<dyn Fn() -> io::Result<u64> + Send + Sync>,
    /// Where the file stands; a simulated disk has no place.
    path: Option<PathBuf>,
    gate: Gate,
}

impl Source {
    /// The file at `path`, which must exist.
    pub(super) fn file(path: &Path, cache_bytes: usize) -> Self {
        let opened = path.to_owned();
        let measured = path.to_owned();
        let gate = Gate::default();
        let guard = gate.clone();
        Self {
            open: Box::new(move || open_file(&opened, cache_bytes, &guard)),
            file_bytes: Box::new(move || Ok(std::fs::metadata(&measured)?.len())),
            path: Some(path.to_owned()),
            gate,
        }
    }

    /// Handles to a simulated disk; an empty one becomes a new store.
    pub(super) fn backend<B, F>(backend: F, cache_bytes: usize) -> Self
    where
        B: StorageBackend,
        F: Fn() -> io::Result<B> + Send + Sync + 'static,
    {
        let backend = std::sync::Arc::new(backend);
        let measured = backend.clone();
        let gate = Gate::default();
        let guard = gate.clone();
        let open = move || {
            let handle = backend().map_err(|error| Error::from_io("open", &error))?;
            let path = Path::new("the simulated disk");
            caught(path, || builder(cache_bytes).create_with_backend(Guarded::new(handle, &guard)))
        };
        Self { open: Box::new(open), file_bytes: Box::new(move || measured()?.len()), path: None, gate }
    }

    /// What the next sync of the open database waits for.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn open(&self) -> Result<Database> {
        (self.open)()
    }

    /// A complete copy of what the database holds, in a file beside it.
    pub(super) fn rewritten(&self, database: &Database) -> Result<Draft> {
        let path = self.path.as_deref().ok_or_else(|| Error::Engine("a store without a file".to_owned()))?;
        let draft = Draft::beside(path)?;
        let tx = database.begin_read().map_err(fault)?;
        backup::fill(draft.path(), |copy| backup::copy_all(&tx, copy))?;
        Ok(draft)
    }

    /// Size now; 0 when it cannot be told.
    pub(super) fn file_bytes(&self) -> u64 {
        (self.file_bytes)().unwrap_or(0)
    }
}

fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    builder
}

fn open_file(path: &Path, cache_bytes: usize, gate: &Gate) -> Result<Database> {
    let shown = || path.display().to_string();
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: shown() },
        _ => Error::at(path, &error),
    })?;
    let mut magic = Vec::with_capacity(MAGIC.len());
    let first = file.by_ref().take(9).read_to_end(&mut magic);
    first.map_err(|error| Error::at(path, &error))?;
    if magic.is_empty() {
        return Err(Error::Empty { path: shown() });
    }
    if magic != MAGIC {
        return Err(Error::Foreign { path: shown() });
    }
    // It is not empty, so nothing is made in it.
    caught(path, || builder(cache_bytes).create_with_backend(Guarded::new(FileBackend::new(file)?, gate)))
}

/// Opens with redb, which may panic on a file that was damaged behind its back.
fn caught(path: &Path, open: impl FnOnce() -> Result<Database, DatabaseError>) -> Result<Database> {
    let damaged = |why: String| Error::Damaged { path: path.display().to_string(), why };
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) => Err(match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Error::Locked,
            DatabaseError::Storage(StorageError::Corrupted(why)) if why.contains(NEWER_FORMAT_TEXT) => {
                let found = why.rsplit(' ').next().and_then(|version| version.parse().ok());
                Error::Newer { found: found.unwrap_or(FORMAT_VERSION + 1), known: FORMAT_VERSION }
            }
            DatabaseError::Storage(StorageError::Corrupted(why)) => damaged(why),
            // A file cut short ends before a page it should hold.
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                damaged(error.to_string())
            }
            DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted => damaged(error.to_string()),
            other => fault(other),
        }),
        Err(_) => Err(damaged("the database engine stumbled over its contents".to_owned())),
    }
}

/// Makes an empty store at `path` unless something is there. Whoever comes second opens what the first one made.
pub(super) fn create_if_missing(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::at(path, &error)),
    }
    let draft = Draft::beside(path)?;
    create(draft.path())?;
    draft.place()?;
    Ok(())
}

/// Removes what a crash while making the store or a copy of it left beside it. Only for whoever has the store open.
pub(super) fn remove_drafts(path: &Path) -> Result<()> {
    let dir = parent(path);
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let drafts = format!("{name}{DRAFT_MARK}");
    for entry in std::fs::read_dir(&dir).map_err(|error| Error::at(&dir, &error))? {
        let entry = entry.map_err(|error| Error::at(&dir, &error))?;
        if entry.file_name().to_string_lossy().starts_with(&drafts) {
            std::fs::remove_file(entry.path()).map_err(|error| Error::at(&entry.path(), &error))?;
        }
    }
    Ok(())
}

/// Makes a database in a new file and closes it.
pub(super) fn create(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| Error::at(path, &error))?;
    let database = builder(1 << 20).create(path).map_err(fault)?;
    database.close().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redb::Redb;
    use std::fs;

    #[test]
    fn p22_what_is_not_a_store_is_refused_in_its_own_words_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        create_if_missing(&path).unwrap();
        let good = fs::read(&path).unwrap();
        let shown = path.display().to_string();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        type Expected = fn(&Error, &str) -> bool;
        // The version stands first in each of the two slots of the header, at 64 and 192.
        let mut newer = with(64, 9);
        newer[192] = 9;
        let cases: [(&str, Vec<u8>, Expected); 5] = [
            ("empty", Vec::new(), |e, p| *e == Error::Empty { path: p.to_owned() }),
            ("text", b"From: a@b".to_vec(), |e, p| *e == Error::Foreign { path: p.to_owned() }),
            ("half a magic", MAGIC[..5].to_vec(), |e, p| *e == Error::Foreign { path: p.to_owned() }),
            ("newer", newer, |e, _| *e == Error::Newer { found: 9, known: 3 }),
            ("cut short", good[..8192].to_vec(), |e, _| matches!(e, Error::Damaged { .. })),
        ];
        for (name, bytes, expected) in cases {
            fs::write(&path, &bytes).unwrap();
            let error = Redb::open_or_create(&path).unwrap_err();
            assert!(expected(&error, &shown), "{name}: {error:?}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "{name}: the file was touched");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(Redb::open(&path).unwrap_err(), Error::Missing { path: shown });
        assert!(!path.exists(), "open makes nothing");
    }

    #[test]
    fn a_store_in_use_is_locked_and_free_again_when_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        fs::write(dir.path().join("store.redb.new-0123"), "left by a crash").unwrap();
        let held = Redb::open_or_create(&path).unwrap();
        assert_eq!(Redb::open(&path).unwrap_err(), Error::Locked);
        drop(held);
        Redb::open(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }
}
