//! What blobs promise, by themselves and after crashes.

use super::*;
use crate::domain::id::Millis;
use crate::store::blobs::files::names;
use crate::store::durable::DRAFT_MARK;
use std::fs;
use std::fs::File;
use std::thread;

const DAY: Duration = Duration::from_hours(24);

fn clock() -> Clock {
    Clock::standing_at(Millis(1_800_000_000_000))
}

/// Content that does not shrink and gets a file of its own.
fn noise() -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..300_000).flat_map(|_| next().to_be_bytes()[4..].to_vec()).collect()
}

fn drafts(dir: &Path) -> usize {
    let shards = (0..=u8::MAX).map(|shard| names(&dir.join(format!("blobs/{shard:02x}"))).unwrap());
    shards.flatten().filter(|name| name.starts_with(DRAFT_MARK)).count()
}

fn listed(blobs: &Blobs) -> Vec<BlobHash> {
    (0..=u8::MAX).flat_map(|first| blobs.beginning_with(first).unwrap()).collect()
}

#[test]
fn p5_content_comes_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    for content in [&b""[..], b"\0\r\n.\r\n\xff\x80", &[b'a'; 100_000], &noise()] {
        let hash = blobs.put_blocking(content).unwrap();
        assert_eq!(blobs.get_blocking(hash).unwrap(), content);
        assert_eq!(blobs.put_blocking(content).unwrap(), hash, "again");
        assert!(blobs.exists(hash).unwrap());
    }
    assert_eq!(drafts(dir.path()), 0, "no draft is left");
    assert!(blobs.0.files.place(BlobHash::of(&noise())).1.exists(), "a large one has its own file");
}

#[test]
fn damage_and_absence_are_errors_not_content() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    let content = vec![b'x'; 4_000];
    let hash = blobs.put_blocking(&content).unwrap();
    let path = dir.path().join("blobs/packs/0000000001");
    let good = fs::read(&path).unwrap();
    let end = pack::HEADER_BYTES + to_block(&content).len();
    for at in 0..end {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        for (what, bad) in [("flipped", &flipped[..]), ("cut", &good[..at])] {
            fs::write(&path, bad).unwrap();
            match blobs.get_blocking(hash) {
                // Its time, and some of its bits, carry nothing.
                Ok(read) => assert_eq!(read, content, "{what} at {at}"),
                Err(Error::Corrupt { .. }) => {}
                Err(error) => panic!("{what} at {at}: {error}"),
            }
        }
    }
    let other = BlobHash::of(b"never put");
    assert!(matches!(blobs.get_blocking(other), Err(Error::Corrupt { .. })));
}

#[test]
fn names_are_listed_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    let mut put: Vec<BlobHash> = (0..40_u8).map(|n| blobs.put_blocking(&[n]).unwrap()).collect();
    put.push(blobs.put_blocking(&noise()).unwrap());
    put.sort_unstable();
    assert_eq!(listed(&blobs), put);
}

#[test]
fn a_sweep_takes_what_is_old_and_unnamed_and_nothing_that_a_commit_may_still_name() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let first = Blobs::open(dir.path(), clock.clone()).unwrap();
    let noise = noise();
    let contents = [&b"named"[..], b"unnamed", b"again", &noise];
    let [named, unnamed, again, large] = contents.map(|c| first.put_blocking(c).unwrap());
    let left = first.0.files.place(large).0.join(".new-0123-7");
    fs::write(&left, "half").unwrap();
    File::open(&left).unwrap().set_modified(first.now()).unwrap();
    let is_named = |hash: &BlobHash| Ok(*hash == named);

    clock.set(clock.now().plus(2 * DAY));
    let kept = Swept { removed: 0, kept: 4, drafts: 1 };
    assert_eq!(first.sweep(is_named, DAY).unwrap(), kept, "this process put them, their commits may come");

    let second = Blobs::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(second.sweep(is_named, 3 * DAY).unwrap().removed, 0, "young by the clock");
    assert_eq!(second.put_blocking(b"again").unwrap(), again);
    let swept = second.sweep(is_named, DAY).unwrap();
    assert_eq!((swept.removed, swept.kept), (2, 2), "put again counts as young");
    assert!(!second.exists(unnamed).unwrap() && !second.exists(large).unwrap());

    let third = Blobs::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(third.sweep(is_named, DAY).unwrap().removed, 0, "its time was moved when it was put again");
    assert_eq!(third.sweep(|_| Err(Error::Full), Duration::ZERO), Err(Error::Full));
    assert_eq!(listed(&third).len(), 2, "what cannot be looked up stays");
}

#[test]
fn puts_of_the_same_content_at_once_all_succeed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..20_u8 {
                    let hash = blobs.put_blocking(&[n; 50]).unwrap();
                    assert_eq!(blobs.get_blocking(hash).unwrap(), [n; 50]);
                }
            });
        }
    });
    assert_eq!(listed(&blobs).len(), 20);
}

#[test]
fn obj_47_what_a_sweep_takes_is_in_no_file_and_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let blobs = Blobs::open(dir.path(), clock.clone()).unwrap();
    let secret = b"nobody may find this";
    let [gone, stays] = [&secret[..], b"stays"].map(|content| blobs.put_blocking(content).unwrap());
    let holds_secret = || {
        let pack = fs::read(dir.path().join("blobs/packs/0000000001")).unwrap();
        pack.windows(secret.len()).any(|window| window == secret)
    };
    assert!(holds_secret(), "control: it was in the pack");
    // So that they count among the last ones no longer.
    *blobs.recent() = Recent::default();
    clock.set(clock.now().plus(2 * DAY));
    assert_eq!(blobs.sweep(|hash| Ok(*hash == stays), DAY).unwrap(), Swept { removed: 1, kept: 1, drafts: 0 });
    assert!(!holds_secret());
    assert_eq!(listed(&Blobs::open(dir.path(), clock.clone()).unwrap()), [stays]);
    assert_eq!(blobs.put_blocking(secret).unwrap(), gone, "it can be put again");
    assert_eq!(blobs.get_blocking(gone).unwrap(), secret);
}
