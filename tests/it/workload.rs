//! What the crash and fault simulations put under load, and the loop that drives it.

use crate::disk::Disk;
use crate::disk::Fault;
use crate::disk::Rng;
use deskgate::store::Result;
use deskgate::store::Store;
use deskgate::store::redb::Redb;
use std::sync::Arc;

/// Memory for pages: small, so that pages are written and read before the commit too.
const CACHE_BYTES: usize = 1 << 20;

/// Work on a store whose result can be checked after a crash.
///
/// A workload remembers what was acknowledged to it: after an `Ok` from the store the change must be there for good, after
/// an `Err` it may be there whole or not at all.
pub trait Workload {
    /// Does the `n`-th piece of work; the first error of the store ends it. Is called with a store that may hold less than
    /// what was attempted, but never less than what was acknowledged.
    fn step(&mut self, store: &Store, n: u64) -> Result<()>;

    /// Checks every invariant and that all acknowledged is there.
    fn audit(&self, store: &Store) -> Result<(), String>;
}

/// A store on the simulated disk.
pub fn open(disk: &Disk) -> Result<Store> {
    let handle = disk.clone();
    Store::new(Arc::new(Redb::on_backend(move || Ok(handle.clone()), CACHE_BYTES)?))
}

/// What a simulation saw.
#[derive(Debug, Default)]
pub struct Tally {
    pub crashes: u64,
    pub steps: u64,
    pub audits: u64,
}

/// Lives of one store between which the power goes, four per seed, until `crashes` have happened. A crash in three is not
/// audited but followed by the next one, which often falls into recovery.
///
/// `Err` is the first audit that failed, with the seed that repeats it.
pub fn crash_again_and_again<W: Workload>(
    first_seed: u64,
    crashes: u64,
    disk: impl Fn() -> Disk,
    workload: impl Fn(u64) -> W,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut seed = first_seed;
    while tally.crashes < crashes {
        four_lives(seed, &disk(), workload(seed), &mut tally).map_err(|why| format!("seed {seed}: {why}"))?;
        seed += 1;
    }
    Ok(tally)
}

fn four_lives(seed: u64, disk: &Disk, mut workload: impl Workload, tally: &mut Tally) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    // A store is made under another name and synced before it gets its own, so its creation is not torn.
    drop(open(disk).map_err(|error| format!("not made: {error}"))?);
    disk.settle();
    let mut n = 0;
    for life in 1..=4 {
        disk.arm(1 + rng.below(160), Fault::PowerLoss);
        if let Ok(store) = open(disk) {
            while workload.step(&store, n).is_ok() {
                n += 1;
                tally.steps += 1;
            }
            n += 1;
        }
        disk.crash(&mut rng);
        tally.crashes += 1;
        if life < 4 && rng.below(3) == 0 {
            continue;
        }
        let store = open(disk).map_err(|error| format!("life {life}: not opened: {error}"))?;
        workload.audit(&store).map_err(|why| format!("life {life}: {why}"))?;
        tally.audits += 1;
    }
    Ok(())
}
