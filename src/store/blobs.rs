//! Raw messages and attachments, named by their content: SHA-256, stored compressed (LZ4).
//!
//! Small blobs stand together in packs (`DIR/blobs/packs`), large ones have files of their own (`DIR/blobs/ab/cdef…`).
//! [`Blobs::put`] returns only when the blob is durable; the commit that names it follows after that. What comes in a stream
//! is put as [`Pending`]: the commit itself sees to it first, with one sync for all that it names.
//!
//! **Invariant:** a blob that a commit may still name is never swept: not a young one, and not one of the last
//! [`RECENT_MAX`] put by this process. What is read is verified against its name. One process at a time uses a
//! directory; the store's lock sees to it.

mod contents;
mod files;
mod hash;
mod index;
mod lz4;
mod pack;
mod packs;
mod pending;
mod recent;

pub use crate::store::blobs::hash::BadHash;
pub use crate::store::blobs::pending::Pending;
pub use crate::store::blobs::recent::RECENT_MAX;

use crate::clock::Clock;
use crate::domain::attachment::BlobHash;
use crate::store::blobs::files::Files;
use crate::store::blobs::index::Place;
use crate::store::blobs::lz4::SMALL_BYTES_MAX;
use crate::store::blobs::lz4::from_block;
use crate::store::blobs::lz4::from_frame;
use crate::store::blobs::lz4::to_block;
use crate::store::blobs::lz4::to_frame;
use crate::store::blobs::packs::Packs;
use crate::store::blobs::packs::Record;
use crate::store::blobs::recent::Recent;
use crate::store::durable::make_dir;
use crate::store::engine::Table;
use crate::store::error::Error;
use crate::store::error::Result;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Largest content of one blob.
pub const BLOB_BYTES_MAX: usize = 256 << 20;

/// How [`Error::Corrupt`] names the blobs.
pub const BLOBS: Table = Table("blobs");

/// An existing blob's time is moved forward when it is put again and older than this, so that it counts as young.
const TOUCH_AFTER: Duration = Duration::from_mins(10);

/// A put moves the time of a known blob at least every ten minutes, and its commit follows within seconds.
pub const SCOUR_OLDER_THAN: Duration = Duration::from_mins(20);

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
    clock: Clock,
    /// One lock per first octet of the names: between looking at a blob's age and removing it, nobody puts it.
    shards: Vec<Mutex<()>>,
    recent: Mutex<Recent>,
    packs: Packs,
    files: Files,
}

