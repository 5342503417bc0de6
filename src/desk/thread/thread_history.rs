//! All parts of a thread in pages, and its statistics (API-42, API-44, REP-10).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::READ_ANY;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::desk::thread::authors;
use crate::desk::thread::draft::missing;
use crate::desk::thread::merging::merged_into;
use crate::desk::thread::tags::named;
use crate::desk::thread::views::DELIVERIES_MAX;
use crate::desk::thread::views::PARTS_MAX;
use crate::desk::thread::views::ThreadView;
use crate::desk::thread::views::view;
use crate::domain::agent::Caller;
use crate::domain::id::PartId;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::domain::statistics::Tally;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeSet;

/// Parts counted for statistics; what a longer thread says later is left out.
const COUNTED_MAX: u64 = 20_000;
/// Parts read at once.
const BATCH: usize = 500;

/// Parts of a thread in the order of their `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartsAsked {
    /// Behind this `seq` in the order asked for.
    pub after_seq: Option<u64>,
    /// Newest first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
}

/// Parts of a thread and of those merged into it, in the order of their ids, which is that of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldedPartsAsked {
    /// Behind this part in the order asked for.
    pub after: Option<PartId>,
    /// Newest first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
}

impl Desk {
    /// Parts of any thread, with the thread they are of. Scope as for reading it (API-10).
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn parts_of(&self, caller: &Caller, id: ThreadId, asked: PartsAsked) -> Result<(ThreadView, Vec<Part>)> {
        require(caller, READ_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, id)?.filter(|thread| may_read(caller, thread));
            let thread = thread.ok_or_else(|| missing("conversation"))?;
            let parts = if asked.descending {
                store::parts::before(tx, id, asked.after_seq.unwrap_or(u64::MAX), asked.limit)?
            } else {
                let from = asked.after_seq.unwrap_or(0).saturating_add(1);
                store::parts::of_thread(tx, id, from, u64::MAX, asked.limit)?
            };
            let mut parts = parts;
            authors::as_now(tx, &mut parts)?;
            Ok((view(tx, thread, false)?, parts))
        })?)
    }

    /// Parts of a thread together with those of every thread merged into it that the caller may read (MRG-2), and how many
    /// there are in all. Scope as for reading it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn folded_parts_of(
        &self,
        caller: &Caller,
        id: ThreadId,
        asked: FoldedPartsAsked,
    ) -> Result<(ThreadView, Vec<Part>, u64)> {
        require(caller, READ_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, id)?.filter(|thread| may_read(caller, thread));
            let thread = thread.ok_or_else(|| missing("conversation"))?;
            let mut all = merged_into(tx, id)?;
            all.retain(|merged| may_read(caller, merged));
            all.push(thread.clone());
            let total = all.iter().map(|one| one.last_seq).sum();
            let mut parts = Vec::new();
            for one in &all {
                parts.extend(page_of(tx, one, asked)?);
            }
            parts.sort_by_key(|part| part.id);
            if asked.descending {
                parts.reverse();
            }
            parts.truncate(asked.limit);
            authors::as_now(tx, &mut parts)?;
            Ok((view(tx, thread, false)?, parts, total))
        })?)
    }
}

/// Puts the parts of merged threads that the caller may read among the newest of a view.
pub(crate) fn fold(tx: &dyn ReadTx, caller: &Caller, view: &mut ThreadView) -> store::Result<()> {
    for merged in view.merged.clone() {
        let thread = store::threads::get(tx, merged)?.filter(|thread| may_read(caller, thread));
        let Some(thread) = thread else { continue };
        let mut parts = store::parts::newest(tx, merged, PARTS_MAX)?;
        authors::as_now(tx, &mut parts)?;
        let known = |id: &TagId| view.tags.iter().any(|tag| tag.id == *id);
        let new: BTreeSet<TagId> = parts.iter().flat_map(|part| &part.tags).filter(|id| !known(id)).copied().collect();
        view.tags.extend(named(tx, &new.into_iter().collect::<Vec<_>>())?);
        view.deliveries.extend(store::outbox::of_thread(tx, merged, DELIVERIES_MAX)?);
        view.parts.extend(parts);
        view.parts_total = view.parts_total.saturating_add(thread.last_seq);
    }
    view.parts.sort_by_key(|part| part.id);
    let older = view.parts.len().saturating_sub(PARTS_MAX);
    view.parts.drain(..older);
    Ok(())
}

/// What one thread may bring to a page.
fn page_of(tx: &dyn ReadTx, thread: &Thread, asked: FoldedPartsAsked) -> store::Result<Vec<Part>> {
    if asked.descending {
        let before = match asked.after {
            None => u64::MAX,
            Some(part) => first_from(tx, thread, part)?,
        };
        return store::parts::before(tx, thread.id, before, asked.limit);
    }
    let from = match asked.after {
        None => 1,
        Some(part) => first_from(tx, thread, PartId(part.0.saturating_add(1)))?,
    };
    store::parts::of_thread(tx, thread.id, from, u64::MAX, asked.limit)
}

/// Place of the thread's first part with that id or a higher one; ids ascend with places.
fn first_from(tx: &dyn ReadTx, thread: &Thread, id: PartId) -> store::Result<u64> {
    let (mut low, mut high) = (1, thread.last_seq.saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        let lower = store::parts::get(tx, thread.id, middle)?.is_some_and(|part| part.id < id);
        if lower { low = middle.saturating_add(1) } else { high = middle }
    }
    Ok(low)
}

/// A thread's parts, counted; `newest` are those that were read anyway.
pub(crate) fn tally(tx: &dyn ReadTx, thread: &Thread, newest: &[Part]) -> store::Result<Tally> {
    let mut tally = Tally::new(thread.created_at);
    if newest.first().is_some_and(|part| part.seq == 1) {
        newest.iter().for_each(|part| tally.add(part));
        return Ok(tally);
    }
    let mut from = 1;
    while from <= COUNTED_MAX {
        let parts = store::parts::of_thread(tx, thread.id, from, COUNTED_MAX + 1, BATCH)?;
        let Some(last) = parts.last() else { break };
        from = last.seq + 1;
        parts.iter().for_each(|part| tally.add(part));
    }
    Ok(tally)
}
