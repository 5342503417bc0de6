//! What blobs promise, by themselves and after crashes.

use super::*;
use crate::domain::id::Millis;

const DAY: Duration = Duration::from_hours(24);

fn clock() -> Clock {
    Clock::standing_at(Millis(1_800_000_000_000))
}

fn drafts(dir: &Path) -> usize {
    let shards = (0..=u8::MAX).map(|shard| names(&dir.join(format!("blobs/{shard:02x}"))).unwrap());
    shards.flatten().filter(|name| name.starts_with(DRAFT_MARK)).count()
}

#[test]
fn p5_content_comes_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    let noise: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    for content in [&b""[..], b"\0\r\n.\r\n\xff\x80", &[b'a'; 100_000], &noise] {
        let hash = blobs.put_blocking(content).unwrap();
        assert_eq!(blobs.get_blocking(hash).unwrap(), content);
        assert_eq!(blobs.put_blocking(content).unwrap(), hash, "again");
        assert!(blobs.exists(hash).unwrap());
    }
    assert_eq!(drafts(dir.path()), 0, "no draft is left");
}

#[test]
fn damage_and_absence_are_errors_not_content() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    let content = vec![b'x'; 4_000];
    let hash = blobs.put_blocking(&content).unwrap();
    let (_, path) = blobs.place(hash);
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        for (what, bad) in [("flipped", &flipped[..]), ("cut", &good[..at])] {
            fs::write(&path, bad).unwrap();
            match blobs.get_blocking(hash) {
                // Some bits of the frame's envelope carry nothing.
                Ok(read) => assert_eq!(read, content, "{what} at {at}"),
                Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{what} at {at}: {error}"),
            }
        }
    }
    let other = BlobHash::of(b"never put");
    assert!(matches!(blobs.get_blocking(other), Err(Error::Corrupt { .. })));
}

#[test]
fn names_are_listed_in_order_and_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    let mut put: Vec<BlobHash> = (0..40_u8).map(|n| blobs.put_blocking(&[n]).unwrap()).collect();
    put.sort_unstable();
    let mut listed = Vec::new();
    while let [.., last] = blobs.list(listed.last().copied(), 7).unwrap().as_slice() {
        let last = *last;
        listed.extend(blobs.list(listed.last().copied(), 7).unwrap());
        assert_eq!(listed.last(), Some(&last));
    }
    assert_eq!(listed, put);
    fs::remove_file(blobs.place(put[3]).1).unwrap();
    assert_eq!(blobs.list(None, 100).unwrap().len(), 39);
}

#[test]
fn a_sweep_takes_what_is_old_and_unnamed_and_nothing_that_a_commit_may_still_name() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let first = Blobs::open(dir.path(), clock.clone()).unwrap();
    let [named, unnamed, again] = [&b"named"[..], b"unnamed", b"again"].map(|c| first.put_blocking(c).unwrap());
    let left = first.place(named).0.join(".new-0123-7");
    fs::write(&left, "half").unwrap();
    File::open(&left).unwrap().set_modified(first.now()).unwrap();
    let is_named = |hash: &BlobHash| Ok(*hash == named);

    clock.set(clock.now().plus(2 * DAY));
    let kept = Swept { removed: 0, kept: 3, drafts: 1 };
    assert_eq!(first.sweep(is_named, DAY).unwrap(), kept, "this process put them, their commits may come");

    let second = Blobs::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(second.sweep(is_named, 3 * DAY).unwrap().removed, 0, "young by the clock");
    assert_eq!(second.put_blocking(b"again").unwrap(), again);
    let swept = second.sweep(is_named, DAY).unwrap();
    assert_eq!((swept.removed, swept.kept), (1, 2), "put again counts as young");
    assert!(!second.exists(unnamed).unwrap());

    let third = Blobs::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(third.sweep(is_named, DAY).unwrap().removed, 0, "its time was moved when it was put again");
    assert_eq!(third.sweep(|_| Err(Error::Full), DAY), Err(Error::Full));
    assert_eq!(third.list(None, 10).unwrap().len(), 2, "what cannot be looked up stays");
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
    assert_eq!(blobs.list(None, 100).unwrap().len(), 20);
}

