//! P1, P4: an error of the disk at any operation never becomes an `Ok` for what is not there, and the store works again
//! without a restart once the disk does.

use crate::disk::Disk;
use crate::disk::Fault;
use crate::disk::Rng;
use crate::ledger::Ledger;
use crate::workload::Workload;
use crate::workload::open;
use deskgate::store::Error;
use deskgate::store::engine::Table;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const STEPS: u64 = 12;

/// What became of one run.
struct Run {
    ledger: Ledger,
    failed: Vec<u64>,
    operations: u64,
}

/// Steps on a new store, going on after errors.
fn run(disk: &Disk, seed: u64, arm: impl Fn()) -> Run {
    drop(open(disk).unwrap());
    disk.settle();
    arm();
    let mut ledger = Ledger::new(seed);
    let mut failed = Vec::new();
    // Opening is among the operations that fail; a daemon is started again by its supervisor.
    let mut store = open(disk);
    for _ in 0..8 {
        if store.is_err() {
            store = open(disk);
        }
    }
    let store = store.unwrap();
    for n in 0..STEPS {
        if ledger.step(&store, n).is_err() {
            failed.push(n);
        }
    }
    let operations = disk.disarm();
    ledger.audit(&store).unwrap();
    Run { ledger, failed, operations }
}

fn sweep(disk: impl Fn() -> Disk) -> Result<u64, String> {
    let quiet = disk();
    let Run { operations, .. } = run(&quiet, 1, || quiet.arm(u64::MAX, Fault::PowerLoss));
    let mut cases = 0;
    for at in 1..=operations {
        for fault in [Fault::Once(EIO), Fault::Once(ENOSPC), Fault::Lasting(EIO, 3), Fault::Lasting(ENOSPC, 7)] {
            let disk = disk();
            let Run { ledger, failed, .. } = run(&disk, 1, || disk.arm(at, fault));
            let told =
                |why: String| format!("operation {at} of {operations}, {fault:?}, failed steps {failed:?}: {why}");
            if failed.len() > 7 {
                return Err(told("the store did not recover".to_owned()));
            }
            disk.crash(&mut Rng::new(at));
            let store = open(&disk).map_err(|error| told(error.to_string()))?;
            ledger.audit(&store).map_err(told)?;
            cases += 1;
        }
    }
    Ok(cases)
}

#[test]
fn p1_an_error_at_any_operation_never_becomes_an_ok_for_what_is_not_there() {
    let cases = sweep(Disk::default).unwrap();
    println!("{cases} faults");
    assert!(cases > 400, "{cases}");
}

/// Positive control: the same sweep over a disk whose syncs do nothing must fail.
#[test]
fn p1_the_sweep_finds_a_disk_that_lies_about_syncs() {
    assert!(sweep(Disk::lying).is_err());
}

#[test]
fn p4_a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself() {
    const TABLE: Table = Table("parts");
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let write =
        |n: u32| store.update_blocking(move |tx| tx.put(TABLE, &n.to_be_bytes(), &vec![n.to_le_bytes()[0]; 20_000]));
    write(0).unwrap();
    disk.limit(Some(disk.len()));
    let mut written = 1_u32;
    let full = loop {
        match write(written) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the disk never filled");
    };
    assert_eq!(full, Error::Full);
    for _ in 0..3 {
        assert_eq!(write(written), Err(Error::Full), "full is full, again and again");
        let there = store.view(|tx| tx.scan(TABLE, &[], &[0xff; 5], usize::MAX)).unwrap();
        assert_eq!(there.len(), written as usize, "reads go on");
    }
    disk.limit(None);
    write(written).unwrap();
    drop(store);
    disk.crash(&mut Rng::new(1));
    let store = open(&disk).unwrap();
    let there = store.view(|tx| tx.scan(TABLE, &[], &[0xff; 5], usize::MAX)).unwrap();
    assert_eq!(there.len(), written as usize + 1);
}
