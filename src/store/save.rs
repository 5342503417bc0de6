//! The one place that writes domain state: what is so now, what happened, and what is owed for it, in one transaction.
//!
//! **Invariant:** state never changes without its events, and both appear with the deliveries they owe, or not at all.

use crate::domain::audience;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
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
        let stream = stream_of(&*tx, event)?;
        events::append(tx, event, stream)?;
    }
    for delivery in &change.owed {
        outbox::put(tx, delivery)?;
    }
    events::last_seq(&*tx)
}

/// Contacts whose stream gets the event; threads and parts of the same change are read back from the transaction.
fn stream_of(tx: &dyn ReadTx, event: &Event) -> Result<Vec<ContactId>> {
    let thread = event.thread.map(|id| threads::get(tx, id)).transpose()?.flatten();
    let part = match (&event.kind, event.thread) {
        (EventKind::PartCreated { part_seq, .. } | EventKind::TicketStateChanged { part_seq, .. }, Some(thread)) => {
            parts::get(tx, thread, *part_seq)?
        }
        _ => None,
    };
    Ok(audience::stream_of(event, thread.as_ref(), part.as_ref()))
}
