//! Broadcasts (SHP-5), whom they reach, what they look like, and the rows of their ledger (SHP-6).

use crate::desk::broadcasts::BroadcastView;
use crate::desk::broadcasts::LedgerRow;
use crate::desk::broadcasts::preview::Preview;
use crate::desk::broadcasts::survey::Reached;
use crate::desk::broadcasts::survey::Survey;
use crate::domain::broadcast::After;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Options;
use crate::domain::broadcast::PauseCause;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::SkipReason;
use crate::domain::id::BroadcastId;
use crate::domain::id::Millis;
use crate::domain::ledger::LedgerState;
use crate::http::api::wire::delivery::attempts;
use crate::http::api::wire::delivery::bracketed;
use crate::http::api::wire::delivery::due_at_s;
use crate::http::api::wire::delivery::row_id;
use crate::http::api::wire::seconds;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// A broadcast with its counts.
pub(crate) fn broadcast(view: &BroadcastView) -> Value {
    let broadcast = &view.broadcast;
    let files = broadcast.attachments.iter().map(|file| json!({"name": file.name, "filesize": file.size}));
    json!({
        "type": "broadcast",
        "id": broadcast.id.to_string(),
        "tracker_id": broadcast.tracker.to_string(),
        "state": broadcast.state.as_str(),
        "author_id": broadcast.author.0,
        "author_name": broadcast.author_name,
        "subject": broadcast.subject,
        "body": broadcast.body,
        "attachments": files.collect::<Vec<_>>(),
        "options": options(&broadcast.options),
        "counts": {
            "threads": by_state(&view.threads),
            "email": by_state(&view.email),
            "messenger": by_state(&view.messenger),
        },
        "reasons": {"threads": by_reason(&view.threads), "email": by_reason(&view.email)},
        "replies": view.replies,
        "stops": view.stops,
        "late_threads": view.late_threads,
        "mails_per_minute": view.mails_per_minute,
        "eta_s": view.eta_s,
        "pause_reason": broadcast.pause_cause.map(PauseCause::as_str),
        "needs_confirmation": broadcast.late,
        "redacted": broadcast.redacted_at.is_some(),
        "created_at": broadcast.created_at.seconds(),
        "updated_at": broadcast.updated_at.seconds(),
        "started_at": seconds(broadcast.started_at),
        "finished_at": seconds(broadcast.finished_at),
        "deskgate": {
            "started_at_ms": broadcast.started_at.map(|at| at.0),
            "finished_at_ms": broadcast.finished_at.map(|at| at.0),
        },
    })
}

