//! Packs that fill up, are cut, damaged, emptied, or cannot be written.

use super::*;
use crate::clock::Clock;
use crate::store::Store;
use crate::store::blobs::Blobs;
use crate::store::blobs::Pending;
use crate::store::blobs::lz4::to_block;
use crate::store::wait::block_on;
use std::collections::HashSet;
use std::thread;

const SMALL: u32 = 4_000;

fn content(n: u32) -> Vec<u8> {
    n.to_be_bytes().repeat(usize::try_from(n % 70 + 1).unwrap())
}

fn append(packs: &Packs, hash: BlobHash, block: &[u8], put_ms: u64) -> bool {
    packs.add(hash, block, put_ms).is_some_and(|outcome| packs.make_durable(&outcome))
}

fn put(packs: &Packs, n: u32) -> BlobHash {
    let hash = BlobHash::of(&content(n));
    assert!(append(packs, hash, &to_block(&content(n)), 7));
    hash
}

/// Which of the first `count` contents are there and whole.
fn kept(packs: &Packs, count: u32) -> HashSet<u32> {
    let is_there = |n: &u32| {
        let found = packs.find(BlobHash::of(&content(*n))).unwrap();
        found.is_some_and(|record| record.block().unwrap() == to_block(&content(*n)))
    };
    (0..count).filter(is_there).collect()
}

fn files(dir: &Path) -> Vec<String> {
    let mut names = names(dir).unwrap();
    names.sort_unstable();
    names
}

#[test]
fn p1_what_was_put_by_many_at_once_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let packs = &packs;
            scope.spawn(move || {
                for n in 0..150 {
                    put(packs, thread * 150 + n);
                }
            });
        }
    });
    assert_eq!(kept(&packs, 600).len(), 600);
    drop(packs);
    let numbers = numbers(dir.path()).unwrap();
    assert!(numbers.len() > 5, "several packs were filled: {numbers:?}");
    assert_eq!(kept(&Packs::of_size(dir.path().to_owned(), SMALL).unwrap(), 600).len(), 600);
    for name in files(dir.path()).iter().filter(|name| name.ends_with(CONTENTS)) {
        fs::write(dir.path().join(name), "damaged").unwrap();
    }
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    assert_eq!(kept(&packs, 600).len(), 600, "read from the packs themselves");
    put(&packs, 600);
    assert_eq!(kept(&Packs::of_size(dir.path().to_owned(), SMALL).unwrap(), 601).len(), 601, "and it goes on");
}

#[test]
fn p1_a_pack_that_was_cut_or_damaged_keeps_the_rest_and_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    let second_at = pack::record_bytes(&to_block(&content(0)));
    for n in 0..3 {
        put(&packs, n);
    }
    drop(packs);
    let path = dir.path().join("0000000001");
    let mut octets = fs::read(&path).unwrap();
    octets[usize::try_from(second_at).unwrap() + 30] ^= 1;
    fs::write(&path, &octets).unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    assert_eq!(kept(&packs, 3), HashSet::from([0, 2]));
    put(&packs, 1);
    assert_eq!(kept(&packs, 3).len(), 3);
    assert_eq!(numbers(dir.path()).unwrap(), [1, 2], "what came afterwards stands elsewhere");
    assert_eq!(fs::read(&path).unwrap(), octets, "not even the damage is touched");
}

#[test]
fn p1_after_a_batch_that_failed_nothing_is_appended_behind_the_gap() {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    put(&packs, 0);
    let full = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    let begun = packs.lock().active.replace(Active { number: 9, file: Arc::new(full), next_at: 0, broken: false });
    assert_eq!(begun.unwrap().number, 1);
    let hash = BlobHash::of(&content(1));
    assert!(!append(&packs, hash, &to_block(&content(1)), 7), "the caller keeps it in another way");
    assert!(packs.find(hash).unwrap().is_none());
    put(&packs, 1);
    assert_eq!(kept(&packs, 2).len(), 2);
    assert_eq!(numbers(dir.path()).unwrap(), [1, 2]);
}

#[test]
fn obj_47_what_a_crash_left_half_removed_is_removed_by_the_next_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    let [gone, stays] = [1, 2].map(|n| put(&packs, n));
    packs.take_out(&packs.find(gone).unwrap().unwrap()).unwrap();
    assert!(packs.find(gone).unwrap().is_none());
    drop(packs);
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    assert!(packs.find(gone).unwrap().is_none() && packs.find(stays).unwrap().is_some());
    let places = packs.beginning_with(gone.shard());
    let left = packs.record(places[0]).unwrap().unwrap();
    assert!(!left.is_live());
    packs.take_out(&left).unwrap();
    packs.wipe(&[left.place()]).unwrap();
    assert_eq!(pack::find(&fs::read(dir.path().join("0000000001")).unwrap()).records.len(), 1);
    assert!(left.block().unwrap().iter().all(|octet| *octet == 0));
}

#[test]
fn obj_47_a_full_pack_that_holds_nothing_more_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    let hashes: Vec<BlobHash> = (0..60).map(|n| put(&packs, n)).collect();
    assert_eq!(files(dir.path())[..2], ["0000000001", "0000000001.contents"]);
    let mut out = Vec::new();
    for hash in &hashes {
        let record = packs.find(*hash).unwrap().unwrap();
        if record.place().pack == 1 {
            packs.take_out(&record).unwrap();
            out.push(record.place());
        }
    }
    packs.wipe(&out).unwrap();
    assert_eq!(files(dir.path())[0], "0000000002");
    let left = hashes.len() - out.len();
    assert_eq!(kept(&packs, 60).len(), left);
    assert_eq!(kept(&Packs::of_size(dir.path().to_owned(), SMALL).unwrap(), 60).len(), left);
}

#[test]
fn p1_blobs_that_wait_become_durable_with_the_first_that_must_be() {
    let dir = tempfile::tempdir().unwrap();
    let packs = Packs::of_size(dir.path().to_owned(), SMALL).unwrap();
    let add = |n| packs.add(BlobHash::of(&content(n)), &to_block(&content(n)), 7).unwrap();
    let [first, second] = [add(0), add(1)];
    assert!(kept(&packs, 2).is_empty(), "nothing is there before it is durable");
    assert!(packs.make_durable(&second));
    assert_eq!(first.get(), Some(&true), "with the same sync");
    assert_eq!(kept(&packs, 2).len(), 2);
    for n in 2..600 {
        // Nobody waits for any of them.
        drop(add(n));
    }
    assert!(numbers(dir.path()).unwrap().len() > 5, "full packs are ended by those who need room");
}

#[test]
fn p1_a_commit_whose_blob_cannot_be_made_durable_does_not_happen() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), Clock::default()).unwrap();
    let store = Store::in_memory().unwrap();
    let write = |blob: Pending| block_on(store.update_with(blob, |tx| tx.put(BLOBS, b"k", b"v")));
    let is_written = || store.view(|tx| Ok(tx.get(BLOBS, b"k")?.is_some())).unwrap();
    let (_, lost) = blobs.put_pending(b"lost").unwrap();
    let full = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    blobs.0.packs.lock().active.as_mut().unwrap().file = Arc::new(full);
    assert!(matches!(write(lost), Err(Error::Engine(_))));
    assert!(!is_written());
    let (hash, kept) = blobs.put_pending(b"kept").unwrap();
    assert!(!blobs.exists(hash).unwrap());
    write(kept).unwrap();
    assert!(is_written() && blobs.exists(hash).unwrap());
}
