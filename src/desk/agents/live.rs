//! The log as one agent may follow it (DSK-1): the same entries for everybody, each shown to those who may read what it is
//! about.
//!
//! **Invariant:** rights are asked when an entry is read, not when it was written; an entry that is not shown is passed
//! over and leaves no trace but the gap in the sequence.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;

/// With one of these there is something to follow.
const FOLLOWERS: &[Scope] = &[Scope::ReadConversations, Scope::ReadTickets, Scope::ReadContacts];

/// A stretch of the log.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// What the caller may read of it, in order.
    pub(crate) entries: Vec<LogEntry>,
    /// Everything up to here was looked at.
    pub(crate) reached: EventSeq,
    /// There may be more behind it.
    pub(crate) more: bool,
}

/// Refuses whom there is nothing to show to: one of the scopes `read_conversations`, `read_tickets`, `read_contacts` it takes.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn may_follow(caller: &Caller) -> std::result::Result<(), Refusal> {
    require(caller, FOLLOWERS)
}

impl Desk {
    /// What the caller may read of the log behind `after`, looking at no more than `limit` entries; `None` when `after` is
    /// ahead of the log or was pruned from it, so that only reading everything anew helps. Scopes as for
    /// [`may_follow`].
    ///
    /// # Errors
    /// `Forbidden`; when the store cannot be read.
    pub(crate) fn follow(&self, caller: &Caller, after: EventSeq, limit: usize) -> Result<Option<Stretch>> {
        may_follow(caller)?;
        Ok(self.inner.store.view(|tx| {
            let pruned = after.0.saturating_add(1) < store::events::oldest_seq(tx)?.0;
            if pruned || after > store::events::last_seq(tx)? {
                return Ok(None);
            }
            let found = store::events::after(tx, after, limit)?;
            let more = found.len() >= limit;
            let reached = found.last().map_or(after, |entry| entry.seq);
            let mut entries = Vec::new();
            for entry in found {
                if is_shown(tx, caller, &entry.event)? {
                    entries.push(entry);
                }
            }
            Ok(Some(Stretch { entries, reached, more }))
        })?)
    }

    /// Those of the threads that the caller may read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn readable_threads(&self, caller: &Caller, threads: &[ThreadId]) -> Result<Vec<ThreadId>> {
        Ok(self.inner.store.view(|tx| {
            let mut readable = Vec::new();
            for id in threads {
                if store::threads::get(tx, *id)?.is_some_and(|thread| may_read(caller, &thread)) {
                    readable.push(*id);
                }
            }
            Ok(readable)
        })?)
    }
}

/// Whether the caller may read what the event is about: its thread, and whatever else it names.
fn is_shown(tx: &dyn ReadTx, caller: &Caller, event: &Event) -> store::Result<bool> {
    let has = |scope| caller.scopes.contains(&scope);
    let in_thread = event.thread.is_some();
    let may = match &event.kind {
        EventKind::ContactUpdated(_)
        | EventKind::ContactTagged { .. }
        | EventKind::ContactChanged { .. }
        | EventKind::ContactsMerged { .. }
        | EventKind::CompanyChanged { .. }
        | EventKind::DataEventNoted { .. } => has(Scope::ReadContacts),
        EventKind::AgentChanged { .. } => has(Scope::ReadAdmins),
        EventKind::Quarantined(_) | EventKind::MailboxChanged { .. } => has(Scope::Settings),
        EventKind::DeliverySettled(_) => in_thread || has(Scope::Settings),
        // The tombstone does not say what it was; the event does.
        EventKind::Deleted { number } => {
            return Ok(has(if number.is_some() { Scope::ReadTickets } else { Scope::ReadConversations }));
        }
        EventKind::PartCreated { .. }
        | EventKind::ConversationCreated
        | EventKind::ConversationUpdated
        | EventKind::TicketCreated
        | EventKind::TicketUpdated
        | EventKind::TicketStateChanged { .. }
        | EventKind::FormRequested { .. }
        | EventKind::FormSubmitted { .. }
        | EventKind::FormWithdrawn { .. }
        | EventKind::Linked { .. }
        | EventKind::Unlinked { .. }
        | EventKind::Seen { .. }
        | EventKind::AgentSaw { .. }
        | EventKind::Broadcast { .. }
        | EventKind::Merged { .. }
        | EventKind::Unmerged { .. }
        | EventKind::PartRedacted { .. }
        | EventKind::PartCompleted { .. }
        | EventKind::PartTagged { .. }
        | EventKind::CompanySet { .. }
        | EventKind::JobCompleted { .. } => in_thread,
    };
    match event.thread.filter(|_| may) {
        Some(thread) => reads_thread_of(tx, caller, event, thread),
        None => Ok(may),
    }
}

/// Tombstones count as what the event says they were, since they lost the rest.
fn reads_thread_of(tx: &dyn ReadTx, caller: &Caller, event: &Event, thread: ThreadId) -> store::Result<bool> {
    let was_ticket = event.ticket_state.is_some();
    if was_ticket && !caller.scopes.contains(&Scope::ReadTickets) {
        return Ok(false);
    }
    let Some(thread) = store::threads::even_deleted(tx, thread)? else { return Ok(false) };
    let gone = thread.deleted_at.is_some();
    Ok(may_read(caller, &thread) || (gone && was_ticket))
}
