//! Large blobs as files of their own: `DIR/ab/cdef…` is the one whose name begins with `abcdef…`.
//!
//! A file is written and synced under a temporary name, renamed, and its directory synced.

use crate::domain::attachment::BlobHash;
use crate::store::durable::DRAFT_MARK;
use crate::store::durable::random_suffix;
use crate::store::durable::sync_dir;
use crate::store::error::Error;
use crate::store::error::Result;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

/// The files of one directory.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    /// Begins the names of this process's temporary files, which stand beside the files they become.
    draft_prefix: String,
    draft_count: AtomicU64,
}

impl Files {
    /// The files in `root`, which is there.
    pub(super) fn open(root: PathBuf) -> Result<Self> {
        let draft_prefix = format!("{DRAFT_MARK}{}-", random_suffix()?);
        Ok(Self { root, draft_prefix, draft_count: AtomicU64::new(0) })
    }

    /// Gives a blob its file; durable when this returns.
    pub(super) fn make(&self, hash: BlobHash, frame: &[u8], now: SystemTime) -> Result<()> {
        let (dir, path) = self.place(hash);
        self.make_shard(&dir)?;
        let number = self.draft_count.fetch_add(1, Ordering::Relaxed);
        let draft = dir.join(format!("{}{number}", self.draft_prefix));
        let made = write_file(&draft, frame, now).and_then(|()| fs::rename(&draft, &path));
        if let Err(error) = made {
            drop(fs::remove_file(&draft));
            return Err(Error::at(&path, &error));
        }
        sync_dir(&dir)
    }

    fn make_shard(&self, dir: &Path) -> Result<()> {
        match fs::create_dir(dir) {
            Ok(()) => sync_dir(&self.root),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Error::at(dir, &error)),
        }
    }

    /// The file of a blob, if it has one.
    pub(super) fn find(&self, hash: BlobHash) -> Result<Option<File>> {
        let (_, path) = self.place(hash);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::at(&path, &error)),
        }
    }

    /// Whether the blob has a file; if so, its time is moved forward when it is older than `age`, and its name is durable.
    pub(super) fn touch(&self, hash: BlobHash, now: SystemTime, age: Duration) -> Result<bool> {
        let Some(file) = self.find(hash)? else { return Ok(false) };
        let (dir, path) = self.place(hash);
        if is_older(&path, now, age)? {
            let touched = file.set_modified(now).and_then(|()| file.sync_all());
            touched.map_err(|error| Error::at(&path, &error))?;
        }
        sync_dir(&dir)?;
        Ok(true)
    }

    /// Whether the blob's file is older than `age`; not when it is gone.
    pub(super) fn is_older(&self, hash: BlobHash, now: SystemTime, age: Duration) -> Result<bool> {
        is_older(&self.place(hash).1, now, age)
    }

    /// Removes the blob's file.
    pub(super) fn remove(&self, hash: BlobHash) -> Result<()> {
        remove_if_there(&self.place(hash).1)
    }

    /// The blobs whose names begin with `first`, in no order. Files of other names are left alone.
    pub(super) fn beginning_with(&self, first: u8) -> Result<Vec<BlobHash>> {
        let shard = format!("{first:02x}");
        let names = names(&self.root.join(&shard))?;
        Ok(names.iter().filter_map(|name| format!("{shard}{name}").parse().ok()).collect())
    }

    /// Removes temporary files that earlier processes left.
    pub(super) fn sweep_drafts(&self, first: u8, now: SystemTime, older_than: Duration) -> Result<u64> {
        let dir = self.root.join(format!("{first:02x}"));
        let mut removed = 0;
        for name in names(&dir)? {
            let is_others = name.starts_with(DRAFT_MARK) && !name.starts_with(&self.draft_prefix);
            let path = dir.join(&name);
            if is_others && is_older(&path, now, older_than)? {
                remove_if_there(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Directory and path of a blob.
    pub(super) fn place(&self, hash: BlobHash) -> (PathBuf, PathBuf) {
        let name = hash.to_string();
        let (shard, rest) = name.split_at_checked(2).unwrap_or((&name, ""));
        let dir = self.root.join(shard);
        let path = dir.join(rest);
        (dir, path)
    }
}

fn write_file(path: &Path, frame: &[u8], now: SystemTime) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(frame)?;
    file.set_modified(now)?;
    file.sync_all()
}

/// Names in a directory; none when it is not there.
pub(super) fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::at(dir, &error)),
    };
    let named = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    named.collect::<io::Result<_>>().map_err(|error| Error::at(dir, &error))
}

/// Whether a file's time lies more than `age` before `now`; not when it is gone.
fn is_older(path: &Path, now: SystemTime, age: Duration) -> Result<bool> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(modified) => Ok(now.duration_since(modified).is_ok_and(|since| since > age)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::at(path, &error)),
    }
}

pub(super) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::at(path, &error)),
        _ => Ok(()),
    }
}
