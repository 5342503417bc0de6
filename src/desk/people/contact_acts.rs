//! What is done with a contact beside changing facts: archive, block, delete (API-26, MSG-62).
//!
//! A contact is blocked or gone with the first transaction; their threads are closed in batches behind it.
//!
//! | killed after | state in the store | what follows |
//! |---|---|---|
//! | the first transaction | blocked or gone, a closing that stands at its beginning | the worker goes on |
//! | a batch | fewer open threads, the closing behind them | the worker goes on |
//! | the last batch | no closing | nothing |

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contacts::known;
use crate::desk::people::contacts::updated;
use crate::desk::thread::conversations::finish_silently;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::chores::Closing;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;

/// Threads looked at in one transaction.
const CLOSED_MAX: usize = 20;
/// Closings that one round of the worker goes on with.
const CLOSINGS_AT_ONCE: usize = 16;

impl Desk {
    /// Puts a contact out of sight of lists and searches, or takes it back; what is so already changes nothing. A comment
    /// of theirs takes them back too. Scope `write_contacts`. Events `ContactChanged`, `ContactUpdated`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn archive_contact(&self, caller: &Caller, id: ContactId, archived: bool) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let at = At::of(&self.inner.clock);
        let done = self.inner.store.update(move |tx| {
            let mut contact = known(&*tx, id)?;
            if contact.archived_at.is_some() != archived {
                contact.archived_at = archived.then_some(at.now);
                let act = if archived { ContactAct::Archived } else { ContactAct::Unarchived };
                save(tx, &done_with(contact.clone(), &[act], &at))?;
            }
            Ok(contact)
        });
        Ok(done.await?)
    }

    /// Blocks a contact: their sockets close, they write no more, their threads are closed and kept (MSG-62); or lets
    /// them write again, which opens nothing. Scope `write_contacts`. Events `ContactChanged`, `ContactUpdated` and those
    /// of the threads.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn block_contact(&self, caller: &Caller, id: ContactId, blocked: bool) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let (by, at) = (caller.agent, At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let mut contact = known(&*tx, id)?;
            if contact.blocked != blocked {
                contact.blocked = blocked;
                let act = if blocked { ContactAct::Blocked } else { ContactAct::Unblocked };
                save(tx, &done_with(contact.clone(), &[act], &at))?;
            }
            if blocked {
                begin_closing(tx, id, by)?;
            } else {
                store::chores::end_closing(tx, id)?;
            }
            Ok(contact)
        });
        let contact = done.await?;
        while self.close_some_of(id).await? {}
        Ok(contact)
    }

    /// Deletes a contact: profile, notes and sessions are gone, what they wrote stays in its threads, which are closed.
    /// Scope `write_contacts`. Events `ContactChanged`, `ContactUpdated` and those of the threads.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_contact(&self, caller: &Caller, id: ContactId) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let (by, at) = (caller.agent, At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let contact = known(&*tx, id)?;
            for note in &contact.notes {
                if let Some(note) = store::notes::get(&*tx, *note)? {
                    store::notes::delete(tx, &note)?;
                }
            }
            store::data_events::leave(tx, id, None)?;
            let gone = Contact { deleted_at: Some(at.now), ..contact.tombstone(at.now) };
            save(tx, &done_with(gone, &[ContactAct::Deleted], &at))?;
            begin_closing(tx, id, by)?;
            Ok(contact)
        });
        let contact = done.await?;
        while self.close_some_of(id).await? {}
        Ok(contact)
    }

    /// One batch of every closing that was begun and not ended: the daemon was stopped in it, or is in it now. For the
    /// daemon's worker; `false` when there is nothing to do.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn closing_batch(&self) -> Result<bool> {
        let running = self.inner.store.view(|tx| store::chores::closings(tx, CLOSINGS_AT_ONCE))?;
        for closing in &running {
            self.close_some_of(closing.contact).await?;
        }
        Ok(!running.is_empty())
    }

    /// Closes some of the threads a contact is the primary one of; whether any are left to look at.
    async fn close_some_of(&self, contact: ContactId) -> Result<bool> {
        let at = At::of(&self.inner.clock);
        Ok(self.inner.store.update(move |tx| close_some(tx, contact, &at)).await?)
    }
}

/// Their threads are closed from the beginning, in batches from here on.
fn begin_closing(tx: &mut dyn WriteTx, contact: ContactId, by: AgentId) -> store::Result<()> {
    store::chores::put_closing(tx, Closing { contact, by, after: ThreadId(0) })
}

/// One batch, with where the next one begins.
fn close_some(tx: &mut dyn WriteTx, contact: ContactId, at: &At) -> store::Result<bool> {
    let Some(closing) = store::chores::closing(&*tx, contact)? else { return Ok(false) };
    let threads = store::threads::of_contact_after(&*tx, contact, closing.after, CLOSED_MAX)?;
    let name = store::agents::get(&*tx, closing.by)?.map(|agent| agent.name).unwrap_or_default();
    let by = Author::Agent { id: closing.by, name };
    for thread in &threads {
        let open = thread.state != ThreadState::Closed && thread.deleted_at.is_none();
        if open && thread.is_customer_facing() && thread.primary_contact() == Some(contact) {
            close(tx, thread.id, &by, at)?;
        }
    }
    match threads.last().filter(|_| threads.len() == CLOSED_MAX) {
        Some(last) => {
            store::chores::put_closing(tx, Closing { after: last.id, ..closing })?;
            Ok(true)
        }
        None => {
            store::chores::end_closing(tx, contact)?;
            Ok(false)
        }
    }
}

fn close(tx: &mut dyn WriteTx, thread: ThreadId, by: &Author, at: &At) -> store::Result<()> {
    let mut draft = Draft::open(&*tx, thread, at)?;
    draft.move_to(ThreadState::Closed, by, Some(Cause::Blocked));
    finish_silently(tx, draft)
}

/// A contact saved with what was done with it.
pub(crate) fn done_with(mut contact: Contact, acts: &[ContactAct], at: &At) -> Change {
    contact.updated_at = at.now;
    let id = contact.id;
    let mut change = updated(contact, at);
    change.events.extend(acts.iter().map(|act| said(id, *act, at)));
    change
}

/// Something done with a contact, for the log.
pub(crate) fn said(contact: ContactId, act: ContactAct, at: &At) -> Event {
    let kind = EventKind::ContactChanged { contact, act };
    Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None }
}
