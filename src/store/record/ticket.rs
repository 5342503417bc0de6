//! Stored form of the ticket facet; part of the thread's record.

use crate::domain::id::AttributeId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::state::StateCategory;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket::Ticket;
use crate::domain::ticket_type::Category;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::record::value::StoredValue;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTicket {
    number: u64,
    category: u8,
    type_id: u64,
    attributes: BTreeMap<u64, StoredValue>,
    state_id: u64,
    state_category: u8,
    previous_state_id: Option<u64>,
    is_shared: bool,
    created_via: u8,
    created_at: u64,
    first_resolved_at: Option<u64>,
    last_resolved_at: Option<u64>,
    customer_reports: u64,
    shared_in: Option<u64>,
}

impl From<&Ticket> for StoredTicket {
    fn from(ticket: &Ticket) -> Self {
        Self {
            number: ticket.number,
            category: ticket.category.code(),
            type_id: ticket.type_id.0,
            attributes: ticket.attributes.iter().map(|(id, value)| (id.0, value.into())).collect(),
            state_id: ticket.state_id.0,
            state_category: ticket.state_category.code(),
            previous_state_id: ticket.previous_state_id.map(|id| id.0),
            is_shared: ticket.is_shared,
            created_via: ticket.created_via.code(),
            created_at: ticket.created_at.0,
            first_resolved_at: ticket.first_resolved_at.map(|at| at.0),
            last_resolved_at: ticket.last_resolved_at.map(|at| at.0),
            customer_reports: ticket.customer_reports,
            shared_in: ticket.shared_in.map(|id| id.0),
        }
    }
}

impl StoredTicket {
    pub(crate) fn restore(self) -> Restored<Ticket> {
        Ok(Ticket {
            number: self.number,
            category: Category::of(self.category)?,
            type_id: TicketTypeId(self.type_id),
            attributes: self.attributes.into_iter().map(|(id, value)| (AttributeId(id), value.into())).collect(),
            state_id: StateId(self.state_id),
            state_category: StateCategory::of(self.state_category)?,
            previous_state_id: self.previous_state_id.map(StateId),
            is_shared: self.is_shared,
            created_via: CreatedVia::of(self.created_via)?,
            created_at: Millis(self.created_at),
            first_resolved_at: self.first_resolved_at.map(Millis),
            last_resolved_at: self.last_resolved_at.map(Millis),
            customer_reports: self.customer_reports,
            shared_in: self.shared_in.map(ThreadId),
        })
    }
}
