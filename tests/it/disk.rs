//! A simulated disk: keeps apart what was written from what is durable, and fails where it is told to.
//!
//! At a crash each write since the last sync is kept, dropped or torn at 512-byte sectors, in any order; so are changes of
//! length. A failed sync behaves as Linux does: what was to be written is marked clean and may never reach the disk, but
//! reads still see it. Such pages become durable only when something writes to them again.

use redb::StorageBackend;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

const SECTOR: usize = 512;
const PAGE: u64 = 4096;

/// A small generator of repeatable randomness (xorshift64*).
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

/// What happens at an operation that changes the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes: this operation and all after it fail until [`Disk::crash`].
    PowerLoss,
    /// This errno once.
    Once(i32),
    /// This errno for so many operations.
    Lasting(i32, u64),
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct State {
    /// What survives a crash for certain.
    durable: Vec<u8>,
    /// What reads see.
    view: Vec<u8>,
    /// Changes of `view` since the last sync.
    unsynced: Vec<Change>,
    /// Operations that change the disk, since the fault was armed.
    operations: u64,
    fault: Option<(u64, Fault)>,
    /// Reads from now on that fail with EIO.
    failing_reads: u64,
    dead: bool,
    lying: bool,
    forgetful: bool,
    failures: u64,
    capacity: Option<u64>,
    syncs: u64,
}

/// Handles share one disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// `fault` happens at the `at`-th operation from now, counted from 1.
    pub fn arm(&self, at: u64, fault: Fault) {
        let mut state = self.state();
        state.operations = 0;
        state.failures = 0;
        state.fault = Some((at, fault));
    }

    /// No further faults; how many operations there were since the last arming.
    pub fn disarm(&self) -> u64 {
        let mut state = self.state();
        state.fault = None;
        std::mem::take(&mut state.operations)
    }

    /// The next `count` reads fail with EIO.
    pub fn fail_reads(&self, count: u64) {
        self.state().failing_reads = count;
    }

    /// Writes beyond this size fail with ENOSPC.
    pub fn limit(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    pub fn len(&self) -> u64 {
        self.state().view.len() as u64
    }

    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Another disk that holds what is durable on this one.
    pub fn durable_copy(&self) -> Self {
        let durable = self.state().durable.clone();
        Self(Arc::new(Mutex::new(State { view: durable.clone(), durable, ..State::default() })))
    }

    /// Whether the power is gone.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// From now on syncs do nothing: a positive control.
    pub fn lie(self) -> Self {
        self.state().lying = true;
        self
    }

    /// From now on syncs do nothing and a crash takes everything back, so that the store opens as it was before: a
    /// positive control for the audit itself.
    pub fn forget(self) -> Self {
        self.state().forgetful = true;
        self.lie()
    }

    /// How many operations failed since the last arming.
    pub fn failures(&self) -> u64 {
        self.state().failures
    }

    /// Everything written so far is durable.
    pub fn settle(&self) {
        let mut state = self.state();
        state.durable = state.view.clone();
        state.unsynced.clear();
    }

    /// The power comes back after it went.
    pub fn crash(&self, rng: &mut Rng) {
        let mut state = self.state();
        let mut lost = std::mem::take(&mut state.unsynced);
        if state.forgetful {
            lost.clear();
        }
        if rng.below(2) == 0 {
            for i in (1..lost.len()).rev() {
                lost.swap(i, rng.below(i as u64 + 1) as usize);
            }
        }
        for change in lost {
            match change {
                Change::Length(length) if rng.below(2) == 0 => state.durable.resize(length as usize, 0),
                Change::Length(_) => {}
                Change::Write(offset, data) => match rng.below(4) {
                    0 => {}
                    1 | 2 => put(&mut state.durable, offset, &data),
                    _ => tear(&mut state.durable, offset, &data, rng),
                },
            }
        }
        state.view = state.durable.clone();
        state.dead = false;
        state.fault = None;
        state.operations = 0;
    }
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        let outcome = self.fail_if_told();
        self.failures += u64::from(outcome.is_err());
        outcome
    }

    fn fail_if_told(&mut self) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("no power"));
        }
        self.operations += 1;
        let Some((at, fault)) = self.fault else { return Ok(()) };
        match fault {
            Fault::PowerLoss if self.operations >= at => {
                self.dead = true;
                Err(io::Error::other("the power went"))
            }
            Fault::Once(errno) if self.operations == at => Err(io::Error::from_raw_os_error(errno)),
            Fault::Lasting(errno, count) if (at..at + count).contains(&self.operations) => {
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }

    fn room_for(&self, end: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if end > capacity => Err(io::Error::from_raw_os_error(28)),
            _ => Ok(()),
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let end = offset as usize + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset as usize..end].copy_from_slice(data);
}

fn tear(bytes: &mut Vec<u8>, offset: u64, data: &[u8], rng: &mut Rng) {
    let mut at = 0;
    while at < data.len() {
        let sector_end = ((offset as usize + at) / SECTOR + 1) * SECTOR - offset as usize;
        let end = sector_end.min(data.len());
        if rng.below(2) == 0 {
            put(bytes, offset + at as u64, &data[at..end]);
        }
        at = end;
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        if state.dead { Err(io::Error::other("no power")) } else { Ok(state.view.len() as u64) }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.dead {
            return Err(io::Error::other("no power"));
        }
        if state.failing_reads > 0 {
            state.failing_reads -= 1;
            return Err(io::Error::from_raw_os_error(5));
        }
        let found = state.view.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.room_for(len)?;
        state.view.resize(len as usize, 0);
        state.unsynced.push(Change::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = state.operate() {
            if !state.dead {
                // The pages count as clean from here on, whether or not they reached the disk.
                state.unsynced.clear();
            }
            return Err(error);
        }
        state.syncs += 1;
        if state.lying {
            return Ok(());
        }
        let State { durable, unsynced, .. } = &mut *state;
        for change in unsynced.drain(..) {
            match change {
                Change::Write(offset, data) => put(durable, offset, &data),
                Change::Length(length) => durable.resize(length as usize, 0),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.room_for(offset + data.len() as u64)?;
        put(&mut state.view, offset, data);
        // The kernel writes whole pages, with what stands around the data.
        let from = offset / PAGE * PAGE;
        let to = (offset + data.len() as u64).next_multiple_of(PAGE).min(state.view.len() as u64);
        let pages = state.view[from as usize..to as usize].to_vec();
        state.unsynced.push(Change::Write(from, pages));
        Ok(())
    }
}
