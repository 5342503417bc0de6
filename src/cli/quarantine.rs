//! `deskgate quarantine`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::bytes;
use crate::cli::screen::moment;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::answer::QuarantineRow;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Failure;

/// Mails that could not be taken in.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Quarantine {
    /// Newest first
    List {
        /// So many at most
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// The mail as it came
    Show {
        /// Its id
        id: u64,
    },
    /// Take in again
    Retry {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<u64>,
    },
}

pub(crate) async fn run(command: Quarantine, context: &Context) -> Result<(), Failure> {
    let mut door = Door::open(context).await?;
    let requests = match command {
        Quarantine::List { limit } => vec![Request::Quarantine { limit }],
        Quarantine::Show { id } => vec![Request::Quarantined { id }],
        Quarantine::Retry { ids } => ids.into_iter().map(|id| Request::RetryQuarantined { id }).collect(),
    };
    let mut rows = Vec::new();
    for request in requests {
        match door.ask(request).await? {
            Answer::Quarantine(found) => rows.extend(found),
            Answer::Quarantined(view) if context.screen.is_json() => return context.screen.json(&view),
            Answer::Quarantined(view) => {
                let shown: String = view.raw.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
                return context.screen.line(&shown);
            }
            other => return unexpected(&other),
        }
    }
    show(context, &rows)
}

fn show(context: &Context, rows: &[QuarantineRow]) -> Result<(), Failure> {
    if context.screen.is_json() {
        return context.screen.json(&rows);
    }
    let cells = |row: &QuarantineRow| {
        vec![
            row.id.to_string(),
            moment(row.at),
            row.source.clone(),
            row.reverse_path.clone().unwrap_or_default(),
            bytes(row.raw_bytes),
            row.error.clone().unwrap_or_else(|| row.result.clone()),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    context.screen.table(&["ID", "ARRIVED", "SOURCE", "FROM", "SIZE", "WHY"], &rows)
}
