//! What sockets are told of the house beside the log: whether somebody is there, who that is, and how soon an answer comes
//! (HRS-1, MSG-20, MSG-24).
//!
//! **Invariant:** what is kept here is a copy that any process can make anew from the store; it is looked at by a timer, so
//! that what is set elsewhere is seen as well.

use crate::channel::messenger::options::ReplyTime;
use crate::channel::messenger::presence::AgentFace;
use crate::channel::messenger::protocol::outgoing::House;
use crate::channel::messenger::protocol::outgoing::People;
use crate::desk;
use crate::desk::Desk;
use crate::desk::agents::office_hours::CHANGES_TOLD;
use crate::desk::agents::office_hours::ReplyTimes;
use crate::domain::agent::Agent;
use crate::domain::id::TeamId;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::team::Team;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// The usual reply time is measured so often.
const MEASURED_EVERY_MS: u64 = 10 * 60_000;
/// Agents and teams are read so often even if nobody said that they changed.
const READ_EVERY_MS: u64 = 60_000;
/// Faces of those who are at work, shown on the home.
const TEAM_SHOWN_MAX: usize = 5;

/// The copy, and what was last told.
#[derive(Debug, Default)]
pub(crate) struct HouseWatch {
    kept: Mutex<Kept>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Default)]
struct Kept {
    measured_at_ms: Option<u64>,
    replies: ReplyTimes,
    /// Time and version of agents and teams as they were read.
    read: Option<(u64, u64)>,
    people: Arc<People>,
}

/// What a look at the house found.
#[derive(Debug, PartialEq)]
struct Seen {
    schedules: (Vec<Schedule>, u64),
    reply_time_s: Option<u64>,
    team: Vec<AgentFace>,
    team_reply_s: BTreeMap<TeamId, u64>,
}

impl HouseWatch {
    /// How it is now; reads the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn now(&self, desk: &Desk, reply_time: ReplyTime, now_ms: u64) -> desk::Result<House> {
        let (reply_time_s, people) = self.look(desk, reply_time, now_ms)?;
        Ok(House { office: desk.office_now(CHANGES_TOLD)?, reply_time_s, people })
    }

    /// Looks, and gives whether something is otherwise than at the last look; the first look changes nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn turned(&self, desk: &Desk, reply_time: ReplyTime, now_ms: u64) -> desk::Result<bool> {
        let (reply_time_s, people) = self.look(desk, reply_time, now_ms)?;
        let (team, team_reply_s) = (people.team.clone(), people.team_reply_s.clone());
        let seen = Seen { schedules: desk.schedules()?, reply_time_s, team, team_reply_s };
        let mut before = lock(&self.seen);
        let turned = before.as_ref().is_some_and(|before| *before != seen);
        *before = Some(seen);
        Ok(turned)
    }

    /// Who answered at the last look.
    pub(crate) fn people(&self) -> Arc<People> {
        Arc::clone(&lock(&self.kept).people)
    }

    /// Whether a team had hours or a reply time of its own at the last look.
    pub(crate) fn tells_of_teams(&self) -> bool {
        let of_team = |schedule: &Schedule| matches!(schedule.owner, Owner::Team(_));
        let tells = |seen: &Seen| !seen.team_reply_s.is_empty() || seen.schedules.0.iter().any(of_team);
        lock(&self.seen).as_ref().is_some_and(tells)
    }

    /// The house's reply time, and who answers. Locked while the store is read, so that of many who come at once one reads.
    fn look(&self, desk: &Desk, reply_time: ReplyTime, now_ms: u64) -> desk::Result<(Option<u64>, Arc<People>)> {
        let mut kept = lock(&self.kept);
        let is_over = |at_ms: Option<u64>, every_ms| at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= every_ms);
        let mut anew = false;
        if reply_time == ReplyTime::Measured && is_over(kept.measured_at_ms, MEASURED_EVERY_MS) {
            kept.replies = desk.expected_replies()?;
            kept.measured_at_ms = Some(now_ms);
            anew = true;
        }
        // Before they are read, so that a change meanwhile is read once more.
        let version = desk.people_version();
        let is_known = kept.read.is_some_and(|(_, known)| known == version);
        if anew || !is_known || is_over(kept.read.map(|(at_ms, _)| at_ms), READ_EVERY_MS) {
            let (agents, teams) = (desk.agents()?, desk.every_team()?);
            kept.people = Arc::new(people(desk, &agents, &teams, &kept.replies.team_s));
            kept.read = Some((now_ms, version));
        }
        let reply_time_s = match reply_time {
            ReplyTime::Off => None,
            ReplyTime::Set(seconds) => Some(seconds),
            ReplyTime::Measured => kept.replies.all_s,
        };
        Ok((reply_time_s, Arc::clone(&kept.people)))
    }
}

/// What a team says of itself goes before what was measured.
fn people(desk: &Desk, agents: &[Agent], teams: &[Team], measured_s: &BTreeMap<TeamId, u64>) -> People {
    let there = || teams.iter().filter(|team| !team.archived);
    let reply_s = |team: &Team| {
        let told = team.reply_time_s.map(u64::from).or_else(|| measured_s.get(&team.id).copied())?;
        Some((team.id, told))
    };
    let address = |agent: &Agent| agent.avatar.map(|avatar| desk.avatar_address(agent.id, &avatar));
    let mut at_work: Vec<&Agent> = agents.iter().filter(|agent| agent.takes_work()).collect();
    at_work.sort_by_key(|agent| (agent.avatar.is_none(), agent.id));
    let face =
        |agent: &&Agent| AgentFace { id: agent.id.to_string(), name: agent.name.clone(), avatar: address(agent) };
    People {
        team: at_work.iter().take(TEAM_SHOWN_MAX).map(face).collect(),
        avatars: agents.iter().filter_map(|agent| Some((agent.id, address(agent)?))).collect(),
        team_reply_s: there().filter_map(reply_s).collect(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
