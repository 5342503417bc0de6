//! An incident that several customers reported, and one broadcast to all of them.

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::list;
use crate::cli::demo::answer::number;
use crate::cli::demo::answer::parts;
use crate::cli::demo::answer::text;
use crate::cli::demo::letters;
use crate::cli::demo::mail::Inbox;
use crate::cli::demo::messenger::Seat;
use crate::cli::demo::messenger::Talk;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Told;
use crate::cli::demo::telling::ms;
use crate::cli::demo::tickets::ticket_type;
use crate::clock;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

/// What everybody is told; `there` is for those whose name is not known.
const BODY: &str = "Hello {{or contact.first_name \"there\"}},\n\nthe fault is **fixed**. Thank you for telling us!";

/// The Tracker with what is linked to it.
#[derive(Debug)]
pub(super) struct Incident {
    tracker: String,
    /// Linked conversations, each with how it is greeted.
    linked: [(String, &'static str); 3],
}

/// A Tracker with two conversations by mail and one of the messenger.
pub(super) async fn link(stage: &Stage, inbox: &Inbox, talk: &Talk) -> Result<(Told, Incident)> {
    let kind = ticket_type(stage, "Incident", "Tracker").await?;
    let body = json!({
        "ticket_type_id": text(&kind, "/id")?,
        "contacts": [],
        "ticket_attributes": {"_default_title_": "Orders and invoices are wrong"},
    });
    let ticket = stage.api.post("/api/tickets", &body).await?;
    let tracker = text(&ticket, "/id")?.to_owned();
    let linked = [
        (inbox.invoice.clone(), "Hello Ben,"),
        (inbox.parcel.clone(), "Hello there,"),
        (talk.user.conversation.clone(), "Hello Noor,"),
    ];
    for (conversation, _) in &linked {
        let path = format!("/api/tickets/{tracker}/linked_conversations");
        stage.api.post(&path, &json!({"conversation_id": conversation})).await?;
    }
    let ticket = stage.api.get(&format!("/api/tickets/{tracker}")).await?;
    let total = number(&ticket, "/linked_objects/total_count")?;
    ensure!(total == 3, "{total} threads are linked");
    let number = text(&ticket, "/ticket_id")?;
    let words = format!("#{number} linked to 3 conversations: 2 by mail, 1 of the messenger");
    let facts = json!({"ticket_id": number, "linked": total});
    Ok((Told { words, facts, ..Told::default() }, Incident { tracker, linked }))
}

/// One broadcast: a part in every thread, the open socket at once, mail for those who are not there, and a ledger.
pub(super) async fn broadcast(stage: &Stage, incident: &Incident, seat: &mut Seat) -> Result<(Told, ())> {
    let path = format!("/api/tickets/{}/broadcasts", incident.tracker);
    let new = json!({"subject": "The fault is fixed", "body": BODY, "send": true});
    let began_at = clock::instant();
    let (started, heard) = tokio::join!(stage.api.post(&path, &new), seat.socket.next_of_agent());
    let (started, (event, heard_at)) = (started?, heard?);
    let on_socket = heard_at.saturating_duration_since(began_at);
    ensure!(text(&event, "/part/text")?.starts_with("Hello Noor,"), "the socket got {event}");
    seat.socket.seen(&event).await?;
    let path = format!("/api/broadcasts/{}", text(&started, "/id")?);
    let done = stage.until(&path, is_over).await?;
    let took = began_at.elapsed();
    let counts = [number(&done, "/counts/threads/sent")?, number(&done, "/counts/email/sent")?];
    ensure!(counts == [3, 2], "the counts are {}", done.pointer("/counts").unwrap_or(&Value::Null));
    parts_are_there(stage, incident).await?;
    let mails = ledger_adds_up(stage, &path).await?;
    let words = format!("a part in all 3; on the open socket after {} ms", ms(on_socket));
    let details = vec![
        format!("{mails} mails captured, 1 not needed: it was seen in the messenger"),
        "ledger: 9 rows, and they add up to the counts".to_owned(),
    ];
    let facts = json!({"threads": 3, "socket_ms": ms(on_socket), "mails": mails, "skipped": 1, "ledger_rows": 9,
        "settled_ms": ms(took)});
    Ok((Told { words, details, facts }, ()))
}

/// Whether every thread has its part and every mail came to an end.
fn is_over(broadcast: &Value) -> bool {
    let count = |path: &str| broadcast.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    is(broadcast, "/state", "finished") && count("/counts/email/sent") + count("/counts/email/skipped") == 3
}

/// Each linked conversation has exactly one part of the broadcast, with its own greeting.
async fn parts_are_there(stage: &Stage, incident: &Incident) -> Result<()> {
    for (id, greeting) in &incident.linked {
        let conversation = stage.conversation(id).await?;
        let of_broadcast = |part: &&Value| part.pointer("/deskgate/broadcast_id").is_some_and(Value::is_string);
        let found: Vec<&Value> = parts(&conversation)?.iter().filter(of_broadcast).collect();
        let [part] = found.as_slice() else { anyhow::bail!("{} parts in conversation {id}", found.len()) };
        let body = text(part, "/body")?;
        ensure!(body.contains(greeting) && body.contains("<strong>fixed</strong>"), "conversation {id} says {body}");
    }
    Ok(())
}

/// A row per thread and per contact; every mail that was sent is captured, and says what its thread says.
async fn ledger_adds_up(stage: &Stage, path: &str) -> Result<usize> {
    let ledger = stage.api.get(&format!("{path}/ledger")).await?;
    let rows = list(&ledger, "/data")?;
    let by_mail = |row: &&Value| is(row, "/channel", "email");
    let mails = |state: &str| rows.iter().filter(by_mail).filter(|row| is(row, "/state", state)).count();
    let threads = rows.iter().filter(|row| is(row, "/kind", "thread") && is(row, "/state", "sent")).count();
    let counts = [rows.len(), threads, mails("sent"), mails("skipped")];
    ensure!(counts == [9, 3, 2, 1], "the ledger counts {counts:?}: {ledger}");
    let seen = rows.iter().any(|row| is(row, "/state", "skipped") && is(row, "/reason", "seen_in_messenger"));
    ensure!(seen, "the mail was not skipped for being seen: {ledger}");
    let mut captured = 0;
    for row in rows.iter().filter(|row| is(row, "/channel", "email") && is(row, "/state", "sent")) {
        let mail = stage.captured(text(row, "/delivery_id")?).await?;
        let to = mail.to.first().context("a mail is to nobody")?.address.to_string();
        let greeting = if to == letters::BEN { "Hello Ben," } else { "Hello there," };
        ensure!(mail.text.contains(greeting), "the mail to {to} says {:?}", mail.text);
        captured += 1;
    }
    Ok(captured)
}
