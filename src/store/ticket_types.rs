//! Ticket types and ticket states.

use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::state::TicketState;
use crate::domain::ticket_type::TYPES_MAX;
use crate::domain::ticket_type::TicketType;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// Most ticket states of a workspace.
pub const STATES_MAX: usize = 10_000;

/// The ticket type of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: TicketTypeId) -> Result<Option<TicketType>> {
    record::get(tx, &key::one(id.0))
}

/// Every ticket type, oldest first, archived ones included.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<TicketType>> {
    record::list(tx.scan(tables::TICKET_TYPES, &[], key::END, TYPES_MAX)?)
}

/// Adds or changes a ticket type.
///
/// # Errors
/// `Refused` at [`TYPES_MAX`] (ATT-9).
pub fn put(tx: &mut dyn WriteTx, ticket_type: &TicketType) -> Result<()> {
    record::check_room::<TicketType>(&*tx, &key::one(ticket_type.id.0), TYPES_MAX)?;
    record::put(tx, ticket_type).map(drop)
}

/// The ticket state of that id.
///
/// # Errors
/// `Corrupt`.
pub fn state(tx: &dyn ReadTx, id: StateId) -> Result<Option<TicketState>> {
    record::get(tx, &key::one(id.0))
}

/// Every ticket state, oldest first, archived ones included.
///
/// # Errors
/// `Corrupt`.
pub fn states(tx: &dyn ReadTx) -> Result<Vec<TicketState>> {
    record::list(tx.scan(tables::TICKET_STATES, &[], key::END, STATES_MAX)?)
}

/// Adds or changes a ticket state.
///
/// # Errors
/// `Refused` at [`STATES_MAX`].
pub fn put_state(tx: &mut dyn WriteTx, state: &TicketState) -> Result<()> {
    record::check_room::<TicketState>(&*tx, &key::one(state.id.0), STATES_MAX)?;
    record::put(tx, state).map(drop)
}
