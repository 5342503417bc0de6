//! What may be asked for with a broadcast (BRC-8).

use crate::domain::broadcast::After;
use crate::domain::broadcast::EXCLUDED_MAX;
use crate::domain::broadcast::Options;
use crate::domain::id::Millis;
use crate::domain::refusal::Refusal;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;

/// Refuses a thread that is no Tracker.
pub(crate) fn check_tracker(thread: &Thread) -> Result<(), Refusal> {
    if thread.category() == Some(Category::Tracker) {
        return Ok(());
    }
    Err(Refusal::with_code("invalid_ticket_type", "only Tracker tickets can be broadcast from"))
}

/// Refuses options that cannot be carried out.
pub(crate) fn check(tx: &dyn ReadTx, tracker: &Thread, options: &Options, now: Millis) -> store::Result<()> {
    let refused = |field: &str, what: &str| Err(store::Error::Refused(Refusal::invalid(field, what)));
    if options.rate_per_minute == Some(0) {
        return refused("options.rate_per_minute", "a rate is at least 1 a minute");
    }
    if options.scheduled_at.is_some_and(|at| at <= now) {
        return refused("options.scheduled_at", "a broadcast is scheduled for a time to come");
    }
    if matches!(options.after, After::SnoozeUntil(until) if until <= options.scheduled_at.unwrap_or(now)) {
        return refused("options.after", "a snooze ends after the broadcast begins");
    }
    if options.excluded_contacts.len() > EXCLUDED_MAX {
        return refused("options.excluded_contact_ids", "at most 1,000 contacts can be excluded by name");
    }
    if options.excluded_threads.len() > EXCLUDED_MAX {
        return refused("options.excluded_thread_ids", "at most 1,000 threads can be excluded by name");
    }
    if let Some(state) = options.set_customer_ticket_state {
        let known = store::ticket_types::state(tx, state)?.filter(|state| !state.archived);
        if known.is_none() {
            let message = format!("there is no ticket state {state} that can be chosen");
            return Err(store::Error::Refused(Refusal::with_code("ticket_state_id_invalid", message)));
        }
    }
    if let (Some(state), Some(ticket)) = (options.tracker_state, &tracker.ticket) {
        let states = store::ticket_types::states(tx)?;
        if let Some(ticket_type) = store::ticket_types::get(tx, ticket.type_id)? {
            ticket_type.choose(state, &states).map_err(store::Error::Refused)?;
        }
    }
    Ok(())
}

/// The state that a linked ticket gets for `asked`: the same one where its type has it, else the first of the same
/// category that can be chosen (TRK-4).
pub(crate) fn mapped<'s>(
    ticket_type: &TicketType,
    states: &'s [TicketState],
    asked: &TicketState,
) -> Option<&'s TicketState> {
    ticket_type.choose(asked.id, states).ok().or_else(|| ticket_type.first_of(asked.category, states))
}
