//! P1, P4: an error of the disk at any operation never becomes an `Ok` for what is not there, and desk and store work
//! again without a restart once the disk does.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Image;
use crate::disk::Disk;
use crate::disk::Fault;
use crate::disk::Rng;
use crate::torn_write::crashes;
use crate::workload::Stop;
use crate::workload::Tally;
use crate::workload::Workload;
use crate::workload::in_parallel;
use crate::workload::open;
use crate::workload::start;
use deskgate::store::Error;
use deskgate::store::engine::Table;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// Every kind of step in turn, and some again.
const STEPS: u64 = 16;
/// Steps once the disk works again; none of them may fail.
const STEPS_AFTER: u64 = 4;
const FAULTS: [Fault; 4] = [Fault::Once(EIO), Fault::Once(ENOSPC), Fault::Lasting(EIO, 3), Fault::Lasting(ENOSPC, 7)];

/// A desk that goes on after errors of its disk, and what is there after a crash at the end; how many operations of the
/// disk it took.
fn survive(disk: &Disk, at: u64, fault: Fault) -> Result<u64, String> {
    let mut workload = DeskWorkload::scripted(1);
    disk.arm(at, fault);
    // Opening is among the operations that fail; a daemon is started again by its supervisor.
    let started = (0..8).find_map(|_| start(&mut workload, disk).ok());
    let life = started.ok_or("the desk did not start")?;
    let mut failed = 0;
    for _ in 0..STEPS {
        match workload.step(&life) {
            Ok(()) => {}
            Err(Stop::Disk(_)) => failed += 1,
            Err(Stop::Broken(why)) => return Err(why),
        }
    }
    let failures = disk.failures();
    let operations = disk.disarm();
    if failed > failures {
        return Err(format!("{failed} steps failed for {failures} failures of the disk"));
    }
    for _ in 0..STEPS_AFTER {
        workload.step(&life).map_err(|stop| format!("after the fault had gone: {stop:?}"))?;
    }
    workload.audit(&life)?;
    drop(life);
    disk.crash(&mut Rng::new(at));
    let life = start(&mut workload, disk).map_err(|stop| format!("{stop:?}"))?;
    workload.audit(&life).map_err(|why| format!("after the crash: {why}"))?;
    Ok(operations)
}

/// Fails each operation with each fault in turn, or every second one with one of them unless `all`; how many cases.
fn sweep(disk: impl Fn() -> Disk + Sync, all: bool) -> Result<u64, String> {
    let operations = survive(&Image::get().disk(), u64::MAX, Fault::PowerLoss)?;
    let faults = FAULTS.len() as u64;
    let cases = if all { operations * faults } else { operations / 2 };
    let case = |case: u64| {
        let (at, fault) = if all { (1 + case / faults, case % faults) } else { (1 + case * 2, case % faults) };
        let fault = FAULTS[fault as usize];
        let told = |why: String| format!("operation {at} of {operations}, {fault:?}: {why}");
        survive(&disk(), at, fault).map_err(told)?;
        Ok(Tally::default())
    };
    in_parallel(0, cases, case).map(|_| cases)
}

/// With `DESKGATE_TEST_CRASHES` of 10,000 or more every operation meets every fault, else every second one meets one.
#[test]
fn p1_an_error_at_any_operation_never_becomes_an_ok_for_what_is_not_there() {
    let cases = sweep(|| Image::get().disk(), crashes(0) >= 10_000).unwrap();
    println!("{cases} faults");
    assert!(cases > 200, "{cases}");
}

/// Positive control: the same sweep over a disk whose syncs do nothing must fail.
#[test]
fn p1_the_sweep_finds_a_disk_that_lies_about_syncs() {
    assert!(sweep(|| Image::get().disk().lie(), false).is_err());
}

/// Positive control: the same sweep over a disk that comes back as it was at the beginning must fail by its audit.
#[test]
fn p1_the_sweep_finds_a_disk_that_forgets() {
    let why = sweep(|| Image::get().disk().forget(), false).unwrap_err();
    println!("{why}");
    assert!(why.contains("after the crash"), "{why}");
}

