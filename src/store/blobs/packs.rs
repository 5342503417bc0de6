//! Small blobs, many to a file: they become durable together, with one sync for all that come at once.
//!
//! `DIR/0000000001`, `DIR/0000000002` and so on are packs (`pack`), of which the last is written; beside each full one
//! stands `….contents`. A blob is removed by a mark at its record, then its bytes are made zeros; a pack that holds nothing
//! any more is removed.
//!
//! Where a pack cannot be written, [`Packs::make_durable`] says so and the blob gets a file of its own: slower, as safe.
//!
//! **Invariant:** a record that was acknowledged is never written over. A batch whose write or sync failed ends its pack:
//! nothing is appended behind a gap, and what stands there is looked through when the store is opened again.

use crate::domain::attachment::BlobHash;
use crate::store::blobs::BLOBS;
use crate::store::blobs::contents;
use crate::store::blobs::files::names;
use crate::store::blobs::files::remove_if_there;
use crate::store::blobs::index::Index;
use crate::store::blobs::index::Place;
use crate::store::blobs::pack;
use crate::store::blobs::pack::Found;
use crate::store::blobs::pack::Header;
use crate::store::blobs::pack::State;
use crate::store::durable::DRAFT_MARK;
use crate::store::durable::make_dir;
use crate::store::durable::parent;
use crate::store::durable::sync_dir;
use crate::store::error::Error;
use crate::store::error::Result;
use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;

/// A pack takes no further blob beyond so many bytes. Opening a store reads as much.
const PACK_BYTES_MAX: u32 = 32 << 20;

/// Room kept from one batch for the next.
const SPARE_BYTES_MAX: usize = 4 << 20;
/// Ends the name of what a full pack holds.
const CONTENTS: &str = ".contents";

/// The packs of one directory.
#[derive(Debug)]
pub(super) struct Packs {
    dir: PathBuf,
    pack_bytes_max: u32,
    writing: Mutex<Writing>,
    /// A batch was written.
    written: Condvar,
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Writing {
    active: Option<Active>,
    /// The highest number of a pack.
    last: u32,
    batch: Batch,
    /// Room of a batch that was written, for the next one.
    spare: Vec<u8>,
    /// Somebody writes a batch.
    is_busy: bool,
}

/// The pack that is written.
#[derive(Debug)]
struct Active {
    number: u32,
    file: Arc<File>,
    next_at: u32,
    /// A write failed: it takes nothing more.
    broken: bool,
}

/// Records that wait to be written together.
#[derive(Debug, Default)]
struct Batch {
    octets: Vec<u8>,
    records: Vec<(BlobHash, Place)>,
    outcome: Outcome,
}

/// Whether a batch became durable, once that is known.
pub(super) type Outcome = Arc<OnceLock<bool>>;

/// A record of a blob that is there.
#[derive(Debug)]
pub(super) struct Record {
    place: Place,
    header: Header,
    file: File,
    path: PathBuf,
}

impl Packs {
    /// The packs in `dir`, which is made if need be.
    pub(super) fn open(dir: PathBuf) -> Result<Self> {
        Self::of_size(dir, PACK_BYTES_MAX)
    }

    pub(super) fn of_size(dir: PathBuf, pack_bytes_max: u32) -> Result<Self> {
        make_dir(&dir)?;
        let numbers = numbers(&dir)?;
        let last = numbers.last().copied().unwrap_or(0);
        let writing = Mutex::new(Writing { last, ..Writing::default() });
        let packs = Self { dir, pack_bytes_max, writing, written: Condvar::new(), index: RwLock::default() };
        let mut full = Vec::new();
        for number in numbers {
            match packs.known_contents(number)? {
                Some(records) => full.extend(placed(number, records)),
                None if number == last => packs.go_on_with(last)?,
                None => {
                    let (_, found) = packs.look_through(number)?;
                    packs.write_contents(number, &found.records);
                    full.extend(placed(number, found.records));
                }
            }
        }
        packs.index_mut().add_full(full);
        Ok(packs)
    }

    /// What a full pack holds, by its contents file.
    fn known_contents(&self, number: u32) -> Result<Option<Vec<(BlobHash, u32)>>> {
        let path = self.contents_path(number);
        match fs::read(&path) {
            Ok(octets) => Ok(contents::read(&octets)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::at(&path, &error)),
        }
    }

    /// Opens the last pack to go on behind its last record; behind damage nothing is written.
    fn go_on_with(&self, number: u32) -> Result<()> {
        let (file, found) = self.look_through(number)?;
        for (hash, place) in placed(number, found.records) {
            self.index_mut().add(hash, place);
        }
        if found.is_whole {
            let active = Active { number, file: Arc::new(file), next_at: found.end, broken: false };
            self.lock().active = Some(active);
        } else {
            self.seal(number);
        }
        Ok(())
    }

