//! Rows behind reports, to be exported (API-29, REP-4): what happened in an interval, thread by thread.
//!
//! **Invariant:** a page is read on one snapshot and holds a bounded number of threads; whoever reads on keeps the threads
//! that were read, since one that changes meanwhile comes again.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::reports::samples_of;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::report::Metric;
use crate::domain::report::Sample;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeSet;

/// Threads of one page.
const PAGE: usize = 100;

/// What rows are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dataset {
    /// Conversations and Customer tickets that began in the interval.
    Conversations,
    /// Tickets made in the interval.
    Tickets,
    /// Comments of agents and contacts.
    Replies,
    /// Stays in a state category, by their end; those that last are cut at the end of the interval.
    StateIntervals,
}

/// What one cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A word, an id or a number.
    Text(String),
    /// A moment.
    At(Millis),
}

impl Dataset {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Conversations, Self::Tickets, Self::Replies, Self::StateIntervals];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::Tickets => "tickets",
            Self::Replies => "replies",
            Self::StateIntervals => "state_intervals",
        }
    }

    /// The dataset of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.as_str() == word)
    }

    /// The attribute by which a row falls into an interval.
    #[must_use]
    pub fn time_attribute(self) -> &'static str {
        match self {
            Self::Conversations | Self::Tickets => "created_at",
            Self::Replies => "at",
            Self::StateIntervals => "ended_at",
        }
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Conversations => &[
                "conversation_id",
                "created_at",
                "channel",
                "state",
                "priority",
                "contact_id",
                "admin_assignee_id",
                "team_assignee_id",
                "replies_received",
                "replies_sent",
                "reopened",
                "first_response_time",
                "time_to_assignment",
                "time_to_first_close",
                "time_to_last_close",
            ],
            Self::Tickets => &[
                "id",
                "ticket_id",
                "category",
                "ticket_type_id",
                "created_at",
                "state",
                "is_shared",
                "contact_id",
                "admin_assignee_id",
                "team_assignee_id",
                "customer_reports",
                "reopened_tickets",
                "first_resolved_at",
                "time_to_resolve",
            ],
            Self::Replies => &["conversation_id", "at", "direction", "admin_id", "team_id", "response_time"],
            Self::StateIntervals => &["id", "ticket_id", "state", "ended_at", "duration", "admin_id", "team_id"],
        }
    }
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportAsked {
    /// Rows of what.
    pub dataset: Dataset,
    /// Cells of a row, names of [`Dataset::attributes`].
    pub attributes: Vec<String>,
    /// From then on.
    pub since: Millis,
    /// Until right before then.
    pub until: Millis,
}

/// How far an export was read.
#[derive(Clone, Debug, Default)]
pub struct ReadSoFar {
    last: Option<(u64, u64)>,
    threads: BTreeSet<ThreadId>,
}

impl Desk {
    /// The next rows of an export, and how far it was read; `None` when that was all. Scope `reports`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn reporting_rows(
        &self,
        caller: &Caller,
        asked: &ExportAsked,
        so_far: &ReadSoFar,
    ) -> Result<(Vec<Vec<Cell>>, Option<ReadSoFar>)> {
        require(caller, &[Scope::Reports])?;
        let first = (asked.since.0.saturating_sub(1), u64::MAX);
        Ok(self.inner.store.view(|tx| {
            let mut so_far = so_far.clone();
            let threads = store::threads::by_update(tx, false, true, Some(so_far.last.unwrap_or(first)), PAGE)?;
            let mut rows = Vec::new();
            for thread in &threads {
                if !thread.awaits_contact && so_far.threads.insert(thread.id) {
                    rows.extend(rows_of(tx, thread, asked)?);
                }
            }
            so_far.last = threads.last().map(|thread| (thread.updated_at.0, thread.id.0));
            Ok((rows, (threads.len() == PAGE).then_some(so_far)))
        })?)
    }
}

