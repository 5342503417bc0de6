//! Files and directories that survive a power cut, and the space left for them.
//!
//! A new name is durable only after the directory that holds it was synced; syncing the file alone is not enough.

use crate::store::error::Error;
use crate::store::error::Result;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

/// Makes the names in `dir` durable.
///
/// # Errors
/// `Engine` or `Full` when the file system fails.
pub fn sync_dir(dir: &Path) -> Result<()> {
    let opened = File::open(dir).map_err(|error| Error::at(dir, &error))?;
    opened.sync_all().map_err(|error| Error::at(dir, &error))
}

/// Makes `dir` with all it needs above it, each name durable when this returns.
///
/// # Errors
/// `Engine` or `Full` when the file system fails.
pub fn make_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = parent(dir);
    make_dir(&above)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(Error::at(dir, &error)),
        _ => {}
    }
    sync_dir(&above)
}

/// Bytes that an unprivileged process may still write on the file system of `path`.
///
/// # Errors
/// `Engine` when the file system does not answer.
pub fn free_bytes(path: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(path).map_err(|errno| Error::at(path, &errno.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The directory a path stands in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// 64 random bits in hex, for names that no other process takes.
pub(crate) fn random_suffix() -> Result<String> {
    let mut random = [0_u8; 8];
    let drawn = SystemRandom::new().fill(&mut random);
    drawn.map_err(|_| Error::Engine("no randomness from the system".to_owned()))?;
    Ok(data_encoding::HEXLOWER.encode(&random))
}

/// Stands between a file's name and a random suffix while it is being written.
pub(crate) const DRAFT_MARK: &str = ".new-";

/// A file under a temporary name beside its place; removed unless [`Draft::place`] was reached.
#[derive(Debug)]
pub(crate) struct Draft {
    to: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// A free name beside `to`.
    pub(crate) fn beside(to: &Path) -> Result<Self> {
        let mut name = to.as_os_str().to_owned();
        name.push(format!("{DRAFT_MARK}{}", random_suffix()?));
        Ok(Self { to: to.to_owned(), path: PathBuf::from(name) })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file and gives it its name, unless that is taken: then `false`. Durable when this returns.
    pub(crate) fn place(self) -> Result<bool> {
        let file = File::open(&self.path).map_err(|error| Error::at(&self.path, &error))?;
        file.sync_all().map_err(|error| Error::at(&self.path, &error))?;
        match fs::hard_link(&self.path, &self.to) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(Error::at(&self.to, &error)),
        }
        let removed = fs::remove_file(&self.path);
        removed.map_err(|error| Error::at(&self.path, &error))?;
        sync_dir(&parent(&self.to))?;
        Ok(true)
    }
}

impl Draft {
    /// Syncs the file and puts it in the place of what stands there. Durable when this returns.
    pub(crate) fn replace(self) -> Result<()> {
        let file = File::open(&self.path).map_err(|error| Error::at(&self.path, &error))?;
        file.sync_all().map_err(|error| Error::at(&self.path, &error))?;
        fs::rename(&self.path, &self.to).map_err(|error| Error::at(&self.to, &error))?;
        sync_dir(&parent(&self.to))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Already gone when it was placed.
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_never_replaces_a_file_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("file");
        for (text, placed) in [("first", true), ("second", false)] {
            let draft = Draft::beside(&to).unwrap();
            fs::write(draft.path(), text).unwrap();
            assert_eq!(draft.place(), Ok(placed));
        }
        assert_eq!(fs::read_to_string(&to).unwrap(), "first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn directories_are_made_with_all_above_them() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        make_dir(&deep).unwrap();
        make_dir(&deep).unwrap();
        assert!(deep.is_dir());
    }

    #[test]
    fn free_space_is_known() {
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
        assert!(free_bytes(Path::new("/no/such/place")).is_err());
    }
}
