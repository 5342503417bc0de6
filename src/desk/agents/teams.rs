//! Teams, and agents who are away (OBJ-13, AWY-1).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Agent;
use crate::domain::agent::Away;
use crate::domain::agent::AwayReason;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::event::AgentAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::AwayReasonId;
use crate::domain::id::TeamId;
use crate::domain::refusal::Refusal;
use crate::domain::team::REPLY_TIME_S;
use crate::domain::team::TEAM_AGENTS_MAX;
use crate::domain::team::Team;
use crate::domain::team::TeamMethod;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::Change;
use crate::store::save::save;

/// Longest name of a team, and longest label of a reason, in characters.
const NAME_CHARS_MAX: usize = 255;

/// A change of a team; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct TeamChange {
    /// Shown name; needed for a new one.
    pub name: Option<String>,
    /// Members of the first line, in their order.
    pub agents: Option<Vec<AgentId>>,
    /// Members of the second line, in their order.
    pub secondary: Option<Vec<AgentId>>,
    /// How it gives out work.
    pub method: Option<TeamMethod>,
    /// Most open threads of a member; `Some(None)` sets no limit.
    pub assignment_limit: Option<Option<u32>>,
    /// How soon an answer is said to come, in seconds; `Some(None)` tells what is usual.
    pub reply_time_s: Option<Option<u32>>,
}

/// A change of a reason to be away; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ReasonChange {
    /// Shown to agents; needed for a new one.
    pub label: Option<String>,
    /// Shown beside it.
    pub emoji: Option<String>,
    /// Its place in the list.
    pub order: Option<u32>,
    /// Can be chosen no more.
    pub deleted: Option<bool>,
}

impl Desk {
    /// Every team that is not archived, oldest first. Scope `read_admins`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn teams(&self, caller: &Caller) -> Result<Vec<Team>> {
        require(caller, &[Scope::ReadAdmins, Scope::Settings])?;
        let teams = self.inner.store.view(store::teams::all)?;
        Ok(teams.into_iter().filter(|team| !team.archived).collect())
    }

    /// Every team, archived ones included, for what is shown of agents.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn every_team(&self) -> Result<Vec<Team>> {
        Ok(self.inner.store.view(store::teams::all)?)
    }

    /// Makes a team, or changes the one of that id. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound` for the id; `parameter_invalid` for a name, for somebody who is no agent, or over the limits.
    pub async fn put_team(&self, caller: &Caller, id: Option<TeamId>, change: TeamChange) -> Result<Team> {
        require(caller, &[Scope::Settings])?;
        let at = At::of(&self.inner.clock);
        let put = self.inner.store.update(move |tx| {
            let mut team = match id {
                Some(id) => known_team(&*tx, id)?,
                None => fresh(&at),
            };
            if id.is_none() && change.name.is_none() {
                return Err(store::Error::Refused(Refusal::invalid("name", "a team needs a name")));
            }
            apply(&*tx, &mut team, &change)?;
            store::teams::put(tx, &team)?;
            Ok(team)
        });
        let put = put.await?;
        self.people_changed();
        Ok(put)
    }

    /// Archives a team: nothing more is assigned to it, what is keeps it. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn archive_team(&self, caller: &Caller, id: TeamId) -> Result<()> {
        require(caller, &[Scope::Settings])?;
        let archived = self.inner.store.update(move |tx| {
            let team = known_team(&*tx, id)?;
            store::teams::put(tx, &Team { archived: true, ..team })
        });
        archived.await?;
        self.people_changed();
        Ok(())
    }

    /// Says that an agent is away or back (AWY-1). Everybody for themselves, for others scope `settings`. Event
    /// `AgentChanged`.
    ///
    /// # Errors
    /// `NotFound` for agent or reason; `Forbidden`.
    pub async fn set_away(&self, caller: &Caller, agent: AgentId, away: Option<Away>) -> Result<Agent> {
        if caller.agent != agent {
            require(caller, &[Scope::Settings])?;
        }
        let at = At::of(&self.inner.clock);
        let set = self.inner.store.update(move |tx| {
            let mut known = known_agent(&*tx, agent)?;
            if let Some(reason) = away.and_then(|away| away.reason) {
                let reason = store::agents::away_reason(&*tx, reason)?.filter(|reason| !reason.deleted);
                reason.ok_or_else(|| missing("away_status_reason"))?;
            }
            if known.away == away {
                return Ok(known);
            }
            known.away = away;
            store::agents::put(tx, &known)?;
            save(tx, &said(agent, AgentAct::AwayChanged, &at))?;
            Ok(known)
        });
        let set = set.await?;
        self.people_changed();
        Ok(set)
    }

    /// Reasons to be away, in their order, deleted ones included. Scope `read_admins`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn away_reasons(&self, caller: &Caller) -> Result<Vec<AwayReason>> {
        require(caller, &[Scope::ReadAdmins, Scope::Settings])?;
        let mut reasons = self.inner.store.view(store::agents::away_reasons)?;
        reasons.sort_by_key(|reason| (reason.order, reason.id));
        Ok(reasons)
    }

    /// Makes a reason to be away, or changes the one of that id. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound` for the id; `parameter_invalid` for its words.
    pub async fn put_away_reason(
        &self,
        caller: &Caller,
        id: Option<AwayReasonId>,
        change: ReasonChange,
    ) -> Result<AwayReason> {
        require(caller, &[Scope::Settings])?;
        let at = At::of(&self.inner.clock);
        let put = self.inner.store.update(move |tx| {
            let mut reason = match id {
                Some(id) => store::agents::away_reason(&*tx, id)?.ok_or_else(|| missing("away_status_reason"))?,
                None => fresh_reason(&*tx, &at)?,
            };
            let label = change.label.clone().unwrap_or_else(|| reason.label.clone());
            reason.label = clean(&label, "label").map_err(store::Error::Refused)?;
            if let Some(emoji) = &change.emoji {
                reason.emoji = clean(emoji, "emoji").map_err(store::Error::Refused)?;
            }
            reason.order = change.order.unwrap_or(reason.order);
            reason.deleted = change.deleted.unwrap_or(reason.deleted);
            reason.updated_at = at.now;
            store::agents::put_away_reason(tx, &reason)?;
            Ok(reason)
        });
        Ok(put.await?)
    }
}