    /// Reads a pack whose contents are not known. What is found is durable when this returns.
    fn look_through(&self, number: u32) -> Result<(File, Found)> {
        let path = self.path(number);
        let failed = |error: io::Error| Error::at(&path, &error);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let found = pack::find(&fs::read(&path).map_err(failed)?);
        if !found.is_whole {
            tracing::warn!(pack = %path.display(), "what a crash cut off, or damage, stands in a pack; all whole blobs are kept");
        }
        Ok((file, found))
    }

    /// Adds a blob to what waits, to be made durable with others; `None` where no pack can be written.
    pub(super) fn add(&self, hash: BlobHash, block: &[u8], put_ms: u64) -> Option<Outcome> {
        Some(self.room(pack::record_bytes(block))?.add(hash, block, put_ms))
    }

    /// Writes and syncs what waits unless somebody did: whether the blob of this outcome is durable.
    pub(super) fn make_durable(&self, outcome: &Outcome) -> bool {
        let mut writing = self.lock();
        loop {
            if let Some(durable) = outcome.get() {
                return *durable;
            }
            writing = if writing.is_busy { self.wait(writing) } else { self.write_batch(writing) };
        }
    }

    /// The state, with room for so many bytes in the pack that is written.
    fn room(&self, record_bytes: u32) -> Option<MutexGuard<'_, Writing>> {
        let mut writing = self.lock();
        loop {
            if writing.active.as_ref().is_some_and(|active| active.takes(record_bytes, self.pack_bytes_max)) {
                return Some(writing);
            }
            if writing.is_busy {
                writing = self.wait(writing);
                continue;
            }
            // Whoever added it may have gone away.
            if !writing.batch.octets.is_empty() {
                writing = self.write_batch(writing);
                continue;
            }
            if let Some(full) = writing.active.take() {
                self.end(&full);
            }
            writing.active = Some(self.begin(&mut writing.last)?);
        }
    }

    /// Writes and syncs what waits, while others gather behind it.
    fn write_batch<'a>(&'a self, mut writing: MutexGuard<'a, Writing>) -> MutexGuard<'a, Writing> {
        let mut batch = writing.take_batch();
        let Some((file, first)) =
            writing.active.as_ref().map(|active| Arc::clone(&active.file)).zip(batch.records.first())
        else {
            batch.ends(false);
            return writing;
        };
        writing.is_busy = true;
        drop(writing);
        let written = pack::append(&file, &batch.octets, first.1.at);
        let mut writing = self.lock();
        writing.is_busy = false;
        writing.keep_room(std::mem::take(&mut batch.octets));
        match written {
            Ok(()) => {
                let mut index = self.index_mut();
                batch.records.iter().for_each(|(hash, place)| index.add(*hash, *place));
                batch.ends(true);
            }
            Err(error) => {
                tracing::warn!(%error, "a pack of blobs cannot be written; its blobs get files of their own");
                writing.fail();
                batch.ends(false);
            }
        }
        self.written.notify_all();
        writing
    }

    /// A new pack, durably named.
    fn begin(&self, last: &mut u32) -> Option<Active> {
        let number = last.checked_add(1)?;
        let path = self.path(number);
        let begun = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let begun = begun.map_err(|error| Error::at(&path, &error));
        match begun.and_then(|file| sync_dir(&self.dir).map(|()| file)) {
            Ok(file) => {
                *last = number;
                Some(Active { number, file: Arc::new(file), next_at: 0, broken: false })
            }
            Err(error) => {
                tracing::warn!(%error, "no pack of blobs can be made; blobs get files of their own");
                None
            }
        }
    }

    /// Ends the pack that was written. One that failed gets no contents file, so that it is looked through when the store is
    /// opened again.
    fn end(&self, full: &Active) {
        if full.broken {
            self.index_mut().seal(full.number);
            return;
        }
        // The room that was left is not needed; to keep it harms nobody.
        drop(full.file.set_len(u64::from(full.next_at)));
        self.seal(full.number);
    }

    /// Counts a pack as full.
    fn seal(&self, number: u32) {
        let records = self.index().of_fresh(number);
        self.write_contents(number, &records);
        self.index_mut().seal(number);
    }

    fn write_contents(&self, number: u32, records: &[(BlobHash, u32)]) {
        if let Err(error) = write_over(&self.contents_path(number), &contents::written(records)) {
            tracing::warn!(%error, "what a pack of blobs holds cannot be noted; it is read again at the next start");
        }
    }

    /// A record of the blob, if there is one.
    pub(super) fn find(&self, hash: BlobHash) -> Result<Option<Record>> {
        let places = self.index().places(hash);
        for place in places {
            let record = self.record(place)?;
            if let Some(record) = record.filter(|found| found.header.hash == hash && found.header.state == State::Live)
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Where the blobs stand whose names begin with `first`; removed ones whose octets may be there still with them.
    pub(super) fn beginning_with(&self, first: u8) -> Vec<Place> {
        self.index().beginning_with(first)
    }

    /// The record at `place`, if one is there.
    pub(super) fn record(&self, place: Place) -> Result<Option<Record>> {
        let path = self.path(place.pack);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::at(&path, &error)),
        };
        let header = pack::header(&file, place.at).map_err(|error| Error::at(&path, &error))?;
        Ok(header.map(|header| Record { place, header, file, path }))
    }

