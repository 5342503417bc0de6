//! Who takes part in a thread (PAR-1 to PAR-7).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::author;
use crate::desk::access::open_to_act;
use crate::desk::access::require;
use crate::desk::people::contacts::ContactRef;
use crate::desk::people::contacts::resolve_or_lead;
use crate::desk::thread::conversations::finish_silently;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::contact::Contact;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::PARTICIPANTS_MAX;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

impl Desk {
    /// Adds a contact to a thread; an address nobody has makes a lead (PAR-7). `from_now_on` shows them nothing earlier
    /// (PAR-6). Nobody is told. Scope as for a comment. Part `participant_added`.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for an agent, an address of ours, or a full thread; `Conflict` for a merged one.
    pub async fn add_participant(
        &self,
        caller: &Caller,
        thread: ThreadId,
        contact: ContactRef,
        from_now_on: bool,
    ) -> Result<ContactId> {
        require(caller, WRITE_ANY)?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let by = author(&caller);
        let added = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            let contact = inner.outsider(tx, "customer", &contact, &at)?;
            if join(&mut draft, contact.id, &by)? && from_now_on {
                let visible_from_seq = draft.thread.last_seq.saturating_add(1);
                let entry = draft.thread.participants.iter_mut().find(|known| known.contact == contact.id);
                entry.into_iter().for_each(|known| known.visible_from_seq = visible_from_seq);
            }
            finish_silently(tx, draft)?;
            Ok(contact.id)
        });
        Ok(added.await?)
    }

    /// Removes a contact; they get nothing more until a participant puts them in Cc (PAR-4). Scope as for a comment. Part
    /// `participant_removed`.
    ///
    /// # Errors
    /// `NotFound`; `Unprocessable` for the last one (PAR-3); `Conflict` for a merged thread.
    pub async fn remove_participant(&self, caller: &Caller, thread: ThreadId, contact: ContactId) -> Result<()> {
        require(caller, WRITE_ANY)?;
        let (caller, by, at) = (caller.clone(), author(caller), At::of(&self.inner.clock));
        let removed = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            draft
                .thread
                .current_participants()
                .find(|known| known.contact == contact)
                .ok_or_else(|| missing("contact"))?;
            if draft.thread.current_participants().count() == 1 {
                let (field, message) = ("contact_id".to_owned(), "the last participant stays".to_owned());
                return Err(store::Error::Refused(Refusal::Unprocessable { field, message }));
            }
            draft.thread.leave(contact, at.now);
            draft.add(NewPart::event(PartKind::ParticipantRemoved(contact), by.clone(), None));
            draft.note(EventKind::ConversationUpdated, None);
            finish_silently(tx, draft)
        });
        Ok(removed.await?)
    }

    /// Makes a participant the primary one, whose messenger shows the thread (PAR-2). Scope as for a comment.
    ///
    /// # Errors
    /// `NotFound` when the contact takes no part in it; `Conflict` for a merged thread.
    pub async fn set_primary_participant(&self, caller: &Caller, thread: ThreadId, contact: ContactId) -> Result<()> {
        require(caller, WRITE_ANY)?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let changed = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            if !draft.thread.make_primary(contact) {
                return Err(missing("contact"));
            }
            draft.thread.updated_at = at.now;
            draft.note(EventKind::ConversationUpdated, None);
            finish_silently(tx, draft)
        });
        Ok(changed.await?)
    }
}

impl Inner {
    /// The contact a program names as a participant; an address nobody has makes a lead. Whatever names participants asks
    /// here, so that nobody of the house becomes one (PAR-7).
    pub(crate) fn outsider(
        &self,
        tx: &mut dyn WriteTx,
        field: &str,
        who: &ContactRef,
        at: &At,
    ) -> store::Result<Contact> {
        let contact = resolve_or_lead(tx, who, at)?;
        self.refuse_our_own(&*tx, field, &contact)?;
        Ok(contact)
    }

    /// Our own addresses and agents cannot be participants (PAR-7).
    pub(crate) fn refuse_our_own(&self, tx: &dyn ReadTx, field: &str, contact: &Contact) -> store::Result<()> {
        contact.email.as_ref().map_or(Ok(()), |address| self.refuse_our_address(tx, field, address))
    }

    /// No contact gets an address of ours, or an agent's: it could take part in nothing (PAR-7).
    pub(crate) fn refuse_our_address(&self, tx: &dyn ReadTx, field: &str, address: &Address) -> store::Result<()> {
        if self.is_of_the_house(tx, address)? {
            let message = format!("{address} is ours: agents write as agents, and support addresses do not take part");
            return Err(store::Error::Refused(Refusal::invalid(field, message)));
        }
        Ok(())
    }

    /// Whether an address is one of ours or an agent's (PAR-7).
    pub(crate) fn is_of_the_house(&self, tx: &dyn ReadTx, address: &Address) -> store::Result<bool> {
        Ok(self.is_ours(address) || store::agents::by_email(tx, address)?.is_some())
    }
}

/// Adds a contact, or takes a removed one back, with the part that says so; `false` when they take part already.
pub(crate) fn join(draft: &mut Draft, contact: ContactId, by: &Author) -> store::Result<bool> {
    let seq = draft.thread.last_seq.saturating_add(1);
    if !draft.thread.join(contact, false, seq) {
        if draft.thread.participant(contact).is_some() {
            return Ok(false);
        }
        let message = format!("at most {PARTICIPANTS_MAX} participants");
        return Err(store::Error::Refused(Refusal::invalid("customer", message)));
    }
    draft.add(NewPart::event(PartKind::ParticipantAdded(contact), by.clone(), None));
    draft.note(EventKind::ConversationUpdated, None);
    Ok(true)
}
