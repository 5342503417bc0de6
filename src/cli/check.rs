//! `deskgate check`.

use crate::channel::imap;
use crate::channel::smtp_out;
use crate::cli::Context;
use crate::config::Config;
use crate::config::relay::Relay;
use crate::daemon;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;

/// Check configuration, templates and permissions.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Also sign in to every mailbox and relay
    #[arg(long)]
    connect: bool,
}

/// One step of a sign-in: what, and how it went.
pub(crate) type Step = (String, Result<String, String>);

pub(crate) async fn run(check: Check, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    daemon::check(&config)?;
    let source =
        config.file.as_ref().map_or_else(|| "development defaults".to_owned(), |file| file.display().to_string());
    if !context.screen.is_json() {
        context.screen.line(&format!("{source}: configuration and templates are sound"))?;
    }
    let mut sound = true;
    let mut connections = Vec::new();
    if check.connect {
        for mailbox in &config.mailboxes {
            let (steps, signed_in) = sign_in(&config, mailbox).await;
            show(context, &format!("mailbox {}", mailbox.name), &steps)?;
            connections.push(json!({ "mailbox": mailbox.name, "ok": signed_in, "steps": in_json(&steps) }));
            sound &= signed_in;
        }
        for relay in &config.relays {
            let (steps, signed_in) = sign_in_to_relay(&config, relay).await;
            show(context, &format!("relay {}", relay.name), &steps)?;
            connections.push(json!({ "relay": relay.name, "ok": signed_in, "steps": in_json(&steps) }));
            sound &= signed_in;
        }
    }
    if context.screen.is_json() {
        context.screen.json(&json!({ "config": source, "ok": sound, "connections": connections }))?;
    }
    if sound { Ok(()) } else { Err(Failure::new(Exit::Failed, "not every sign-in works")) }
}

/// Signs in to a mailbox, step by step.
pub(crate) async fn sign_in(config: &Config, mailbox: &crate::config::mailbox::Mailbox) -> (Vec<Step>, bool) {
    let steps = imap::test_sign_in(&daemon::mailbox_options(mailbox, config)).await;
    let steps = steps.into_iter().map(|(step, outcome)| (step.to_owned(), outcome)).collect();
    judged(steps)
}

/// Signs in to a relay, step by step; sends nothing.
pub(crate) async fn sign_in_to_relay(config: &Config, relay: &Relay) -> (Vec<Step>, bool) {
    judged(smtp_out::probe(&daemon::relay_options(relay, config)).await)
}

fn judged(steps: Vec<Step>) -> (Vec<Step>, bool) {
    let sound = steps.iter().all(|(_, outcome)| outcome.is_ok());
    (steps, sound)
}

/// Shows steps to people.
pub(crate) fn show(context: &Context, what: &str, steps: &[Step]) -> Result<(), Failure> {
    if context.screen.is_json() {
        return Ok(());
    }
    context.screen.line(what)?;
    for (step, outcome) in steps {
        let words = match outcome {
            Ok(detail) => format!("  ok      {step}: {detail}"),
            Err(why) => format!("  FAILED  {step}: {why}"),
        };
        context.screen.line(&crate::cli::screen::clean(&words))?;
    }
    Ok(())
}

/// Steps for programs.
pub(crate) fn in_json(steps: &[Step]) -> Vec<serde_json::Value> {
    let step = |(step, outcome): &Step| match outcome {
        Ok(detail) => json!({ "step": step, "ok": true, "detail": detail }),
        Err(why) => json!({ "step": step, "ok": false, "error": why }),
    };
    steps.iter().map(step).collect()
}
