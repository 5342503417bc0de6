//! A lead goes into a user (OBJ-20); a visitor into either (OBJ-15).
//!
//! **Invariant:** in one transaction the survivor gets threads, waiting mails, keys of posts, addresses, notes and tags,
//! and of the other one nothing is left but its id and where it went.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::companies::prune;
use crate::desk::people::contacts::known;
use crate::desk::people::contacts::updated;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::company::COMPANIES_PER_CONTACT_MAX;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::contact::Location;
use crate::domain::contact::OTHER_EMAILS_MAX;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::NoteId;
use crate::domain::id::ThreadId;
use crate::domain::note::NOTES_MAX;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::domain::refusal::Refusal;
use crate::domain::tag::TAGS_PER_OBJECT_MAX;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::outbox::Pending;

/// Most threads that move with a contact.
const THREADS_MAX: usize = 500;
/// Deliveries of one thread that are looked at.
const DELIVERIES_MAX: usize = 1_000;
/// Trackers of one thread whose stops move.
const TRACKERS_MAX: usize = 100;

impl Desk {
    /// Merges a lead into a user. Scope `write_contacts`. Events `ContactsMerged`, `ContactUpdated` for both,
    /// `ConversationUpdated` for every thread.
    ///
    /// # Errors
    /// `NotFound`; `invalid_merge` for another direction, or without common address or telephone unless `unchecked`;
    /// `Conflict` over 500 threads.
    pub async fn merge_contacts(
        &self,
        caller: &Caller,
        from: ContactId,
        into: ContactId,
        unchecked: bool,
    ) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let at = At::of(&self.inner.clock);
        let merged = self.inner.store.update(move |tx| {
            let (from, into) = (known(&*tx, from)?, known(&*tx, into)?);
            if from.role == ContactRole::User || into.role != ContactRole::User {
                return Err(invalid("a lead goes into a user, nothing else does"));
            }
            if !unchecked && !belong_together(&from, &into) {
                let message = "the two have no address or telephone in common; 'skip_duplicate_validation' merges them";
                return Err(invalid(message));
            }
            merge_in(tx, &from, into, &at)
        });
        Ok(merged.await?)
    }
}

fn invalid(message: &str) -> store::Error {
    store::Error::Refused(Refusal::with_code("invalid_merge", message))
}

fn belong_together(from: &Contact, into: &Contact) -> bool {
    let addresses = from.email.iter().chain(&from.other_emails);
    let same_phone = from.phone.is_some() && from.phone == into.phone;
    same_phone || addresses.into_iter().any(|address| into.has_email(address))
}

/// Moves everything of `from` to `into`.
pub(crate) fn merge_in(tx: &mut dyn WriteTx, from: &Contact, into: Contact, at: &At) -> store::Result<Contact> {
    let threads = store::threads::of_contact(&*tx, from.id, THREADS_MAX.saturating_add(1))?;
    if threads.len() > THREADS_MAX {
        let message = format!("at most {THREADS_MAX} conversations move with a contact");
        return Err(store::Error::Refused(Refusal::Conflict { message }));
    }
    let notes = moved_notes(&*tx, from, &into)?;
    let mut drafts = Vec::with_capacity(threads.len());
    for thread in threads {
        move_deliveries(tx, thread.id, from.id, into.id)?;
        move_stops(tx, thread.id, from.id, into.id)?;
        let mut draft = Draft::of(thread, at);
        replace(&mut draft.thread, from.id, into.id);
        draft.note(EventKind::ConversationUpdated, None);
        drafts.push(draft);
    }
    store::client_ids::move_all(tx, from.id, into.id)?;
    store::data_events::leave(tx, from.id, Some(into.id))?;
    for note in &notes {
        store::notes::put(tx, note)?;
    }
    let mut survivor = joined(from, into, notes.iter().map(|note| note.id));
    prune(&*tx, &mut survivor)?;
    survivor.companies.truncate(COMPANIES_PER_CONTACT_MAX);
    survivor.updated_at = at.now;
    let gone = Contact { merged_into: Some(survivor.id), ..from.tombstone(at.now) };
    // The address and the caller's key are free before the survivor takes them.
    let mut change = updated(gone, at);
    let own = updated(survivor.clone(), at);
    change.contacts.extend(own.contacts);
    change.events.extend(own.events);
    let kind = EventKind::ContactsMerged { from: from.id, into: survivor.id };
    change.events.push(Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None });
    conclude(tx, drafts, change)?;
    Ok(survivor)
}