impl Blobs {
    /// The blobs in `data_dir/blobs`, which is made if need be.
    ///
    /// # Errors
    /// `Engine` or `Full` when the file system fails.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<Self> {
        let root = data_dir.join("blobs");
        make_dir(&root)?;
        Ok(Self(Arc::new(Inner {
            packs: Packs::open(root.join("packs"))?,
            files: Files::open(root.clone())?,
            root,
            clock,
            shards: (0..256).map(|_| Mutex::default()).collect(),
            recent: Mutex::default(),
        })))
    }

    /// Whether any content lies in `data_dir/blobs`. Looks no further than the first file that is not empty.
    ///
    /// # Errors
    /// `Engine` when the file system fails.
    pub fn are_in(data_dir: &Path) -> Result<bool> {
        holds_content(&data_dir.join("blobs"))
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
        let (hash, pending) = self.put_pending(content)?;
        if pending.make_durable().is_err() {
            self.put_file(hash, content)?;
        }
        Ok(hash)
    }

    /// Keeps `content` with others: for a commit that names it and has it made durable first
    /// ([`Store::update_with`](crate::store::Store::update_with)). Until then it is not found.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub fn put_pending(&self, content: &[u8]) -> Result<(BlobHash, Pending)> {
        if content.len() > BLOB_BYTES_MAX {
            return Err(Error::Engine(format!("a blob of more than {BLOB_BYTES_MAX} bytes")));
        }
        let hash = BlobHash::of(content);
        self.recent().add(hash);
        if content.len() <= SMALL_BYTES_MAX {
            // A file that holds it because no pack could be written is not looked for: it costs more than a second copy.
            if self.touch_packed(hash)? {
                return Ok((hash, Pending::durable()));
            }
            if let Some(outcome) = self.0.packs.add(hash, &to_block(content), self.now_ms()) {
                return Ok((hash, Pending::of(self, outcome)));
            }
        }
        self.put_file(hash, content)?;
        Ok((hash, Pending::durable()))
    }

    fn put_file(&self, hash: BlobHash, content: &[u8]) -> Result<()> {
        if !self.touch_file(hash)? {
            let frame = to_frame(content).map_err(|error| Error::from_io("compressing a blob", &error))?;
            self.0.files.make(hash, &frame, self.now())?;
        }
        Ok(())
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
        let content = if let Some(record) = self.0.packs.find(hash)? {
            from_block(&record.block()?)
        } else if let Some(file) = self.0.files.find(hash)? {
            from_frame(io::BufReader::new(file))
        } else {
            return Err(damaged("missing".to_owned()));
        };
        let content = content.map_err(|error| match error.raw_os_error() {
            Some(_) => Error::from_io("reading a blob", &error),
            None => damaged(error.to_string()),
        })?;
        if BlobHash::of(&content) == hash { Ok(content) } else { Err(damaged("other content".to_owned())) }
    }

    /// Whether a blob of that name is there; does not look into it.
    ///
    /// # Errors
    /// `Engine` when the file system fails.
    pub fn exists(&self, hash: BlobHash) -> Result<bool> {
        Ok(self.0.packs.find(hash)?.is_some() || self.0.files.find(hash)?.is_some())
    }

    /// The blobs whose names begin with the octet `first`, ascending.
    ///
    /// # Errors
    /// `Engine` when the file system fails.
    pub fn beginning_with(&self, first: u8) -> Result<Vec<BlobHash>> {
        let mut hashes = self.0.files.beginning_with(first)?;
        for place in self.0.packs.beginning_with(first) {
            let record = self.0.packs.record(place)?;
            hashes.extend(record.filter(Record::is_live).map(|record| record.hash()));
        }
        hashes.sort_unstable();
        hashes.dedup();
        Ok(hashes)
    }

    /// Removes every blob that `is_named` does not know and that was put more than `older_than` ago, with every octet of it,
    /// and temporary files that earlier processes left. `older_than` must be far longer than any put waits for its commit: a
    /// day.
    ///
    /// # Errors
    /// What `is_named` returned, which ends the sweep, or `Engine` when the file system fails.
    pub fn sweep(&self, is_named: impl Fn(&BlobHash) -> Result<bool>, older_than: Duration) -> Result<Swept> {
        let keeps = |hash: &BlobHash| Ok(self.recent().has(*hash) || is_named(hash)?);
        self.remove_but(keeps, older_than)
    }

    /// [`Blobs::sweep`] that spares only what was put within `older_than`, for what must not be left (DAT-2). `older_than` must
    /// be longer than any put waits for its commit, and than a put leaves the time of a known blob as it was.
    ///
    /// # Errors
    /// As [`Blobs::sweep`].
    pub fn scour(&self, is_named: impl Fn(&BlobHash) -> Result<bool>) -> Result<Swept> {
        self.remove_but(is_named, SCOUR_OLDER_THAN)
    }

    fn remove_but(&self, is_named: impl Fn(&BlobHash) -> Result<bool>, older_than: Duration) -> Result<Swept> {
        let mut swept = Swept::default();
        let mut taken_out = Vec::new();
        let all = (0..=u8::MAX).try_for_each(|first| {
            swept.drafts += self.0.files.sweep_drafts(first, self.now(), older_than)?;
            self.sweep_files(first, &is_named, older_than, &mut swept)?;
            self.sweep_packs(first, &is_named, older_than, &mut swept, &mut taken_out)
        });
        // What was taken out is gone for readers, so its octets must go whatever ended the sweep.
        let wiped = self.0.packs.wipe(&taken_out);
        all.and(wiped).map(|()| swept)
    }

    fn sweep_files(
        &self,
        first: u8,
        is_named: &impl Fn(&BlobHash) -> Result<bool>,
        older_than: Duration,
        swept: &mut Swept,
    ) -> Result<()> {
        for hash in self.0.files.beginning_with(first)? {
            let _shard = self.shard(first)?;
            if !self.0.files.is_older(hash, self.now(), older_than)? || is_named(&hash)? {
                swept.kept += 1;
            } else {
                self.0.files.remove(hash)?;
                swept.removed += 1;
            }
        }
        Ok(())
    }

    fn sweep_packs(
        &self,
        first: u8,
        is_named: &impl Fn(&BlobHash) -> Result<bool>,
        older_than: Duration,
        swept: &mut Swept,
        taken_out: &mut Vec<Place>,
    ) -> Result<()> {
        let older_than_ms = u64::try_from(older_than.as_millis()).unwrap_or(u64::MAX);
        for place in self.0.packs.beginning_with(first) {
            let _shard = self.shard(first)?;
            let Some(record) = self.0.packs.record(place)? else { continue };
            let is_old = self.now_ms().saturating_sub(record.put_ms()) > older_than_ms;
            if record.is_live() && (!is_old || is_named(&record.hash())?) {
                swept.kept += 1;
                continue;
            }
            swept.removed += u64::from(record.is_live());
            self.0.packs.take_out(&record)?;
            taken_out.push(record.place());
        }
        Ok(())
    }

    async fn blocking<T: Send + 'static>(&self, act: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let blobs = self.clone();
        let done = tokio::task::spawn_blocking(move || act(&blobs)).await;
        done.map_err(|error| Error::Engine(format!("blobs: {error}")))?
    }

    /// Locks the blobs whose names begin with `first`.
    fn shard(&self, first: u8) -> Result<MutexGuard<'_, ()>> {
        let lock = self.0.shards.get(usize::from(first));
        let lock = lock.ok_or_else(|| Error::Engine("no such lock of blobs".to_owned()))?;
        Ok(lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the blob is in a pack; makes it count as young.
    fn touch_packed(&self, hash: BlobHash) -> Result<bool> {
        let _shard = self.shard(hash.shard())?;
        let Some(record) = self.0.packs.find(hash)? else { return Ok(false) };
        if self.now_ms().saturating_sub(record.put_ms()) > u64::try_from(TOUCH_AFTER.as_millis()).unwrap_or(0) {
            record.set_put(self.now_ms())?;
        }
        Ok(true)
    }

    /// Whether the blob has a file; makes it count as young.
    fn touch_file(&self, hash: BlobHash) -> Result<bool> {
        let _shard = self.shard(hash.shard())?;
        self.0.files.touch(hash, self.now(), TOUCH_AFTER)
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now_ms())
    }

    fn now_ms(&self) -> u64 {
        self.0.clock.now().0
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holds_content(dir: &Path) -> Result<bool> {
    let failed = |error: io::Error| Error::at(dir, &error);
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let about = entry.metadata().map_err(failed)?;
        if if about.is_dir() { holds_content(&entry.path())? } else { about.len() > 0 } {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
