//! A closure's own writes over a transaction it may read but not yet change.
//!
//! Several closures share one commit; each writes to its overlay, which is taken over when it succeeded and forgotten
//! when it was refused, so that a refusal does not undo its neighbours.
//!
//! **Invariant:** what lies below never changes through an overlay; reads see the overlay first.

use crate::store::engine::Pair;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

/// Writes of one table: the new value, or `None` for a deleted key.
type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a closure wants written.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    tables: BTreeMap<Table, Writes>,
    bytes: usize,
}

impl Changes {
    /// Bytes of keys and values, counting every write.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Every write, in the order of tables and keys; `None` deletes.
    pub(crate) fn writes(self) -> impl Iterator<Item = (Table, Vec<u8>, Option<Vec<u8>>)> {
        let tables = self.tables.into_iter();
        tables.flat_map(|(table, writes)| writes.into_iter().map(move |(key, value)| (table, key, value)))
    }
}

/// A transaction over another one.
pub(crate) struct Overlay<'a> {
    base: &'a dyn ReadTx,
    changes: Changes,
    bytes_max: usize,
}

impl<'a> Overlay<'a> {
    /// An empty overlay over `base` that takes up to `bytes_max` bytes of keys and values.
    pub(crate) fn new(base: &'a dyn ReadTx, bytes_max: usize) -> Self {
        Self { base, changes: Changes::default(), bytes_max }
    }

    /// The writes collected.
    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }

    fn write(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) -> Result<()> {
        let bytes = self.changes.bytes + key.len() + value.as_ref().map_or(0, Vec::len);
        if bytes > self.bytes_max {
            return Err(Error::Engine(format!("a change of more than {} bytes", self.bytes_max)));
        }
        self.changes.bytes = bytes;
        self.changes.tables.entry(table).or_default().insert(key.to_vec(), value);
        Ok(())
    }

    /// Pairs of both layers in one direction. The base is asked for as many pairs more as keys were deleted above it, so
    /// that `limit` of them remain.
    fn merged(&self, table: Table, range: Range<'_>, limit: usize, direction: Direction) -> Result<Vec<Pair>> {
        let Range { from, to } = range;
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        let Some(writes) = self.changes.tables.get(&table) else {
            return match direction {
                Direction::Up => self.base.scan(table, from, to, limit),
                Direction::Down => self.base.scan_back(table, from, to, limit),
            };
        };
        let above = || writes.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let deleted = above().filter(|(_, value)| value.is_none()).count();
        let wanted = limit.saturating_add(deleted);
        Ok(match direction {
            Direction::Up => {
                let below = self.base.scan(table, from, to, wanted)?;
                merge(below.into_iter(), above(), |a, b| a < b, limit)
            }
            Direction::Down => {
                let below = self.base.scan_back(table, from, to, wanted)?;
                merge(below.into_iter(), above().rev(), |a, b| a > b, limit)
            }
        })
    }
}

#[derive(Clone, Copy)]
struct Range<'a> {
    from: &'a [u8],
    to: &'a [u8],
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

/// Merges two sequences sorted by `before`; where both have a key, the upper one counts.
fn merge<'w>(
    below: impl Iterator<Item = Pair>,
    above: impl Iterator<Item = (&'w Vec<u8>, &'w Option<Vec<u8>>)>,
    before: impl Fn(&[u8], &[u8]) -> bool,
    limit: usize,
) -> Vec<Pair> {
    let mut below = below.peekable();
    let mut above = above.peekable();
    let mut merged = Vec::new();
    while merged.len() < limit {
        let lower_first = match (below.peek(), above.peek()) {
            (Some((key, _)), Some((upper, _))) => before(key, upper),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        if lower_first {
            merged.extend(below.next());
        } else if let Some((key, value)) = above.next() {
            skip(&mut below, key);
            merged.extend(value.as_ref().map(|value| (key.clone(), value.clone())));
        }
    }
    merged
}

/// Drops the lower pair that an upper write stands over.
fn skip(below: &mut Peekable<impl Iterator<Item = Pair>>, key: &[u8]) {
    below.next_if(|(lower, _)| lower == key);
}

impl ReadTx for Overlay<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.changes.tables.get(&table).and_then(|writes| writes.get(key)) {
            Some(written) => Ok(written.clone()),
            None => self.base.get(table, key),
        }
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        self.merged(table, Range { from, to }, limit, Direction::Up)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        self.merged(table, Range { from, to }, limit, Direction::Down)
    }
}

impl WriteTx for Overlay<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.write(table, key, Some(value.to_vec()))
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.write(table, key, None)
    }
}
