//! One file of the write-ahead log: blobs one after the other, written over and over from its start.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 8 | the generation: random, new each time the file is begun again |
//! | then for each blob: 8 | the generation |
//! | 32 | its name |
//! | 4 | length of its frame, little endian |
//! | | its frame (LZ4), whose content hashes to its name |
//!
//! Reading ends at the first record that is of another generation or not whole, which is where the last batch was cut.
//!
//! **Invariant:** what was synced is read back; nothing is given out whose content is not that of its name.

use crate::domain::attachment::BlobHash;
use crate::store::error::Error;
use crate::store::error::Result;
use lz4_flex::frame::FrameDecoder;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"dgblobs1";
const GENERATION_BYTES: usize = 8;
const HASH_BYTES: usize = 32;
/// Where the first record stands.
const FIRST_AT: u64 = 16;
/// The file grows by so many bytes at once: a sync that need not make a longer file durable costs half.
const STEP_BYTES: u64 = 1 << 20;

/// A file of the log, and how far it is filled; clones share the file.
#[derive(Clone, Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Arc<File>,
    generation: [u8; GENERATION_BYTES],
    /// Where the next record goes; 0 until the file is begun.
    next_at: u64,
}

impl LogFile {
    /// The file at `path`, made if need be, with whatever it holds.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|error| Error::at(&path, &error))?;
        Ok(Self { path, file: Arc::new(file), generation: [0; GENERATION_BYTES], next_at: 0 })
    }

    /// Begins at the start; what the file held counts no longer.
    pub(super) fn begin(&mut self) -> Result<()> {
        let drawn = SystemRandom::new().fill(&mut self.generation);
        drawn.map_err(|_| Error::Engine("no randomness from the system".to_owned()))?;
        let head = [MAGIC, self.generation].concat();
        self.file.write_all_at(&head, 0).map_err(|error| self.failed(&error))?;
        self.next_at = FIRST_AT;
        Ok(())
    }

    /// Ends what was begun. Its records stay until they are written over, and reading them again after a crash would do
    /// no harm, so that it does not matter whether its head goes at once.
    pub(super) fn end(&mut self) {
        self.next_at = 0;
        drop(self.file.write_all_at(&[0; MAGIC.len()], 0));
    }

    /// Whether it takes no space.
    pub(super) fn is_empty(&self) -> Result<bool> {
        self.file.metadata().map(|metadata| metadata.len() == 0).map_err(|error| self.failed(&error))
    }

    /// Gives the file's space back; durable when this returns.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.next_at = 0;
        let cleared = self.file.set_len(0).and_then(|()| self.file.sync_all());
        cleared.map_err(|error| self.failed(&error))
    }

    /// Whether it can be appended to.
    pub(super) fn is_begun(&self) -> bool {
        self.next_at > 0
    }

    /// Where the next record goes.
    pub(super) fn next_at(&self) -> u64 {
        self.next_at
    }

    /// Appends a record to `batch`, which will be written where the first of its records goes.
    pub(super) fn add(&mut self, hash: BlobHash, frame: &[u8], batch: &mut Vec<u8>) {
        batch.extend_from_slice(&self.generation);
        batch.extend_from_slice(&hash.0);
        batch.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes());
        batch.extend_from_slice(frame);
        self.next_at = self.next_at.saturating_add(record_bytes(frame));
    }

    /// The file itself, to be written while the log goes on.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Hands every whole record to `each`, in order, with its content.
    pub(super) fn read(&self, each: &mut dyn FnMut(BlobHash, &[u8]) -> Result<()>) -> Result<()> {
        let failed = |error: io::Error| self.failed(&error);
        let mut input = BufReader::new(At { file: &self.file, at: 0 });
        if take(&mut input).map_err(failed)? != Some(MAGIC) {
            return Ok(());
        }
        let Some(generation) = take(&mut input).map_err(failed)? else { return Ok(()) };
        while let Some((hash, content)) = record(&mut input, generation).map_err(failed)? {
            each(hash, &content)?;
        }
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::at(&self.path, error)
    }
}

/// Bytes one record takes.
pub(super) fn record_bytes(frame: &[u8]) -> u64 {
    bytes(frame.len().saturating_add(GENERATION_BYTES + HASH_BYTES + 4))
}

/// Writes a batch at `at` and syncs it, having made the file long enough for more than that.
pub(super) fn write(file: &File, batch: &[u8], at: u64) -> io::Result<()> {
    let end = at.saturating_add(bytes(batch.len()));
    let long = file.metadata()?.len();
    if end > long {
        let longer = end.next_multiple_of(STEP_BYTES);
        let zeros = vec![0; usize::try_from(longer.saturating_sub(end)).unwrap_or(0)];
        file.write_all_at(&zeros, end)?;
    }
    file.write_all_at(batch, at)?;
    file.sync_data()
}

fn record(input: &mut impl Read, generation: [u8; GENERATION_BYTES]) -> io::Result<Option<(BlobHash, Vec<u8>)>> {
    let Some(_) = take(input)?.filter(|found| *found == generation) else { return Ok(None) };
    let Some(hash) = take::<HASH_BYTES>(input)?.map(BlobHash) else { return Ok(None) };
    let Some(frame_bytes) = take(input)?.map(u32::from_le_bytes) else { return Ok(None) };
    let mut frame = input.take(u64::from(frame_bytes));
    let mut content = Vec::new();
    let whole = FrameDecoder::new(&mut frame).read_to_end(&mut content).is_ok();
    let is_named = whole && BlobHash::of(&content) == hash;
    io::copy(&mut frame, &mut io::sink())?;
    Ok(is_named.then_some((hash, content)))
}

/// The next bytes; `None` where the file ends.
fn take<const N: usize>(input: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match input.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a file from a place of its own.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at = self.at.saturating_add(bytes(read));
        Ok(read)
    }
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
