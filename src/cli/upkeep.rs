//! `deskgate verify`, `deskgate compact` and `deskgate retention`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::bytes;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;

/// Exit 1 and a list if an invariant is broken.
pub(crate) async fn verify(context: &Context) -> Result<(), Failure> {
    let faults = match Door::open(context).await?.ask(Request::Verify).await? {
        Answer::Faults(faults) => faults,
        other => return unexpected(&other),
    };
    if context.screen.is_json() {
        context.screen.json(&json!({ "ok": faults.is_empty(), "faults": faults }))?;
    } else if faults.is_empty() {
        context.screen.line("the store is sound")?;
    } else {
        faults.iter().try_for_each(|fault| context.screen.line(fault))?;
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(Failure::new(Exit::Failed, format!("{count} faults"))),
    }
}

pub(crate) async fn compact(context: &Context) -> Result<(), Failure> {
    match Door::open(context).await?.ask(Request::Compact).await? {
        Answer::Compacted { before_bytes, after_bytes } if context.screen.is_json() => {
            context.screen.json(&json!({ "before_bytes": before_bytes, "after_bytes": after_bytes }))
        }
        Answer::Compacted { before_bytes, after_bytes } => {
            context.screen.line(&format!("{} before, {} now", bytes(before_bytes), bytes(after_bytes)))
        }
        other => unexpected(&other),
    }
}

/// What the next sweeps take away, if nothing changes (DAT-7).
pub(crate) async fn retention(context: &Context) -> Result<(), Failure> {
    let due = match Door::open(context).await?.ask(Request::Retention).await? {
        Answer::Retention(due) => due,
        other => return unexpected(&other),
    };
    if context.screen.is_json() {
        return context.screen.json(&due);
    }
    let rows = due.iter().map(|row| {
        let size = if row.bytes > 0 { bytes(row.bytes) } else { String::new() };
        vec![row.what.clone(), row.count.to_string(), size]
    });
    context.screen.table(&["WHAT", "DUE", "SIZE"], &rows.collect::<Vec<_>>())
}
