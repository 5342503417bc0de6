//! Raw messages and attachments as files named by their content.
//!
//! `DIR/blobs/ab/cdef…` holds the content whose SHA-256 begins with `abcdef…`, as one LZ4 frame. Writing: a temporary file,
//! synced, renamed, its directory synced; so a name exists only with its whole content, and [`Blobs::put`] returns only
//! when both are durable. The commit that names a blob follows after that.
//!
//! **Invariant:** a blob that a commit may still name is never swept: not a young one, and not one of the last
//! [`RECENT_MAX`] put by this process. What is read is verified against its name. One process at a time uses a
//! directory; the store's lock sees to it.

mod hash;
mod recent;

pub use crate::store::blobs::hash::BadHash;

pub use crate::store::blobs::recent::RECENT_MAX;

use crate::clock::Clock;
use crate::domain::attachment::BlobHash;
use crate::store::blobs::recent::Recent;
use crate::store::durable::make_dir;
use crate::store::durable::random_suffix;
use crate::store::durable::sync_dir;
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
    drafts: PathBuf,
    /// Begins the names of this process's temporary files.
    draft_prefix: String,
    draft_count: AtomicU64,
    clock: Clock,
    /// One lock per directory: between looking at a file's age and removing it, nobody puts it. The flag says whether the
    /// directory's own name is durable.
    shards: Vec<Mutex<bool>>,
    recent: Mutex<Recent>,
}

impl Blobs {
    /// The blobs in `data_dir/blobs`, which is made if need be.
    ///
    /// # Errors
    /// `Engine` or `Full` when the file system fails.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<Self> {
        let root = data_dir.join("blobs");
        let drafts = root.join("tmp");
        make_dir(&drafts)?;
        Ok(Self(Arc::new(Inner {
            root,
            drafts,
            draft_prefix: format!("{}-", random_suffix()?),
            draft_count: AtomicU64::new(0),
            clock,
            shards: (0..256).map(|_| Mutex::new(false)).collect(),
            recent: Mutex::default(),
        })))
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
        if self.touch(hash, &dir, &path)? {
            sync_dir(&dir)?;
            return Ok(hash);
        }
        let draft = self.write_draft(content)?;
        let renamed = {
            let _shard = self.shard(hash, &dir)?;
            fs::rename(&draft, &path)
        };
        if let Err(error) = renamed {
            drop(fs::remove_file(&draft));
            return Err(Error::at(&path, &error));
        }
        sync_dir(&dir)?;
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

    /// Removes a blob for good, durable when this returns; no error when it is not there.
    ///
    /// # Errors
    /// `Engine` when the file system fails.
    pub fn remove(&self, hash: BlobHash) -> Result<()> {
        let (dir, path) = self.place(hash);
        if !self.exists(hash)? {
            return Ok(());
        }
        remove_if_there(&path)?;
        sync_dir(&dir)
    }

    /// Removes every blob that `is_named` does not know and that was put more than `older_than` ago, and temporary files
    /// that earlier processes left. `older_than` must be far longer than any put waits for its commit: a day.
    ///
    /// # Errors
    /// What `is_named` returned, which ends the sweep, or `Engine` when the file system fails.
    pub fn sweep(&self, is_named: impl Fn(&BlobHash) -> Result<bool>, older_than: Duration) -> Result<Swept> {
        let now = self.now();
        let mut swept = Swept { drafts: self.sweep_drafts(now, older_than)?, ..Swept::default() };
        for shard in 0..=u8::MAX {
            for hash in self.names_in(shard)? {
                if self.sweep_one(hash, &is_named, now, older_than)? {
                    swept.removed += 1;
                } else {
                    swept.kept += 1;
                }
            }
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
        let (dir, path) = self.place(hash);
        let _shard = self.shard(hash, &dir)?;
        if self.recent().has(hash) || !is_older(&path, now, older_than)? || is_named(&hash)? {
            return Ok(false);
        }
        remove_if_there(&path)?;
        Ok(true)
    }

    fn sweep_drafts(&self, now: SystemTime, older_than: Duration) -> Result<u64> {
        let mut removed = 0;
        for name in names(&self.0.drafts)? {
            let path = self.0.drafts.join(&name);
            if !name.starts_with(&self.0.draft_prefix) && is_older(&path, now, older_than)? {
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

    /// Locks a blob's directory, which is made durably if need be.
    fn shard(&self, hash: BlobHash, dir: &Path) -> Result<MutexGuard<'_, bool>> {
        let lock = self.0.shards.get(usize::from(hash.shard()));
        let lock = lock.ok_or_else(|| Error::Engine("no such directory of blobs".to_owned()))?;
        let mut durable = lock.lock().unwrap_or_else(PoisonError::into_inner);
        if !*durable {
            match fs::create_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::at(dir, &error)),
                _ => sync_dir(&self.0.root)?,
            }
            *durable = true;
        }
        Ok(durable)
    }

    /// Whether the blob is there; makes it count as young.
    fn touch(&self, hash: BlobHash, dir: &Path, path: &Path) -> Result<bool> {
        let _shard = self.shard(hash, dir)?;
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

    /// Writes `content`, compressed and synced, under a temporary name.
    fn write_draft(&self, content: &[u8]) -> Result<PathBuf> {
        let number = self.0.draft_count.fetch_add(1, Ordering::Relaxed);
        let path = self.0.drafts.join(format!("{}{number}", self.0.draft_prefix));
        let written = self.write_and_sync(&path, content);
        if let Err(error) = written {
            drop(fs::remove_file(&path));
            return Err(Error::at(&path, &error));
        }
        Ok(path)
    }

    fn write_and_sync(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut encoder = FrameEncoder::new(Vec::with_capacity(content.len() / 2 + 64));
        encoder.write_all(content)?;
        let compressed = encoder.finish()?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&compressed)?;
        file.set_modified(self.now())?;
        file.sync_all()
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
mod tests {
    use super::*;
    use crate::domain::id::Millis;

    const DAY: Duration = Duration::from_hours(24);

    fn clock() -> Clock {
        Clock::standing_at(Millis(1_800_000_000_000))
    }

    #[test]
    fn p5_content_comes_back_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), clock()).unwrap();
        let noise: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        for content in [&b""[..], b"\0\r\n.\r\n\xff\x80", &[b'a'; 100_000], &noise] {
            let hash = blobs.put_blocking(content).unwrap();
            assert_eq!(blobs.get_blocking(hash).unwrap(), content);
            assert_eq!(blobs.put_blocking(content).unwrap(), hash, "again");
            assert!(blobs.exists(hash).unwrap());
        }
        assert_eq!(fs::read_dir(dir.path().join("blobs/tmp")).unwrap().count(), 0, "no draft is left");
    }

