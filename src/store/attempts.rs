//! Marks on disk of the messages being read, so that one that takes the process down is known when it comes again (P6).
//!
//! A mark is the message's content hash with how often reading it began. Reading that ends, well or not, removes its mark;
//! a mark that is there when reading begins was left by a process that died. Marks are not synced: they must outlive the
//! process, not the machine.
//!
//! They stand in one file of fixed size, as slots in buckets that the hash chooses. A file per mark would be made and
//! removed with every mail, which costs a file system more than all that is done with the mail in memory.
//!
//! **Invariant:** it guards, it does not gate: a mark that cannot be read or written counts as none, and where a bucket is
//! full the mark of another message gives way.

use crate::domain::attachment::BlobHash;
use crate::store::error::Error;
use crate::store::error::Result;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Buckets of the file.
const BUCKETS: u64 = 512;
/// One bucket: what a disk writes whole.
const BUCKET_BYTES: usize = 512;
/// One slot: the hash, how often reading began (little endian, 0 for a free slot), and space.
const SLOT_BYTES: usize = 64;
const HASH_BYTES: usize = 32;
const COUNT_BYTES: usize = 4;

/// The marks of one data directory; clones share them.
#[derive(Clone, Debug)]
pub struct Attempts {
    file: Arc<Mutex<File>>,
}

/// A slot as it was found.
struct Slot {
    /// Where it stands in the file, in bytes.
    at: u64,
    /// How often reading this message began.
    begun: u32,
}

impl Attempts {
    /// The marks in `data_dir/reading.marks`, which is made if need be.
    ///
    /// # Errors
    /// `Engine` or `Full` when the file system fails.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("reading.marks");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|error| Error::at(&path, &error))?;
        // Its space is taken when a bucket is first used.
        file.set_len(BUCKETS * BUCKET_BYTES as u64).map_err(|error| Error::at(&path, &error))?;
        Ok(Self { file: Arc::new(Mutex::new(file)) })
    }

    /// Marks that reading begins; how often it began before and did not end.
    #[must_use]
    pub fn begin(&self, message: BlobHash) -> u32 {
        let begun = self.change(message, |begun| Some(begun.saturating_add(1)));
        begun.unwrap_or_else(|error| {
            tracing::warn!(mail = %message, %error, "the mark of a message being read cannot be written");
            0
        })
    }

    /// Takes the mark away.
    pub fn end(&self, message: BlobHash) {
        let ended = self.change(message, |begun| (begun > 0).then_some(0));
        if let Err(error) = ended {
            tracing::warn!(mail = %message, %error, "the mark of a message that was read cannot be removed");
        }
    }

    /// Writes the count that `change` makes of the one that stands there, and tells that one.
    fn change(&self, message: BlobHash, change: impl FnOnce(u32) -> Option<u32>) -> io::Result<u32> {
        let file = self.lock();
        let slot = find(&file, message)?;
        if let Some(count) = change(slot.begun) {
            let mut bytes = Vec::with_capacity(HASH_BYTES + COUNT_BYTES);
            bytes.extend_from_slice(&message.0);
            bytes.extend_from_slice(&count.to_le_bytes());
            file.write_all_at(&bytes, slot.at)?;
        }
        Ok(slot.begun)
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of `message`: its own, or a free one, or the first of its bucket.
fn find(file: &File, message: BlobHash) -> io::Result<Slot> {
    let [a, b, ..] = message.0;
    let bucket_at = u64::from(u16::from_be_bytes([a, b])) % BUCKETS * BUCKET_BYTES as u64;
    let mut bucket = [0; BUCKET_BYTES];
    file.read_exact_at(&mut bucket, bucket_at)?;
    let mut free = None;
    for (at, slot) in (bucket_at..).step_by(SLOT_BYTES).zip(bucket.chunks_exact(SLOT_BYTES)) {
        match read(slot) {
            Some((_, 0)) => free = free.or(Some(at)),
            Some((hash, begun)) if hash == message.0 => return Ok(Slot { at, begun }),
            _ => {}
        }
    }
    Ok(Slot { at: free.unwrap_or(bucket_at), begun: 0 })
}

fn read(slot: &[u8]) -> Option<([u8; HASH_BYTES], u32)> {
    let (hash, rest) = slot.split_first_chunk()?;
    Some((*hash, u32::from_le_bytes(*rest.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn p6_deaths_are_counted_and_an_end_forgets_them() {
        let dir = tempfile::tempdir().unwrap();
        let message = BlobHash([7; 32]);
        let after_death = || Attempts::open(dir.path()).unwrap();
        assert_eq!(
            [after_death().begin(message), after_death().begin(message), after_death().begin(message)],
            [0, 1, 2]
        );
        after_death().end(message);
        assert_eq!(after_death().begin(message), 0);
    }

    #[test]
    fn messages_of_one_bucket_keep_apart_and_their_slots_are_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let marks = Attempts::open(dir.path()).unwrap();
        // The first two octets choose the bucket.
        let message = |n: u8| BlobHash([&[1, 1][..], &[n; 30]].concat().try_into().unwrap());
        for round in 0..20 {
            let begun: Vec<u32> = (0..8).map(|n| marks.begin(message(n))).collect();
            assert_eq!(begun, [0; 8], "round {round}");
            (0..8).rev().for_each(|n| marks.end(message(n)));
        }
        (0..8).for_each(|n| assert_eq!(marks.begin(message(n)), 0));
        assert_eq!(marks.begin(message(8)), 0, "the first one gives way in a full bucket");
        let again: Vec<u32> = (1..9).map(|n| marks.begin(message(n))).collect();
        assert_eq!(again, [1; 8]);
        marks.end(message(0));
        assert_eq!(marks.begin(message(1)), 2, "to end what has no mark takes nobody's");
    }

    #[test]
    fn the_marks_are_one_file_of_fixed_size_whatever_it_held() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("reading.marks"), [0xff; 1_000]).unwrap();
        let marks = Attempts::open(dir.path()).unwrap();
        for n in 0..=u8::MAX {
            let message = BlobHash([n; 32]);
            let begun = marks.begin(message);
            assert!(begun == 0 || n == u8::MAX, "{n}: {begun}");
            marks.end(message);
            assert_eq!(marks.begin(message), 0);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(dir.path().join("reading.marks")).unwrap().len(), 512 * 512);
    }
}
