//! Axes and owners of a thread over time, read from its parts (API-44, OBJ-41).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::READ_ANY;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::id::AgentId;
use crate::domain::id::StateId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::store;

/// Parts read at once.
const PAGE: usize = 500;
/// Steps of one answer; the first ones of a longer history.
const STEPS_MAX: usize = 1_000;

/// A part that changed an axis or an owner, with all of them after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The part.
    pub part: Part,
    /// The ticket's state.
    pub state_id: Option<StateId>,
    /// The agent it is assigned to.
    pub agent: Option<AgentId>,
    /// The team it is assigned to.
    pub team: Option<TeamId>,
}

impl Desk {
    /// Every change of state, ticket state and owners, oldest first, at most 1,000. Scope as for reading the thread.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn history_of(&self, caller: &Caller, id: ThreadId) -> Result<Vec<Step>> {
        require(caller, READ_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, id)?.filter(|thread| thread.ticket.is_some());
            let thread = thread.filter(|thread| may_read(caller, thread)).ok_or_else(|| missing("ticket"))?;
            let (mut steps, mut from): (Vec<Step>, u64) = (Vec::new(), 1);
            while from <= thread.last_seq && steps.len() < STEPS_MAX {
                let parts = store::parts::of_thread(tx, id, from, u64::MAX, PAGE)?;
                let Some(last) = parts.last() else { break };
                from = last.seq.saturating_add(1);
                for part in parts {
                    let next = step(steps.last(), part);
                    steps.extend(next);
                }
            }
            steps.truncate(STEPS_MAX);
            Ok(steps)
        })?)
    }
}

/// The step a part makes, if it changes anything that is shown.
fn step(before: Option<&Step>, part: Part) -> Option<Step> {
    let (state_id, agent, team) = before.map_or((None, None, None), |step| (step.state_id, step.agent, step.team));
    match &part.kind {
        PartKind::Assignment { agent, team, .. } => {
            let (agent, team) = (*agent, *team);
            Some(Step { state_id, agent, team, part })
        }
        PartKind::TicketStateUpdated { to, .. } => {
            let state_id = Some(to.0);
            Some(Step { state_id, agent, team, part })
        }
        PartKind::Open
        | PartKind::Close
        | PartKind::Snoozed
        | PartKind::Unsnoozed
        | PartKind::ConvertedToTicket { .. }
        | PartKind::TicketTypeChanged { .. }
        | PartKind::MergedPrimary { .. }
        | PartKind::MergedSecondary { .. }
        | PartKind::Unmerged { .. } => Some(Step { state_id, agent, team, part }),
        _ => None,
    }
}
