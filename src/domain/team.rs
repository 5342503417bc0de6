//! Teams that threads are assigned to, and how they give out work (OBJ-13, ASN-1).

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use std::ops::RangeInclusive;

/// Most teams of a workspace, archived ones included.
pub const TEAMS_MAX: usize = 1_000;
/// What may be said of how soon an answer comes, in seconds: a minute to 30 days.
pub const REPLY_TIME_S: RangeInclusive<u32> = 60..=2_592_000;
/// Most agents of a team.
pub const TEAM_AGENTS_MAX: usize = 1_000;

/// How a team gives out work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TeamMethod {
    /// Members take it.
    #[default]
    Manual,
    /// To the next free member in order.
    RoundRobin,
    /// To the free member with the fewest open threads.
    Balanced,
}

impl TeamMethod {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::RoundRobin => "round_robin",
            Self::Balanced => "balanced",
        }
    }

    /// The method of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Manual, Self::RoundRobin, Self::Balanced].into_iter().find(|method| method.as_str() == word)
    }
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Never changes.
    pub id: TeamId,
    /// Shown to agents.
    pub name: String,
    /// Its members of the first line, in their order.
    pub agents: Vec<AgentId>,
    /// When it was made.
    pub created_at: Millis,
    /// Its members of the second line, in their order; they get what nobody of the first line is free for.
    pub secondary: Vec<AgentId>,
    /// How it gives out work.
    pub method: TeamMethod,
    /// Most open threads of one member before they get no more of a balanced team's work.
    pub assignment_limit: Option<u32>,
    /// Who got something last.
    pub last_chosen: Option<AgentId>,
    /// Nothing is assigned to it any more; what is keeps it.
    pub archived: bool,
    /// How soon an answer is said to come in its conversations, in seconds; what is usual for it where this says nothing
    /// (MSG-24).
    pub reply_time_s: Option<u32>,
}

/// A member as the choice sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub agent: AgentId,
    /// Neither disabled nor away, and below their own limit.
    pub free: bool,
    /// Open threads they have.
    pub open: usize,
}

impl Team {
    /// Everybody in it, first line first.
    pub fn members(&self) -> impl Iterator<Item = AgentId> {
        self.agents.iter().chain(&self.secondary).copied()
    }

    /// Who gets the next thread (ASN-1): the first line before the second, each in turn behind the last one chosen, the
    /// fewest open threads first where the team balances. Nobody where everybody is away or has enough.
    #[must_use]
    pub fn choose(&self, candidates: &[Candidate]) -> Option<AgentId> {
        if self.method == TeamMethod::Manual {
            return None;
        }
        let lines = [&self.agents, &self.secondary];
        lines.into_iter().find_map(|line| self.choose_in(line, candidates))
    }

    fn choose_in(&self, line: &[AgentId], candidates: &[Candidate]) -> Option<AgentId> {
        let behind = self.last_chosen.and_then(|last| line.iter().position(|agent| *agent == last));
        let turn = behind.map_or(0, |at| at.saturating_add(1));
        let in_turn = line.iter().cycle().skip(turn).take(line.len());
        let known = in_turn.filter_map(|agent| candidates.iter().find(|known| known.agent == *agent));
        let takes = |known: &&Candidate| known.free && self.has_room(known.open);
        match self.method {
            TeamMethod::Manual => None,
            TeamMethod::RoundRobin => known.into_iter().find(takes),
            TeamMethod::Balanced => known.filter(takes).min_by_key(|known| known.open),
        }
        .map(|chosen| chosen.agent)
    }

    fn has_room(&self, open: usize) -> bool {
        let limit = self.assignment_limit.filter(|_| self.method == TeamMethod::Balanced);
        limit.is_none_or(|limit| open < usize::try_from(limit).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(method: TeamMethod, last: Option<u64>) -> Team {
        Team {
            id: TeamId(1),
            name: "Billing".to_owned(),
            agents: vec![AgentId(1), AgentId(2), AgentId(3)],
            created_at: Millis(0),
            secondary: vec![AgentId(4)],
            method,
            assignment_limit: Some(5),
            last_chosen: last.map(AgentId),
            archived: false,
            reply_time_s: None,
        }
    }

    fn all(open: [usize; 4], away: &[u64]) -> Vec<Candidate> {
        let one = |(at, open)| Candidate { agent: AgentId(at), free: !away.contains(&at), open };
        (1..).zip(open).map(one).collect()
    }

    #[test]
    fn asn_1_round_robin_takes_the_next_free_one_in_order() {
        let choose = |last, away: &[u64]| team(TeamMethod::RoundRobin, last).choose(&all([9; 4], away)).map(|id| id.0);
        assert_eq!(choose(None, &[]), Some(1));
        assert_eq!(choose(Some(1), &[]), Some(2));
        assert_eq!(choose(Some(3), &[]), Some(1));
        assert_eq!(choose(Some(1), &[2]), Some(3), "AWY-1");
        assert_eq!(choose(Some(1), &[1, 2, 3]), Some(4), "the second line");
        assert_eq!(choose(Some(1), &[1, 2, 3, 4]), None);
    }

    #[test]
    fn asn_1_balanced_takes_the_fewest_open_up_to_the_limit() {
        let choose = |open, away: &[u64]| team(TeamMethod::Balanced, Some(1)).choose(&all(open, away)).map(|id| id.0);
        assert_eq!(choose([3, 2, 1, 0], &[]), Some(3), "the first line before the second");
        assert_eq!(choose([1, 1, 1, 0], &[]), Some(2), "in turn where they have the same");
        assert_eq!(choose([5, 5, 5, 4], &[]), Some(4));
        assert_eq!(choose([5, 5, 5, 5], &[]), None);
        assert_eq!(team(TeamMethod::Manual, None).choose(&all([0; 4], &[])), None);
    }
}
