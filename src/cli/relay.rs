//! `deskgate relay`.

use crate::cli::Context;
use crate::cli::check;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;

/// Relays of the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Relay {
    /// Connect and sign in step by step; sends nothing
    Test {
        /// Its name in the configuration
        name: String,
    },
}

pub(crate) async fn run(command: Relay, context: &Context) -> Result<(), Failure> {
    let Relay::Test { name } = command;
    let config = context.config()?;
    let relay = config.relays.iter().find(|relay| relay.name == name).ok_or_else(|| {
        let known: Vec<_> = config.relays.iter().map(|relay| relay.name.as_str()).collect();
        Failure::new(Exit::Usage, format!("no relay is named {name:?}; there are: {}", known.join(", ")))
    })?;
    let (steps, signed_in) = check::sign_in_to_relay(&config, relay).await;
    check::show(context, &format!("relay {name}"), &steps)?;
    if context.screen.is_json() {
        context.screen.json(&json!({ "relay": name, "ok": signed_in, "steps": check::in_json(&steps) }))?;
    }
    if signed_in { Ok(()) } else { Err(Failure::new(Exit::Failed, "the sign-in does not work")) }
}
