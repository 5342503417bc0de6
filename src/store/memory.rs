//! The engine of tests and simulations: maps under a lock, nothing on disk.
//!
//! **Invariant:** behaves as the redb engine does in everything the contract test asks; a view keeps its map while
//! writers make a new one.

use crate::store::engine::Before;
use crate::store::engine::Engine;
use crate::store::engine::EngineStats;
use crate::store::engine::Pair;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::overlay::Overlay;
use crate::store::redb::write_backup;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

type Tables = BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>;

/// An engine without a disk.
#[derive(Debug, Default)]
pub struct Memory {
    /// Held while a writer runs, so that writers follow each other.
    turn: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tables: Arc<Tables>,
    commits: u64,
    fail_next: Option<Error>,
}

impl Memory {
    /// The next commit answers `error` and writes nothing.
    pub fn fail_next_commit(&self, error: Error) {
        self.state().fail_next = Some(error);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot(self.state().tables.clone())
    }
}

/// The tables as they were at one commit.
struct Snapshot(Arc<Tables>);

impl Snapshot {
    fn range(&self, table: Table, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = Pair> {
        let keys = self.0.get(&table).filter(|_| from < to);
        let range = keys.map(|keys| keys.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))));
        range.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()))
    }
}

impl ReadTx for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(&table).and_then(|keys| keys.get(key)).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        Ok(self.range(table, from, to).take(limit).collect())
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        Ok(self.range(table, from, to).rev().take(limit).collect())
    }
}

impl Engine for Memory {
    fn view(&self, read: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        read(&self.snapshot())
    }

    fn update(&self, write: &mut dyn FnMut(&mut dyn WriteTx) -> Result<Before>) -> Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (changes, before) = {
            let snapshot = self.snapshot();
            let mut overlay = Overlay::new(&snapshot, usize::MAX);
            let before = write(&mut overlay)?;
            (overlay.into_changes(), before)
        };
        if changes.is_empty() {
            return Ok(());
        }
        before.map_or(Ok(()), |before| before())?;
        let mut state = self.state();
        if let Some(error) = state.fail_next.take() {
            return Err(error);
        }
        let tables = Arc::make_mut(&mut state.tables);
        for (table, key, value) in changes.writes() {
            let keys = tables.entry(table).or_default();
            match value {
                Some(value) => keys.insert(key, value),
                None => keys.remove(&key),
            };
        }
        state.commits += 1;
        Ok(())
    }

    fn backup(&self, to: &Path) -> Result<()> {
        let snapshot = self.snapshot();
        write_backup(to, |copy| {
            for (table, keys) in snapshot.0.iter() {
                copy.table(table.0, keys.iter().map(|(key, value)| Ok((key.clone(), value.clone()))))?;
            }
            Ok(())
        })
    }

    fn compact(&self) -> Result<()> {
        Ok(())
    }

    fn rewrite(&self) -> Result<()> {
        Ok(())
    }

    fn stats(&self) -> EngineStats {
        let state = self.state();
        let pairs = state.tables.values().flatten();
        let bytes = pairs.map(|(key, value)| key.len() + value.len()).sum::<usize>();
        EngineStats {
            file_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            commits: state.commits,
            last_commit: Duration::ZERO,
        }
    }
}
