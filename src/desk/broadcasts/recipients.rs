//! Which contact is mailed, in which thread, when, and why not (BRC-10, BRC-12, BRC-21).
//!
//! **Invariant:** a contact is decided on once per broadcast, when the last of their threads that could be the one is
//! served: until then nothing is owed to them, from then on their row stands.

use crate::desk::Inner;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Only;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::SkipReason;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::domain::thread::Participant;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use std::time::Duration;

/// Threads of one contact among which the mail's one is chosen (BRC-12).
const THREADS_OF_CONTACT_MAX: usize = 100;
/// A messenger session ends this long after its last use (MSG-15).
const SESSION: Duration = Duration::from_hours(7 * 24);

/// Why a linked thread is not meant (BRC-8).
pub(crate) fn not_meant(broadcast: &Broadcast, thread: &Thread) -> Option<SkipReason> {
    let options = &broadcast.options;
    let meant = match options.only {
        Only::All => true,
        Only::OpenThreads => thread.state == ThreadState::Open,
        Only::Tickets => thread.ticket.is_some(),
        Only::Conversations => thread.ticket.is_none(),
    };
    let primary = thread.primary_contact();
    let excluded = options.excluded_threads.contains(&thread.id)
        || primary.is_some_and(|contact| options.excluded_contacts.contains(&contact));
    match (meant, excluded) {
        (false, _) => Some(SkipReason::Filtered),
        (true, true) => Some(SkipReason::Excluded),
        (true, false) => None,
    }
}

/// Of a contact's threads that `is_in_set`, the one they wrote in last: there the mail belongs.
pub(crate) fn mail_thread(
    tx: &dyn ReadTx,
    contact: ContactId,
    is_in_set: impl Fn(&Thread) -> store::Result<bool>,
) -> store::Result<Option<Thread>> {
    let mut chosen: Option<Thread> = None;
    let place = |thread: &Thread| (thread.last_contact_reply_at, thread.id);
    for thread in store::threads::of_contact(tx, contact, THREADS_OF_CONTACT_MAX)? {
        let takes_part = thread.participant(contact).is_some_and(|known| known.removed_at.is_none());
        let later = chosen.as_ref().is_none_or(|chosen| place(chosen) < place(&thread));
        if takes_part && later && is_in_set(&thread)? {
            chosen = Some(thread);
        }
    }
    Ok(chosen)
}

/// Whether somebody was in a messenger as this contact so recently that the session still holds (MSG-15).
pub(crate) fn has_session(contact: &Contact, now: Millis) -> bool {
    contact.last_seen_at.is_some_and(|seen| now.since(seen) < SESSION)
}

impl Inner {
    /// Why a contact gets no mail, as far as it is known before others are looked at.
    pub(crate) fn no_mail(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        contact: &Contact,
    ) -> store::Result<Option<SkipReason>> {
        if broadcast.options.excluded_contacts.contains(&contact.id) {
            return Ok(Some(SkipReason::Excluded));
        }
        if let Some(reason) = self.unreachable(contact) {
            return Ok(Some(reason));
        }
        if contact.unsubscribed_from_emails || contact.marked_email_as_spam {
            return Ok(Some(SkipReason::Unsubscribed));
        }
        if store::broadcasts::stopped_at(tx, broadcast.tracker, contact.id)?.is_some() {
            return Ok(Some(SkipReason::Stopped));
        }
        Ok((broadcast.options.email == EmailPolicy::Never).then_some(SkipReason::PolicyNever))
    }

    /// How long the part may wait to be seen before it is mailed (BRC-21).
    pub(crate) fn broadcast_delay(
        &self,
        broadcast: &Broadcast,
        participant: &Participant,
        contact: &Contact,
        now: Millis,
    ) -> Duration {
        let waits = broadcast.options.email == EmailPolicy::WhenUnseen;
        if waits && participant.primary && has_session(contact, now) {
            self.settings.unseen_delay
        } else {
            Duration::ZERO
        }
    }

    /// Decides on a contact if no thread of theirs that could be the one is left to be served; gives the mail that is owed
    /// then.
    pub(crate) fn decide_on(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        contact: ContactId,
        at: &At,
    ) -> store::Result<Option<Delivery>> {
        let key = LedgerKey::Email(contact);
        if store::ledger::get(&*tx, broadcast.id, key)?.is_some() {
            return Ok(None);
        }
        let row_of = |thread: &Thread| store::ledger::get(&*tx, broadcast.id, LedgerKey::Thread(thread.id));
        let in_set = |thread: &Thread| {
            Ok(row_of(thread)?.is_some_and(|row| matches!(row.state, LedgerState::Queued | LedgerState::Sent)))
        };
        let Some(thread) = mail_thread(&*tx, contact, in_set)? else { return Ok(None) };
        let Some(part) = row_of(&thread)?.and_then(|row| row.part) else { return Ok(None) };
        let Some(contact) = store::contacts::get(&*tx, contact)? else { return Ok(None) };
        let row = |state| LedgerEntry { part: Some(part), ..LedgerEntry::new(state, thread.id, at.now) };
        if let Some(reason) = self.reason_against(&*tx, broadcast, &contact)? {
            store::ledger::put(tx, broadcast.id, key, &row(LedgerState::Skipped(reason)))?;
            return Ok(None);
        }
        let Some(participant) = thread.participant(contact.id) else { return Ok(None) };
        let due_at = at.now.plus(self.broadcast_delay(broadcast, participant, &contact, at.now));
        let kind = DeliveryKind::Broadcast { broadcast: broadcast.id, part };
        let owed = self.owed(&Draft::of(thread.clone(), at), &contact, Some(broadcast.author), kind, due_at);
        if let Some(address) = &contact.email {
            store::ledger::claim_email(tx, broadcast.id, address, contact.id)?;
        }
        let entry = LedgerEntry { delivery: Some(owed.id), ..row(LedgerState::Queued) };
        store::ledger::put(tx, broadcast.id, key, &entry)?;
        Ok(Some(owed))
    }

    /// Why a contact gets no mail, others' addresses looked at too (BRC-12).
    fn reason_against(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        contact: &Contact,
    ) -> store::Result<Option<SkipReason>> {
        if let Some(reason) = self.no_mail(tx, broadcast, contact)? {
            return Ok(Some(reason));
        }
        let taken = match &contact.email {
            Some(address) => store::ledger::email_claimed(tx, broadcast.id, address)?,
            None => None,
        };
        Ok(taken.filter(|holder| *holder != contact.id).map(|_| SkipReason::DuplicateAddress))
    }
}