/// Puts blobs and forgets their files, as a power cut does that comes before the file system wrote them.
fn put_and_lose_files(dir: &Path, contents: &[Vec<u8>]) {
    let blobs = Blobs::open(dir, clock()).unwrap();
    for content in contents {
        let hash = blobs.put_blocking(content).unwrap();
        let (_, path) = blobs.place(hash);
        fs::remove_file(path).unwrap();
    }
}

fn contents(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_be_bytes().repeat(usize::try_from(n).unwrap() % 700 + 1)).collect()
}

fn kept(blobs: &Blobs, contents: &[Vec<u8>]) -> usize {
    contents.iter().filter(|content| blobs.get_blocking(BlobHash::of(content)).is_ok_and(|c| c == **content)).count()
}

#[test]
fn p1_what_was_put_is_there_after_a_power_cut_that_took_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let contents = contents(200);
    put_and_lose_files(dir.path(), &contents);
    assert_eq!(kept(&Blobs::open(dir.path(), clock()).unwrap(), &contents), 200);

    put_and_lose_files(dir.path(), &contents);
    for name in ["a", "b"] {
        File::options().write(true).open(dir.path().join("blobs/ahead").join(name)).unwrap().set_len(0).unwrap();
    }
    assert_eq!(
        kept(&Blobs::open(dir.path(), clock()).unwrap(), &contents),
        0,
        "control: it was the log that kept them"
    );
}

#[test]
fn p1_a_log_cut_or_garbled_anywhere_keeps_what_stands_before() {
    let dir = tempfile::tempdir().unwrap();
    let contents = contents(3);
    put_and_lose_files(dir.path(), &contents);
    let log = dir.path().join("blobs/ahead/a");
    let whole = fs::read(&log).unwrap();
    let record_bytes = |content: &Vec<u8>| 44 + compressed(content).unwrap().len();
    let begin = 16 + contents[..2].iter().map(record_bytes).sum::<usize>();
    let end = begin + record_bytes(&contents[2]);
    for at in begin..end {
        let mut garbled = whole.clone();
        garbled[at] ^= 0x55;
        for bad in [&whole[..at], &garbled] {
            drop(fs::remove_dir_all(dir.path().join("blobs")));
            fs::create_dir_all(dir.path().join("blobs/ahead")).unwrap();
            fs::write(&log, bad).unwrap();
            let blobs = Blobs::open(dir.path(), clock()).unwrap();
            assert_eq!(kept(&blobs, &contents[..2]), 2, "at {at}");
            assert!(blobs.list(None, 10).unwrap().len() <= 3);
        }
    }
}

#[test]
fn a_log_that_cannot_be_written_costs_speed_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("blobs/ahead")).unwrap();
    for name in ["a", "b"] {
        std::os::unix::fs::symlink("/dev/full", dir.path().join("blobs/ahead").join(name)).unwrap();
    }
    let blobs = Blobs::open(dir.path(), clock()).unwrap();
    let contents = contents(20);
    for content in &contents {
        blobs.put_blocking(content).unwrap();
    }
    assert_eq!(kept(&blobs, &contents), 20);
}

#[test]
fn obj_47_what_a_sweep_takes_is_in_no_file_and_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let clock = clock();
    let blobs = Blobs::open(dir.path(), clock.clone()).unwrap();
    let secret = b"nobody may find this";
    let [_, stays] = [&secret[..], b"stays"].map(|content| blobs.put_blocking(content).unwrap());
    let holds_secret = || {
        let files = ["a", "b"].map(|name| fs::read(dir.path().join("blobs/ahead").join(name)).unwrap());
        files.iter().any(|file| file.windows(secret.len()).any(|window| window == secret))
    };
    assert!(holds_secret(), "control: it was in the log");
    // So that they count among the last ones no longer.
    *blobs.recent() = Recent::default();
    clock.set(clock.now().plus(2 * DAY));
    assert_eq!(blobs.sweep(|hash| Ok(*hash == stays), DAY).unwrap(), Swept { removed: 1, kept: 1, drafts: 0 });
    assert!(!holds_secret());
    assert_eq!(Blobs::open(dir.path(), clock).unwrap().list(None, 10).unwrap(), [stays]);
}
