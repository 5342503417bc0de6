//! The one place that writes domain state: what is so now, what happened, and what is owed for it, in one transaction.
//!
//! **Invariant:** state never changes without its events, and both appear with the deliveries they owe, or not at all.

use crate::domain::audience;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::event::Event;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::domain::thread::Thread;
use crate::store::contacts;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::events;
use crate::store::outbox;
use crate::store::parts;
use crate::store::record;
use crate::store::threads;
use std::borrow::Cow;

/// What one operation changed.
#[derive(Debug, Default)]
pub struct Change {
    /// Threads as they are now.
    pub threads: Vec<Thread>,
    /// New parts, and parts that were redacted.
    pub parts: Vec<Part>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What is owed for it.
    pub owed: Vec<Delivery>,
    /// Contacts as they are now.
    pub contacts: Vec<Contact>,
}

/// Writes a change with all its indexes and returns the sequence of its last event; the newest sequence there is when
/// the change has no event.
///
/// # Errors
/// `Refused` when a contact's external id belongs to another one; `Corrupt` when what stood there cannot be read.
pub fn save(tx: &mut dyn WriteTx, change: &Change) -> Result<EventSeq> {
    for contact in &change.contacts {
        contacts::put(tx, contact)?;
    }
    for thread in &change.threads {
        record::put(tx, thread)?;
    }
    for part in &change.parts {
        record::put(tx, part)?;
    }
    for event in &change.events {
        let stream = stream_of(&*tx, change, event)?;
        events::append(tx, event, stream)?;
    }
    for delivery in &change.owed {
        outbox::put(tx, delivery)?;
    }
    events::last_seq(&*tx)
}

/// Takes a part of a deleted thread away, with its indexes (TCK-15). Parts go from the end, so that what is left is whole.
///
/// # Errors
/// As the engine.
pub fn remove_part(tx: &mut dyn WriteTx, part: &Part) -> Result<()> {
    record::remove(tx, part)
}

/// Contacts whose stream gets the event.
fn stream_of(tx: &dyn ReadTx, change: &Change, event: &Event) -> Result<Vec<ContactId>> {
    let thread = event.thread.map(|id| thread_of(tx, change, id)).transpose()?.flatten();
    let part = match (event.kind.part(), event.thread) {
        (Some((_, part_seq)), Some(thread)) => part_of(tx, change, thread, part_seq)?,
        _ => None,
    };
    Ok(audience::stream_of(event, thread.as_deref(), part.as_deref()))
}

/// The thread as the change has it, else as it stands; `None` where it is deleted.
fn thread_of<'a>(tx: &dyn ReadTx, change: &'a Change, id: ThreadId) -> Result<Option<Cow<'a, Thread>>> {
    match change.threads.iter().rfind(|thread| thread.id == id) {
        Some(thread) => Ok(Some(thread).filter(|thread| thread.deleted_at.is_none()).map(Cow::Borrowed)),
        None => Ok(threads::get(tx, id)?.map(Cow::Owned)),
    }
}

