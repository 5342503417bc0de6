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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::error::Error;
    use crate::store::sample;

    #[test]
    fn att_9_a_workspace_holds_so_many_types_and_no_more() {
        let store = Store::in_memory().unwrap();
        let number = |n: usize| TicketTypeId(u64::try_from(n).unwrap());
        let filled = store.update_blocking(move |tx| {
            (1..=TYPES_MAX).try_for_each(|n| put(tx, &TicketType { id: number(n), ..sample::ticket_type() }))
        });
        assert_eq!(filled, Ok(()));
        let more = store
            .update_blocking(move |tx| put(tx, &TicketType { id: number(TYPES_MAX + 1), ..sample::ticket_type() }));
        assert!(matches!(more, Err(Error::Refused(_))), "{more:?}");
        assert_eq!(store.view(all).map(|types| types.len()), Ok(TYPES_MAX));
    }

    #[test]
    fn types_and_states_are_found_by_id() {
        let store = sample::store();
        assert_eq!(store.view(|tx| get(tx, sample::TYPE)), Ok(Some(sample::ticket_type())));
        assert_eq!(store.view(states), Ok(sample::states()));
        assert_eq!(store.view(|tx| state(tx, StateId(34))), Ok(sample::states().pop()));
    }
}
