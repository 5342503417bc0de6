//! Structured search over tickets, conversations and contacts (API-21, API-30 to API-32).
//!
//! A search goes one of two ways. When one of its conditions names few objects by an index, those are read, looked at and
//! sorted. Otherwise objects are read in the order of the answer, up to `LOOKED_AT_MAX`, until the page is full. A page
//! that ends at that limit says where to go on, so a client that follows `next` misses nothing.
//!
//! **Invariant:** what a caller may not read is filtered before it is counted. Every scan has a limit.

pub(crate) mod audience;
mod by_words;
mod contact_fields;
pub mod contacts;
mod fields;
mod source_fields;
mod statistic_fields;
mod thread_fields;
pub mod threads;
pub(in crate::desk) mod word_filter;
pub mod words;

use crate::domain::search::Condition;
use crate::domain::search::Datum;
use crate::domain::search::Query;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeSet;

/// Objects found by index that are looked at one by one; more are read in the order of the answer.
const CANDIDATES_MAX: usize = 2_000;
/// Objects looked at for one page, and again for the total.
const LOOKED_AT_MAX: usize = 5_000;
/// Objects read at once.
const BATCH: usize = 200;

/// By what an answer is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// Last change.
    #[default]
    UpdatedAt,
    /// When it came to be; ids ascend with time.
    CreatedAt,
}

/// The order of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Oldest first.
    pub ascending: bool,
}

/// Where an object stands in its order: the sort's number, then the id.
pub type Position = (u64, u64);

/// One page of a search.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// How many there are in all; at least so many when not `total_is_exact`.
    pub total: u64,
    /// Whether everything was looked at to count.
    pub total_is_exact: bool,
    /// Where the next page begins, if there may be one.
    pub next: Option<Position>,
}

/// What is searched: how its rows are read, and what their fields hold.
trait Noun {
    type Field;
    type Row;

    /// Ids of all objects that can meet a condition, up to `limit`; `None` where no index tells.
    fn named(
        &self,
        tx: &dyn ReadTx,
        condition: &Condition<Self::Field>,
        limit: usize,
    ) -> store::Result<Option<Vec<u64>>>;

    /// The object of an id, if the caller may find it.
    fn read(&self, tx: &dyn ReadTx, id: u64) -> store::Result<Option<Self::Row>>;

    /// Objects behind a position in an order, whether or not the caller may find them.
    fn scan(&self, tx: &dyn ReadTx, sort: Sort, after: Option<Position>, limit: usize)
    -> store::Result<Vec<Self::Row>>;

    /// Whether the caller may find it.
    fn is_listed(&self, row: &Self::Row) -> bool;

    /// Its last change and its id.
    fn times(row: &Self::Row) -> Position;

    /// What a field of it holds.
    fn values(&self, tx: &dyn ReadTx, row: &Self::Row, field: &Self::Field) -> store::Result<Vec<Datum>>;
}

/// Runs a search.
fn run<N: Noun>(
    tx: &dyn ReadTx,
    noun: &N,
    query: &Query<N::Field>,
    (sort, after, limit): (Sort, Option<Position>, usize),
) -> store::Result<Found<N::Row>> {
    match candidates(tx, noun, query)? {
        Some(ids) => few(tx, noun, query, ids, (sort, after, limit)),
        None => in_order(tx, noun, query, (sort, after, limit)),
    }
}

fn position<N: Noun>(row: &N::Row, sort: Sort) -> Position {
    let (updated_at, id) = N::times(row);
    match sort.by {
        SortBy::UpdatedAt => (updated_at, id),
        SortBy::CreatedAt => (id, id),
    }
}

fn is_behind(position: Position, after: Option<Position>, sort: Sort) -> bool {
    after.is_none_or(|after| if sort.ascending { position > after } else { position < after })
}

/// The way by index.
fn few<N: Noun>(
    tx: &dyn ReadTx,
    noun: &N,
    query: &Query<N::Field>,
    ids: BTreeSet<u64>,
    (sort, after, limit): (Sort, Option<Position>, usize),
) -> store::Result<Found<N::Row>> {
    let mut fitting = Vec::new();
    for id in ids {
        let Some(row) = noun.read(tx, id)?.filter(|row| noun.is_listed(row)) else { continue };
        if holds(tx, noun, query, &row)? {
            fitting.push((position::<N>(&row, sort), row));
        }
    }
    fitting.sort_by_key(|(position, _)| *position);
    if !sort.ascending {
        fitting.reverse();
    }
    let total = u64::try_from(fitting.len()).unwrap_or(u64::MAX);
    let mut behind = fitting.into_iter().filter(|(position, _)| is_behind(*position, after, sort));
    let page: Vec<_> = behind.by_ref().take(limit).collect();
    let last = page.last().map(|(position, _)| *position);
    let next = last.filter(|_| behind.next().is_some());
    Ok(Found { items: page.into_iter().map(|(_, row)| row).collect(), total, total_is_exact: true, next })
}

