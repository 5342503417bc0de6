//! What contacts did in the customer's own product (API-27, `/events`): kept singly for a while, counted for good.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contacts::ContactRef;
use crate::desk::people::contacts::resolve;
use crate::desk::thread::draft::At;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::data_event::DataEvent;
use crate::domain::data_event::EVENT_NAMES_MAX;
use crate::domain::data_event::EVENTS_KEPT_MAX;
use crate::domain::data_event::EventSummary;
use crate::domain::data_event::METADATA_BYTES_MAX;
use crate::domain::data_event::TOLD_FOR;
use crate::domain::data_event::check_name;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::id::Millis;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use std::collections::BTreeSet;

/// Something a contact did, as it is told.
#[derive(Clone, Debug)]
pub struct NewDataEvent {
    /// What.
    pub name: String,
    /// When; now where it is not said.
    pub at: Option<Millis>,
    /// A JSON object.
    pub metadata: String,
}

/// A count that is set from outside.
#[derive(Clone, Debug)]
pub struct CountedEvent {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
    /// For the first time.
    pub first_at: Millis,
    /// For the last time.
    pub last_at: Millis,
}

impl Desk {
    /// Notes something a contact did. Scope `write_contacts`. Event `DataEventNoted`.
    ///
    /// # Errors
    /// `NotFound` and `Conflict` for the contact; `parameter_invalid` for name, time or metadata.
    pub async fn note_data_event(&self, caller: &Caller, by: ContactRef, new: NewDataEvent) -> Result<()> {
        require(caller, &[Scope::WriteContacts])?;
        let at = At::of(&self.inner.clock);
        check(&new, at.now)?;
        let noted = self.inner.store.update(move |tx| {
            let contact = resolve(&*tx, &by)?;
            note(tx, contact.id, &new, &at)
        });
        Ok(noted.await?)
    }

    /// Notes something a contact did, as their own messenger tells it. Event `DataEventNoted`.
    ///
    /// # Errors
    /// As [`Desk::note_data_event`].
    pub async fn contact_did(&self, contact: ContactId, new: NewDataEvent) -> Result<()> {
        let at = At::of(&self.inner.clock);
        check(&new, at.now)?;
        let noted = self.inner.store.update(move |tx| {
            let contact = resolve(&*tx, &ContactRef::Id(contact))?;
            note(tx, contact.id, &new, &at)
        });
        Ok(noted.await?)
    }

    /// Events of a contact of the last 90 days, the one that arrived last first. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Forbidden`.
    pub fn data_events(
        &self,
        caller: &Caller,
        by: &ContactRef,
        before: Option<DataEventId>,
        limit: usize,
    ) -> Result<(Contact, Vec<DataEvent>)> {
        require(caller, &[Scope::ReadContacts])?;
        let oldest = Millis(self.inner.clock.now().0.saturating_sub(Millis(0).plus(TOLD_FOR).0));
        Ok(self.inner.store.view(|tx| {
            let contact = resolve(tx, by)?;
            let mut events = store::data_events::newest(tx, contact.id, before, EVENTS_KEPT_MAX)?;
            events.retain(|event| event.at >= oldest);
            events.truncate(limit);
            Ok((contact, events))
        })?)
    }

    /// How often a contact did what, the latest first. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Forbidden`.
    pub fn data_event_summaries(&self, caller: &Caller, by: &ContactRef) -> Result<(Contact, Vec<EventSummary>)> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let contact = resolve(tx, by)?;
            let mut summaries = store::data_events::summaries(tx, contact.id)?;
            summaries.sort_by(|a, b| (b.last_at, &a.name).cmp(&(a.last_at, &b.name)));
            Ok((contact, summaries))
        })?)
    }

    /// Sets how often a contact did things, for what was counted elsewhere. Scope `write_contacts`.
    ///
    /// # Errors
    /// `NotFound` and `Conflict` for the contact; `parameter_invalid` for a name, for none or for one twice.
    pub async fn set_data_event_counts(
        &self,
        caller: &Caller,
        by: ContactRef,
        counted: Vec<CountedEvent>,
    ) -> Result<()> {
        require(caller, &[Scope::WriteContacts])?;
        check_counts(&counted)?;
        let set = self.inner.store.update(move |tx| {
            let contact = resolve(&*tx, &by)?.id;
            counted.iter().try_for_each(|one| {
                let CountedEvent { name, count, first_at, last_at } = one.clone();
                store::data_events::put_summary(tx, &EventSummary { contact, name, count, first_at, last_at })
            })
        });
        Ok(set.await?)
    }
}

fn check(new: &NewDataEvent, now: Millis) -> std::result::Result<(), Refusal> {
    check_name(&new.name)?;
    if new.metadata.len() > METADATA_BYTES_MAX {
        return Err(Refusal::invalid("metadata", format!("metadata takes at most {METADATA_BYTES_MAX} bytes")));
    }
    if new.at.is_some_and(|at| at.seconds() > now.seconds()) {
        return Err(Refusal::invalid("created_at", "what happened lies in the past"));
    }
    Ok(())
}

fn check_counts(counted: &[CountedEvent]) -> std::result::Result<(), Refusal> {
    counted.iter().try_for_each(|one| check_name(&one.name))?;
    let names: BTreeSet<&str> = counted.iter().map(|one| one.name.as_str()).collect();
    if counted.is_empty() || counted.len() > EVENT_NAMES_MAX || names.len() < counted.len() {
        let message = format!("'event_summaries' takes 1 to {EVENT_NAMES_MAX} events, each once");
        return Err(Refusal::invalid("event_summaries", message));
    }
    if counted.iter().any(|one| one.count == 0 || one.first_at > one.last_at) {
        let message = "a count is at least 1, and 'first' is not behind 'last'";
        return Err(Refusal::invalid("event_summaries", message));
    }
    Ok(())
}

/// Counts the event, keeps it, and says so.
fn note(tx: &mut dyn WriteTx, contact: ContactId, new: &NewDataEvent, at: &At) -> store::Result<()> {
    let id = DataEventId(at.id());
    let when = new.at.unwrap_or(at.now);
    let once = EventSummary::once(contact, &new.name, when);
    let known = store::data_events::summary(&*tx, contact, &new.name)?;
    store::data_events::put_summary(tx, &known.map_or_else(|| once.clone(), |known| known.with(&once)))?;
    let event = DataEvent { id, contact, name: new.name.clone(), at: when, metadata: new.metadata.clone() };
    store::data_events::put(tx, &event)?;
    let kind = EventKind::DataEventNoted { contact, event: id };
    let said = Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None };
    save(tx, &Change { events: vec![said], ..Change::default() }).map(drop)
}
