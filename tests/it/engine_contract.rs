//! What every engine keeps, run over each of them: limits and order of scans, overlays, refusals and panics among
//! neighbours, snapshots, grouping, and answers only after the sync.

use crate::disk::Disk;
use crate::disk::Rng;
use crate::workload::engine;
use crate::workload::open;
use deskgate::domain::refusal::Refusal;
use deskgate::store::Error;
use deskgate::store::Result;
use deskgate::store::Store;
use deskgate::store::engine::Engine;
use deskgate::store::engine::Pair;
use deskgate::store::engine::ReadTx;
use deskgate::store::engine::Table;
use deskgate::store::engine::WriteTx;
use deskgate::store::memory::Memory;
use deskgate::store::redb::Redb;
use deskgate::store::writer::GROUP_BYTES_MAX;
use deskgate::store::writer::GROUP_CLOSURES_MAX;
use proptest::collection::vec;
use proptest::prelude::*;
use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use tokio::runtime::Builder;

const A: Table = Table("a");
const B: Table = Table("b");

/// Every engine, empty; the redb ones on a file and on a simulated disk.
fn every_engine(check: impl Fn(&Store)) {
    check(&Store::in_memory().unwrap());
    check(&open(&Disk::default()).unwrap());
    let dir = tempfile::tempdir().unwrap();
    check(&Store::open_or_create(&dir.path().join("store.redb")).unwrap());
}

fn refused() -> Error {
    Error::Refused(Refusal::invalid("x", "refused"))
}

fn keys(pairs: &[Pair]) -> String {
    pairs.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect::<Vec<_>>().join(" ")
}

fn put_all(store: &Store, table: Table, keys: &'static [&'static str]) {
    store.update_blocking(move |tx| keys.iter().try_for_each(|key| tx.put(table, key.as_bytes(), b"1"))).unwrap();
}

type Closure<T> = Box<dyn FnMut(&mut dyn WriteTx) -> Result<T> + Send>;

/// Runs `first` and `others` as one group: the writer is held until all wait.
fn as_one_group<T: Send + 'static>(
    store: &Store,
    mut first: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    others: Vec<Closure<T>>,
) -> Vec<Result<T>> {
    let (release, released) = mpsc::channel::<()>();
    let first = store.update(move |tx| {
        released.recv().unwrap_or_default();
        first(tx)
    });
    let others = others.into_iter().map(|closure| store.update(closure));
    let let_go = async { drop(release) };
    let waiting = futures_util::future::join(futures_util::future::join_all(others), let_go);
    // Unconstrained, or the runtime takes a break before all wait.
    let all = tokio::task::unconstrained(futures_util::future::join(first, waiting));
    let (first, (others, ())) = block_on(all);
    std::iter::once(first).chain(others).collect()
}

fn block_on<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn scans_keep_order_bounds_and_limit_in_both_directions() {
    every_engine(|store| {
        put_all(store, A, &["d", "b", "e", "a", "c"]);
        put_all(store, B, &["b2"]);
        let cases: [(&str, &str, usize, &str, &str); 9] = [
            ("", "z", 9, "a b c d e", "e d c b a"),
            ("b", "d", 9, "b c", "c b"),
            ("b", "d", 1, "b", "c"),
            ("aa", "cc", 9, "b c", "c b"),
            ("", "z", 0, "", ""),
            ("", "", 9, "", ""),
            ("d", "b", 9, "", ""),
            ("b", "b", 9, "", ""),
            ("x", "z", 9, "", ""),
        ];
        for (from, to, limit, up, down) in cases {
            let (from, to) = (from.as_bytes(), to.as_bytes());
            let check = |tx: &dyn ReadTx| {
                assert_eq!(keys(&tx.scan(A, from, to, limit)?), up);
                assert_eq!(keys(&tx.scan_back(A, from, to, limit)?), down);
                assert_eq!(tx.scan(Table("never written"), from, to, limit)?, []);
                Ok(())
            };
            store.view(|tx| check(tx)).unwrap();
        }
        assert_eq!(store.view(|tx| tx.get(A, b"c")).unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.view(|tx| tx.get(A, b"b2")).unwrap(), None, "tables do not mix");
        assert_eq!(store.view(|tx| tx.get(Table("never written"), b"c")).unwrap(), None);
    });
}

