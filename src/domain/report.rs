//! Figures of reports, from the parts of each thread in their order (REP-20 ff.).
//!
//! Durations are calendar seconds. Bots, broadcasts, automatic mail and notes count in no reply; credit goes to the agent
//! and the team at the time of the act (REP-2).
//!
//! **Invariant:** a sample is made of parts alone, so that a closed day gives the same numbers whenever it is asked for.

use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::link::LinkKind;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::statistics::median;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;

macro_rules! metrics {
    ($($(#[$doc:meta])+ $variant:ident = $word:literal, $duration:literal;)+) => {
        /// What a report counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric { $($(#[$doc])+ $variant),+ }

        impl Metric {
            /// Every one, in the order of the product's rules.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of `GET /reports/{metric}`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Whether its samples are times, else they are counted alone.
            #[must_use]
            pub fn is_duration(self) -> bool {
                match self { $(Self::$variant => $duration),+ }
            }
        }
    };
}

metrics! {
    /// Conversations a contact began or replied in (REP-20).
    NewConversations = "new_conversations", false;
    /// Every close (REP-21).
    Closed = "closed", false;
    /// First close of a thread (REP-21).
    NewClosed = "new_closed", false;
    /// Opened again by a contact's comment (REP-21).
    Reopened = "reopened", false;
    /// Comments of agents (REP-22).
    RepliesSent = "replies_sent", false;
    /// Comments of contacts (REP-22).
    RepliesReceived = "replies_received", false;
    /// First contact comment → first agent comment (REP-23).
    FirstResponseTime = "first_response_time", true;
    /// Each wait of a contact → the comment that ends it (REP-24).
    ResponseTime = "response_time", true;
    /// Creation → first assignment to an agent (REP-25).
    TimeToAssignment = "time_to_assignment", true;
    /// Creation → first close (REP-25).
    TimeToFirstClose = "time_to_first_close", true;
    /// Creation → last close (REP-25).
    TimeToLastClose = "time_to_last_close", true;
    /// Tickets made (REP-27).
    TicketsCreated = "tickets_created", false;
    /// First entry into a resolved state (REP-27).
    TicketsResolved = "tickets_resolved", false;
    /// Ticket made → first resolved state (REP-28).
    TimeToResolve = "time_to_resolve", true;
    /// Stays in a state category, by their end; one that lasts is cut at the end of the report (REP-29).
    TimeInState = "time_in_state", true;
    /// Leaving the resolved category (REP-30).
    ReopenedTickets = "reopened_tickets", false;
    /// Links to a Tracker (REP-32).
    CustomerReports = "customer_reports", false;
}

impl Metric {
    /// The metric of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.as_str() == word)
    }
}

/// One thing that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Of what.
    pub metric: Metric,
    /// When it happened.
    pub at: Millis,
    /// How long it took, for durations, in seconds.
    pub value_s: Option<u64>,
    /// Who gets the credit.
    pub agent: Option<AgentId>,
    /// The team at that time.
    pub team: Option<TeamId>,
    /// The state category it is about.
    pub state: Option<StateCategory>,
}

/// Takes the parts of one thread, ascending.
#[derive(Debug)]
pub struct Sampler<'t> {
    thread: &'t Thread,
    samples: Vec<Sample>,
    first_contact_at: Option<Millis>,
    waiting_since: Option<Millis>,
    answered: bool,
    agent: Option<AgentId>,
    team: Option<TeamId>,
    was_assigned: bool,
    last_close: Option<(Millis, Option<AgentId>)>,
    ticket: Option<(StateCategory, Millis)>,
    ticket_since: Option<Millis>,
    was_resolved: bool,
}

impl<'t> Sampler<'t> {
    /// Of a thread without parts.
    #[must_use]
    pub fn new(thread: &'t Thread) -> Self {
        Self {
            thread,
            samples: Vec::new(),
            first_contact_at: None,
            waiting_since: None,
            answered: false,
            agent: None,
            team: None,
            was_assigned: false,
            last_close: None,
            ticket: None,
            ticket_since: None,
            was_resolved: false,
        }
    }

    /// The next part.
    pub fn add(&mut self, part: &Part) {
        let at = part.created_at;
        match &part.kind {
            PartKind::Comment | PartKind::QuickReply(_) => self.said(part),
            PartKind::Assignment { agent, team, .. } => {
                if !part.body_text.is_empty() {
                    self.said(part);
                }
                self.assigned((*agent, *team), at);
            }
            PartKind::Close => self.closed(part),
            PartKind::Open if self.last_close.is_some() && is_by_contact(part) => {
                self.count(Metric::Reopened, at, self.agent);
            }
            PartKind::TicketStateUpdated { to, .. } => self.moved(to.1, part),
            PartKind::EntityLinked(entity) if self.is_tracker() && entity.kind == LinkKind::Tracker => {
                self.count(Metric::CustomerReports, at, part.author.agent());
            }
            _ => {}
        }
    }

    /// Everything counted, with what still lasts cut at `until`.
    #[must_use]
    pub fn until(mut self, until: Millis) -> Vec<Sample> {
        if let Some((at, agent)) = self.last_close {
            self.took(Metric::TimeToLastClose, at, self.thread.created_at, agent);
        }
        if let Some((state, since)) = self.ticket.filter(|(_, since)| *since < until) {
            // It belongs to the last moment that is asked for.
            let last = Millis(until.0.saturating_sub(1));
            self.stayed(state, since, last, until.since(since).as_secs(), self.agent);
        }
        self.samples
    }

    fn is_tracker(&self) -> bool {
        self.thread.category() == Some(Category::Tracker)
    }

    fn sample(&self, metric: Metric, at: Millis, agent: Option<AgentId>) -> Sample {
        Sample { metric, at, value_s: None, agent, team: self.team, state: None }
    }