/// What the survivor knows afterwards: its own facts first.
fn joined(from: &Contact, into: Contact, notes: impl Iterator<Item = NoteId>) -> Contact {
    let mut all = into;
    let verified = from.email_verified && (all.email.is_none() || all.email == from.email);
    all.email_verified = all.email_verified || verified;
    all.email_claimed &= !verified;
    for address in from.email.iter().chain(&from.other_emails) {
        let is_claimed = from.email_claimed && from.email.as_ref() == Some(address);
        if all.email.is_none() {
            all.email = Some(address.clone());
            all.email_claimed = is_claimed;
        } else if is_claimed {
            // Mail from it is nobody's by a word in the messenger (EML-40).
        } else if !all.has_email(address) && all.other_emails.len() < OTHER_EMAILS_MAX {
            all.other_emails.push(address.clone());
        }
    }
    all.name = all.name.or_else(|| from.name.clone());
    all.phone = all.phone.or_else(|| from.phone.clone());
    all.avatar = all.avatar.or_else(|| from.avatar.clone());
    all.owner = all.owner.or(from.owner);
    all.signed_up_at = all.signed_up_at.or(from.signed_up_at);
    all.language_override = all.language_override.or_else(|| from.language_override.clone());
    if all.location == Location::default() {
        all.location = from.location.clone();
    }
    for (name, value) in &from.custom_attributes {
        all.custom_attributes.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let tags = from.tags.iter().filter(|tag| !all.tags.contains(tag)).copied().collect::<Vec<_>>();
    all.tags.extend(tags);
    all.tags.truncate(TAGS_PER_OBJECT_MAX);
    let companies = from.companies.iter().filter(|id| !all.companies.contains(id)).copied().collect::<Vec<_>>();
    all.companies.extend(companies);
    all.notes.extend(notes);
    all.unsubscribed_from_emails |= from.unsubscribed_from_emails;
    all.keep_choices(&from.mail_choices);
    all.marked_email_as_spam |= from.marked_email_as_spam;
    all.blocked |= from.blocked;
    all.created_at = all.created_at.min(from.created_at);
    all.last_seen_at = all.last_seen_at.max(from.last_seen_at);
    all.last_replied_at = all.last_replied_at.max(from.last_replied_at);
    all.last_contacted_at = all.last_contacted_at.max(from.last_contacted_at);
    all
}

fn moved_notes(tx: &dyn ReadTx, from: &Contact, into: &Contact) -> store::Result<Vec<Note>> {
    if from.notes.len().saturating_add(into.notes.len()) > NOTES_MAX {
        let message = format!("together they have more than {NOTES_MAX} notes");
        return Err(store::Error::Refused(Refusal::Conflict { message }));
    }
    let mut notes = Vec::with_capacity(from.notes.len());
    for id in &from.notes {
        let note = store::notes::get(tx, *id)?;
        notes.extend(note.map(|note| Note { on: NoteOn::Contact(into.id), ..note }));
    }
    Ok(notes)
}

/// Puts the survivor in the other one's place; where both take part, the more generous of the two entries counts.
fn replace(thread: &mut Thread, from: ContactId, into: ContactId) {
    let Some(at) = thread.participants.iter().position(|known| known.contact == from) else { return };
    if thread.participant(into).is_none() {
        for known in thread.participants.iter_mut().filter(|known| known.contact == from) {
            known.contact = into;
        }
    } else {
        let gone = thread.participants.remove(at);
        let was_primary = gone.primary;
        for known in thread.participants.iter_mut().filter(|known| known.contact == into) {
            known.external &= gone.external;
            known.joined_seq = known.joined_seq.min(gone.joined_seq);
            known.visible_from_seq = known.visible_from_seq.min(gone.visible_from_seq);
            known.seen_seq = known.seen_seq.max(gone.seen_seq);
            known.removed_at = known.removed_at.and(gone.removed_at);
        }
        if was_primary {
            thread.make_primary(into);
        }
    }
    if let Some(merge) = &mut thread.merge {
        for joined in merge.joined.iter_mut().filter(|joined| **joined == from) {
            *joined = into;
        }
    }
}

/// Mail that waits goes to the survivor; a broadcast's stays with the row of its ledger.
fn move_deliveries(tx: &mut dyn WriteTx, thread: ThreadId, from: ContactId, into: ContactId) -> store::Result<()> {
    for mut delivery in store::outbox::of_thread(&*tx, thread, DELIVERIES_MAX)? {
        let waits = matches!(delivery.state, DeliveryState::Queued | DeliveryState::Deferred);
        let of_broadcast = matches!(delivery.kind, DeliveryKind::Broadcast { .. });
        if delivery.contact == from && waits && !of_broadcast {
            delivery.contact = into;
            store::outbox::put(tx, &delivery)?;
        }
    }
    for kind in [Pending::Reply, Pending::Status] {
        if let Some(delivery) = store::outbox::pending(&*tx, thread, from, kind)? {
            store::outbox::set_pending(tx, thread, from, kind, None)?;
            if store::outbox::pending(&*tx, thread, into, kind)?.is_none() {
                store::outbox::set_pending(tx, thread, into, kind, Some(delivery))?;
            }
        }
    }
    Ok(())
}

/// Who wanted no more mail about an issue or a ticket still wants none (BRC-51, EML-80).
fn move_stops(tx: &mut dyn WriteTx, thread: ThreadId, from: ContactId, into: ContactId) -> store::Result<()> {
    let links = store::links::of_thread(&*tx, thread, TRACKERS_MAX)?;
    for ticket in links.into_iter().map(|link| link.from_ticket).chain([thread]) {
        if let Some(at) = store::broadcasts::stopped_at(&*tx, ticket, from)? {
            store::broadcasts::set_stopped(tx, ticket, into, Some(at))?;
            store::broadcasts::set_stopped(tx, ticket, from, None)?;
        }
    }
    Ok(())
}
