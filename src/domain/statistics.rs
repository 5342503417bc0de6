//! Times and counts of one thread, from its parts in their order (REP-10, REP-20 ff.).
//!
//! Durations are calendar seconds. Bots, broadcasts and automatic mail count in no reply (REP-2).

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

/// Handling after an agent's last act counts for so long, adjusted (REP-26).
const ACT_COUNTS_FOR: Duration = Duration::from_mins(30);

/// Stretches in a state that are told; older ones are left out.
const INTERVALS_MAX: usize = 200;

/// A stretch that a ticket was in a state (OBJ-50).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateInterval {
    /// The state.
    pub state: StateId,
    /// Its category at that time.
    pub category: StateCategory,
    /// Since when.
    pub from: Millis,
    /// Until when; nothing for the state it is in.
    pub until: Option<Millis>,
}

/// What is known of a thread when all its parts have been added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Creation → first assignment to an agent, in seconds.
    pub time_to_assignment_s: Option<u64>,
    /// First contact comment → first agent comment, in seconds (REP-23); from the creation where no contact spoke first.
    pub time_to_admin_reply_s: Option<u64>,
    /// Creation → first close, in seconds.
    pub time_to_first_close_s: Option<u64>,
    /// Creation → last close, in seconds.
    pub time_to_last_close_s: Option<u64>,
    /// Median of the waits that an agent's comment ended, in seconds (REP-24).
    pub median_time_to_reply_s: Option<u64>,
    /// First contact comment.
    pub first_contact_reply_at: Option<Millis>,
    /// Last contact comment.
    pub last_contact_reply_at: Option<Millis>,
    /// First assignment to an agent.
    pub first_assignment_at: Option<Millis>,
    /// Last assignment to an agent.
    pub last_assignment_at: Option<Millis>,
    /// First agent comment.
    pub first_admin_reply_at: Option<Millis>,
    /// Last agent comment.
    pub last_admin_reply_at: Option<Millis>,
    /// First agent comment after the last assignment.
    pub last_assignment_admin_reply_at: Option<Millis>,
    /// First close.
    pub first_close_at: Option<Millis>,
    /// Last close.
    pub last_close_at: Option<Millis>,
    /// Who closed it last, if an agent did.
    pub last_closed_by: Option<AgentId>,
    /// Openings after a close, by a contact's comment (REP-21).
    pub count_reopens: u64,
    /// Assignments to an agent.
    pub count_assignments: u64,
    /// Parts.
    pub count_parts: u64,
    /// Time open and assigned to an agent, in seconds (REP-26).
    pub handling_time_s: u64,
    /// The same, but for what is later than 30 minutes after the agent's last act.
    pub adjusted_handling_time_s: u64,
    /// Ticket: creation → first resolved state, in seconds (REP-28).
    pub time_to_resolve_s: Option<u64>,
    /// Ticket: seconds in each category so far (REP-29).
    pub time_in_state_s: BTreeMap<StateCategory, u64>,
    /// Ticket: the states it was in, in their order, the last 200.
    pub state_intervals: VecDeque<StateInterval>,
}

/// Takes the parts of a thread one by one, ascending.
#[derive(Clone, Debug)]
pub struct Tally {
    created_at: Millis,
    known: Statistics,
    waiting_since: Option<Millis>,
    waits_s: Vec<u64>,
    assignee: Option<AgentId>,
    state: ThreadState,
    was_closed: bool,
    ticket_since: Option<Millis>,
    last_at: Millis,
    last_act_at: Millis,
    handling_ms: u64,
    adjusted_ms: u64,
    in_state_ms: BTreeMap<StateCategory, u64>,
}

impl Tally {
    /// Of a thread without parts.
    #[must_use]
    pub fn new(created_at: Millis) -> Self {
        Self {
            created_at,
            known: Statistics::default(),
            waiting_since: None,
            waits_s: Vec::new(),
            assignee: None,
            state: ThreadState::Open,
            was_closed: false,
            ticket_since: None,
            last_at: created_at,
            last_act_at: created_at,
            handling_ms: 0,
            adjusted_ms: 0,
            in_state_ms: BTreeMap::new(),
        }
    }

    /// The next part.
    pub fn add(&mut self, part: &Part) {
        let at = part.created_at;
        self.pass_until(at);
        self.known.count_parts += 1;
        let by_assignee = part.author.agent().is_some_and(|agent| self.assignee == Some(agent));
        if by_assignee || matches!(part.kind, PartKind::Assignment { .. }) {
            self.last_act_at = at;
        }
        match &part.kind {
            PartKind::Comment | PartKind::QuickReply(_) => self.said(part),
            PartKind::Assignment { agent, .. } => {
                if !part.body_text.is_empty() {
                    self.said(part);
                }
                self.assigned(*agent, at);
            }
            PartKind::Close => self.closed(part),
            PartKind::Open => {
                let by_contact = part.author.contact().is_some() || part.cause.is_some();
                self.known.count_reopens += u64::from(self.was_closed && by_contact);
            }
            PartKind::TicketStateUpdated { to, .. } => self.in_state(*to, at),
            _ => {}
        }
        self.state = part.thread_state;
    }

