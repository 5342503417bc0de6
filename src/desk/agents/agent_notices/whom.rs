//! Which agents hear of an event, and how urgent it is (NTF-15).
//!
//! **Invariant:** nobody is told of their own act, of what the desk itself said, of mail that no person wrote, or of what was
//! done silently (NTF-12).

use crate::desk::agents::agent_notices::mentions::named;
use crate::domain::agent::Agent;
use crate::domain::agent_notice::News;
use crate::domain::agent_notice::NewsKind;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::PauseCause;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;

/// Most agents who are told of one event, by id: a larger house gives its threads to teams.
const TOLD_MAX: usize = 50;
/// Newest broadcasts of a Tracker among which the held one is looked for.
const BROADCASTS_LOOKED_AT: usize = 20;

/// One thing that one agent is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) agent: AgentId,
    pub(super) thread: ThreadId,
    pub(super) news: News,
    /// Not only when it stays unseen.
    pub(super) at_once: bool,
    /// When it happened.
    pub(super) at: Millis,
}

/// Who is to be told of an entry of the log.
pub(super) fn told(tx: &dyn ReadTx, entry: &LogEntry) -> store::Result<Vec<Told>> {
    let (EventKind::PartCreated { part_seq, .. } | EventKind::TicketStateChanged { part_seq, .. }) = entry.event.kind
    else {
        return Ok(Vec::new());
    };
    let Some(thread) = entry.event.thread else { return Ok(Vec::new()) };
    let Some(part) = store::parts::get(tx, thread, part_seq)? else { return Ok(Vec::new()) };
    let Some((kind, at_once)) = kind_of(&part) else { return Ok(Vec::new()) };
    let Some(thread) = store::threads::get(tx, thread)? else { return Ok(Vec::new()) };
    let news = News::Part { kind, part: part.id, part_seq };
    let mut told = Vec::new();
    for agent in agents(tx, kind, &thread, &part)?.into_iter().filter(|agent| Some(*agent) != part.author.agent()) {
        if told.len() < TOLD_MAX && store::agent_notices::settings(tx, agent)?.wants(kind) {
            told.push(Told { agent, thread: thread.id, news, at_once, at: entry.event.at });
        }
    }
    Ok(told)
}

/// What a part is to agents, and whether they are told at once.
fn kind_of(part: &Part) -> Option<(NewsKind, bool)> {
    if part.skip_notifications || part.redacted || part.broadcast.is_some() {
        return None;
    }
    let by_person = part.email.as_ref().is_none_or(|email| email.class == DeliveryClass::Human);
    let customer = |at_once| match part.seq {
        1 => (NewsKind::NewThread, false),
        _ => (NewsKind::CustomerReply, at_once),
    };
    match (&part.kind, &part.author) {
        (PartKind::Comment | PartKind::Note, Author::Contact { .. }) if by_person => {
            Some(customer(part.channel == ChannelKind::Email))
        }
        (PartKind::TicketFormSubmitted { .. }, Author::Contact { .. }) => Some(customer(false)),
        (PartKind::TicketStateUpdated { .. }, Author::Contact { .. }) if part.seq == 1 => Some(customer(false)),
        (PartKind::Assignment { .. }, _) => Some((NewsKind::Assignment, false)),
        (PartKind::Unsnoozed, _) if part.cause == Some(Cause::SnoozeEnded) => Some((NewsKind::SnoozeEnd, false)),
        (PartKind::Note, Author::Agent { .. }) if part.cross_posted_from.is_none() => Some((NewsKind::Mention, true)),
        (PartKind::Note, Author::Bot) if part.cause == Some(Cause::Broadcast) => Some((NewsKind::BroadcastHeld, true)),
        (PartKind::DeliveryFailed { .. }, _) => Some((NewsKind::FailedDelivery, false)),
        _ => None,
    }
}

fn agents(tx: &dyn ReadTx, kind: NewsKind, thread: &Thread, part: &Part) -> store::Result<Vec<AgentId>> {
    Ok(match kind {
        NewsKind::NewThread | NewsKind::CustomerReply => match (thread.admin_assignee, thread.team_assignee) {
            (None, None) => at_work(&store::agents::all(tx)?),
            (agent, team) => owners(tx, agent, team)?,
        },
        NewsKind::SnoozeEnd => owners(tx, thread.admin_assignee, thread.team_assignee)?,
        NewsKind::Assignment => match part.kind {
            PartKind::Assignment { agent, team, .. } => owners(tx, agent, team)?,
            _ => Vec::new(),
        },
        NewsKind::Mention if part.body_text.contains('@') => named(&part.body_text, &store::agents::all(tx)?),
        NewsKind::Mention => Vec::new(),
        NewsKind::FailedDelivery => match (thread.admin_assignee, &part.kind) {
            (Some(agent), _) => vec![agent],
            (None, PartKind::DeliveryFailed { delivery, .. }) => {
                store::outbox::get(tx, *delivery)?.and_then(|delivery| delivery.agent).into_iter().collect()
            }
            (None, _) => Vec::new(),
        },
        NewsKind::BroadcastHeld => authors_of_held(tx, thread.id)?,
    })
}

/// The agent it is given to, else those of the team who are at work.
fn owners(tx: &dyn ReadTx, agent: Option<AgentId>, team: Option<TeamId>) -> store::Result<Vec<AgentId>> {
    if let Some(agent) = agent {
        return Ok(vec![agent]);
    }
    let Some(team) = team.map(|team| store::teams::get(tx, team)).transpose()?.flatten() else { return Ok(Vec::new()) };
    let mut members = Vec::new();
    for agent in team.members() {
        members.extend(store::agents::get(tx, agent)?);
    }
    Ok(at_work(&members))
}

fn at_work(agents: &[Agent]) -> Vec<AgentId> {
    agents.iter().filter(|agent| agent.takes_work()).map(|agent| agent.id).collect()
}

fn authors_of_held(tx: &dyn ReadTx, tracker: ThreadId) -> store::Result<Vec<AgentId>> {
    let mut authors = Vec::new();
    for broadcast in store::broadcasts::of_tracker(tx, tracker, None, BROADCASTS_LOOKED_AT)? {
        let by_desk = broadcast.pause_cause.is_some_and(|cause| cause != PauseCause::Agent);
        let held = broadcast.late || (broadcast.state == BroadcastState::Paused && by_desk);
        if held && !authors.contains(&broadcast.author) {
            authors.push(broadcast.author);
        }
    }
    Ok(authors)
}
