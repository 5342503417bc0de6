//! A Tracker's state being set on its linked Customer tickets (TRK-4, TRK-5).

use crate::domain::id::AgentId;
use crate::domain::id::JobId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::ticket_type::TicketType;

/// What becomes, or became, of the linked Customer tickets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PropagationCounts {
    /// Get the state.
    pub changed: u64,
    /// Have it already.
    pub matched: u64,
    /// Resolved ones that stay so.
    pub left_out: u64,
    /// Lack an attribute they need to be resolved (ATT-6).
    pub required_to_close: u64,
    /// Their type has no state of that category.
    pub no_state: u64,
}

/// The job; one transaction per batch moves its cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propagation {
    /// Never changes.
    pub id: JobId,
    /// The Tracker whose links it follows.
    pub tracker: ThreadId,
    /// The state that was asked for.
    pub to: StateId,
    /// Who asked.
    pub agent: AgentId,
    /// Their name at that time.
    pub agent_name: String,
    /// Whether resolved tickets change too.
    pub resolved_too: bool,
    /// No status mails for this change.
    pub skip_notifications: bool,
    /// When it began; later links are not touched.
    pub started_at: Millis,
    /// When it ended.
    pub finished_at: Option<Millis>,
    /// The linked thread looked at last.
    pub cursor: Option<ThreadId>,
    /// So far.
    pub counts: PropagationCounts,
}

/// The state a ticket of that type gets: the same one where the type has it, else the first of the same category that is
/// not archived (TRK-4).
#[must_use]
pub fn target<'s>(ticket_type: &TicketType, states: &'s [TicketState], asked: &TicketState) -> Option<&'s TicketState> {
    let same = states.iter().find(|state| state.id == asked.id && !state.archived);
    same.filter(|state| ticket_type.states.contains(&state.id)).or_else(|| ticket_type.first_of(asked.category, states))
}

/// Whether a ticket in `now` is left alone: resolved ones are, unless that is the target or the agent says otherwise.
#[must_use]
pub fn leaves_out(now: StateCategory, target: StateCategory, resolved_too: bool) -> bool {
    now == StateCategory::Resolved && target != StateCategory::Resolved && !resolved_too
}
