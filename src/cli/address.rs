//! `deskgate address`.

use crate::channel::dns::Dns;
use crate::channel::dns::Looked;
use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::clean;
use crate::cli::screen::moment;
use crate::config::workspace::Support;
use crate::daemon;
use crate::daemon::control::answer::AddressRow;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::desk::mail::dns_records::Finding;
use crate::desk::mail::dns_records::needed;
use serde_json::json;
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
    /// What the DNS should say of the domain of one, or of all, and what it says
    Dns {
        /// The support address
        address: Option<String>,
    },
}

pub(crate) async fn run(command: Address, context: &Context) -> Result<(), Failure> {
    let (request, wanted) = match command {
        Address::Dns { address } => return dns(address.as_deref(), context).await,
        Address::List => (Request::Addresses, None),
        Address::Probe { address, wait } => (Request::ProbeAddress { address: address.clone() }, Some((address, wait))),
    };
    let mut door = Door::open(context).await?;
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

/// Looks up what the DNS says of the domains of support addresses; needs no daemon.
async fn dns(address: Option<&str>, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let signers = daemon::signers(&config)?;
    let is_named =
        |support: &&Support| address.is_none_or(|address| support.address.to_string().eq_ignore_ascii_case(address));
    let named: Vec<_> = config.support.iter().filter(is_named).collect();
    if named.is_empty() {
        return Err(Failure::new(Exit::Usage, "no such support address; `deskgate address list` names them"));
    }
    let server = Dns::new(config.smtp.dns).map_err(|why| Failure::new(Exit::Failed, why))?;
    let mut rows = Vec::new();
    for support in named {
        for looked in server.look(needed(&support.address, &signers)).await {
            rows.push((support.address.to_string(), looked));
        }
    }
    show_records(context, &rows)?;
    let all_good = rows.iter().all(|(_, looked)| looked.finding == Finding::Good);
    if all_good { Ok(()) } else { Err(Failure::new(Exit::Failed, "not every record is as it should be")) }
}

fn show_records(context: &Context, rows: &[(String, Looked)]) -> Result<(), Failure> {
    if context.screen.is_json() {
        let row = |(address, looked): &(String, Looked)| {
            json!({
                "address": address,
                "purpose": looked.record.purpose.as_str(),
                "name": looked.name,
                "expected": looked.record.text,
                "found": looked.found,
                "state": looked.finding.as_str(),
                "reason": looked.finding.why(),
            })
        };
        return context.screen.json(&rows.iter().map(row).collect::<Vec<_>>());
    }
    let mut shown = "";
    for (address, looked) in rows {
        if shown != address {
            context.screen.line(address)?;
            shown = address;
        }
        let why = looked.finding.why().map(|why| format!(": {why}")).unwrap_or_default();
        let (purpose, state) = (looked.record.purpose.as_str(), looked.finding.as_str());
        context.screen.line(&clean(&format!("  {purpose:<6}{state:<9}{}{why}", looked.name)))?;
        for text in &looked.found {
            context.screen.line(&clean(&format!("        there is  {text}")))?;
        }
        if !matches!(looked.finding, Finding::Good | Finding::Unknown(_)) {
            context.screen.line(&format!("        publish   {} TXT {}", looked.name, strings(&looked.record.text)))?;
        }
    }
    Ok(())
}

/// A text as a file of a zone holds it: in strings of 255 octets at most (RFC 1035 §3.3.14).
fn strings(text: &str) -> String {
    let strings = text.as_bytes().chunks(255).map(|octets| format!("\"{}\"", String::from_utf8_lossy(octets)));
    strings.collect::<Vec<_>>().join(" ")
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
    let cells = |row: &AddressRow| vec![row.address.clone(), time(row.probed_at), time(row.proven_at)];
    let rows: Vec<_> = rows.iter().map(cells).collect();
    context.screen.table(&["ADDRESS", "PROBED", "CAME BACK"], &rows)
}