    #[test]
    fn damage_and_absence_are_errors_not_content() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), clock()).unwrap();
        let content = vec![b'x'; 4_000];
        let hash = blobs.put_blocking(&content).unwrap();
        let (_, path) = blobs.place(hash);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 0x10;
            for (what, bad) in [("flipped", &flipped[..]), ("cut", &good[..at])] {
                fs::write(&path, bad).unwrap();
                match blobs.get_blocking(hash) {
                    // Some bits of the frame's envelope carry nothing.
                    Ok(read) => assert_eq!(read, content, "{what} at {at}"),
                    Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{what} at {at}: {error}"),
                }
            }
        }
        let other = BlobHash::of(b"never put");
        assert!(matches!(blobs.get_blocking(other), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn names_are_listed_in_order_and_in_pages() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), clock()).unwrap();
        let mut put: Vec<BlobHash> = (0..40_u8).map(|n| blobs.put_blocking(&[n]).unwrap()).collect();
        put.sort_unstable();
        let mut listed = Vec::new();
        while let [.., last] = blobs.list(listed.last().copied(), 7).unwrap().as_slice() {
            let last = *last;
            listed.extend(blobs.list(listed.last().copied(), 7).unwrap());
            assert_eq!(listed.last(), Some(&last));
        }
        assert_eq!(listed, put);
        blobs.remove(put[3]).unwrap();
        blobs.remove(put[3]).unwrap();
        assert_eq!(blobs.list(None, 100).unwrap().len(), 39);
    }

    #[test]
    fn a_sweep_takes_what_is_old_and_unnamed_and_nothing_that_a_commit_may_still_name() {
        let dir = tempfile::tempdir().unwrap();
        let clock = clock();
        let first = Blobs::open(dir.path(), clock.clone()).unwrap();
        let [named, unnamed, again] = [&b"named"[..], b"unnamed", b"again"].map(|c| first.put_blocking(c).unwrap());
        fs::write(dir.path().join("blobs/tmp/0123-7"), "half").unwrap();
        File::open(dir.path().join("blobs/tmp/0123-7")).unwrap().set_modified(first.now()).unwrap();
        let is_named = |hash: &BlobHash| Ok(*hash == named);

        clock.set(clock.now().plus(2 * DAY));
        let kept = Swept { removed: 0, kept: 3, drafts: 1 };
        assert_eq!(first.sweep(is_named, DAY).unwrap(), kept, "this process put them, their commits may come");

        let second = Blobs::open(dir.path(), clock.clone()).unwrap();
        assert_eq!(second.sweep(is_named, 3 * DAY).unwrap().removed, 0, "young by the clock");
        assert_eq!(second.put_blocking(b"again").unwrap(), again);
        let swept = second.sweep(is_named, DAY).unwrap();
        assert_eq!((swept.removed, swept.kept), (1, 2), "put again counts as young");
        assert!(!second.exists(unnamed).unwrap());

        let third = Blobs::open(dir.path(), clock.clone()).unwrap();
        assert_eq!(third.sweep(is_named, DAY).unwrap().removed, 0, "its time was moved when it was put again");
        assert_eq!(third.sweep(|_| Err(Error::Full), DAY), Err(Error::Full));
        assert_eq!(third.list(None, 10).unwrap().len(), 2, "what cannot be looked up stays");
    }

    #[test]
    fn puts_of_the_same_content_at_once_all_succeed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path(), clock()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..20_u8 {
                        let hash = blobs.put_blocking(&[n; 50]).unwrap();
                        assert_eq!(blobs.get_blocking(hash).unwrap(), [n; 50]);
                    }
                });
            }
        });
        assert_eq!(blobs.list(None, 100).unwrap().len(), 20);
    }
}
