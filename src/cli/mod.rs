//! The command line: one file per subcommand (INTERFACES §2, OPS-7).
//!
//! Commands that touch data ask the running daemon through its control socket, or open the store themselves when none
//! runs (`door`); either way the same code acts. Answers go to standard output, everything else to standard error.
//!
//! **Invariant:** a command never changes data but by operations of the desk, and never prints a secret, except a new
//! token, once.

mod address;
mod agent;
mod backup;
mod check;
mod data_rights;
mod demo;
mod door;
mod import;
mod init;
mod mailbox;
mod quarantine;
mod queue;
mod relay;
mod screen;
mod serve;
mod status;
mod template;
mod token;
mod trace;
mod upkeep;

use crate::cli::screen::Screen;
use crate::config::Config;
use crate::config::env::Environment;
use crate::config::limits::Log;
use crate::config::limits::LogFormat;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::daemon::logging;
use crate::daemon::passed::PassedSockets;
use crate::http::ops::health::Health;
use clap::Parser;
use clap::Subcommand;
use std::future::Future;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

/// Work that hangs is left behind after so long when a command ends.
const RUNTIME_ENDS_WITHIN: Duration = Duration::from_millis(500);

/// An email and messenger gateway with a help desk.
#[derive(Debug, Parser)]
#[command(name = "deskgate", version, propagate_version = true)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Understood by every command.
#[derive(Clone, Debug, clap::Args)]
struct Global {
    /// Configuration; /etc/deskgate/deskgate.toml when it exists, else development defaults
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory, before what the configuration says
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon (also without a command)
    Serve,
    /// See it work: a daemon on fresh data, with real traffic through its doors
    Demo,
    /// Check configuration, templates and permissions
    Check(check::Check),
    /// People who answer
    #[command(subcommand)]
    Agent(agent::Agent),
    /// Support addresses, and whether their mail comes in
    #[command(subcommand)]
    Address(address::Address),
    /// API tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Take in mail from files; restartable, no duplicates
    #[command(subcommand)]
    Import(import::Import),
    /// Mailboxes, queues, store, last errors
    Status,
    /// Everything the desk did with a message, a delivery or an address
    Trace(trace::Trace),
    /// Deliveries that wait or need attention
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Mails that could not be taken in
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// Templates with sample data
    #[command(subcommand)]
    Template(template::Template),
    /// Write one consistent file while the daemon runs
    Backup(backup::Backup),
    /// Unpack a backup into an empty data directory
    Restore(backup::Restore),
    /// Write everything a contact may have of themself into one archive
    Export(data_rights::Export),
    /// Take a contact away with everything they left; not undoable
    Erase(data_rights::Erase),
    /// Check every invariant of the store
    Verify,
    /// Give freed space back
    Compact,
    /// Say what is past its keeping and would go now; nothing goes
    Retention,
    /// Mailboxes
    #[command(subcommand)]
    Mailbox(mailbox::Mailbox),
    /// Relays
    #[command(subcommand)]
    Relay(relay::Relay),
    /// Write a commented configuration, and begin with a first admin
    Init(init::Init),
}

/// What every command gets.
#[derive(Debug)]
struct Context {
    global: Global,
    environment: Environment,
    screen: Screen,
}

impl Context {
    /// What `--data` names.
    pub(crate) fn data_path(&self) -> Option<&Path> {
        self.global.data.as_deref()
    }

    /// The configuration, checked.
    fn config(&self) -> Result<Config, Failure> {
        Config::load(self.global.config.as_deref(), self.global.data.as_deref(), &self.environment)
            .map_err(|faults| Failure::new(Exit::Config, faults.to_string()))
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nobody is left to tell when the terminal is gone.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let is_daemon = matches!(args.command, None | Some(Command::Serve));
    let passed = if is_daemon { PassedSockets::of_process() } else { Ok(PassedSockets::default()) };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen::complain(&format!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(run(args, passed));
    runtime.shutdown_timeout(RUNTIME_ENDS_WITHIN);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen::complain(&failure.message);
            failure.exit.into()
        }
    }
}

async fn run(args: Args, passed: Result<PassedSockets, Failure>) -> Result<(), Failure> {
    let screen = Screen::new(args.global.json);
    let context = Context { global: args.global, environment: Environment::of_process(), screen };
    let command = args.command.unwrap_or(Command::Serve);
    if !matches!(command, Command::Serve | Command::Demo) {
        // The daemon says what it does; a command only what is wrong.
        let quiet = Log { level: "warn".to_owned(), format: LogFormat::Text };
        logging::start(&quiet, &Health::new()).map_err(|why| Failure::new(Exit::Failed, why))?;
    }
    dispatch(command, &context, passed?).await
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// The future of a command, on the heap: some are large.
fn dispatch(command: Command, context: &Context, passed: PassedSockets) -> Running<'_> {
    match command {
        Command::Serve => Box::pin(serve::run(context, passed)),
        Command::Demo => Box::pin(demo::run(context)),
        Command::Check(check) => Box::pin(check::run(check, context)),
        Command::Address(address) => Box::pin(address::run(address, context)),
        Command::Agent(agent) => Box::pin(agent::run(agent, context)),
        Command::Token(token) => Box::pin(token::run(token, context)),
        Command::Import(import) => Box::pin(import::run(import, context)),
        Command::Status => Box::pin(status::run(context)),
        Command::Trace(trace) => Box::pin(trace::run(trace, context)),
        Command::Queue(queue) => Box::pin(queue::run(queue, context)),
        Command::Quarantine(quarantine) => Box::pin(quarantine::run(quarantine, context)),
        Command::Template(template) => Box::pin(std::future::ready(template::run(template, context))),
        Command::Backup(backup) => Box::pin(backup::back_up(backup, context)),
        Command::Restore(restore) => Box::pin(backup::restore(restore, context)),
        Command::Export(export) => Box::pin(data_rights::export(export, context)),
        Command::Erase(erase) => Box::pin(data_rights::erase(erase, context)),
        Command::Verify => Box::pin(upkeep::verify(context)),
        Command::Compact => Box::pin(upkeep::compact(context)),
        Command::Retention => Box::pin(upkeep::retention(context)),
        Command::Mailbox(mailbox) => Box::pin(mailbox::run(mailbox, context)),
        Command::Relay(relay) => Box::pin(relay::run(relay, context)),
        Command::Init(init) => Box::pin(init::run(init, context)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
