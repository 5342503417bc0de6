//! A workload of records over several tables that must agree: each change writes a part, counts it in its thread, appends
//! it to the log and moves two counters.

use crate::workload::Workload;
use deskgate::domain::refusal::Refusal;
use deskgate::store::Error;
use deskgate::store::Result;
use deskgate::store::Store;
use deskgate::store::engine::ReadTx;
use deskgate::store::engine::Table;
use deskgate::store::engine::WriteTx;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::mpsc;

const THREADS: Table = Table("threads");
const PARTS: Table = Table("parts");
const LOG: Table = Table("log");
const META: Table = Table("meta");
const END: [u8; 17] = [0xff; 17];
const THREADS_MAX: u64 = 5;

/// Records in several tables, with what was acknowledged of them.
pub struct Ledger {
    seed: u64,
    runtime: tokio::runtime::Runtime,
    /// Sequence and change number of all that must be there.
    acknowledged: BTreeMap<u64, u64>,
}

impl Ledger {
    pub fn new(seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { seed, runtime, acknowledged: BTreeMap::new() }
    }
}

fn number(tx: &dyn ReadTx, table: Table, key: &[u8]) -> Result<u64> {
    let value = tx.get(table, key)?;
    Ok(value.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap())))
}

fn pair(a: u64, b: u64) -> Vec<u8> {
    [a.to_be_bytes(), b.to_be_bytes()].concat()
}

/// The part that change `change` writes; its size differs from change to change.
fn body(seed: u64, change: u64) -> Vec<u8> {
    let length = change.wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9) % 6_000;
    let mut body = change.to_be_bytes().to_vec();
    body.resize(8 + length as usize, (change % 251) as u8);
    body
}

/// Writes change `change` and gives its place in the log.
fn write(tx: &mut dyn WriteTx, seed: u64, change: u64) -> Result<u64> {
    let thread = change % THREADS_MAX;
    let part = number(tx, THREADS, &thread.to_be_bytes())? + 1;
    let seq = number(tx, META, b"seq")? + 1;
    let body = body(seed, change);
    let bytes = number(tx, META, b"bytes")? + body.len() as u64;
    tx.put(PARTS, &pair(thread, part), &body)?;
    tx.put(THREADS, &thread.to_be_bytes(), &part.to_be_bytes())?;
    tx.put(LOG, &seq.to_be_bytes(), &pair(thread, part))?;
    tx.put(META, b"seq", &seq.to_be_bytes())?;
    tx.put(META, b"bytes", &bytes.to_be_bytes())?;
    Ok(seq)
}

impl Workload for Ledger {
    /// One to six changes in one commit, one of them refused now and then after it has written.
    fn step(&mut self, store: &Store, n: u64) -> Result<()> {
        let seed = self.seed;
        let count = 1 + n.wrapping_mul(seed.wrapping_add(7)) % 6;
        // The first change holds the writer until the others wait, so that they share its commit.
        let (release, released) = mpsc::channel::<()>();
        let changes: Vec<u64> = (0..count).map(|k| n * 8 + k).collect();
        let held = store.update(move |tx| {
            released.recv().unwrap_or_default();
            write(tx, seed, n * 8)
        });
        let others = changes[1..].iter().map(|change| {
            let change = *change;
            store.update(move |tx| {
                let seq = write(tx, seed, change)?;
                if change % 5 == 3 { Err(Error::Refused(Refusal::invalid("n", "refused"))) } else { Ok(seq) }
            })
        });
        let let_go = async {
            drop(release);
            Ok(0)
        };
        let outcomes = self.runtime.block_on(async {
            let all = futures_util::future::join(join_all(others), let_go);
            let (first, (others, _)): (_, (Vec<Result<u64>>, Result<u64>)) =
                futures_util::future::join(held, all).await;
            std::iter::once(first).chain(others).collect::<Vec<_>>()
        });
        let mut ended = Ok(());
        for (change, outcome) in changes.into_iter().zip(outcomes) {
            match outcome {
                Ok(seq) => {
                    self.acknowledged.insert(seq, change);
                }
                Err(Error::Refused(_)) => {}
                Err(error) => ended = Err(error),
            }
        }
        ended
    }

    fn audit(&self, store: &Store) -> Result<(), String> {
        store.view(|tx| Ok(audit(tx, self.seed, &self.acknowledged))).map_err(|error| error.to_string())?
    }
}

fn audit(tx: &dyn ReadTx, seed: u64, acknowledged: &BTreeMap<u64, u64>) -> Result<(), String> {
    let all = |table| tx.scan(table, &[], &END, usize::MAX).map_err(|error| error.to_string());
    let (log, parts, threads) = (all(LOG)?, all(PARTS)?, all(THREADS)?);
    let parts: BTreeMap<_, _> = parts.into_iter().collect();
    let seq = number(tx, META, b"seq").map_err(|error| error.to_string())?;
    check(log.len() as u64 == seq, || format!("{} log entries, counter at {seq}", log.len()))?;
    check(parts.len() == log.len(), || format!("{} parts, {} log entries", parts.len(), log.len()))?;
    let counted =
        threads.iter().map(|(_, count)| u64::from_be_bytes(count.as_slice().try_into().unwrap())).sum::<u64>();
    check(counted == seq, || format!("threads count {counted} parts, there are {seq}"))?;
    let bytes = parts.values().map(|part| part.len() as u64).sum::<u64>();
    let meta_bytes = number(tx, META, b"bytes").map_err(|error| error.to_string())?;
    check(bytes == meta_bytes, || format!("{bytes} bytes of parts, counter at {meta_bytes}"))?;
    for ((key, at), expected) in log.iter().zip(1_u64..) {
        check(*key == expected.to_be_bytes(), || format!("log entry {expected} is missing"))?;
        let part = parts.get(at).ok_or_else(|| format!("log entry {expected} names no part"))?;
        let change = u64::from_be_bytes(part[..8].try_into().unwrap());
        check(*part == body(seed, change), || format!("part of change {change} is not what was written"))?;
        check(change % 8 == 0 || change % 5 != 3, || format!("refused change {change} is there"))?;
        if let Some(wanted) = acknowledged.get(&expected) {
            check(change == *wanted, || format!("log entry {expected} is change {change}, acknowledged was {wanted}"))?;
        }
    }
    match acknowledged.last_key_value() {
        Some((last, _)) if *last > seq => Err(format!("acknowledged up to {last}, there is {seq}")),
        _ => Ok(()),
    }
}

fn check(holds: bool, why: impl Fn() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}