/// The part as the change has it, else as it stands.
fn part_of<'a>(tx: &dyn ReadTx, change: &'a Change, thread: ThreadId, seq: u64) -> Result<Option<Cow<'a, Part>>> {
    match change.parts.iter().rfind(|part| part.thread == thread && part.seq == seq) {
        Some(part) => Ok(Some(Cow::Borrowed(part))),
        None => Ok(parts::get(tx, thread, seq)?.map(Cow::Owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventKind;
    use crate::domain::id::Millis;
    use crate::domain::id::PartId;
    use crate::domain::part::PartKind;
    use crate::domain::thread::ThreadState;
    use crate::store::Store;
    use crate::store::blob_refs;
    use crate::store::error::Error;
    use crate::store::message_ids;
    use crate::store::meta;
    use crate::store::sample;

    fn saved(store: &Store, change: impl Fn() -> Change + Send + 'static) -> Result<EventSeq> {
        store.update_blocking(move |tx| save(tx, &change()))
    }

    fn happened(thread: ThreadId, kind: EventKind) -> Event {
        Event {
            kind,
            thread: Some(thread),
            at: Millis(1),
            thread_state: Some(ThreadState::Open),
            ticket_state: None,
            cause: None,
        }
    }

    #[test]
    fn everything_of_a_change_is_there_and_its_last_sequence_is_returned() {
        let store = Store::in_memory().unwrap();
        let events = u64::try_from(sample::events().len()).unwrap();
        assert_eq!(saved(&store, sample::change), Ok(EventSeq(events)));
        assert_eq!(saved(&store, Change::default), Ok(EventSeq(events)));
        let change = sample::change();
        store
            .view(|tx| {
                for contact in &change.contacts {
                    assert_eq!(contacts::get(tx, contact.id)?.as_ref(), Some(contact));
                }
                for thread in &change.threads {
                    assert_eq!(threads::even_deleted(tx, thread.id)?.as_ref(), Some(thread));
                }
                for part in &change.parts {
                    assert_eq!(parts::get(tx, part.thread, part.seq)?.as_ref(), Some(part));
                    assert_eq!(parts::by_id(tx, part.id)?.as_ref(), Some(part));
                }
                let log = events::after(tx, EventSeq(0), 100)?;
                assert_eq!(log.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), change.events);
                for delivery in &change.owed {
                    assert_eq!(outbox::get(tx, delivery.id)?.as_ref(), Some(delivery));
                }
                assert_eq!(meta::highest_id(tx)?, sample::WAITING_STATUS.0);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_refused_change_leaves_nothing_of_itself() {
        let store = sample::store();
        let before = store.view(events::last_seq).unwrap();
        let thief = || {
            let mut contact = sample::contacts().remove(1);
            contact.external_id = Some("user-1".to_owned());
            Change { contacts: vec![contact], events: sample::events(), ..Change::default() }
        };
        assert!(matches!(saved(&store, thief), Err(Error::Refused(_))));
        assert_eq!(store.view(events::last_seq), Ok(before));
        assert_eq!(store.view(|tx| contacts::get(tx, sample::BEN)).unwrap().unwrap().external_id, None);
    }

    #[test]
    fn msg_41_only_the_primary_contact_gets_what_may_be_read() {
        let store = Store::in_memory().unwrap();
        let change = || {
            let thread = sample::thread(sample::CONVERSATION, 2);
            let comment = sample::part(thread.id, 1, 101, PartKind::Comment);
            let note = sample::part(thread.id, 2, 102, PartKind::Note);
            let created = |part: &Part| EventKind::PartCreated { part: part.id, part_seq: part.seq };
            let kinds =
                [EventKind::ConversationCreated, created(&comment), created(&note), EventKind::ConversationUpdated];
            let events = kinds.map(|kind| happened(thread.id, kind)).to_vec();
            Change { threads: vec![thread], parts: vec![comment, note], events, ..Change::default() }
        };
        assert_eq!(saved(&store, change), Ok(EventSeq(4)));
        let stream = |contact| store.view(|tx| events::stream(tx, contact, EventSeq(0), 10)).unwrap();
        assert_eq!(stream(sample::ANA), [EventSeq(1), EventSeq(2), EventSeq(4)]);
        assert_eq!(stream(sample::BEN), []);
    }

    #[test]
    fn a_part_saved_earlier_is_read_for_the_stream() {
        let store = sample::store();
        let of_part = || {
            let kind = EventKind::PartCreated { part: PartId(sample::FIRST_PART), part_seq: 1 };
            Change { events: vec![happened(sample::CONVERSATION, kind)], ..Change::default() }
        };
        let seq = saved(&store, of_part).unwrap();
        let stream = store.view(|tx| events::stream(tx, sample::ANA, EventSeq(seq.0 - 1), 10)).unwrap();
        assert_eq!(stream, [seq]);
    }

    #[test]
    fn index_rows_follow_their_thread() {
        let store = sample::store();
        let woken = || {
            let mut thread = sample::all_threads().remove(1);
            thread.state = ThreadState::Open;
            thread.updated_at = Millis(u64::MAX);
            thread.participants.pop();
            Change { threads: vec![thread], ..Change::default() }
        };
        saved(&store, woken).unwrap();
        store
            .view(|tx| {
                assert_eq!(threads::snoozed_until(tx, Millis(u64::MAX), 10)?, []);
                let newest: Vec<ThreadId> = threads::newest(tx, None, 10)?.iter().map(|thread| thread.id).collect();
                assert_eq!(newest.len(), 4);
                assert_eq!(newest.first(), Some(&sample::BACK_OFFICE));
                assert!(!threads::of_contact(tx, sample::BEN, 10)?.iter().any(|t| t.id == sample::BACK_OFFICE));
                Ok(())
            })
            .unwrap();
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
    }

    #[test]
    fn obj_47_redacting_a_part_lets_its_blobs_go() {
        let store = sample::store();
        let file = sample::blob(sample::FILE);
        let named = || store.view(|tx| blob_refs::is_named(tx, file)).unwrap();
        store.update_blocking(move |tx| blob_refs::remove(tx, file, 999)).unwrap();
        assert!(named(), "the part names it");
        let redacted = || {
            let mut part = sample::parts().remove(0);
            (part.attachments, part.redacted) = (Vec::new(), true);
            Change { parts: vec![part], ..Change::default() }
        };
        saved(&store, redacted).unwrap();
        assert!(!named());
        assert!(store.view(|tx| blob_refs::is_named(tx, sample::blob(sample::RAW))).unwrap(), "the raw mail stays");
    }

    #[test]
    fn eml_31_an_id_is_known_by_every_thread_that_heard_of_it() {
        let store = Store::in_memory().unwrap();
        store
            .update_blocking(|tx| {
                (1..=30).try_for_each(|thread| message_ids::put(tx, "a@b", ThreadId(thread)))?;
                message_ids::put(tx, "a@bc", ThreadId(99))
            })
            .unwrap();
        let known = store.view(|tx| message_ids::threads_of(tx, "a@b")).unwrap();
        assert_eq!(known, (1..=20).map(ThreadId).collect::<Vec<_>>());
        assert_eq!(store.view(|tx| message_ids::threads_of(tx, "A@b")), Ok(Vec::new()));
    }
}
