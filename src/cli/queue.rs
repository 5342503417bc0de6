//! `deskgate queue`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::clean;
use crate::cli::screen::moment;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::answer::DeliveryRow;
use crate::daemon::control::answer::DeliveryView;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Failure;
use serde_json::json;

/// Deliveries.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Queue {
    /// Those that wait by due time, then failed and uncertain ones
    List {
        /// So many at most
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// One with its attempts, and the message where it was captured
    Show {
        /// Its id
        id: u64,
    },
    /// Send again now, whatever its state but sent
    Retry {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<u64>,
    },
    /// Send nothing until `queue resume`
    Pause,
    /// Send what is owed; needed once after a restore
    Resume,
    /// Do not send
    Cancel {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<u64>,
    },
}

pub(crate) async fn run(command: Queue, context: &Context) -> Result<(), Failure> {
    let mut door = Door::open(context).await?;
    match command {
        Queue::List { limit } => each(&mut door, context, vec![Request::Deliveries { limit }]).await,
        Queue::Retry { ids } => {
            let requests = ids.into_iter().map(|id| Request::RetryDelivery { id }).collect();
            each(&mut door, context, requests).await
        }
        Queue::Cancel { ids } => {
            let requests = ids.into_iter().map(|id| Request::CancelDelivery { id }).collect();
            each(&mut door, context, requests).await
        }
        Queue::Pause => pause(&mut door, context, true).await,
        Queue::Resume => pause(&mut door, context, false).await,
        Queue::Show { id } => match door.ask(Request::Delivery { id }).await? {
            Answer::Delivery(view) if context.screen.is_json() => context.screen.json(&view),
            Answer::Delivery(view) => show(context, &view),
            other => unexpected(&other),
        },
    }
}

async fn pause(door: &mut Door, context: &Context, paused: bool) -> Result<(), Failure> {
    match door.ask(Request::PauseSending { paused }).await? {
        Answer::Sending { paused } if context.screen.is_json() => context.screen.json(&json!({ "paused": paused })),
        Answer::Sending { paused: true } => context.screen.line("nothing is sent until: deskgate queue resume"),
        Answer::Sending { paused: false } => context.screen.line("what is owed is sent"),
        other => unexpected(&other),
    }
}

async fn each(door: &mut Door, context: &Context, requests: Vec<Request>) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for request in requests {
        match door.ask(request).await? {
            Answer::Deliveries(found) => rows.extend(found),
            other => return unexpected(&other),
        }
    }
    if context.screen.is_json() {
        return context.screen.json(&rows);
    }
    let cells = |row: &DeliveryRow| {
        vec![
            row.id.to_string(),
            row.state.clone(),
            row.kind.clone(),
            row.recipient.clone().unwrap_or_default(),
            row.conversation_id.to_string(),
            moment(row.due_at),
            row.attempts.to_string(),
            row.reason.clone().or_else(|| row.last_reply.clone()).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    context.screen.table(&["ID", "STATE", "KIND", "RECIPIENT", "CONVERSATION", "DUE", "TRIES", "LAST"], &rows)
}

fn show(context: &Context, view: &DeliveryView) -> Result<(), Failure> {
    let row = &view.delivery;
    let facts = [
        ("delivery", row.id.to_string()),
        ("state", format!("{}{}", row.state, row.reason.as_ref().map_or_else(String::new, |why| format!(": {why}")))),
        ("kind", row.kind.clone()),
        ("recipient", row.recipient.clone().unwrap_or_default()),
        ("conversation", row.conversation_id.to_string()),
        ("message-id", row.message_id.clone()),
        ("due", moment(row.due_at)),
    ];
    for (name, words) in facts {
        context.screen.line(&format!("{name:<14}{}", clean(&words)))?;
    }
    for attempt in &view.attempts {
        let at = moment(attempt.at_ms / 1_000);
        context.screen.line(&format!("attempt       {at} {}: {}", attempt.stage, clean(&attempt.answer)))?;
    }
    match &view.captured {
        None => Ok(()),
        Some(message) => {
            let message = message.replace("\r\n", "\n");
            let shown: String = message.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
            context.screen.line(&format!("\n{shown}"))
        }
    }
}
