//! Teams that threads are assigned to (OBJ-13).

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;

/// Most teams of a workspace.
pub const TEAMS_MAX: usize = 1_000;
/// Most agents of a team.
pub const TEAM_AGENTS_MAX: usize = 1_000;

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Never changes.
    pub id: TeamId,
    /// Shown to agents.
    pub name: String,
    /// Its members.
    pub agents: Vec<AgentId>,
    /// When it was made.
    pub created_at: Millis,
}