fn options(options: &Options) -> Value {
    let (after, until) = match options.after {
        After::Nothing => ("none", None),
        After::Close => ("close", None),
        After::SnoozeUntil(until) => ("snooze", Some(until.seconds())),
    };
    json!({
        "email": options.email.as_str(),
        "after": after,
        "snoozed_until": until,
        "only": options.only.as_str(),
        "set_customer_ticket_state": options.set_customer_ticket_state.map(|id| id.to_string()),
        "tracker_state": options.tracker_state.map(|id| id.to_string()),
        "rate_per_minute": options.rate_per_minute,
        "scheduled_at": seconds(options.scheduled_at),
        "excluded_contact_ids": options.excluded_contacts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "excluded_thread_ids": options.excluded_threads.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Every word of BRC-41, zeros included.
fn by_state(counts: &BTreeMap<String, u64>) -> Value {
    let words = LedgerState::WORDS.into_iter();
    words.map(|word| (word.to_owned(), json!(counts.get(word).copied().unwrap_or(0)))).collect::<Map<_, _>>().into()
}

/// The reasons there are, by the words of BRC-42.
fn by_reason(counts: &BTreeMap<String, u64>) -> Value {
    let reasons = counts.iter().filter_map(|(word, count)| Some((word.split_once('/')?.1.to_owned(), json!(count))));
    reasons.collect::<Map<_, _>>().into()
}

/// One row of the ledger.
pub(crate) fn ledger_row(broadcast: BroadcastId, row: &LedgerRow) -> Value {
    let (kind, contact, channel) = match row.key {
        LedgerKey::Thread(_) => ("thread", None, None),
        LedgerKey::Email(contact) => ("contact", Some(contact), Some(ChannelKind::Email)),
        LedgerKey::Messenger(contact) => ("contact", Some(contact), Some(ChannelKind::Messenger)),
    };
    let entry = &row.entry;
    let delivery = row.delivery.as_ref();
    let answer = delivery.and_then(|delivery| delivery.attempts.last()).map(|last| last.answer.clone());
    json!({
        "type": "ledger_row",
        "id": row_id(&row.key),
        "broadcast_id": broadcast.to_string(),
        "kind": kind,
        "thread_id": entry.thread.to_string(),
        "contact_id": contact.map(|contact| contact.to_string()),
        "part_id": entry.part.map(|part| part.to_string()),
        "delivery_id": delivery.map(|delivery| delivery.id.to_string()),
        "channel": channel.map(ChannelKind::as_str),
        "address": delivery.and_then(|delivery| delivery.address.as_ref()).map(ToString::to_string),
        "state": entry.state.as_str(),
        "reason": entry.state.reason(),
        "state_skipped": entry.state_skipped.map(SkipReason::as_str),
        "message_id": delivery.map(|delivery| bracketed(&delivery.message_id)),
        "attempts": delivery.map(attempts).unwrap_or_default(),
        "relay_answer": answer,
        "due_at": delivery.and_then(due_at_s),
        "updated_at": entry.updated_at.seconds(),
        "seen_at": seconds(entry.seen_at),
        "replied_at": seconds(entry.replied_at),
    })
}

/// The columns of the ledger as CSV (BRC-45).
pub(crate) const CSV_COLUMNS: [&str; 16] = [
    "id",
    "kind",
    "thread_id",
    "contact_id",
    "contact_name",
    "channel",
    "address",
    "state",
    "reason",
    "state_skipped",
    "message_id",
    "attempts",
    "relay_answer",
    "updated_at",
    "seen_at",
    "replied_at",
];

/// One row of the ledger as the cells of [`CSV_COLUMNS`]; the caller guards them (REP-5).
pub(crate) fn csv_cells(row: &LedgerRow) -> [String; 16] {
    let (kind, channel) = match row.key {
        LedgerKey::Thread(_) => ("thread", ""),
        LedgerKey::Email(_) => ("contact", ChannelKind::Email.as_str()),
        LedgerKey::Messenger(_) => ("contact", ChannelKind::Messenger.as_str()),
    };
    let delivery = row.delivery.as_ref();
    let address = delivery.and_then(|delivery| delivery.address.as_ref()).map(ToString::to_string);
    let last = delivery.and_then(|delivery| delivery.attempts.last()).map(|last| last.answer.clone());
    let time = |at: Option<Millis>| at.map(crate::desk::journal::shown_time).unwrap_or_default();
    [
        row_id(&row.key),
        kind.to_owned(),
        row.entry.thread.to_string(),
        row.contact.as_ref().map(|contact| contact.id.to_string()).unwrap_or_default(),
        row.contact.as_ref().and_then(|contact| contact.name.clone()).unwrap_or_default(),
        channel.to_owned(),
        address.unwrap_or_default(),
        row.entry.state.as_str().to_owned(),
        row.entry.state.reason().unwrap_or_default().to_owned(),
        row.entry.state_skipped.map(SkipReason::as_str).unwrap_or_default().to_owned(),
        delivery.map(|delivery| delivery.message_id.clone()).unwrap_or_default(),
        delivery.map(|delivery| delivery.attempt_count.to_string()).unwrap_or_default(),
        last.unwrap_or_default(),
        time(Some(row.entry.updated_at)),
        time(row.entry.seen_at),
        time(row.entry.replied_at),
    ]
}

/// The whole set in figures (BRC-11), and what stands against sending (BRC-4).
pub(crate) fn survey(survey: &Survey) -> Value {
    let missing = survey.missing.iter().map(|(name, missing)| {
        let examples =
            missing.examples.iter().map(|(thread, who)| json!({"thread_id": thread.to_string(), "name": who}));
        json!({"placeholder": name, "count": missing.threads, "examples": examples.collect::<Vec<_>>()})
    });
    json!({
        "threads": survey.threads,
        "contacts": survey.contacts,
        "channels": survey.channels,
        "exclusions": survey.exclusions,
        "required_to_close": survey.required_to_close,
        "missing": missing.collect::<Vec<_>>(),
    })
}

/// One linked thread with those it would reach.
pub(crate) fn reached(reached: &Reached) -> Value {
    let recipients = reached.recipients.iter().map(|recipient| {
        json!({
            "contact_id": recipient.contact.to_string(),
            "name": recipient.name,
            "messenger": recipient.messenger,
            "online": recipient.online,
            "email": recipient.email.ok(),
            "reason": recipient.email.err().map(SkipReason::as_str),
        })
    });
    json!({
        "type": "recipient",
        "thread_id": reached.thread.to_string(),
        "excluded": reached.left_out.map(SkipReason::as_str),
        "required_to_close": reached.required_to_close,
        "contacts": recipients.collect::<Vec<_>>(),
    })
}

/// What one recipient would get (BRC-6).
pub(crate) fn preview(preview: &Preview) -> Value {
    let mail = preview
        .mail
        .as_ref()
        .map(|mail| json!({"subject": mail.subject, "html": mail.html, "text": mail.text, "headers": mail.headers}));
    json!({
        "type": "broadcast_preview",
        "thread_id": preview.thread.to_string(),
        "contact_id": preview.contact.map(|contact| contact.to_string()),
        "messenger": {"html": preview.part_html, "text": preview.part_text},
        "email": mail,
        "missing": preview.missing,
        "previous_thread_id": preview.previous.map(|thread| thread.to_string()),
        "next_thread_id": preview.next.map(|thread| thread.to_string()),
    })
}
