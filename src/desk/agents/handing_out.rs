//! How teams give out work, and what becomes of the threads of somebody who is away (ASN-1, ASN-2, AWY-1).
//!
//! **Invariant:** who gets a thread is chosen in the transaction that assigns it, so that no limit is passed and no turn
//! is given twice.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::author;
use crate::desk::access::open_to_act;
use crate::desk::access::require;
use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::conversations::assign_in;
use crate::desk::thread::conversations::finish_silently;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::domain::team::Candidate;
use crate::domain::team::Team;
use crate::domain::team::TeamMethod;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::facts::ThreadFact;

/// Open threads of one agent are counted up to here.
const OPEN_COUNTED_MAX: usize = 2_000;
/// Threads given out by one call of the worker.
const HANDED_OUT_MAX: usize = 100;

impl Desk {
    /// Gives out threads that wait in teams, oldest first, as far as somebody is free (ASN-1); returns how many. For the
    /// daemon's worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn hand_out_waiting(&self) -> Result<usize> {
        let mut given = 0;
        while given < HANDED_OUT_MAX {
            let Some((team, thread)) = self.inner.store.view(next_waiting)? else { break };
            let at = At::of(&self.inner.clock);
            let done = self.inner.store.update(move |tx| hand_out(tx, team, thread, &at));
            if !done.await? {
                break;
            }
            given = given.saturating_add(1);
        }
        Ok(given)
    }

    /// Lets the thread's team choose anew (API-25). Scope as for an assignment.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` for a merged thread.
    pub async fn run_assignment_rules(&self, caller: &Caller, thread: ThreadId) -> Result<()> {
        require(caller, WRITE_ANY)?;
        let (caller, by, at) = (caller.clone(), author(caller), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            let team = draft.thread.team_assignee.map(|team| store::teams::get(&*tx, team)).transpose()?.flatten();
            if let Some(agent) = team.map_or(Ok(None), |team| choose(tx, team, None))? {
                let to = Assignment { agent: Some(Some(agent)), team: None };
                assign_in(tx, &mut draft, to, &by, None)?;
            }
            finish_silently(tx, draft)
        });
        Ok(done.await?)
    }
}

impl Inner {
    /// Gives a thread that a mail began to the team of the address it came to (OBJ-65), unless it has owners.
    pub(crate) fn give_to_team_of(&self, tx: &mut dyn WriteTx, draft: &mut Draft, to: &Address) -> store::Result<()> {
        let support = self.settings.support_at(to);
        let Some(wanted) = support.and_then(|support| support.team.as_deref()) else { return Ok(()) };
        if draft.thread.team_assignee.is_some() || draft.thread.admin_assignee.is_some() {
            return Ok(());
        }
        let Some(team) = team_named(&*tx, wanted)? else {
            tracing::warn!(address = %to, team = wanted, "there is no team of that name or id");
            return Ok(());
        };
        let to = Assignment { agent: None, team: Some(Some(team.id)) };
        assign_in(tx, draft, to, &Author::Bot, None).map(drop)
    }
}

/// The team of that name or id, unless it was archived.
pub(crate) fn team_named(tx: &dyn ReadTx, wanted: &str) -> store::Result<Option<Team>> {
    let named = |team: &Team| !team.archived && (team.name == wanted || team.id.to_string() == wanted);
    Ok(store::teams::all(tx)?.into_iter().find(named))
}

/// Takes a thread from an agent who is away and wants that, as a customer replied on it (AWY-1).
pub(crate) fn take_from_away(tx: &mut dyn WriteTx, draft: &mut Draft) -> store::Result<()> {
    let Some(agent) = draft.thread.admin_assignee else { return Ok(()) };
    let away = store::agents::get(&*tx, agent)?.and_then(|agent| agent.away);
    if !away.is_some_and(|away| away.reassign) {
        return Ok(());
    }
    let team = draft.thread.team_assignee.map(|team| store::teams::get(&*tx, team)).transpose()?.flatten();
    let agent = team.map_or(Ok(None), |team| choose(tx, team, Some(agent)))?;
    assigned(draft, agent, Cause::Away);
    Ok(())
}

/// Whom a team gives the next thread, who takes their turn with it. `except` gets nothing.
pub(crate) fn choose(tx: &mut dyn WriteTx, team: Team, except: Option<AgentId>) -> store::Result<Option<AgentId>> {
    let chosen = free_member(&*tx, &team, except)?;
    if chosen.is_some() {
        store::teams::put(tx, &Team { last_chosen: chosen, ..team })?;
    }
    Ok(chosen)
}

fn free_member(tx: &dyn ReadTx, team: &Team, except: Option<AgentId>) -> store::Result<Option<AgentId>> {
    if team.archived || team.method == TeamMethod::Manual {
        return Ok(None);
    }
    let mut candidates = Vec::new();
    for agent in team.members().filter(|agent| Some(*agent) != except) {
        let Some(known) = store::agents::get(tx, agent)?.filter(|known| known.takes_work()) else { continue };
        let counts = team.method == TeamMethod::Balanced || known.assignment_limit.is_some();
        let fact = ThreadFact::OpenOfAgent(agent.0);
        let open = if counts { store::facts::count_threads(tx, &fact, OPEN_COUNTED_MAX)? } else { 0 };
        let has_room = |limit: u32| open < usize::try_from(limit).unwrap_or(usize::MAX);
        candidates.push(Candidate { agent, free: known.assignment_limit.is_none_or(has_room), open });
    }
    Ok(team.choose(&candidates))
}

/// The oldest thread that waits in a team somebody of which is free.
fn next_waiting(tx: &dyn ReadTx) -> store::Result<Option<(TeamId, ThreadId)>> {
    for team in store::teams::all(tx)? {
        if team.archived || team.method == TeamMethod::Manual {
            continue;
        }
        let waiting = store::facts::threads(tx, &ThreadFact::WaitsInTeam(team.id.0), 1)?;
        let Some(thread) = waiting.first() else { continue };
        if free_member(tx, &team, None)?.is_some() {
            return Ok(Some((team.id, *thread)));
        }
    }
    Ok(None)
}

fn hand_out(tx: &mut dyn WriteTx, team: TeamId, thread: ThreadId, at: &At) -> store::Result<bool> {
    let mut draft = Draft::open(&*tx, thread, at)?;
    let still = draft.thread.team_assignee == Some(team) && draft.thread.admin_assignee.is_none();
    let team = store::teams::get(&*tx, team)?.filter(|_| still);
    let Some(agent) = team.map_or(Ok(None), |team| choose(tx, team, None))? else { return Ok(false) };
    assigned(&mut draft, Some(agent), Cause::TeamMethod);
    finish_silently(tx, draft)?;
    Ok(true)
}

fn assigned(draft: &mut Draft, agent: Option<AgentId>, cause: Cause) {
    let team = draft.thread.team_assignee;
    let before = (draft.thread.admin_assignee, team);
    draft.thread.admin_assignee = agent;
    let kind = PartKind::Assignment { agent, team, before };
    draft.add(NewPart::event(kind, Author::Bot, Some(cause)));
    draft.note(EventKind::ConversationUpdated, Some(cause));
}
