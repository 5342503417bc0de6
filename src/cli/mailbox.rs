//! `deskgate mailbox`.

use crate::cli::Context;
use crate::cli::check;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;

/// Mailboxes of the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Mailbox {
    /// Sign in step by step
    Test {
        /// Its name in the configuration
        name: String,
    },
}

pub(crate) async fn run(command: Mailbox, context: &Context) -> Result<(), Failure> {
    let Mailbox::Test { name } = command;
    let config = context.config()?;
    let mailbox = config.mailboxes.iter().find(|mailbox| mailbox.name == name).ok_or_else(|| {
        let known: Vec<_> = config.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect();
        Failure::new(Exit::Usage, format!("no mailbox is named {name:?}; there are: {}", known.join(", ")))
    })?;
    let (steps, signed_in) = check::sign_in(&config, mailbox).await;
    check::show(context, &format!("mailbox {name}"), &steps)?;
    if context.screen.is_json() {
        context.screen.json(&json!({ "mailbox": name, "ok": signed_in, "steps": check::in_json(&steps) }))?;
    }
    if signed_in { Ok(()) } else { Err(Failure::new(Exit::Failed, "the sign-in does not work")) }
}
