//! Deleting a thread for good (TCK-15, EML-18, DAT-6).
//!
//! The thread is gone for every reader with the first transaction, which leaves its tombstone; parts, files and links
//! follow in batches.
//!
//! | killed after | state in the store | what follows |
//! |---|---|---|
//! | the deletion | tombstone, a row that says there is more | the worker goes on |
//! | a batch | fewer links or parts | the worker goes on |
//! | the last batch | the tombstone alone | nothing |
//!
//! **Invariant:** a tombstone holds no personal data; Message-IDs of the thread stay as hashes, and the keys of its arrivals
//! stay claimed, so that its mails stay away.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_write;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::thread::merging::MERGED_MAX;
use crate::desk::thread::redaction::forget_raw;
use crate::desk::ticket::links::disconnect;
use crate::desk::ticket::sharing::LINKS_OF_THREAD_MAX;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Value;
use crate::domain::event::EventKind;
use crate::domain::id::ThreadId;
use crate::domain::link::LinkKind;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::LinkedEntity;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Links or parts removed in one transaction.
const BATCH: usize = 20;
/// Deliveries of a thread whose kept mails go.
const DELIVERIES_MAX: usize = 1_000;

impl Desk {
    /// Deletes a conversation or ticket. Scope `delete_conversations_and_metrics` for a conversation, `write_tickets` for
    /// a ticket. Event `Deleted`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Conflict` for a Tracker whose broadcast runs.
    pub async fn delete_thread(&self, caller: &Caller, thread: ThreadId) -> Result<()> {
        require(caller, &[Scope::DeleteConversations, Scope::WriteTickets])?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let deleted = self.inner.store.update(move |tx| {
            require_deletion(&caller, &Draft::open(tx, thread, &at)?.thread)?;
            bury_thread(tx, thread, &Author::Agent { id: caller.agent, name: caller.name.clone() }, &at)
        });
        Ok(deleted.await?)
    }

    /// Deleted threads as their tombstones tell, the latest first or the earliest, up to `limit`. Scope
    /// `read_conversations`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn deleted_threads(&self, caller: &Caller, latest_first: bool, limit: usize) -> Result<Vec<Thread>> {
        require(caller, &[Scope::ReadConversations])?;
        Ok(self.inner.store.view(|tx| store::threads::deleted(tx, latest_first, limit))?)
    }

    /// One batch of what is left of every deleted thread. For the daemon's worker; `false` when there is nothing to do.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn purge_batch(&self) -> Result<bool> {
        let running = self.inner.store.view(|tx| store::chores::purges(tx, 16))?;
        for thread in &running {
            let (thread, at) = (*thread, At::of(&self.inner.clock));
            self.inner.store.update(move |tx| purge(tx, thread, &at)).await?;
        }
        Ok(!running.is_empty())
    }
}

/// Leaves the tombstone of a thread; the rest follows in batches.
pub(crate) fn bury_thread(tx: &mut dyn WriteTx, thread: ThreadId, by: &Author, at: &At) -> store::Result<()> {
    let mut draft = Draft::open(tx, thread, at)?;
    refuse_while_broadcast(tx, thread)?;
    release_merged(tx, &mut draft)?;
    forget_uploads(tx, &draft.thread)?;
    unlink_from(tx, &mut draft, by)?;
    let number = draft.thread.ticket.as_ref().map(|ticket| ticket.number);
    draft.bury();
    draft.note(EventKind::Deleted { number }, None);
    conclude(tx, vec![draft], Change::default())?;
    store::chores::set_purge(tx, thread, true)
}

fn require_deletion(caller: &Caller, thread: &Thread) -> store::Result<()> {
    let allowed = match thread.ticket {
        Some(_) => may_write(caller, thread),
        None => caller.scopes.contains(&Scope::DeleteConversations),
    };
    if allowed {
        return Ok(());
    }
    let scope = if thread.ticket.is_some() { Scope::WriteTickets } else { Scope::DeleteConversations };
    let message = format!("the token lacks the scope {}", scope.as_str());
    Err(store::Error::Refused(Refusal::Forbidden { message }))
}

