//! The reader of the log that writes down what is owed to subscriptions (WHK-3).
//!
//! Every subscription has its own cursor. It is written with the notifications it brought, and now and then on the way
//! through events that nobody asked for: those are read again after a restart, and again bring nothing.
//!
//! **Invariant:** notifications get their ids in the order of the log, inside the commit that moves the cursor; a cursor
//! that somebody else moved meanwhile makes the batch void.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::thread::draft::At;
use crate::desk::webhooks::topics::topics;
use crate::domain::event::LogEntry;
use crate::domain::id::EventSeq;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook::Notification;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::WebhookState;
use crate::domain::webhook_topic::Topic;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use std::collections::BTreeMap;

/// Log entries read for one subscription at once.
const ENTRIES_PER_BATCH: usize = 200;
/// Notifications of one subscription in one commit.
const OWED_PER_BATCH: usize = 40;
/// A cursor is written at the latest after so many entries, whether they brought anything or not.
const CURSOR_LAG_MAX: u64 = 1_000;

/// How far the log was read for each subscription, which may be further than its record says.
pub type ReadTo = BTreeMap<WebhookId, EventSeq>;

/// What a stretch of the log means to one subscription.
#[derive(Clone, Debug)]
struct Stretch {
    webhook: WebhookId,
    /// The record's cursor when it was read.
    cursor: EventSeq,
    /// The last entry of the stretch.
    reached: EventSeq,
    owed: Vec<(Topic, LogEntry)>,
    /// Whether there may be more behind it.
    more: bool,
}

impl Stretch {
    fn is_worth_a_commit(&self) -> bool {
        !self.owed.is_empty() || self.reached.0.saturating_sub(self.cursor.0) >= CURSOR_LAG_MAX
    }
}

impl Desk {
    /// Reads the log on for every active subscription and writes down what is owed; returns whether there is more to
    /// read. For the worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn feed_webhooks(&self, read_to: &mut ReadTo) -> Result<bool> {
        let known = read_to.clone();
        let stretches = self.inner.store.view(|tx| stretches(tx, &known))?;
        let (worth, idle): (Vec<_>, Vec<_>) = stretches.into_iter().partition(Stretch::is_worth_a_commit);
        let more = worth.iter().chain(&idle).any(|stretch| stretch.more);
        for stretch in worth {
            let at = At::of(&self.inner.clock);
            let (webhook, reached) = (stretch.webhook, stretch.reached);
            self.inner.store.update(move |tx| write(tx, &stretch, &at)).await?;
            read_to.insert(webhook, reached);
        }
        read_to.extend(idle.into_iter().map(|stretch| (stretch.webhook, stretch.reached)));
        Ok(more)
    }

    /// The log is needed from here on, by the subscription that is furthest behind; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn webhooks_read_to(&self) -> Result<Option<EventSeq>> {
        let all = self.inner.store.view(store::webhooks::all)?;
        Ok(all.iter().filter(|webhook| webhook.state == WebhookState::Active).map(|webhook| webhook.cursor).min())
    }
}

fn stretches(tx: &dyn ReadTx, read_to: &ReadTo) -> store::Result<Vec<Stretch>> {
    let mut topics_of: BTreeMap<EventSeq, Vec<Topic>> = BTreeMap::new();
    let mut found = Vec::new();
    for webhook in store::webhooks::all(tx)? {
        if webhook.state == WebhookState::Active {
            found.extend(stretch(tx, &webhook, read_to, &mut topics_of)?);
        }
    }
    Ok(found)
}

fn stretch(
    tx: &dyn ReadTx,
    webhook: &Webhook,
    read_to: &ReadTo,
    topics_of: &mut BTreeMap<EventSeq, Vec<Topic>>,
) -> store::Result<Option<Stretch>> {
    let known = read_to.get(&webhook.id).copied().unwrap_or_default();
    let entries = store::events::after(tx, known.max(webhook.cursor), ENTRIES_PER_BATCH)?;
    let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(None) };
    let full = entries.len() >= ENTRIES_PER_BATCH;
    let (mut owed, mut reached) = (Vec::new(), last);
    for entry in entries {
        let topics = match topics_of.get(&entry.seq) {
            Some(topics) => topics,
            None => {
                let topics = topics(tx, &entry.event)?;
                topics_of.entry(entry.seq).or_insert(topics)
            }
        };
        let wanted = topics.iter().filter(|topic| webhook.topics.contains(topic));
        owed.extend(wanted.map(|topic| (*topic, entry.clone())));
        if owed.len() >= OWED_PER_BATCH {
            reached = entry.seq;
            break;
        }
    }
    let more = full || reached < last;
    Ok(Some(Stretch { webhook: webhook.id, cursor: webhook.cursor, reached, owed, more }))
}

fn write(tx: &mut dyn WriteTx, stretch: &Stretch, at: &At) -> store::Result<()> {
    let Some(mut webhook) = store::webhooks::get(&*tx, stretch.webhook)? else { return Ok(()) };
    if webhook.state != WebhookState::Active || webhook.cursor != stretch.cursor {
        return Ok(());
    }
    for (topic, entry) in &stretch.owed {
        let id = NotificationId(at.id());
        let owed = Notification::new(id, webhook.id, *topic, Some(entry.clone()), at.now);
        store::webhooks::put_notification(tx, &owed)?;
    }
    webhook.cursor = stretch.reached;
    store::webhooks::put(tx, &webhook)
}