#[test]
fn a_closure_reads_its_own_writes_and_deletions() {
    every_engine(|store| {
        put_all(store, A, &["a", "b", "c", "d", "e"]);
        let seen = store.update_blocking(|tx| {
            tx.delete(A, b"b")?;
            tx.delete(A, b"c")?;
            tx.delete(A, b"not there")?;
            tx.put(A, b"bb", b"2")?;
            tx.put(A, b"d", b"2")?;
            tx.put(A, b"f", b"2")?;
            tx.delete(A, b"f")?;
            assert_eq!(tx.get(A, b"b")?, None);
            assert_eq!(tx.get(A, b"d")?, Some(b"2".to_vec()));
            assert_eq!(tx.get(A, b"e")?, Some(b"1".to_vec()));
            let d = tx.scan(A, b"d", b"e", 9)?;
            assert_eq!(d, [(b"d".to_vec(), b"2".to_vec())], "the new value, once");
            Ok([2, 3, 9].map(|limit| {
                (keys(&tx.scan(A, b"", b"z", limit).unwrap()), keys(&tx.scan_back(A, b"", b"z", limit).unwrap()))
            }))
        });
        let expected = [("a bb", "e d"), ("a bb d", "e d bb"), ("a bb d e", "e d bb a")];
        assert_eq!(seen.unwrap(), expected.map(|(up, down)| (up.to_owned(), down.to_owned())));
        assert_eq!(keys(&store.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "a bb d e");
    });
}

#[test]
fn a_refused_or_panicking_closure_leaves_nothing_and_its_neighbours_unharmed() {
    every_engine(|store| {
        let write = |key: &'static str, end: Option<&'static str>| {
            move |tx: &mut dyn WriteTx| {
                tx.put(A, key.as_bytes(), b"1")?;
                tx.delete(A, b"1")?;
                match end {
                    Some("refuse") => Err(refused()),
                    Some(panic) => panic!("{panic}"),
                    None => Ok(keys(&tx.scan(A, b"", b"z", 9)?)),
                }
            }
        };
        let commits = store.committed();
        let answers = as_one_group(
            store,
            |tx| tx.put(A, b"1", b"1").map(|()| String::new()),
            vec![
                Box::new(write("2", Some("refuse"))),
                Box::new(write("3", Some("oh dear"))),
                Box::new(write("4", None)),
                Box::new(write("5", None)),
            ],
        );
        assert_eq!(answers[1], Err(refused()));
        assert!(matches!(&answers[2], Err(Error::Engine(why)) if why.contains("oh dear")), "{:?}", answers[2]);
        assert_eq!(answers[3], Ok("4".to_owned()), "sees what came before and was not refused");
        assert_eq!(answers[4], Ok("4 5".to_owned()));
        assert_eq!(keys(&store.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "4 5");
        assert_eq!(*commits.borrow(), 1);
        assert_eq!((store.stats().groups, store.stats().closures), (1, 5));
    });
}

#[test]
fn a_view_does_not_see_later_commits() {
    every_engine(|store| {
        put_all(store, A, &["a"]);
        store
            .view(|tx| {
                put_all(store, A, &["b"]);
                assert_eq!(keys(&tx.scan(A, b"", b"z", 9)?), "a");
                assert_eq!(tx.get(A, b"b")?, None);
                assert_eq!(keys(&store.view(|later| later.scan(A, b"", b"z", 9))?), "a b");
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn waiting_closures_share_commits_up_to_the_limits() {
    every_engine(|store| {
        let put = |n: usize, bytes: usize| -> Closure<()> {
            Box::new(move |tx| tx.put(A, &n.to_be_bytes(), &vec![0; bytes]))
        };
        let commits = || store.stats().engine.commits;
        let small = as_one_group(store, put(0, 1), (1..GROUP_CLOSURES_MAX * 2).map(|n| put(n, 1)).collect());
        assert!(small.iter().all(Result::is_ok));
        assert_eq!(commits(), 2, "as many closures as two commits take");
        let large =
            as_one_group(store, put(0, GROUP_BYTES_MAX / 2), (1..4).map(|n| put(n, GROUP_BYTES_MAX / 2)).collect());
        assert!(large.iter().all(Result::is_ok));
        assert_eq!(commits(), 4, "as many bytes as two commits take");
    });
}

#[test]
fn what_writes_nothing_is_answered_without_a_commit() {
    every_engine(|store| {
        put_all(store, A, &["a"]);
        let woken = store.committed();
        assert_eq!(store.update_blocking(|tx| tx.get(A, b"a")).unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.update_blocking(|_| Err::<(), _>(refused())), Err(refused()));
        assert!(!woken.has_changed().unwrap());
        assert_eq!(store.stats().engine.commits, 1);
        put_all(store, A, &["b"]);
        assert!(woken.has_changed().unwrap());
    });
}

#[test]
fn a_closure_that_writes_too_much_is_refused_before_memory_is() {
    every_engine(|store| {
        let outcome =
            store.update_blocking(|tx| (0..1_000_u32).try_for_each(|n| tx.put(A, &n.to_be_bytes(), &[0; 65_536])));
        assert!(matches!(outcome, Err(Error::Engine(_))), "{outcome:?}");
        assert_eq!(store.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap(), []);
    });
}

#[test]
fn an_update_inside_an_update_is_an_error_not_a_standstill() {
    every_engine(|store| {
        let inner = store.clone();
        let outcome = store.update_blocking(move |_| inner.update_blocking(|tx| tx.put(A, b"a", b"1")));
        assert!(matches!(outcome, Err(Error::Engine(_))), "{outcome:?}");
    });
}

#[test]
fn a_closed_store_takes_nothing_more_and_can_still_be_read() {
    every_engine(|store| {
        put_all(store, A, &["a"]);
        store.close();
        assert!(matches!(store.update_blocking(|tx| tx.put(A, b"b", b"1")), Err(Error::Engine(_))));
        assert_eq!(keys(&store.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "a");
    });
}

#[test]
fn blocking_updates_work_inside_a_runtime_too() {
    every_engine(|store| block_on(async { put_all(store, A, &["a"]) }));
}

/// What a power loss would leave of `k` now.
fn survives(disk: &Disk) -> bool {
    let store = open(&disk.durable_copy()).unwrap();
    store.view(|tx| tx.get(A, b"k")).unwrap().is_some()
}

#[test]
fn p1_what_a_commit_waits_for_has_ended_before_it_counts() {
    let disk = Disk::default();
    let engine = engine(&disk).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let write = &mut |tx: &mut dyn WriteTx| {
        tx.put(A, b"k", b"1")?;
        let (disk, seen) = (disk.clone(), seen.clone());
        let look = move || {
            seen.lock().unwrap().push(survives(&disk));
            Ok(())
        };
        Ok(Some(Box::new(look) as Box<dyn FnOnce() -> Result<()> + Send>))
    };
    engine.update(write).unwrap();
    assert_eq!(*seen.lock().unwrap(), [false], "once, and before");
    assert!(survives(&disk));
}

#[test]
fn p1_a_commit_whose_blobs_cannot_be_kept_never_was() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let file = Redb::open_or_create(&dir.path().join("store.redb")).unwrap();
    let engines: [&dyn Engine; 3] = [&Memory::default(), &engine(&disk).unwrap(), &file];
    for engine in engines {
        let put = |key: &'static [u8], fails: bool| {
            engine.update(&mut |tx| {
                tx.put(A, key, b"1")?;
                let end = move || if fails { Err(Error::Engine("no blob".to_owned())) } else { Ok(()) };
                Ok(Some(Box::new(end)))
            })
        };
        let refused = put(b"k", true).unwrap_err();
        assert!(refused.to_string().contains("no blob"), "{refused}");
        put(b"l", false).unwrap();
        let mut kept = String::new();
        let look = &mut |tx: &dyn ReadTx| {
            kept = keys(&tx.scan(A, b"", b"z", 9)?);
            Ok(())
        };
        engine.view(look).unwrap();
        assert_eq!(kept, "l", "{engine:?}");
    }
    assert!(!survives(&disk));
}

#[test]
fn answers_come_only_after_the_sync() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    for n in 0..20_u8 {
        let syncs = disk.syncs();
        store.update_blocking(move |tx| tx.put(A, &[n], b"1")).unwrap();
        assert!(disk.syncs() >= syncs + 2, "a two-phase commit syncs twice");
        // Nothing that comes later is needed: the power goes at this very moment.
        let image = disk.durable_copy();
        let there = open(&image).unwrap().view(|tx| tx.get(A, &[n])).unwrap();
        assert_eq!(there, Some(b"1".to_vec()));
    }
}

#[test]
fn every_closure_of_a_failed_commit_gets_the_error() {
    let engine = Arc::new(Memory::default());
    let store = Store::new(engine.clone()).unwrap();
    engine.fail_next_commit(Error::Full);
    let woken = store.committed();
    let answers = as_one_group(
        &store,
        |tx| tx.put(A, b"a", b"1"),
        vec![Box::new(|_| Err(refused())), Box::new(|tx| tx.put(A, b"b", b"1"))],
    );
    assert_eq!(answers, [Err(Error::Full), Err(Error::Full), Err(Error::Full)]);
    assert!(!woken.has_changed().unwrap());
    assert_eq!(store.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap(), []);
    put_all(&store, A, &["c"]);
    assert_eq!(keys(&store.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "c");
}

#[test]
fn p22_what_was_answered_is_there_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let store = Store::open_or_create(&path).unwrap();
    put_all(&store, A, &["a", "b"]);
    // The bytes as a killed process leaves them: no clean end was written.
    let copy = dir.path().join("copy.redb");
    std::fs::copy(&path, &copy).unwrap();
    let reopened = Store::open(&copy).unwrap();
    assert_eq!(keys(&reopened.view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "a b");
    put_all(&reopened, A, &["c"]);
    drop(reopened);
    drop(store);
    assert_eq!(keys(&Store::open(&copy).unwrap().view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "a b c");
    assert_eq!(keys(&Store::open(&path).unwrap().view(|tx| tx.scan(A, b"", b"z", 9)).unwrap()), "a b");
}

/// Writers move units between two keys while the copy is made; their sum tells whether it is of one moment.
#[test]
fn p24_a_backup_under_load_is_of_one_moment() {
    every_engine(|store| {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("backup.redb");
        let number = |tx: &dyn ReadTx, key| {
            Ok::<_, Error>(tx.get(B, key)?.map_or(500, |v| u64::from_be_bytes(v.try_into().unwrap())))
        };
        for n in 0..40_u64 {
            store
                .update_blocking(move |tx| {
                    (0..50_u64).try_for_each(|k| tx.put(A, &(n * 50 + k).to_be_bytes(), &[1; 500]))
                })
                .unwrap();
        }
        let acknowledged = std::thread::scope(|scope| {
            let (stop, stopped) = mpsc::channel::<()>();
            let (begun, has_begun) = mpsc::channel::<u64>();
            let load = scope.spawn(move || {
                let mut moves = 0_u64;
                while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    store
                        .update_blocking(move |tx| {
                            let (x, y) = (number(&*tx, b"x")?, number(&*tx, b"y")?);
                            tx.put(B, b"x", &(x - 1).to_be_bytes())?;
                            tx.put(B, b"y", &(y + 1).to_be_bytes())?;
                            tx.put(B, b"moves", &(moves + 1).to_be_bytes())
                        })
                        .unwrap();
                    moves += 1;
                    if moves == 3 {
                        begun.send(moves).unwrap();
                    }
                    if moves == 400 {
                        break;
                    }
                }
            });
            let acknowledged = has_begun.recv().unwrap();
            store.backup(&to).unwrap();
            drop(stop);
            load.join().unwrap();
            acknowledged
        });
        let copy = Store::open(&to).unwrap();
        let copied = copy.view(|tx| {
            Ok((
                number(tx, b"x")? + number(tx, b"y")?,
                number(tx, b"moves")?,
                tx.scan(A, &[], &[0xff; 9], usize::MAX)?.len(),
            ))
        });
        let (sum, moves, records) = copied.unwrap();
        assert_eq!((sum, records), (1_000, 2_000));
        assert!(moves >= acknowledged, "{moves} of at least {acknowledged}");
        assert!(matches!(store.backup(&to), Err(Error::Engine(_))), "an existing file is never replaced");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    });
}

#[test]
fn compaction_gives_space_back_and_keeps_everything() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    for n in 0..60_u32 {
        store.update_blocking(move |tx| tx.put(A, &n.to_be_bytes(), &[7; 50_000])).unwrap();
    }
    for n in 0..59_u32 {
        store.update_blocking(move |tx| tx.delete(A, &n.to_be_bytes())).unwrap();
    }
    let before = store.stats().engine.file_bytes;
    store.compact().unwrap();
    let after = store.stats().engine.file_bytes;
    assert!(after < before, "{before} -> {after}");
    put_all(&store, A, &["z"]);
    disk.crash(&mut Rng::new(3));
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(store.view(|tx| tx.scan(A, &[], &[0xff; 5], 9)).unwrap().len(), 2);
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, Vec<u8>),
    Delete(u8),
    Scan(u8, u8, usize),
    ScanBack(u8, u8, usize),
    Get(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..24_u8;
    prop_oneof![
        3 => (key(), vec(any::<u8>(), 0..4)).prop_map(|(key, value)| Op::Put(key, value)),
        2 => key().prop_map(Op::Delete),
        2 => (key(), key(), 0..6_usize).prop_map(|(from, to, limit)| Op::Scan(from, to, limit)),
        2 => (key(), key(), 0..6_usize).prop_map(|(from, to, limit)| Op::ScanBack(from, to, limit)),
        1 => key().prop_map(Op::Get),
    ]
}

/// Runs the operations of one closure and says what it saw.
fn play(tx: &mut dyn WriteTx, ops: &[Op], refuse: bool) -> Result<Vec<Pair>> {
    let mut seen = Vec::new();
    for op in ops {
        match op {
            Op::Put(key, value) => tx.put(A, &[*key], value)?,
            Op::Delete(key) => tx.delete(A, &[*key])?,
            Op::Scan(from, to, limit) => seen.extend(tx.scan(A, &[*from], &[*to], *limit)?),
            Op::ScanBack(from, to, limit) => seen.extend(tx.scan_back(A, &[*from], &[*to], *limit)?),
            Op::Get(key) => seen.extend(tx.get(A, &[*key])?.map(|value| (vec![*key], value))),
        }
    }
    if refuse { Err(refused()) } else { Ok(seen) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Groups of closures, some refused, give the same answers and the same tables on both engines, and the same as when
    /// each closure had a commit of its own.
    #[test]
    fn engines_agree_with_each_other_and_with_closures_one_by_one(groups in vec(vec((vec(op(), 0..12), any::<bool>()), 1..5), 1..6)) {
        let memory = Store::in_memory().unwrap();
        let redb = open(&Disk::default()).unwrap();
        let singly = Store::in_memory().unwrap();
        for group in groups {
            let answers = [&memory, &redb].map(|store| {
                let mut closures = group.iter().cloned().map(|(ops, refuse)| {
                    Box::new(move |tx: &mut dyn WriteTx| play(tx, &ops, refuse)) as Closure<_>
                });
                let first = closures.next().unwrap();
                as_one_group(store, first, closures.collect())
            });
            let expected: Vec<_> = group
                .into_iter()
                .map(|(ops, refuse)| singly.update_blocking(move |tx| play(tx, &ops, refuse)))
                .collect();
            prop_assert_eq!(&answers[0], &expected);
            prop_assert_eq!(&answers[1], &expected);
            let tables = [&memory, &redb, &singly].map(|store| store.view(|tx| tx.scan(A, &[], &[0xff], 99)).unwrap());
            prop_assert_eq!(&tables[0], &tables[1]);
            prop_assert_eq!(&tables[0], &tables[2]);
        }
    }
}
