//! `deskgate mailbox`.

use crate::channel::oauth::CodeConsent;
use crate::channel::oauth::DeviceConsent;
use crate::channel::oauth::TokenSource;
use crate::cli::Context;
use crate::cli::check;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::clean;
use crate::cli::screen::complain;
use crate::cli::screen::there_are;
use crate::config::Config;
use crate::config::mailbox;
use crate::config::mailbox::SignIn;
use crate::daemon;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;
use std::io;
use std::io::BufRead;
use std::io::Read;

/// Longest line that a person may paste in, in bytes.
const PASTED_BYTES_MAX: u64 = 16 * 1024;

/// Mailboxes of the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Mailbox {
    /// Sign in step by step
    Test {
        /// Its name in the configuration
        name: String,
    },
    /// Fetch a mail that was too large to be taken in with the others
    Fetch {
        /// The part that stands in for it
        part: u64,
    },
    /// Give consent to read it (OAuth 2.0), then sign in step by step
    Authorize {
        /// Its name in the configuration
        name: String,
        /// By a code typed in on any device; usual for Microsoft
        #[arg(long, conflicts_with = "browser")]
        device: bool,
        /// In a browser on this machine, or by pasting where it went; usual for Google
        #[arg(long)]
        browser: bool,
    },
}

pub(crate) async fn run(command: Mailbox, context: &Context) -> Result<(), Failure> {
    match command {
        Mailbox::Fetch { part } => fetch(context, part).await,
        Mailbox::Test { name } => {
            let config = context.config()?;
            test(&config, find(&config, &name)?, context).await
        }
        Mailbox::Authorize { name, device, browser } => {
            let config = context.config()?;
            let mailbox = find(&config, &name)?;
            let SignIn::OAuth(oauth) = &mailbox.sign_in else {
                return Err(Failure::new(Exit::Usage, format!("mailbox {name:?} signs in with a password")));
            };
            std::fs::create_dir_all(&config.data_dir)
                .map_err(|error| Failure::doing("make the data directory", error))?;
            let source = daemon::token_source(mailbox, oauth, &config);
            let given = if device || (oauth.prefers_device && !browser) {
                by_device(&source, context).await
            } else {
                by_browser(&source, context).await
            };
            given.map_err(|why| Failure::new(Exit::Failed, format!("no consent: {why}")))?;
            tell(context, "consent was given and is kept").map_err(|why| Failure::new(Exit::Failed, why))?;
            test(&config, mailbox, context).await
        }
    }
}

async fn fetch(context: &Context, part: u64) -> Result<(), Failure> {
    match Door::open(context).await?.ask(Request::FetchPart { id: part }).await? {
        Answer::Fetched { bytes } if context.screen.is_json() => {
            context.screen.json(&json!({ "part": part.to_string(), "bytes": bytes }))
        }
        Answer::Fetched { bytes } => context.screen.line(&format!("part {part} holds its mail of {bytes} bytes now")),
        other => unexpected(&other),
    }
}

fn find<'a>(config: &'a Config, name: &str) -> Result<&'a mailbox::Mailbox, Failure> {
    config.mailboxes.iter().find(|mailbox| mailbox.name == name).ok_or_else(|| {
        let known: Vec<_> = config.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect();
        Failure::new(Exit::Usage, format!("no mailbox is named {name:?}; {}", there_are(&known, "[[mailbox]]")))
    })
}

async fn test(config: &Config, mailbox: &mailbox::Mailbox, context: &Context) -> Result<(), Failure> {
    let name = &mailbox.name;
    let (steps, signed_in) = check::sign_in(config, mailbox).await;
    check::show(context, &format!("mailbox {name}"), &steps)?;
    if context.screen.is_json() {
        context.screen.json(&json!({ "mailbox": name, "ok": signed_in, "steps": check::in_json(&steps) }))?;
    }
    if signed_in { Ok(()) } else { Err(Failure::new(Exit::Failed, "the sign-in does not work")) }
}

async fn by_device(source: &TokenSource, context: &Context) -> Result<(), String> {
    let consent = DeviceConsent::begin(source).await?;
    let (uri, code) = (clean(&consent.verification_uri), clean(&consent.user_code));
    tell(context, &format!("Open {uri} on any device and type in: {code}"))?;
    consent.finish().await
}

async fn by_browser(source: &TokenSource, context: &Context) -> Result<(), String> {
    let consent = CodeConsent::begin(source).await?;
    tell(context, "Open this address in a browser and say yes:")?;
    tell(context, &consent.url())?;
    tell(context, "If the browser is on another machine, paste the address it ended at here:")?;
    let pasted = async { tokio::task::spawn_blocking(pasted_line).await.ok().flatten() };
    consent.finish(pasted).await
}

/// The next line of standard input; `None` at its end.
fn pasted_line() -> Option<String> {
    let mut line = String::new();
    let read = io::stdin().lock().take(PASTED_BYTES_MAX).read_line(&mut line).ok()?;
    (read > 0).then_some(line)
}

/// Says to the person what to do; programs read standard output.
fn tell(context: &Context, words: &str) -> Result<(), String> {
    if context.screen.is_json() {
        complain(words);
        return Ok(());
    }
    context.screen.line(words).map_err(|failure| failure.message)
}
