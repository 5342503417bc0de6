//! What the members of a team have to do (API-27).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::AgentId;
use crate::domain::team::Team;
use crate::store;
use crate::store::facts::ThreadFact;
use std::time::Duration;

/// Threads of one agent are counted up to here.
const COUNTED_MAX: usize = 2_000;
/// Open threads of one agent that are looked at for idle ones.
const LOOKED_AT_MAX: usize = 500;

/// What one agent has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Who.
    pub agent: AgentId,
    /// Open threads, counted up to 2,000.
    pub open: usize,
    /// Open threads, of the oldest 500, whose customer waits for longer than asked.
    pub idle: usize,
    /// Snoozed threads, counted up to 2,000.
    pub snoozed: usize,
}

impl Desk {
    /// Open, idle and snoozed threads of each member. Scope `read_conversations`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn team_loads(&self, caller: &Caller, team: &Team, idle: Duration) -> Result<Vec<Load>> {
        require(caller, &[Scope::ReadConversations])?;
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let mut loads = Vec::new();
            for agent in team.members() {
                let open_of = ThreadFact::OpenOfAgent(agent.0);
                let open = store::facts::count_threads(tx, &open_of, COUNTED_MAX)?;
                let snoozed = store::facts::count_threads(tx, &ThreadFact::SnoozedOfAgent(agent.0), COUNTED_MAX)?;
                let mut waiting: usize = 0;
                for id in store::facts::threads(tx, &open_of, LOOKED_AT_MAX)? {
                    let since = store::threads::get(tx, id)?.and_then(|thread| thread.waiting_since);
                    let is_idle = since.is_some_and(|since| now.since(since) > idle);
                    waiting = waiting.saturating_add(usize::from(is_idle));
                }
                loads.push(Load { agent, open, idle: waiting, snoozed });
            }
            Ok(loads)
        })?)
    }
}
