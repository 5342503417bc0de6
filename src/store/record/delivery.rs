//! Stored form of deliveries.

use crate::domain::agent_notice::News;
use crate::domain::agent_notice::NewsKind;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::Attempt;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Stage;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::outbox;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::StoredAddress;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredDelivery {
    id: u64,
    thread: u64,
    contact: u64,
    agent: Option<u64>,
    channel: u8,
    address: Option<StoredAddress>,
    kind: StoredDeliveryKind,
    state: StoredDeliveryState,
    message_id: String,
    created_at: u64,
    due_at: u64,
    leased_until: Option<u64>,
    past_dot: bool,
    uncertain_retried: bool,
    attempts: Vec<(u64, u8, String)>,
    attempt_count: u32,
    from: StoredAddress,
    despite_suppression: bool,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredDeliveryKind {
    Reply { parts: Vec<u64> },
    TicketSubmitted,
    TicketStateChanged { part: u64 },
    Broadcast { broadcast: u64, part: u64 },
    FormSent { part: u64 },
    BroadcastTest { broadcast: u64 },
    AgentNotice { news: Vec<StoredNews> },
    AutoAck { part: u64 },
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredNews {
    Part { kind: u8, part: u64, part_seq: u64 },
    MailNotTaken { intake: u64 },
}

impl From<&News> for StoredNews {
    fn from(news: &News) -> Self {
        match news {
            News::Part { kind, part, part_seq } => Self::Part { kind: kind.code(), part: part.0, part_seq: *part_seq },
            News::MailNotTaken { intake } => Self::MailNotTaken { intake: intake.0 },
        }
    }
}

impl StoredNews {
    fn restore(self) -> Restored<News> {
        Ok(match self {
            Self::Part { kind, part, part_seq } => {
                News::Part { kind: NewsKind::of(kind)?, part: PartId(part), part_seq }
            }
            Self::MailNotTaken { intake } => News::MailNotTaken { intake: IntakeId(intake) },
        })
    }
}

impl From<&DeliveryKind> for StoredDeliveryKind {
    fn from(kind: &DeliveryKind) -> Self {
        match kind {
            DeliveryKind::Reply { parts } => Self::Reply { parts: parts.iter().map(|id| id.0).collect() },
            DeliveryKind::TicketSubmitted => Self::TicketSubmitted,
            DeliveryKind::FormSent { part } => Self::FormSent { part: part.0 },
            DeliveryKind::AutoAck { part } => Self::AutoAck { part: part.0 },
            DeliveryKind::TicketStateChanged { part } => Self::TicketStateChanged { part: part.0 },
            DeliveryKind::Broadcast { broadcast, part } => Self::Broadcast { broadcast: broadcast.0, part: part.0 },
            DeliveryKind::BroadcastTest { broadcast } => Self::BroadcastTest { broadcast: broadcast.0 },
            DeliveryKind::AgentNotice { news } => {
                Self::AgentNotice { news: news.iter().map(StoredNews::from).collect() }
            }
        }
    }
}

impl StoredDeliveryKind {
    fn restore(self) -> Restored<DeliveryKind> {
        Ok(match self {
            Self::Reply { parts } => DeliveryKind::Reply { parts: parts.into_iter().map(PartId).collect() },
            Self::TicketSubmitted => DeliveryKind::TicketSubmitted,
            Self::FormSent { part } => DeliveryKind::FormSent { part: PartId(part) },
            Self::AutoAck { part } => DeliveryKind::AutoAck { part: PartId(part) },
            Self::TicketStateChanged { part } => DeliveryKind::TicketStateChanged { part: PartId(part) },
            Self::Broadcast { broadcast, part } => {
                DeliveryKind::Broadcast { broadcast: BroadcastId(broadcast), part: PartId(part) }
            }
            Self::BroadcastTest { broadcast } => DeliveryKind::BroadcastTest { broadcast: BroadcastId(broadcast) },
            Self::AgentNotice { news } => {
                DeliveryKind::AgentNotice { news: news.into_iter().map(StoredNews::restore).collect::<Restored<_>>()? }
            }
        })
    }
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredDeliveryState {
    Queued,
    Deferred,
    Sent,
    Failed(String),
    Uncertain,
    Skipped(u8),
}

impl From<&DeliveryState> for StoredDeliveryState {
    fn from(state: &DeliveryState) -> Self {
        match state {
            DeliveryState::Queued => Self::Queued,
            DeliveryState::Deferred => Self::Deferred,
            DeliveryState::Sent => Self::Sent,
            DeliveryState::Failed(reason) => Self::Failed(reason.clone()),
            DeliveryState::Uncertain => Self::Uncertain,
            DeliveryState::Skipped(reason) => Self::Skipped(reason.code()),
        }
    }
}

impl StoredDeliveryState {
    fn restore(self) -> Restored<DeliveryState> {
        Ok(match self {
            Self::Queued => DeliveryState::Queued,
            Self::Deferred => DeliveryState::Deferred,
            Self::Sent => DeliveryState::Sent,
            Self::Failed(reason) => DeliveryState::Failed(reason),
            Self::Uncertain => DeliveryState::Uncertain,
            Self::Skipped(reason) => DeliveryState::Skipped(SkipReason::of(reason)?),
        })
    }
}

impl Record for Delivery {
    const TABLE: Table = tables::DELIVERIES;
    const INDEXES: &'static [Table] = &[
        tables::DUE,
        tables::BROADCAST_DUE,
        tables::ATTENTION,
        tables::DELIVERIES_BY_THREAD,
        tables::DELIVERIES_BY_MESSAGE_ID,
    ];
    type Stored = StoredDelivery;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let id = self.id.0;
        let mut rows = vec![
            (tables::DELIVERIES_BY_THREAD, key::two(self.thread.0, id)),
            (tables::DELIVERIES_BY_MESSAGE_ID, key::joined(&[&key::hash16(&self.message_id), &self.key()])),
        ];
        rows.extend(self.wakes_at().map(|at| match self.kind.lane() {
            Some(broadcast) => (tables::BROADCAST_DUE, key::joined(&[&key::one(broadcast.0), &key::two(at.0, id)])),
            None => {
                let lane = outbox::lane_of(&self.from);
                (tables::DUE, key::joined(&[&key::one(lane), &key::two(at.0, id)]))
            }
        }));
        if self.needs_attention() {
            rows.push((tables::ATTENTION, key::one(id)));
        }
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredDelivery {
        let attempts = self.attempts.iter();
        StoredDelivery {
            id: self.id.0,
            thread: self.thread.0,
            contact: self.contact.0,
            agent: self.agent.map(|id| id.0),
            channel: self.channel.code(),
            address: self.address.as_ref().map(record::stored_address),
            kind: (&self.kind).into(),
            state: (&self.state).into(),
            message_id: self.message_id.clone(),
            created_at: self.created_at.0,
            due_at: self.due_at.0,
            leased_until: self.leased_until.map(|at| at.0),
            past_dot: self.past_dot,
            uncertain_retried: self.uncertain_retried,
            attempts: attempts.map(|tried| (tried.at.0, tried.stage.code(), tried.answer.clone())).collect(),
            attempt_count: self.attempt_count,
            from: record::stored_address(&self.from),
            despite_suppression: self.despite_suppression,
        }
    }

    fn from_stored(stored: StoredDelivery) -> Restored<Self> {
        let attempt = |(at, stage, answer)| Ok(Attempt { at: Millis(at), stage: Stage::of(stage)?, answer });
        Ok(Self {
            id: DeliveryId(stored.id),
            thread: ThreadId(stored.thread),
            contact: ContactId(stored.contact),
            agent: stored.agent.map(AgentId),
            channel: ChannelKind::of(stored.channel)?,
            address: stored.address.map(record::address),
            kind: stored.kind.restore()?,
            state: stored.state.restore()?,
            message_id: stored.message_id,
            created_at: Millis(stored.created_at),
            due_at: Millis(stored.due_at),
            leased_until: stored.leased_until.map(Millis),
            past_dot: stored.past_dot,
            uncertain_retried: stored.uncertain_retried,
            attempts: stored.attempts.into_iter().map(attempt).collect::<Restored<_>>()?,
            attempt_count: stored.attempt_count,
            from: record::address(stored.from),
            despite_suppression: stored.despite_suppression,
        })
    }
}
