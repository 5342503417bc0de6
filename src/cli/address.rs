//! `deskgate address`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::moment;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks for the probe.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Support addresses, and whether their mail comes in.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Address {
    /// All of them, with what the last probe showed
    List,
    /// Send a mail to one and wait until it comes back
    Probe {
        /// The support address
        address: String,
        /// Wait so many seconds; 0 waits for nothing
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
}

pub(crate) async fn run(command: Address, context: &Context) -> Result<(), Failure> {
    let mut door = Door::open(context).await?;
    let (request, wanted) = match command {
        Address::List => (Request::Addresses, None),
        Address::Probe { address, wait } => (Request::ProbeAddress { address: address.clone() }, Some((address, wait))),
    };
    let mut answer = door.ask(request).await?;
    if let Some((address, wait_s)) = wanted {
        let until = Instant::now() + Duration::from_secs(wait_s);
        while !has_come(&answer, &address) && Instant::now() < until {
            tokio::time::sleep(LOOK_EVERY).await;
            answer = door.ask(Request::Addresses).await?;
        }
        show(context, &answer)?;
        if wait_s > 0 && !has_come(&answer, &address) {
            let message = format!("the relay took the probe, and it did not come back within {wait_s} s");
            return Err(Failure::new(Exit::Failed, message));
        }
        return Ok(());
    }
    show(context, &answer)
}

fn has_come(answer: &Answer, address: &str) -> bool {
    let Answer::Addresses(rows) = answer else { return false };
    rows.iter().any(|row| row.address.eq_ignore_ascii_case(address) && row.proven_at.is_some())
}

fn show(context: &Context, answer: &Answer) -> Result<(), Failure> {
    let Answer::Addresses(rows) = answer else { return unexpected(answer) };
    if context.screen.is_json() {
        return context.screen.json(rows);
    }
    let time = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), moment);
    let cells = |row: &crate::daemon::control::answer::AddressRow| {
        vec![row.address.clone(), time(row.probed_at), time(row.proven_at)]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    context.screen.table(&["ADDRESS", "PROBED", "CAME BACK"], &rows)
}