    /// What is known at a moment after the last part.
    #[must_use]
    pub fn at(mut self, now: Millis) -> Statistics {
        self.pass_until(now);
        if let Some(last) = self.known.state_intervals.back().copied() {
            self.spend(last, now);
        }
        self.waits_s.sort_unstable();
        let known = &mut self.known;
        known.median_time_to_reply_s = median(&self.waits_s);
        known.handling_time_s = self.handling_ms / 1_000;
        known.adjusted_handling_time_s = self.adjusted_ms / 1_000;
        known.time_in_state_s = self.in_state_ms.iter().map(|(category, ms)| (*category, ms / 1_000)).collect();
        self.known
    }

    fn since_creation_s(&self, at: Millis) -> u64 {
        at.since(self.created_at).as_secs()
    }

    /// Counts the time from the last part to this moment.
    fn pass_until(&mut self, at: Millis) {
        if self.state == ThreadState::Open && self.assignee.is_some() {
            let spent = |until: Millis| u64::try_from(until.since(self.last_at).as_millis()).unwrap_or(u64::MAX);
            let counted_until = Millis(at.0.min(self.last_act_at.plus(ACT_COUNTS_FOR).0));
            let (whole, adjusted) = (spent(at), spent(counted_until));
            self.handling_ms = self.handling_ms.saturating_add(whole);
            self.adjusted_ms = self.adjusted_ms.saturating_add(adjusted);
        }
        self.last_at = at;
    }

    fn said(&mut self, part: &Part) {
        let at = part.created_at;
        match part.author {
            Author::Contact { .. } => {
                self.known.first_contact_reply_at.get_or_insert(at);
                self.known.last_contact_reply_at = Some(at);
                self.waiting_since.get_or_insert(at);
            }
            Author::Agent { .. } if part.broadcast.is_none() => {
                let since = self.known.first_contact_reply_at.unwrap_or(self.created_at);
                self.known.time_to_admin_reply_s.get_or_insert(at.since(since).as_secs());
                self.known.first_admin_reply_at.get_or_insert(at);
                self.known.last_admin_reply_at = Some(at);
                if self.known.last_assignment_at.is_some() {
                    self.known.last_assignment_admin_reply_at.get_or_insert(at);
                }
                self.waits_s.extend(self.waiting_since.take().map(|since| at.since(since).as_secs()));
            }
            Author::Agent { .. } | Author::Bot => {}
        }
    }

    fn assigned(&mut self, agent: Option<AgentId>, at: Millis) {
        if agent.is_some() && agent != self.assignee {
            self.known.first_assignment_at.get_or_insert(at);
            let waited_s = self.since_creation_s(at);
            self.known.time_to_assignment_s.get_or_insert(waited_s);
            self.known.last_assignment_at = Some(at);
            self.known.last_assignment_admin_reply_at = None;
            self.known.count_assignments += 1;
        }
        self.assignee = agent;
    }

    fn closed(&mut self, part: &Part) {
        let (at, after_s) = (part.created_at, self.since_creation_s(part.created_at));
        self.was_closed = true;
        self.known.first_close_at.get_or_insert(at);
        self.known.time_to_first_close_s.get_or_insert(after_s);
        self.known.last_close_at = Some(at);
        self.known.time_to_last_close_s = Some(after_s);
        self.known.last_closed_by = part.author.agent();
    }

    fn in_state(&mut self, (state, category): (StateId, StateCategory), at: Millis) {
        let began = *self.ticket_since.get_or_insert(at);
        if let Some(before) = self.known.state_intervals.back_mut() {
            before.until = Some(at);
            let before = *before;
            self.spend(before, at);
        }
        if category == StateCategory::Resolved {
            self.known.time_to_resolve_s.get_or_insert(at.since(began).as_secs());
        }
        if self.known.state_intervals.len() == INTERVALS_MAX {
            self.known.state_intervals.pop_front();
        }
        self.known.state_intervals.push_back(StateInterval { state, category, from: at, until: None });
    }

    fn spend(&mut self, interval: StateInterval, until: Millis) {
        let spent = self.in_state_ms.entry(interval.category).or_default();
        *spent = spent.saturating_add(u64::try_from(until.since(interval.from).as_millis()).unwrap_or(u64::MAX));
    }
}

/// Mean of the middle two where there is no middle one (REP-1).
pub(crate) fn median(sorted: &[u64]) -> Option<u64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rep_1_the_median_is_the_mean_of_the_middle_two() {
        for (sorted, expected) in
            [(&[][..], None), (&[5][..], Some(5)), (&[1, 3][..], Some(2)), (&[1, 3, 100][..], Some(3))]
        {
            assert_eq!(median(sorted), expected);
        }
    }
}
