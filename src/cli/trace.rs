//! `deskgate trace`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::clean;
use crate::cli::screen::moment;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;

/// Everything the desk did with it, in order.
#[derive(Debug, clap::Args)]
pub(crate) struct Trace {
    /// A Message-ID, the id of a delivery or an arrival, or an address
    of: String,
}

pub(crate) async fn run(trace: Trace, context: &Context) -> Result<(), Failure> {
    let rows = match Door::open(context).await?.ask(Request::Trace { of: trace.of.clone() }).await? {
        Answer::Trace(rows) => rows,
        other => return unexpected(&other),
    };
    if context.screen.is_json() {
        context.screen.json(&rows)?;
    }
    if rows.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("nothing is known of {:?}", trace.of)));
    }
    if context.screen.is_json() {
        return Ok(());
    }
    rows.iter().try_for_each(|row| context.screen.line(&format!("{}  {}", moment(row.at_ms / 1_000), clean(&row.what))))
}
