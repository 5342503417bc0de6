//! What the crash and fault simulations put under load, and the loop that drives it.

use crate::disk::Disk;
use crate::disk::Fault;
use crate::disk::Rng;
use deskgate::store::Result;
use deskgate::store::Store;
use deskgate::store::redb::Redb;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

/// Memory for pages: small, so that pages are written and read before the commit too.
const CACHE_BYTES: usize = 1 << 20;

/// The power goes within so many operations of the disk; a life has some ten steps then.
const LIFE_OPERATIONS_MAX: u64 = 300;

/// Lives of one store.
const LIVES: u64 = 4;

/// Why a workload cannot go on.
#[derive(Debug)]
pub enum Stop {
    /// An operation got an error that stands for the disk; right only when the disk failed.
    Disk(String),
    /// Something happened that never may.
    Broken(String),
}

/// Work on a store whose result can be checked after a crash.
///
/// A workload remembers what was acknowledged to it: after an `Ok` the change must be there for good, after an error it may
/// be there whole or not at all.
pub trait Workload {
    /// What a process has in hand while it runs; gives everything back when it is dropped.
    type Life;

    /// The start of a process on a store that may hold less than what was attempted, but never less than what was
    /// acknowledged.
    fn begin(&mut self, store: Store) -> Result<Self::Life, Stop>;

    /// The next piece of work.
    fn step(&mut self, life: &Self::Life) -> Result<(), Stop>;

    /// Ends what is under way and can be ended without anybody's doing.
    fn calm(&mut self, life: &Self::Life) -> Result<(), Stop>;

    /// Checks every invariant and that all acknowledged is there.
    fn audit(&self, life: &Self::Life) -> Result<(), String>;

    /// How often each kind of work was acknowledged.
    fn acknowledged(&self) -> &BTreeMap<&'static str, u64>;
}

/// A store on the simulated disk.
pub fn open(disk: &Disk) -> Result<Store> {
    Store::new(Arc::new(engine(disk)?))
}

/// Its engine alone.
pub fn engine(disk: &Disk) -> Result<Redb> {
    let handle = disk.clone();
    Redb::on_backend(move || Ok(handle.clone()), CACHE_BYTES)
}

/// A process on the simulated disk.
pub fn start<W: Workload>(workload: &mut W, disk: &Disk) -> Result<W::Life, Stop> {
    let store = open(disk).map_err(|error| Stop::Disk(format!("not opened: {error}")))?;
    workload.begin(store)
}

/// What a simulation saw.
#[derive(Debug, Default)]
pub struct Tally {
    pub crashes: u64,
    pub steps: u64,
    pub audits: u64,
    pub acknowledged: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.steps += other.steps;
        self.audits += other.audits;
        self.add_acknowledged(&other.acknowledged);
    }

    pub fn add_acknowledged(&mut self, more: &BTreeMap<&'static str, u64>) {
        for (kind, count) in more {
            *self.acknowledged.entry(kind).or_default() += count;
        }
    }
}

/// Runs `case` for the numbers from `first`, `count` of them, on every core. `Err` is that of the lowest number that
/// failed, among those tried.
pub fn in_parallel(
    first: u64,
    count: u64,
    case: impl Fn(u64) -> Result<Tally, String> + Sync,
) -> Result<Tally, String> {
    let next = AtomicU64::new(first);
    let seen: Mutex<(Tally, BTreeMap<u64, String>)> = Mutex::default();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= first + count || !seen.lock().unwrap().1.is_empty() {
                        break;
                    }
                    // A damaged store can make the engine panic; that is a failure like any other.
                    let outcome = catch_unwind(AssertUnwindSafe(|| case(number)));
                    let outcome = outcome.unwrap_or_else(|_| Err("panicked; see above".to_owned()));
                    let mut seen = seen.lock().unwrap();
                    match outcome {
                        Ok(tally) => seen.0.add(&tally),
                        Err(why) => drop(seen.1.insert(number, why)),
                    }
                }
            });
        }
    });
    let (tally, failed) = seen.into_inner().unwrap();
    match failed.into_iter().next() {
        Some((number, why)) => Err(format!("seed {number}: {why}")),
        None => Ok(tally),
    }
}

/// Lives of one store between which the power goes, four per seed, until `crashes` have happened. A crash in three is not
/// audited but followed by the next one, which often falls into recovery.
///
/// `Err` is an audit that failed, with the seed that repeats it.
pub fn crash_again_and_again<W: Workload>(
    first_seed: u64,
    crashes: u64,
    disk: impl Fn() -> Disk + Sync,
    workload: impl Fn(u64) -> W + Sync,
) -> Result<Tally, String> {
    in_parallel(first_seed, crashes.div_ceil(LIVES), |seed| four_lives(seed, &disk(), workload(seed)))
}

fn four_lives(seed: u64, disk: &Disk, mut workload: impl Workload) -> Result<Tally, String> {
    let mut rng = Rng::new(seed);
    let mut tally = Tally::default();
    for life in 1..=LIVES {
        disk.arm(1 + rng.below(LIFE_OPERATIONS_MAX), Fault::PowerLoss);
        tally.steps += live(&mut workload, disk).map_err(|why| format!("life {life}: {why}"))?;
        disk.crash(&mut rng);
        tally.crashes += 1;
        if life < LIVES && rng.below(3) == 0 {
            continue;
        }
        audit(&mut workload, disk, life == LIVES).map_err(|why| format!("life {life}: {why}"))?;
        tally.audits += 1;
    }
    tally.add_acknowledged(workload.acknowledged());
    Ok(tally)
}

/// Works until the power goes; how many steps were done.
fn live(workload: &mut impl Workload, disk: &Disk) -> Result<u64, String> {
    let mut steps = 0;
    let stopped = match start(workload, disk) {
        Err(stop) => stop,
        Ok(life) => loop {
            match workload.step(&life) {
                Ok(()) => steps += 1,
                Err(stop) => break stop,
            }
        },
    };
    match stopped {
        Stop::Broken(why) => Err(why),
        Stop::Disk(why) if !disk.is_dead() => Err(format!("the disk works, yet: {why}")),
        Stop::Disk(_) => Ok(steps),
    }
}

fn audit(workload: &mut impl Workload, disk: &Disk, last: bool) -> Result<(), String> {
    let told = |stop: Stop| format!("{stop:?}");
    let life = start(workload, disk).map_err(told)?;
    workload.audit(&life)?;
    if last {
        workload.calm(&life).map_err(told)?;
        workload.audit(&life).map_err(|why| format!("after calm: {why}"))?;
    }
    Ok(())
}