    /// Takes a blob out; its octets stay until [`Packs::wipe`].
    pub(super) fn take_out(&self, record: &Record) -> Result<()> {
        pack::set_state(&record.file, record.place.at, State::Going).map_err(|error| record.failed(&error))?;
        self.index_mut().remove(record.header.hash, record.place);
        Ok(())
    }

    /// Makes the octets of what was taken out zeros, and removes packs that hold nothing more.
    pub(super) fn wipe(&self, taken_out: &[Place]) -> Result<()> {
        let mut of_pack: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for place in taken_out {
            of_pack.entry(place.pack).or_default().push(place.at);
        }
        for (number, records) in of_pack {
            let path = self.path(number);
            wipe_in_pack(&path, &records).map_err(|error| Error::at(&path, &error))?;
            let is_written = self.lock().active.as_ref().is_some_and(|active| active.number == number);
            if !is_written && !self.index().has_any(number) {
                remove_if_there(&path)?;
                remove_if_there(&self.contents_path(number))?;
            }
        }
        Ok(())
    }

    fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:010}"))
    }

    fn contents_path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:010}{CONTENTS}"))
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, writing: MutexGuard<'a, Writing>) -> MutexGuard<'a, Writing> {
        self.written.wait(writing).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn add(&mut self, hash: BlobHash, block: &[u8], put_ms: u64) -> Outcome {
        if let Some(active) = &mut self.active {
            self.batch.records.push((hash, Place { pack: active.number, at: active.next_at }));
            pack::add(&mut self.batch.octets, hash, block, put_ms);
            active.next_at = active.next_at.saturating_add(pack::record_bytes(block));
        }
        Arc::clone(&self.batch.outcome)
    }

    fn take_batch(&mut self) -> Batch {
        let next = Batch { octets: std::mem::take(&mut self.spare), ..Batch::default() };
        std::mem::replace(&mut self.batch, next)
    }

    fn keep_room(&mut self, mut octets: Vec<u8>) {
        octets.clear();
        if octets.capacity() <= SPARE_BYTES_MAX {
            self.spare = octets;
        }
    }

    /// Ends the pack; what gathered behind the gap fails too.
    fn fail(&mut self) {
        if let Some(active) = &mut self.active {
            active.broken = true;
        }
        std::mem::take(&mut self.batch).ends(false);
    }
}

impl Active {
    fn takes(&self, record_bytes: u32, pack_bytes_max: u32) -> bool {
        !self.broken && self.next_at.saturating_add(record_bytes) <= pack_bytes_max
    }
}

impl Batch {
    fn ends(&self, durable: bool) {
        self.outcome.get_or_init(|| durable);
    }
}

impl Record {
    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn hash(&self) -> BlobHash {
        self.header.hash
    }

    pub(super) fn put_ms(&self) -> u64 {
        self.header.put_ms
    }

    /// Whether the blob is there; otherwise only its bytes may be.
    pub(super) fn is_live(&self) -> bool {
        self.header.state == State::Live
    }

    /// What is kept of it; `Corrupt` when the file ends before it does.
    pub(super) fn block(&self) -> Result<Vec<u8>> {
        pack::block(&self.file, self.place.at, &self.header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let why = "cut off".to_owned();
                Error::Corrupt { table: BLOBS, key: self.header.hash.0.to_vec(), why }
            }
            _ => self.failed(&error),
        })
    }

    /// Notes that it was put again; durable when this returns.
    pub(super) fn set_put(&self, put_ms: u64) -> Result<()> {
        pack::set_put(&self.file, self.place.at, put_ms).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::at(&self.path, error)
    }
}

/// Wipes records of one pack: first it is durable that they are out, last that nothing is left of them.
fn wipe_in_pack(path: &Path, records: &[u32]) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    file.sync_data()?;
    for at in records {
        if let Some(header) = pack::header(&file, *at)? {
            pack::wipe(&file, *at, &header)?;
        }
    }
    file.sync_data()?;
    records.iter().try_for_each(|at| pack::set_state(&file, *at, State::Gone))
}

/// Records of one pack with their places.
fn placed(pack: u32, records: Vec<(BlobHash, u32)>) -> impl Iterator<Item = (BlobHash, Place)> {
    records.into_iter().map(move |(hash, at)| (hash, Place { pack, at }))
}

/// The numbers of the packs in a directory, ascending.
fn numbers(dir: &Path) -> Result<Vec<u32>> {
    let mut numbers: Vec<u32> = names(dir)?.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Puts a file in its place, whatever stood there; durable when this returns.
fn write_over(path: &Path, octets: &[u8]) -> Result<()> {
    let failed = |error: io::Error| Error::at(path, &error);
    let mut draft = path.as_os_str().to_owned();
    draft.push(DRAFT_MARK);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(failed)?;
    file.write_all(octets).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)?;
    sync_dir(&parent(path))
}

#[cfg(test)]
mod tests;
