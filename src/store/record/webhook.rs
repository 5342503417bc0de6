//! Stored forms of webhook subscriptions and of what is owed to them.

use crate::domain::event::LogEntry;
use crate::domain::id::AgentId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook::Attempt;
use crate::domain::webhook::Notification;
use crate::domain::webhook::NotificationState;
use crate::domain::webhook::SealedSecret;
use crate::domain::webhook::Webhook;
use crate::domain::webhook_topic::Topic;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::record::event::Logged;
use crate::store::record::event::StoredEvent;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredWebhook {
    id: u64,
    url: String,
    topics: Vec<String>,
    secret: String,
    previous_secret: Option<String>,
    html: bool,
    retry: u8,
    state: u8,
    created_by: u64,
    created_at: u64,
    updated_at: u64,
    cursor: u64,
    failures_in_row: u32,
    slowed: u32,
    paused_until: Option<u64>,
    last_success_at: Option<u64>,
}

fn topic(name: &str) -> Restored<Topic> {
    Topic::parse(name).ok_or("unknown topic")
}

impl Record for Webhook {
    const TABLE: Table = tables::WEBHOOKS;
    type Stored = StoredWebhook;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredWebhook {
        StoredWebhook {
            id: self.id.0,
            url: self.url.clone(),
            topics: self.topics.iter().map(|topic| topic.as_str().to_owned()).collect(),
            secret: self.secret.0.clone(),
            previous_secret: self.previous_secret.as_ref().map(|secret| secret.0.clone()),
            html: self.html,
            retry: self.retry.code(),
            state: self.state.code(),
            created_by: self.created_by.0,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            cursor: self.cursor.0,
            failures_in_row: self.failures_in_row,
            slowed: self.slowed,
            paused_until: self.paused_until.map(|at| at.0),
            last_success_at: self.last_success_at.map(|at| at.0),
        }
    }

    fn from_stored(stored: StoredWebhook) -> Restored<Self> {
        Ok(Self {
            id: WebhookId(stored.id),
            url: stored.url,
            topics: stored.topics.iter().map(|name| topic(name)).collect::<Restored<_>>()?,
            secret: SealedSecret(stored.secret),
            previous_secret: stored.previous_secret.map(SealedSecret),
            html: stored.html,
            retry: Code::of(stored.retry)?,
            state: Code::of(stored.state)?,
            created_by: AgentId(stored.created_by),
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            cursor: EventSeq(stored.cursor),
            failures_in_row: stored.failures_in_row,
            slowed: stored.slowed,
            paused_until: stored.paused_until.map(Millis),
            last_success_at: stored.last_success_at.map(Millis),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredNotification {
    id: u64,
    webhook: u64,
    topic: String,
    entry: Option<StoredEvent>,
    created_at: u64,
    state: u8,
    due_at: u64,
    retry_from: u64,
    failures: u32,
    attempt_count: u32,
    first_sent_at: Option<u64>,
    attempts: Vec<(u64, Option<u16>, String)>,
}

impl Record for Notification {
    const TABLE: Table = tables::NOTIFICATIONS;
    const INDEXES: &'static [Table] = &[tables::NOTIFICATIONS_OPEN, tables::NOTIFICATIONS_BY_WEBHOOK];
    type Stored = StoredNotification;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let row = key::two(self.webhook.0, self.id.0);
        let mut rows = vec![(tables::NOTIFICATIONS_BY_WEBHOOK, row.clone())];
        if self.state == NotificationState::Queued {
            rows.push((tables::NOTIFICATIONS_OPEN, row));
        }
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredNotification {
        let entry = |entry: &LogEntry| Logged { entry: entry.clone(), stream: Vec::new() }.to_stored();
        let attempt = |one: &Attempt| (one.at.0, one.status, one.answer.clone());
        StoredNotification {
            id: self.id.0,
            webhook: self.webhook.0,
            topic: self.topic.as_str().to_owned(),
            entry: self.entry.as_ref().map(entry),
            created_at: self.created_at.0,
            state: self.state.code(),
            due_at: self.due_at.0,
            retry_from: self.retry_from.0,
            failures: self.failures,
            attempt_count: self.attempt_count,
            first_sent_at: self.first_sent_at.map(|at| at.0),
            attempts: self.attempts.iter().map(attempt).collect(),
        }
    }

    fn from_stored(stored: StoredNotification) -> Restored<Self> {
        let attempt = |(at, status, answer)| Attempt { at: Millis(at), status, answer };
        Ok(Self {
            id: NotificationId(stored.id),
            webhook: WebhookId(stored.webhook),
            topic: topic(&stored.topic)?,
            entry: stored.entry.map(Logged::from_stored).transpose()?.map(|logged| logged.entry),
            created_at: Millis(stored.created_at),
            state: Code::of(stored.state)?,
            due_at: Millis(stored.due_at),
            retry_from: Millis(stored.retry_from),
            failures: stored.failures,
            attempt_count: stored.attempt_count,
            first_sent_at: stored.first_sent_at.map(Millis),
            attempts: stored.attempts.into_iter().map(attempt).collect(),
        })
    }
}
