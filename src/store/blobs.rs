//! Raw messages and attachments as files named by their content.
//!
//! `DIR/blobs/ab/cdef…` holds the content whose SHA-256 begins with `abcdef…`, as one LZ4 frame. [`Blobs::put`] returns only
//! when the blob is durable; the commit that names it follows after that. A small blob becomes durable in the log
//! (`ahead`), together with others; then it is written to a temporary file and renamed. A large one does without the
//! log: its file is synced, renamed, its directory synced. After a crash the files that did not become durable are made
//! again from the log, before anyone asks for one.
//!
//! **Invariant:** a blob that a commit may still name is never swept: not a young one, and not one of the last
//! [`RECENT_MAX`] put by this process. What is read is verified against its name. One process at a time uses a
//! directory; the store's lock sees to it.

mod ahead;
mod hash;
mod log_file;
mod recent;

pub use crate::store::blobs::hash::BadHash;

pub use crate::store::blobs::recent::RECENT_MAX;

use crate::clock::Clock;
use crate::domain::attachment::BlobHash;
use crate::store::blobs::ahead::Ahead;
use crate::store::blobs::ahead::FRAME_BYTES_MAX;
use crate::store::blobs::recent::Recent;
use crate::store::durable::DRAFT_MARK;
use crate::store::durable::make_dir;
use crate::store::durable::random_suffix;
use crate::store::durable::sync_dir;
use crate::store::durable::sync_file_system;
use crate::store::engine::Table;
use crate::store::error::Error;
use crate::store::error::Result;
use lz4_flex::frame::FrameDecoder;
use lz4_flex::frame::FrameEncoder;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Largest content of one blob.
pub const BLOB_BYTES_MAX: usize = 256 << 20;

/// How [`Error::Corrupt`] names the blobs.
pub const BLOBS: Table = Table("blobs");

/// An existing blob's time is moved forward when it is put again and older than this, so that it counts as young.
const TOUCH_AFTER: Duration = Duration::from_mins(10);

/// What [`Blobs::sweep`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs removed.
    pub removed: u64,
    /// Blobs that stayed.
    pub kept: u64,
    /// Abandoned temporary files removed.
    pub drafts: u64,
}

/// The blobs of one data directory; clones share it.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Begins the names of this process's temporary files, which stand beside the files they become.
    draft_prefix: String,
    draft_count: AtomicU64,
    clock: Clock,
    /// One lock per directory: between looking at a file's age and removing it, nobody puts it.
    shards: Vec<Mutex<()>>,
    recent: Mutex<Recent>,
    ahead: Ahead,
}