/// What one pass in the order of the answer saw.
struct Pass<R> {
    rows: Vec<R>,
    /// Fitting objects, those beyond the page included.
    fitting: u64,
    /// Where it stopped without having seen everything.
    stopped_at: Option<Position>,
    /// Position of the last row that is kept.
    last: Option<Position>,
}

/// The way in the order of the answer.
fn in_order<N: Noun>(
    tx: &dyn ReadTx,
    noun: &N,
    query: &Query<N::Field>,
    (sort, after, limit): (Sort, Option<Position>, usize),
) -> store::Result<Found<N::Row>> {
    let whole = pass(tx, noun, query, (sort, None, if after.is_none() { limit } else { 0 }))?;
    let (total, total_is_exact) = (whole.fitting, whole.stopped_at.is_none());
    let page = match after {
        None => whole,
        Some(_) => pass(tx, noun, query, (sort, after, limit))?,
    };
    let kept = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
    let next = if page.fitting > kept { page.last } else { page.stopped_at };
    Ok(Found { items: page.rows, total, total_is_exact, next })
}

fn pass<N: Noun>(
    tx: &dyn ReadTx,
    noun: &N,
    query: &Query<N::Field>,
    (sort, after, keep): (Sort, Option<Position>, usize),
) -> store::Result<Pass<N::Row>> {
    let mut pass = Pass { rows: Vec::new(), fitting: 0, stopped_at: None, last: None };
    let (mut at, mut looked_at) = (after, 0_usize);
    loop {
        let batch = noun.scan(tx, sort, at, BATCH)?;
        if batch.is_empty() {
            return Ok(pass);
        }
        looked_at = looked_at.saturating_add(batch.len());
        for row in batch {
            let here = position::<N>(&row, sort);
            at = Some(here);
            if !noun.is_listed(&row) || !holds(tx, noun, query, &row)? {
                continue;
            }
            pass.fitting = pass.fitting.saturating_add(1);
            if pass.rows.len() < keep {
                pass.last = Some(here);
                pass.rows.push(row);
            }
        }
        if looked_at >= LOOKED_AT_MAX {
            pass.stopped_at = at;
            return Ok(pass);
        }
    }
}

fn holds<N: Noun>(tx: &dyn ReadTx, noun: &N, query: &Query<N::Field>, row: &N::Row) -> store::Result<bool> {
    match query {
        Query::Is(condition) => Ok(condition.holds(&noun.values(tx, row, &condition.field)?)),
        Query::All(parts) => {
            for part in parts {
                if !holds(tx, noun, part, row)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Query::Any(parts) => {
            for part in parts {
                if holds(tx, noun, part, row)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Everything that can meet a search, if indexes tell and it is not much.
fn candidates<N: Noun>(tx: &dyn ReadTx, noun: &N, query: &Query<N::Field>) -> store::Result<Option<BTreeSet<u64>>> {
    match query {
        Query::Is(condition) => {
            let ids = noun.named(tx, condition, CANDIDATES_MAX + 1)?;
            Ok(ids.filter(|ids| ids.len() <= CANDIDATES_MAX).map(|ids| ids.into_iter().collect()))
        }
        Query::All(parts) => {
            let mut fewest: Option<BTreeSet<u64>> = None;
            for part in parts {
                let found = candidates(tx, noun, part)?;
                fewest = match (fewest, found) {
                    (Some(before), Some(found)) if found.len() < before.len() => Some(found),
                    (None, found) => found,
                    (before, _) => before,
                };
            }
            Ok(fewest)
        }
        Query::Any(parts) => {
            let mut all = BTreeSet::new();
            for part in parts {
                let Some(found) = candidates(tx, noun, part)? else { return Ok(None) };
                all.extend(found);
            }
            Ok(Some(all).filter(|all| all.len() <= CANDIDATES_MAX))
        }
    }
}