/// A change that says something about an agent, without more.
pub(crate) fn said(agent: AgentId, act: AgentAct, at: &At) -> Change {
    let kind = EventKind::AgentChanged { agent, act };
    let event = Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None };
    Change { events: vec![event], ..Change::default() }
}

fn known_team(tx: &dyn ReadTx, id: TeamId) -> store::Result<Team> {
    store::teams::get(tx, id)?.filter(|team| !team.archived).ok_or_else(|| missing("team"))
}

/// An agent who is not disabled.
pub(in crate::desk) fn known_agent(tx: &dyn ReadTx, id: AgentId) -> store::Result<Agent> {
    store::agents::get(tx, id)?.filter(|agent| !agent.disabled).ok_or_else(|| missing("admin"))
}

fn fresh(at: &At) -> Team {
    Team {
        id: TeamId(at.id()),
        name: String::new(),
        agents: Vec::new(),
        created_at: at.now,
        secondary: Vec::new(),
        method: TeamMethod::Manual,
        assignment_limit: None,
        last_chosen: None,
        archived: false,
        reply_time_s: None,
    }
}

fn fresh_reason(tx: &dyn ReadTx, at: &At) -> store::Result<AwayReason> {
    let last = store::agents::away_reasons(tx)?.iter().map(|reason| reason.order).max();
    Ok(AwayReason {
        id: AwayReasonId(at.id()),
        label: String::new(),
        emoji: String::new(),
        order: last.map_or(0, |last| last.saturating_add(1)),
        deleted: false,
        created_at: at.now,
        updated_at: at.now,
    })
}

fn apply(tx: &dyn ReadTx, team: &mut Team, change: &TeamChange) -> store::Result<()> {
    if let Some(name) = &change.name {
        team.name = clean(name, "name").map_err(store::Error::Refused)?;
    }
    if let Some(agents) = &change.agents {
        team.agents.clone_from(agents);
    }
    if let Some(secondary) = &change.secondary {
        team.secondary.clone_from(secondary);
    }
    let mut seen = Vec::new();
    for agent in team.members() {
        if seen.contains(&agent) {
            let message = format!("agent {agent} is in the team twice");
            return Err(store::Error::Refused(Refusal::invalid("admin_ids", message)));
        }
        seen.push(agent);
        if store::agents::get(tx, agent)?.is_none() {
            let message = format!("{agent} is no agent");
            return Err(store::Error::Refused(Refusal::invalid("admin_ids", message)));
        }
    }
    if seen.len() > TEAM_AGENTS_MAX {
        let message = format!("at most {TEAM_AGENTS_MAX} agents");
        return Err(store::Error::Refused(Refusal::invalid("admin_ids", message)));
    }
    if let Some(method) = change.method {
        team.method = method;
    }
    if let Some(limit) = change.assignment_limit {
        team.assignment_limit = limit;
    }
    if let Some(reply_time_s) = change.reply_time_s {
        if reply_time_s.is_some_and(|seconds| !REPLY_TIME_S.contains(&seconds)) {
            let message = "'reply_time_s' takes 60 to 2592000 seconds";
            return Err(store::Error::Refused(Refusal::invalid("reply_time_s", message)));
        }
        team.reply_time_s = reply_time_s;
    }
    Ok(())
}

fn clean(text: &str, field: &str) -> std::result::Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.chars().any(char::is_control) {
        let message = format!("'{field}' takes 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(Refusal::invalid(field, message));
    }
    Ok(text.to_owned())
}