impl Blobs {
    /// The blobs in `data_dir/blobs`, which is made if need be.
    ///
    /// # Errors
    /// `Engine` or `Full` when the file system fails.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<Self> {
        let root = data_dir.join("blobs");
        let logs = root.join("ahead");
        make_dir(&logs)?;
        make_shards(&root)?;
        let blobs = Self(Arc::new(Inner {
            ahead: Ahead::open(&logs)?,
            root,
            draft_prefix: format!("{DRAFT_MARK}{}-", random_suffix()?),
            draft_count: AtomicU64::new(0),
            clock,
            shards: (0..256).map(|_| Mutex::default()).collect(),
            recent: Mutex::default(),
        }));
        blobs.recover()?;
        Ok(blobs)
    }

    /// Keeps `content`; durable when this returns.
    ///
    /// # Errors
    /// `Full` when space lacks, `Engine` when the file system fails or `content` exceeds [`BLOB_BYTES_MAX`].
    pub async fn put(&self, content: Vec<u8>) -> Result<BlobHash> {
        self.blocking(move |blobs| blobs.put_blocking(&content)).await
    }

    /// Space left for blobs, in bytes.
    ///
    /// # Errors
    /// `Engine` when the file system does not tell.
    pub fn free_bytes(&self) -> Result<u64> {
        crate::store::durable::free_bytes(&self.0.root)
    }

    /// [`Blobs::put`] on this thread.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub fn put_blocking(&self, content: &[u8]) -> Result<BlobHash> {
        if content.len() > BLOB_BYTES_MAX {
            return Err(Error::Engine(format!("a blob of more than {BLOB_BYTES_MAX} bytes")));
        }
        let hash = BlobHash::of(content);
        let (dir, path) = self.place(hash);
        self.recent().add(hash);
        if self.touch(hash, &path)? {
            sync_dir(&dir)?;
            return Ok(hash);
        }
        let frame = compressed(content).map_err(|error| Error::at(&path, &error))?;
        let fresh = (frame.len() <= FRAME_BYTES_MAX).then(|| self.0.ahead.append(hash, &frame, || self.settle_aside()));
        match fresh.flatten() {
            Some(_until_it_has_its_file) => self.make(hash, &frame, Sync::Later)?,
            None => self.make(hash, &frame, Sync::Now)?,
        }
        Ok(hash)
    }

    /// The content named `hash`.
    ///
    /// # Errors
    /// `Corrupt` when it is missing or not what was put, `Engine` when the file system fails.
    pub async fn get(&self, hash: BlobHash) -> Result<Vec<u8>> {
        self.blocking(move |blobs| blobs.get_blocking(hash)).await
    }

    /// [`Blobs::get`] on this thread.
    ///
    /// # Errors
    /// As [`Blobs::get`].
    pub fn get_blocking(&self, hash: BlobHash) -> Result<Vec<u8>> {
        let damaged = |why: String| Error::Corrupt { table: BLOBS, key: hash.0.to_vec(), why };
        let (_, path) = self.place(hash);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged("missing".to_owned()),
            _ => Error::at(&path, &error),
        })?;
        let limit = u64::try_from(BLOB_BYTES_MAX).unwrap_or(u64::MAX);
        let mut content = Vec::new();
        let read = FrameDecoder::new(io::BufReader::new(file)).take(limit).read_to_end(&mut content);
        read.map_err(|error| match error.raw_os_error() {
            Some(_) => Error::at(&path, &error),
            None => damaged(error.to_string()),
        })?;
        if BlobHash::of(&content) == hash { Ok(content) } else { Err(damaged("other content".to_owned())) }
    }

    /// Whether a blob of that name is there; does not look into it.
    ///
    /// # Errors
    /// `Engine` when the file system fails.
    pub fn exists(&self, hash: BlobHash) -> Result<bool> {
        let (_, path) = self.place(hash);
        path.try_exists().map_err(|error| Error::at(&path, &error))
    }

    /// Names above `after`, ascending, at most `limit`.
    ///
    /// # Errors
    /// `Engine` when the file system fails.
    pub fn list(&self, after: Option<BlobHash>, limit: usize) -> Result<Vec<BlobHash>> {
        let mut found = Vec::new();
        for shard in after.map_or(0, BlobHash::shard)..=u8::MAX {
            if found.len() >= limit {
                break;
            }
            found.extend(self.names_in(shard)?.into_iter().filter(|hash| after.is_none_or(|after| *hash > after)));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Removes every blob that `is_named` does not know and that was put more than `older_than` ago, from the log too, and
    /// temporary files that earlier processes left. `older_than` must be far longer than any put waits for its commit: a day.
    ///
    /// # Errors
    /// What `is_named` returned, which ends the sweep, or `Engine` when the file system fails.
    pub fn sweep(&self, is_named: impl Fn(&BlobHash) -> Result<bool>, older_than: Duration) -> Result<Swept> {
        let now = self.now();
        let mut swept = Swept::default();
        for shard in 0..=u8::MAX {
            swept.drafts += self.sweep_drafts(shard, now, older_than)?;
            for hash in self.names_in(shard)? {
                if self.sweep_one(hash, &is_named, now, older_than)? {
                    swept.removed += 1;
                } else {
                    swept.kept += 1;
                }
            }
        }
        // What was removed stands in the log too, and a crash would bring it back from there.
        if swept.removed > 0 {
            self.empty_log()?;
        }
        Ok(swept)
    }

    fn sweep_one(
        &self,
        hash: BlobHash,
        is_named: &impl Fn(&BlobHash) -> Result<bool>,
        now: SystemTime,
        older_than: Duration,
    ) -> Result<bool> {
        let (_, path) = self.place(hash);
        let _shard = self.shard(hash)?;
        if self.recent().has(hash) || !is_older(&path, now, older_than)? || is_named(&hash)? {
            return Ok(false);
        }
        remove_if_there(&path)?;
        Ok(true)
    }

    fn sweep_drafts(&self, shard: u8, now: SystemTime, older_than: Duration) -> Result<u64> {
        let dir = self.0.root.join(format!("{shard:02x}"));
        let mut removed = 0;
        for name in names(&dir)? {
            let is_others = name.starts_with(DRAFT_MARK) && !name.starts_with(&self.0.draft_prefix);
            let path = dir.join(&name);
            if is_others && is_older(&path, now, older_than)? {
                remove_if_there(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn blocking<T: Send + 'static>(&self, act: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let blobs = self.clone();
        let done = tokio::task::spawn_blocking(move || act(&blobs)).await;
        done.map_err(|error| Error::Engine(format!("blobs: {error}")))?
    }

    /// Directory and path of a blob.
    fn place(&self, hash: BlobHash) -> (PathBuf, PathBuf) {
        let name = hash.to_string();
        let (shard, rest) = name.split_at_checked(2).unwrap_or((&name, ""));
        let dir = self.0.root.join(shard);
        let path = dir.join(rest);
        (dir, path)
    }

    /// Locks a blob's directory.
    fn shard(&self, hash: BlobHash) -> Result<MutexGuard<'_, ()>> {
        let lock = self.0.shards.get(usize::from(hash.shard()));
        let lock = lock.ok_or_else(|| Error::Engine("no such directory of blobs".to_owned()))?;
        Ok(lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the blob is there; makes it count as young.
    fn touch(&self, hash: BlobHash, path: &Path) -> Result<bool> {
        let _shard = self.shard(hash)?;
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::at(path, &error)),
        };
        if is_older(path, self.now(), TOUCH_AFTER)? {
            let touched = file.set_modified(self.now()).and_then(|()| file.sync_all());
            touched.map_err(|error| Error::at(path, &error))?;
        }
        Ok(true)
    }

    /// Gives a blob its file.
    fn make(&self, hash: BlobHash, frame: &[u8], sync: Sync) -> Result<()> {
        let (dir, path) = self.place(hash);
        let draft = self.write_draft(&dir, frame, sync)?;
        let renamed = {
            let _shard = self.shard(hash)?;
            fs::rename(&draft, &path)
        };
        if let Err(error) = renamed {
            drop(fs::remove_file(&draft));
            return Err(Error::at(&path, &error));
        }
        match sync {
            Sync::Now => sync_dir(&dir),
            Sync::Later => Ok(()),
        }
    }

    /// Gives a blob from the log its file, durably, whatever stands there.
    fn make_again(&self, hash: BlobHash, content: &[u8]) -> Result<()> {
        let frame = compressed(content).map_err(|error| Error::at(&self.place(hash).1, &error))?;
        self.make(hash, &frame, Sync::Now)
    }

    /// Gives the blobs in the log their files, where a crash has taken them, and empties it.
    fn recover(&self) -> Result<()> {
        let mut again: u64 = 0;
        self.0.ahead.read(&mut |hash, content| {
            if self.get_blocking(hash).is_ok() {
                return Ok(());
            }
            again = again.saturating_add(1);
            self.make_again(hash, content)
        })?;
        if again > 0 {
            tracing::info!(blobs = again, "made files again that a crash had kept from becoming durable");
        }
        self.empty_log()
    }

    /// Makes everything in the log durable in files of its own and wipes the log.
    fn empty_log(&self) -> Result<()> {
        self.0.ahead.empty(|| sync_file_system(&self.0.root), &mut |hash, content| self.make_again(hash, content))
    }

    /// Settles the full log file on a thread of its own; false when there is none to be had.
    fn settle_aside(&self) -> bool {
        let blobs = self.clone();
        let settling = thread::Builder::new().name("blob-settle".to_owned()).spawn(move || {
            let sync = || sync_file_system(&blobs.0.root);
            if let Err(error) = blobs.0.ahead.settle(sync, &mut |hash, content| blobs.make_again(hash, content)) {
                tracing::warn!(%error, "files of blobs cannot be made durable; tried again with the next ones");
            }
        });
        settling.is_ok()
    }

    /// Writes a frame under a temporary name.
    fn write_draft(&self, dir: &Path, frame: &[u8], sync: Sync) -> Result<PathBuf> {
        let number = self.0.draft_count.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{}{number}", self.0.draft_prefix));
        let written = self.write_file(&path, frame, sync);
        if let Err(error) = written {
            drop(fs::remove_file(&path));
            return Err(Error::at(&path, &error));
        }
        Ok(path)
    }

    fn write_file(&self, path: &Path, frame: &[u8], sync: Sync) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(frame)?;
        file.set_modified(self.now())?;
        match sync {
            Sync::Now => file.sync_all(),
            Sync::Later => Ok(()),
        }
    }

    /// The blobs of one directory, ascending; none when it was never made. Files of other names are left alone.
    fn names_in(&self, shard: u8) -> Result<Vec<BlobHash>> {
        let shard = format!("{shard:02x}");
        let names = names(&self.0.root.join(&shard))?;
        let mut hashes: Vec<BlobHash> = names.iter().filter_map(|name| format!("{shard}{name}").parse().ok()).collect();
        hashes.sort_unstable();
        Ok(hashes)
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.clock.now().0)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the directories of all blobs, durably.
fn make_shards(root: &Path) -> Result<()> {
    for shard in 0..=u8::MAX {
        let dir = root.join(format!("{shard:02x}"));
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::at(&dir, &error)),
            _ => {}
        }
    }
    sync_dir(root)
}

/// When a blob's file becomes durable.
#[derive(Clone, Copy, Debug)]
enum Sync {
    /// Before its name counts.
    Now,
    /// When the log that holds it is settled.
    Later,
}

fn compressed(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = FrameEncoder::new(Vec::with_capacity(content.len() / 2 + 64));
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// Names in a directory; none when it is not there.
fn names(dir: &Path) -> Result<Vec<String>> {
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

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::at(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