fn rows_of(tx: &dyn ReadTx, thread: &Thread, asked: &ExportAsked) -> store::Result<Vec<Vec<Cell>>> {
    let within = |at: Millis| at >= asked.since && at < asked.until;
    let is_meant = match asked.dataset {
        Dataset::Conversations => Some(thread.is_customer_facing() && within(thread.created_at)),
        Dataset::Tickets => Some(thread.ticket.as_ref().is_some_and(|ticket| within(ticket.created_at))),
        Dataset::Replies | Dataset::StateIntervals => None,
    };
    if is_meant == Some(false) {
        return Ok(Vec::new());
    }
    let samples = samples_of(tx, thread, asked.until)?;
    let cell = |name: &String, sample: Option<&Sample>| match sample {
        Some(sample) => of_sample(name, thread, sample, &samples),
        None => of_thread(name, thread, &samples, asked.dataset),
    };
    let row = |sample: Option<&Sample>| asked.attributes.iter().map(|name| cell(name, sample)).collect::<Vec<_>>();
    if is_meant.is_some() {
        return Ok(vec![row(None)]);
    }
    let meant = |sample: &&Sample| {
        let kind = match asked.dataset {
            Dataset::StateIntervals => sample.metric == Metric::TimeInState,
            _ => matches!(sample.metric, Metric::RepliesSent | Metric::RepliesReceived),
        };
        kind && within(sample.at)
    };
    Ok(samples.iter().filter(meant).map(|sample| row(Some(sample))).collect())
}

fn of_sample(name: &str, thread: &Thread, sample: &Sample, all: &[Sample]) -> Cell {
    match name {
        "conversation_id" | "id" => text(&thread.id),
        "ticket_id" => maybe(thread.ticket.as_ref().map(|ticket| ticket.number)),
        "at" | "ended_at" => Cell::At(sample.at),
        "admin_id" => maybe(sample.agent),
        "team_id" => maybe(sample.team),
        "state" => maybe(sample.state.map(|state| state.as_str())),
        "duration" => maybe(sample.value_s),
        "direction" if sample.metric == Metric::RepliesSent => text("sent"),
        "direction" => text("received"),
        "response_time" if sample.metric == Metric::RepliesSent => {
            let ended = |one: &&Sample| one.metric == Metric::ResponseTime && one.at == sample.at;
            maybe(all.iter().find(ended).and_then(|one| one.value_s))
        }
        _ => Cell::Empty,
    }
}

fn of_thread(name: &str, thread: &Thread, all: &[Sample], dataset: Dataset) -> Cell {
    let ticket = thread.ticket.as_ref();
    // A Customer ticket is a conversation too, with a beginning and a state of each kind (OBJ-3, OBJ-4).
    let (began, state) = match ticket.filter(|_| dataset == Dataset::Tickets) {
        Some(ticket) => (ticket.created_at, ticket.state_category.as_str()),
        None => (thread.created_at, thread.state.as_str()),
    };
    match name {
        "conversation_id" | "id" => text(&thread.id),
        "ticket_id" => maybe(ticket.map(|ticket| ticket.number)),
        "category" => maybe(ticket.map(|ticket| ticket.category.as_str())),
        "ticket_type_id" => maybe(ticket.map(|ticket| ticket.type_id)),
        "created_at" => Cell::At(began),
        "channel" => text(thread.initial_channel.as_str()),
        "state" => text(state),
        "priority" => text(thread.priority.as_str()),
        "contact_id" => maybe(thread.primary_contact()),
        "admin_assignee_id" => maybe(thread.admin_assignee),
        "team_assignee_id" => maybe(thread.team_assignee),
        "is_shared" => maybe(ticket.map(|ticket| ticket.is_shared)),
        "customer_reports" => maybe(ticket.map(|ticket| ticket.customer_reports)),
        "first_resolved_at" => ticket.and_then(|ticket| ticket.first_resolved_at).map_or(Cell::Empty, Cell::At),
        // Metrics by their own words: times, and counts of what is no time.
        _ => Metric::parse(name).map_or(Cell::Empty, |metric| {
            let mut of_metric = all.iter().filter(|sample| sample.metric == metric);
            if metric.is_duration() {
                maybe(of_metric.next().and_then(|one| one.value_s))
            } else {
                text(&of_metric.count())
            }
        }),
    }
}

fn text<T: ToString + ?Sized>(value: &T) -> Cell {
    Cell::Text(value.to_string())
}

fn maybe(value: Option<impl ToString>) -> Cell {
    value.map_or(Cell::Empty, |value| text(&value))
}