    fn count(&mut self, metric: Metric, at: Millis, agent: Option<AgentId>) {
        self.samples.push(self.sample(metric, at, agent));
    }

    fn took(&mut self, metric: Metric, at: Millis, since: Millis, agent: Option<AgentId>) {
        let value_s = Some(at.since(since).as_secs());
        self.samples.push(Sample { value_s, ..self.sample(metric, at, agent) });
    }

    fn stayed(&mut self, state: StateCategory, since: Millis, at: Millis, value_s: u64, agent: Option<AgentId>) {
        if at >= since {
            let sample = self.sample(Metric::TimeInState, at, agent);
            self.samples.push(Sample { value_s: Some(value_s), state: Some(state), ..sample });
        }
    }

    fn said(&mut self, part: &Part) {
        let at = part.created_at;
        let by_person = part.email.as_ref().is_none_or(|email| email.class == DeliveryClass::Human);
        match part.author {
            Author::Contact { .. } if by_person => {
                if self.first_contact_at.is_none() && self.thread.is_customer_facing() {
                    self.count(Metric::NewConversations, self.thread.created_at, None);
                }
                self.count(Metric::RepliesReceived, at, self.agent);
                self.first_contact_at.get_or_insert(at);
                self.waiting_since.get_or_insert(at);
            }
            Author::Agent { id, .. } if part.broadcast.is_none() => {
                self.count(Metric::RepliesSent, at, Some(id));
                if let Some(since) = self.waiting_since.take() {
                    self.took(Metric::ResponseTime, at, since, Some(id));
                }
                if let Some(since) = self.first_contact_at.filter(|_| !self.answered) {
                    self.answered = true;
                    self.took(Metric::FirstResponseTime, at, since, Some(id));
                }
            }
            Author::Contact { .. } | Author::Agent { .. } | Author::Bot => {}
        }
    }

    fn assigned(&mut self, (agent, team): (Option<AgentId>, Option<TeamId>), at: Millis) {
        (self.agent, self.team) = (agent, team);
        if agent.is_some() && !self.was_assigned {
            self.was_assigned = true;
            self.took(Metric::TimeToAssignment, at, self.thread.created_at, agent);
        }
    }

    fn closed(&mut self, part: &Part) {
        let (at, agent) = (part.created_at, part.author.agent());
        self.count(Metric::Closed, at, agent);
        if self.last_close.is_none() {
            self.count(Metric::NewClosed, at, agent);
            self.took(Metric::TimeToFirstClose, at, self.thread.created_at, agent);
        }
        self.last_close = Some((at, agent));
    }

    fn moved(&mut self, to: StateCategory, part: &Part) {
        let (at, agent) = (part.created_at, part.author.agent());
        let made = *self.ticket_since.get_or_insert(at);
        let before = self.ticket;
        match before {
            None => self.count(Metric::TicketsCreated, at, agent),
            // Another state of the same category is the same stay.
            Some((state, _)) if state == to => return,
            Some((state, since)) => self.stayed(state, since, at, at.since(since).as_secs(), self.agent),
        }
        self.ticket = Some((to, at));
        if to == StateCategory::Resolved && !self.was_resolved {
            self.was_resolved = true;
            self.count(Metric::TicketsResolved, at, agent);
            self.took(Metric::TimeToResolve, at, made, agent);
        }
        if before.is_some_and(|(state, _)| state == StateCategory::Resolved) {
            self.count(Metric::ReopenedTickets, at, agent);
        }
    }
}

/// Whether a contact's comment opened the thread.
fn is_by_contact(part: &Part) -> bool {
    part.cause == Some(Cause::CustomerReply) || part.author.contact().is_some()
}

/// Samples put together (REP-1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many.
    pub count: u64,
    /// Median of the durations, in seconds; the mean of the middle two.
    pub median_s: Option<u64>,
    /// Mean of the durations, in seconds.
    pub mean_s: Option<u64>,
    /// Ninth tenth of the durations by nearest rank, in seconds.
    pub p90_s: Option<u64>,
    /// The durations together, in seconds.
    pub sum_s: Option<u64>,
}

impl Figures {
    /// Of so many samples.
    #[must_use]
    pub fn of(samples: &[&Sample]) -> Self {
        let mut values: Vec<u64> = samples.iter().filter_map(|sample| sample.value_s).collect();
        values.sort_unstable();
        let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
        let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        let rank = values.len().saturating_mul(9).div_ceil(10);
        Self {
            count,
            median_s: median(&values),
            mean_s: sum.checked_div(u64::try_from(values.len()).unwrap_or(u64::MAX)),
            p90_s: rank.checked_sub(1).and_then(|at| values.get(at)).copied(),
            sum_s: (!values.is_empty()).then_some(sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rep_1_median_mean_and_nearest_rank() {
        let sample = |value| Sample {
            metric: Metric::ResponseTime,
            at: Millis(0),
            value_s: Some(value),
            agent: None,
            team: None,
            state: None,
        };
        let samples: Vec<Sample> = [10, 1, 2, 3].map(sample).to_vec();
        let figures = Figures::of(&samples.iter().collect::<Vec<_>>());
        let expected = Figures { count: 4, median_s: Some(2), mean_s: Some(4), p90_s: Some(10), sum_s: Some(16) };
        assert_eq!(figures, expected);
        assert_eq!(Figures::of(&[]), Figures::default());
    }

    #[test]
    fn api_50_metrics_are_known_by_their_word() {
        assert!(Metric::ALL.iter().all(|metric| Metric::parse(metric.as_str()) == Some(*metric)));
        assert_eq!(Metric::parse("happiness"), None);
    }
}
