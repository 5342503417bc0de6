//! Stored form of teams.

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::team::Team;
use crate::domain::team::TeamMethod;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTeam {
    id: u64,
    name: String,
    agents: Vec<u64>,
    created_at: u64,
    secondary: Vec<u64>,
    method: u8,
    assignment_limit: Option<u32>,
    last_chosen: Option<u64>,
    archived: bool,
    reply_time_s: Option<u32>,
}

impl Record for Team {
    const TABLE: Table = tables::TEAMS;
    type Stored = StoredTeam;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredTeam {
        StoredTeam {
            id: self.id.0,
            name: self.name.clone(),
            agents: self.agents.iter().map(|agent| agent.0).collect(),
            created_at: self.created_at.0,
            secondary: self.secondary.iter().map(|agent| agent.0).collect(),
            method: self.method.code(),
            assignment_limit: self.assignment_limit,
            last_chosen: self.last_chosen.map(|agent| agent.0),
            archived: self.archived,
            reply_time_s: self.reply_time_s,
        }
    }

    fn from_stored(stored: StoredTeam) -> Restored<Self> {
        Ok(Self {
            id: TeamId(stored.id),
            name: stored.name,
            agents: stored.agents.into_iter().map(AgentId).collect(),
            created_at: Millis(stored.created_at),
            secondary: stored.secondary.into_iter().map(AgentId).collect(),
            method: TeamMethod::of(stored.method)?,
            assignment_limit: stored.assignment_limit,
            last_chosen: stored.last_chosen.map(AgentId),
            archived: stored.archived,
            reply_time_s: stored.reply_time_s,
        })
    }
}