fn refuse_while_broadcast(tx: &dyn ReadTx, thread: ThreadId) -> store::Result<()> {
    match store::broadcasts::under_way(tx, thread)? {
        Some(id) => {
            let message = format!("broadcast {id} of this Tracker is still running");
            Err(store::Error::Refused(Refusal::Conflict { message }))
        }
        None => Ok(()),
    }
}

/// Threads that were merged into it stand for themselves again.
fn release_merged(tx: &dyn ReadTx, draft: &mut Draft) -> store::Result<()> {
    for merged in store::threads::merged_into(tx, draft.thread.id, MERGED_MAX)? {
        let other = draft.companion(tx, merged.id)?;
        other.thread.merged_into = None;
        other.thread.merge = None;
        other.note(EventKind::ConversationUpdated, Some(Cause::Deletion));
    }
    Ok(())
}

/// Tickets that are linked to it lose that link and are told.
fn unlink_from(tx: &mut dyn WriteTx, draft: &mut Draft, by: &Author) -> store::Result<()> {
    let thread = draft.thread.id;
    for link in store::links::of_thread(tx, thread, LINKS_OF_THREAD_MAX)? {
        let mut ticket = Draft::open(tx, link.from_ticket, &draft.at)?;
        if let Some(facet) = ticket.thread.ticket.as_mut().filter(|facet| facet.shared_in == Some(thread)) {
            facet.shared_in = None;
            facet.is_shared = false;
        }
        disconnect(tx, &mut ticket, draft, by, Some(Cause::Deletion))?;
        draft.bring(ticket);
    }
    Ok(())
}

/// Files in the ticket's attributes.
fn forget_uploads(tx: &mut dyn WriteTx, thread: &Thread) -> store::Result<()> {
    let values = thread.ticket.iter().flat_map(|ticket| ticket.attributes.values());
    let ids = values.filter_map(|value| match value {
        Value::Files(ids) => Some(ids),
        _ => None,
    });
    for id in ids.flatten().filter_map(|id| id.parse().ok()) {
        if let Some(upload) = store::uploads::get(tx, id)?.filter(|upload| upload.held_by == Some(thread.id)) {
            store::uploads::remove(tx, &upload)?;
        }
    }
    Ok(())
}

/// Removes the next links, then the next parts from the end, then is done.
fn purge(tx: &mut dyn WriteTx, id: ThreadId, at: &At) -> store::Result<()> {
    let links = store::links::of_ticket(tx, id, None, BATCH)?;
    if !links.is_empty() {
        let mut told = Vec::with_capacity(links.len());
        for link in links {
            store::links::delete(tx, id, link.to_thread)?;
            match Draft::open(tx, link.to_thread, at) {
                Ok(mut other) => {
                    let category = match link.kind {
                        LinkKind::BackOffice => Category::BackOffice,
                        LinkKind::Tracker | LinkKind::BackOfficeTracker => Category::Tracker,
                    };
                    let gone = LinkedEntity { thread: id, category: Some(category), number: None, kind: link.kind };
                    let kind = PartKind::EntityUnlinked(gone);
                    other.add(NewPart::event(kind, Author::Bot, Some(Cause::Deletion)));
                    other.note(EventKind::Unlinked { other: id }, Some(Cause::Deletion));
                    told.push(other);
                }
                Err(store::Error::Refused(Refusal::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        conclude(tx, told, Change::default())?;
        return Ok(());
    }
    let parts = store::parts::newest(tx, id, BATCH)?;
    for part in &parts {
        forget_raw(tx, part)?;
        store::cross_posts::end(tx, part.id)?;
        store::chores::end_redaction(tx, part.id)?;
        store::save::remove_part(tx, part)?;
    }
    if parts.len() == BATCH {
        return Ok(());
    }
    for delivery in store::outbox::of_thread(tx, id, DELIVERIES_MAX)? {
        store::sent_copies::delete(tx, &delivery)?;
        if let Some(kept) = store::captured::get(tx, delivery.id)? {
            store::captured::delete(tx, delivery.id, kept)?;
        }
    }
    store::threads::even_deleted(tx, id)?.ok_or_else(|| missing("conversation"))?;
    store::chores::set_purge(tx, id, false)
}
