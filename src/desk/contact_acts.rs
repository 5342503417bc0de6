//! What is done with a contact beside changing facts: archive, block, delete (API-26, MSG-62).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::contacts::known;
use crate::desk::contacts::updated;
use crate::desk::conversations::finish_silently;
use crate::desk::draft::At;
use crate::desk::draft::Draft;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;

/// Threads of one contact that are closed with them.
const THREADS_CLOSED_MAX: usize = 10_000;

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
        let at = At::of(&self.inner.clock);
        let done = self.inner.store.update(move |tx| {
            let mut contact = known(&*tx, id)?;
            if contact.blocked != blocked {
                contact.blocked = blocked;
                let act = if blocked { ContactAct::Blocked } else { ContactAct::Unblocked };
                save(tx, &done_with(contact.clone(), &[act], &at))?;
            }
            Ok(contact)
        });
        let contact = done.await?;
        if blocked {
            self.close_threads_of(caller, id).await?;
        }
        Ok(contact)
    }

    /// Deletes a contact: profile, notes and sessions are gone, what they wrote stays in its threads, which are closed.
    /// Scope `write_contacts`. Events `ContactChanged`, `ContactUpdated` and those of the threads.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_contact(&self, caller: &Caller, id: ContactId) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        self.close_threads_of(caller, id).await?;
        let at = At::of(&self.inner.clock);
        let done = self.inner.store.update(move |tx| {
            let contact = known(&*tx, id)?;
            for note in &contact.notes {
                if let Some(note) = store::notes::get(&*tx, *note)? {
                    store::notes::delete(tx, &note)?;
                }
            }
            let gone = Contact { deleted_at: Some(at.now), ..contact.tombstone(at.now) };
            save(tx, &done_with(gone, &[ContactAct::Deleted], &at))?;
            Ok(contact)
        });
        Ok(done.await?)
    }

    /// Closes the threads a contact is the primary one of, each in a transaction of its own: the act that asks for it can
    /// be repeated.
    async fn close_threads_of(&self, caller: &Caller, id: ContactId) -> Result<()> {
        let by = author(caller);
        let threads = self.inner.store.view(|tx| {
            known(tx, id)?;
            store::threads::of_contact(tx, id, THREADS_CLOSED_MAX)
        })?;
        let theirs = |thread: &&Thread| {
            let open = thread.state != ThreadState::Closed && thread.deleted_at.is_none();
            open && thread.is_customer_facing() && thread.primary_contact() == Some(id)
        };
        for thread in threads.iter().filter(theirs) {
            let (thread, by, at) = (thread.id, by.clone(), At::of(&self.inner.clock));
            let closed = self.inner.store.update(move |tx| close(tx, thread, &by, &at));
            closed.await?;
        }
        Ok(())
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
