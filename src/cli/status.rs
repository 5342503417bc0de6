//! `deskgate status`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::bytes;
use crate::cli::screen::clean;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::answer::MailboxRow;
use crate::daemon::control::answer::StatusView;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Failure;
use std::collections::BTreeMap;

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    match Door::open(context).await?.ask(Request::Status).await? {
        Answer::Status(view) if context.screen.is_json() => context.screen.json(&view),
        Answer::Status(view) => show(context, &view),
        other => unexpected(&other),
    }
}

fn show(context: &Context, view: &StatusView) -> Result<(), Failure> {
    let daemon = match (view.running, view.ready) {
        (false, _) => "not running".to_owned(),
        (true, true) => "ready".to_owned(),
        (true, false) => format!("not ready: {}", view.reasons.join("; ")),
    };
    let oldest = view.oldest_due_s.map_or_else(String::new, |age| format!(", oldest due for {age} s"));
    let commit = view.last_commit_ms.map_or_else(|| "none".to_owned(), |took| format!("{took:.1} ms"));
    let paused = if view.sending_paused { "; nothing is sent until: deskgate queue resume" } else { "" };
    let rows = [
        ("daemon", daemon),
        ("deliveries", format!("{}{oldest}{paused}", counts(&view.deliveries))),
        ("broadcasts", broadcasts(view)),
        ("quarantine", view.quarantined.to_string()),
        ("store", format!("{}, {} commits, last {commit}", bytes(view.store_bytes), view.commits)),
        ("sockets", format!("{} open", view.sockets)),
        ("event log", format!("at {}", view.log_seq)),
        ("restarts", counts(&view.restarts)),
    ];
    for (name, words) in rows {
        context.screen.line(&format!("{name:<12}{words}"))?;
    }
    for mailbox in &view.mailboxes {
        context.screen.line(&mailbox_line(mailbox))?;
    }
    for (name, words) in &view.relays {
        context.screen.line(&format!("relay       {name}: {}", clean(words)))?;
    }
    for error in &view.last_errors {
        context.screen.line(&format!("error       {}", clean(error)))?;
    }
    Ok(())
}

fn broadcasts(view: &StatusView) -> String {
    let held: u64 = view.broadcasts_held.values().sum();
    let held = if held > 0 { format!(", held: {}", counts(&view.broadcasts_held)) } else { String::new() };
    format!("{} running{held}", view.broadcasts_running)
}

fn counts(of: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> =
        of.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn mailbox_line(row: &MailboxRow) -> String {
    let success = row.last_success_s.map_or_else(|| "never".to_owned(), |age| format!("{age} s ago"));
    let error = row.last_error.as_ref().map_or_else(String::new, |error| format!(", {}", clean(error)));
    let only_read = row.only_read.as_ref().map_or_else(String::new, |why| format!(", only read: {}", clean(why)));
    format!(
        "mailbox     {}: {}, last success {success}, {} waiting{error}{only_read}",
        row.name, row.phase, row.waiting
    )
}
