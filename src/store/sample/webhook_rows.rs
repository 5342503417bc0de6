//! Webhooks, and what they are told.

use crate::domain::event::LogEntry;
use crate::domain::id::EventSeq;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook;
use crate::domain::webhook::Notification;
use crate::domain::webhook::NotificationState;
use crate::domain::webhook::RetryPolicy;
use crate::domain::webhook::SealedSecret;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::WebhookState;
use crate::domain::webhook_topic::Topic;
use crate::store::sample::AGENT;
use crate::store::sample::at;
use crate::store::sample::parts::events;

/// One that is told, one that is paused, one whose receiver is gone.
pub(crate) fn webhooks() -> Vec<Webhook> {
    let webhook = |id, state| Webhook {
        id: WebhookId(id),
        url: "https://example.com/in".to_owned(),
        topics: vec![Topic::PING, Topic::parse("ticket.created").unwrap()],
        secret: SealedSecret("secret of sixteen".to_owned()),
        previous_secret: Some(SealedSecret("secret before it".to_owned())),
        html: true,
        retry: RetryPolicy::Durable,
        state,
        created_by: AGENT,
        created_at: at(1),
        updated_at: at(2),
        cursor: EventSeq(3),
        failures_in_row: 4,
        slowed: 5,
        paused_until: Some(at(6)),
        last_success_at: Some(at(7)),
    };
    let compat = Webhook { retry: RetryPolicy::Compat, html: false, ..webhook(152, WebhookState::Disabled) };
    vec![webhook(151, WebhookState::Active), compat, webhook(153, WebhookState::Gone)]
}

/// One that waits, one that was taken, one that was given up.
pub(crate) fn notifications() -> Vec<Notification> {
    let entry = LogEntry { seq: EventSeq(1), event: events().remove(0) };
    let made = |id, entry| Notification::new(NotificationId(id), WebhookId(151), Topic::PING, entry, at(id));
    let tried = webhook::Attempt { at: at(9), status: Some(500), answer: "not now".to_owned() };
    let sent = Notification {
        state: NotificationState::Sent,
        failures: 1,
        attempt_count: 2,
        first_sent_at: Some(at(8)),
        attempts: vec![tried],
        ..made(162, None)
    };
    let failed = Notification { state: NotificationState::Failed, ..made(163, None) };
    vec![made(161, Some(entry)), sent, failed]
}