/// P4: mail and words are refused as *full*, not lost, while there is no space, and taken by the same desk afterwards.
#[test]
fn p4_a_desk_on_a_full_disk_refuses_in_so_many_words_and_goes_on_when_there_is_space() {
    let disk = Image::get().disk();
    let mut workload = DeskWorkload::new(3);
    let life = start(&mut workload, &disk).unwrap_or_else(|stop| panic!("{stop:?}"));
    disk.limit(Some(disk.len()));
    let mut told = Vec::new();
    for _ in 0..400 {
        match workload.step(&life) {
            Ok(()) => {}
            Err(Stop::Disk(why)) => told.push(why),
            Err(Stop::Broken(why)) => panic!("{why}"),
        }
    }
    assert!(told.len() > 50, "the disk never filled: {told:?}");
    assert!(told.iter().all(|why| why == "out of storage space"), "{told:?}");
    workload.audit(&life).unwrap();
    disk.limit(None);
    for _ in 0..50 {
        workload.step(&life).unwrap_or_else(|stop| panic!("{stop:?}"));
    }
    workload.audit(&life).unwrap();
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

#[test]
fn a_read_error_is_healed_by_reading_again_or_told() {
    const TABLE: Table = Table("parts");
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    for n in 0..200_u32 {
        store.update_blocking(move |tx| tx.put(TABLE, &n.to_be_bytes(), &[1; 20_000])).unwrap();
    }
    let count = || store.view(|tx| tx.scan(TABLE, &[], &[0xff; 5], usize::MAX)).map(|pairs| pairs.len());
    disk.fail_reads(1);
    assert_eq!(count(), Ok(200), "the second look found everything");
    disk.fail_reads(u64::MAX);
    assert!(matches!(count(), Err(Error::Engine(_))));
    assert!(store.update_blocking(|tx| tx.put(TABLE, b"x", b"1")).is_err());
    disk.fail_reads(0);
    assert_eq!(count(), Ok(200));
    store.update_blocking(|tx| tx.put(TABLE, b"x", b"1")).unwrap();
    assert_eq!(count(), Ok(201));
}

#[test]
fn a_reader_under_way_is_of_one_moment_though_the_disk_fails_beside_it() {
    const TABLE: Table = Table("parts");
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let write_all = |value: u8| {
        store.update_blocking(move |tx| {
            (0..200_u32).try_for_each(|n| tx.put(TABLE, &n.to_be_bytes(), &vec![value; 20_000]))
        })
    };
    write_all(1).unwrap();
    let mut value = 1;
    let seen = store.view(|tx| {
        let before = tx.scan(TABLE, &[], &10_u32.to_be_bytes(), usize::MAX)?;
        if value == 1 {
            disk.arm(1, Fault::Once(EIO));
            assert!(write_all(2).is_err());
            value = 3;
            write_all(3).unwrap();
        }
        let after = tx.scan(TABLE, &10_u32.to_be_bytes(), &[0xff; 5], usize::MAX)?;
        Ok(before.into_iter().chain(after).map(|(_, value)| value[0]).collect::<Vec<_>>())
    });
    let seen = seen.unwrap();
    assert!(seen == [1; 200] || seen == [3; 200], "{seen:?}");
}

/// Writers move units between two keys, readers add them up, and the disk fails every now and then under both.
#[test]
fn readers_never_see_half_a_change_while_the_disk_fails() {
    const TABLE: Table = Table("units");
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let number = |value: Option<Vec<u8>>| value.map_or(500, |value| u64::from_be_bytes(value.try_into().unwrap()));
    let done = AtomicBool::new(false);
    let sums = AtomicU64::new(0);
    let acknowledged = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    if let Ok(sum) = store.view(|tx| Ok(number(tx.get(TABLE, b"x")?) + number(tx.get(TABLE, b"y")?))) {
                        assert_eq!(sum, 1_000);
                        sums.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let mut rng = Rng::new(5);
        let mut acknowledged = 0;
        for n in 0..400_u32 {
            if n % 8 == 0 {
                disk.arm(1 + rng.below(40), Fault::Lasting(EIO, 1 + rng.below(3)));
            }
            let moved = store.update_blocking(move |tx| {
                tx.put(TABLE, b"x", &(number(tx.get(TABLE, b"x")?) - 1).to_be_bytes())?;
                tx.put(TABLE, b"y", &(number(tx.get(TABLE, b"y")?) + 1).to_be_bytes())?;
                tx.put(Table("moves"), &n.to_be_bytes(), &[1; 5_000])
            });
            acknowledged += u64::from(moved.is_ok());
        }
        done.store(true, Ordering::SeqCst);
        acknowledged
    });
    assert!(acknowledged > 200, "{acknowledged} of 400");
    assert!(sums.into_inner() > 100);
    let moves = store.view(|tx| tx.scan(Table("moves"), &[], &[0xff; 5], usize::MAX)).unwrap().len();
    assert!(moves as u64 >= acknowledged);
}
