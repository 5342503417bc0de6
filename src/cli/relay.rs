//! `deskgate relay`.

use crate::channel::smtp_out;
use crate::cli::Context;
use crate::cli::check;
use crate::cli::check::Step;
use crate::cli::screen::there_are;
use crate::clock::Clock;
use crate::clock::instant;
use crate::config;
use crate::config::Config;
use crate::daemon;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::desk::mail::outbox::OutgoingMail;
use crate::domain::address::Address;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use crate::mail::compose::Automatic;
use crate::mail::compose::Outgoing;
use crate::mail::compose::compose;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;
use serde_json::json;

/// Relays of the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Relay {
    /// Connect and sign in step by step
    Test {
        /// Its name in the configuration
        name: String,
        /// Send a probe mail there; without it nothing is sent
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
}

pub(crate) async fn run(command: Relay, context: &Context) -> Result<(), Failure> {
    let Relay::Test { name, to } = command;
    let config = context.config()?;
    let relay = config.relays.iter().find(|relay| relay.name == name).ok_or_else(|| {
        let known: Vec<_> = config.relays.iter().map(|relay| relay.name.as_str()).collect();
        Failure::new(Exit::Usage, format!("no relay is named {name:?}; {}", there_are(&known, "[[relay]]")))
    })?;
    let (steps, signed_in) = match to {
        None => check::sign_in_to_relay(&config, relay).await,
        Some(to) => {
            let to = Address::parse(&to)
                .ok_or_else(|| Failure::new(Exit::Usage, format!("{to:?} is not an email address")))?;
            probe(&config, relay, to).await?
        }
    };
    check::show(context, &format!("relay {name}"), &steps)?;
    if context.screen.is_json() {
        context.screen.json(&json!({ "relay": name, "ok": signed_in, "steps": check::in_json(&steps) }))?;
    }
    if signed_in { Ok(()) } else { Err(Failure::new(Exit::Failed, "the relay does not work")) }
}

/// Hands a probe mail to the relay (EML-93): the steps, and what it said to the mail.
async fn probe(config: &Config, relay: &config::relay::Relay, to: Address) -> Result<(Vec<Step>, bool), Failure> {
    let mail = probe_mail(config, &relay.name, to)?;
    let began = instant();
    let (mut steps, verdict) = smtp_out::send_single(&daemon::relay_options(relay, config), &mail).await;
    let took_ms = instant().duration_since(began).as_millis();
    let outcome = match verdict {
        Verdict::Delivered { answer } => Ok(format!("{} taken after {took_ms} ms: {answer}", mail.message_id)),
        Verdict::Uncertain { reason } => Err(format!("the relay may have it: {reason}")),
        Verdict::Deferred { reason, .. } | Verdict::Failed { reason } => Err(reason),
        Verdict::Skipped(_) | Verdict::Held | Verdict::Postponed { .. } => Err("nothing was sent".to_owned()),
    };
    let sound = outcome.is_ok();
    if sound || steps.iter().all(|(_, outcome)| outcome.is_ok()) {
        steps.push(("mail".to_owned(), outcome));
    }
    Ok((steps, sound))
}

fn probe_mail(config: &Config, relay: &str, to: Address) -> Result<OutgoingMail, Failure> {
    let from = config.support.iter().find(|support| support.relay.as_deref() == Some(relay)).or(config.support.first());
    let from = from.ok_or_else(|| Failure::new(Exit::Config, "no support address"))?;
    let clock = Clock::default();
    let delivery = DeliveryId(clock.next_id());
    let message_id = format!("probe.{delivery}@{}", from.address.domain());
    let mail = Outgoing {
        from: NamedAddress { name: from.name.clone(), address: from.address.clone() },
        reply_to: None,
        to: vec![NamedAddress { name: String::new(), address: to.clone() }],
        cc: Vec::new(),
        subject: format!("Deskgate: probe of the relay {relay}"),
        message_id: MsgId::parse(&message_id).unwrap_or_default(),
        in_reply_to: None,
        references: Vec::new(),
        date: clock.now(),
        text: format!("The relay {relay} takes mail of {}. Nobody needs to answer.\n", from.address),
        html: None,
        automatic: Automatic::Generated,
        list_unsubscribe: None,
        marker: String::new(),
        files: Vec::new(),
    };
    let bytes = compose(&mail).map_err(|error| Failure::doing("write the probe", error))?;
    Ok(OutgoingMail { delivery, reverse_path: from.address.clone(), recipient: to, message_id, bytes })
}
