//! A ticket gets another type of its category (TYP-1).
//!
//! **Invariant:** no value is lost: what the new type cannot hold is kept in the part that says the type changed.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::thread::uploads;
use crate::desk::ticket::kinds::Kinds;
use crate::desk::ticket::kinds::title_of;
use crate::desk::ticket::links::open_ticket;
use crate::desk::ticket::ticket_state::StateMove;
use crate::desk::ticket::tickets::Values;
use crate::desk::ticket::tickets::refuse_merged;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Value;
use crate::domain::event::EventKind;
use crate::domain::id::AttributeId;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket::accept_values;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::save::Change;
use std::collections::BTreeMap;

/// The type a ticket is to get.
#[derive(Clone, Debug)]
pub struct TypeChange {
    /// Another type of the same category.
    pub ticket_type: TicketTypeId,
    /// A state of that type.
    pub state: StateId,
    /// Values that go before those carried over.
    pub values: Values,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
}

impl Desk {
    /// Changes a ticket's type and state. Values of attributes with equal name and data type carry over. Scope
    /// `write_tickets`. Events `TicketUpdated`, `TicketStateChanged`.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for the same type, one of another category, an archived one, a state that is not
    /// the new type's, an unknown attribute, a required one that is empty on entering a resolved state, or for a shared ticket
    /// a type that allows no sharing; `Conflict` for a merged one.
    pub async fn change_ticket_type(&self, caller: &Caller, ticket: ThreadId, change: TypeChange) -> Result<()> {
        require(caller, &[Scope::WriteTickets])?;
        let (inner, by, at) = (self.inner.clone(), author(caller), At::of(&self.inner.clock));
        let changed = self.inner.store.update(move |tx| {
            let mut draft = open_ticket(tx, ticket, &at)?;
            refuse_merged(&draft.thread)?;
            draft.silent = change.skip_notifications;
            let old_id = draft.thread.ticket.as_ref().map_or(change.ticket_type, |ticket| ticket.type_id);
            let kinds = Kinds::of(tx, change.ticket_type)?;
            let old = store::ticket_types::get(tx, old_id)?.ok_or_else(|| missing("ticket_type"))?;
            check(&old, &kinds.ticket_type).map_err(store::Error::Refused)?;
            check_sharing(&draft.thread, &kinds.ticket_type).map_err(store::Error::Refused)?;
            let to = kinds.ticket_type.choose(change.state, &kinds.states).map_err(|_| foreign_state(change.state))?;
            let supplied = accept_values(&kinds.ticket_type, change.values.clone()).map_err(store::Error::Refused)?;
            exchange(&mut draft, &old, &kinds.ticket_type, supplied, &by)?;
            // Files that the new type does not take stay readable from the part that names them.
            uploads::hold(tx, &draft.thread, &kinds.ticket_type, &[], &by)?;
            let asked = StateMove { to, by: by.clone(), cause: None, notify: true };
            inner.change_state(tx, &mut draft, &kinds.ticket_type, &asked)?;
            conclude(tx, vec![draft], Change::default())?;
            Ok(())
        });
        Ok(changed.await?)
    }
}

fn check(old: &TicketType, new: &TicketType) -> std::result::Result<(), Refusal> {
    if old.id == new.id {
        return Err(Refusal::invalid("ticket_type_id", format!("the ticket has the type '{}' already", new.name)));
    }
    if old.category != new.category {
        let (from, to) = (old.category.as_str(), new.category.as_str());
        return Err(Refusal::invalid("ticket_type_id", format!("a {from} ticket cannot become a {to} ticket")));
    }
    Ok(())
}

/// A shared Back-office ticket stays one that may be shared (SHR-1, SHR-3).
fn check_sharing(thread: &Thread, new: &TicketType) -> std::result::Result<(), Refusal> {
    let is_shared = thread.ticket.as_ref().is_some_and(|ticket| ticket.is_shared);
    if is_shared && new.category == Category::BackOffice && new.is_internal {
        let message = format!("the ticket is shared with its customer, and '{}' allows no sharing", new.name);
        return Err(Refusal::invalid("ticket_type_id", message));
    }
    Ok(())
}

/// TYP-1 names this code for a state of another type.
fn foreign_state(id: StateId) -> store::Error {
    let message = format!("the new type has no state {id} that can be chosen");
    store::Error::Refused(Refusal::invalid("ticket_state_id", message))
}

/// Puts the new type in the place of the old one, with the values that fit it.
fn exchange(
    draft: &mut Draft,
    old: &TicketType,
    new: &TicketType,
    supplied: Vec<(AttributeId, Option<Value>)>,
    by: &Author,
) -> store::Result<()> {
    let ticket = draft.thread.ticket.as_mut().ok_or_else(|| missing("ticket"))?;
    let mut before = std::mem::take(&mut ticket.attributes);
    let mut carried = BTreeMap::new();
    for attribute in &old.attributes {
        let Some(value) = before.get(&attribute.id) else { continue };
        if let Some((id, value)) = carry(attribute, value, new) {
            carried.insert(id, value);
            before.remove(&attribute.id);
        }
    }
    for (id, value) in supplied {
        match value {
            Some(value) => carried.insert(id, value),
            None => carried.remove(&id),
        };
    }
    ticket.attributes = carried;
    ticket.type_id = new.id;
    let left = old.attributes.iter().filter_map(|attribute| {
        let value = before.get(&attribute.id)?;
        Some((attribute.name.clone(), readable(attribute, value)))
    });
    let left = left.collect();
    let title = title_of(ticket, new);
    draft.thread.title = title.or(draft.thread.title.take());
    let (from, to) = ((old.id, old.name.clone()), (new.id, new.name.clone()));
    draft.add(NewPart::event(PartKind::TicketTypeChanged { from, to, left }, by.clone(), None));
    draft.note(EventKind::TicketUpdated, None);
    Ok(())
}

/// The attribute of the new type that takes the value, and the value as it is kept there.
fn carry(attribute: &Attribute, value: &Value, new: &TicketType) -> Option<(AttributeId, Value)> {
    let same = |other: &&Attribute| other.name == attribute.name && other.data_type == attribute.data_type;
    let target = new.attributes.iter().find(same).filter(|target| !target.archived)?;
    let accepted = target.accept(readable(attribute, value)).ok()?;
    Some((target.id, accepted))
}

/// The value as people read it: of a list the option's label, since ids belong to one type.
fn readable(attribute: &Attribute, value: &Value) -> Value {
    match (attribute.data_type, value) {
        (DataType::List, Value::Text(id)) => {
            let option = attribute.options.iter().find(|option| option.id == *id);
            Value::Text(option.map_or_else(|| id.clone(), |option| option.label.clone()))
        }
        (_, value) => value.clone(),
    }
}
