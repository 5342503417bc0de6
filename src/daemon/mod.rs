//! The daemon: open, check, bind, start tasks, be ready, wait, drain in order.
//!
//! | killed | what is left | at the next start |
//! |---|---|---|
//! | before READY | perhaps a new, empty store | opened as it is |
//! | while running | all that was committed; a stale socket in `run/` | the socket is replaced, workers read the store and go on |
//! | while draining | the same | the same |
//!
//! Order of a drain: no more connections, 421 to idle SMTP sessions, 1001 to sockets, what is under way may finish, one
//! last commit proves that the store is sound, exit 0. Within 30 s; a second signal ends at once.
//!
//! **Invariant:** nothing is acknowledged before the store is open, and nothing half-configured ever listens (P25).

mod alarms;
mod bound;
mod channels;
pub(crate) mod control;
mod counted_door;
pub(crate) mod data_dir;
mod descriptors;
pub mod exit;
mod listeners;
pub(crate) mod logging;
pub(crate) mod open;
pub mod passed;
mod reload;
mod signals;
mod site;
mod store_watch;
mod supervise;
mod systemd;
mod tasks;
mod workers;

pub(crate) use crate::daemon::channels::large_mail;
pub(crate) use crate::daemon::channels::mailbox as mailbox_options;
pub(crate) use crate::daemon::channels::mailboxes;
pub(crate) use crate::daemon::channels::one_relay as relay_options;
pub(crate) use crate::daemon::channels::probe_relays;
pub(crate) use crate::daemon::channels::token_source;
pub(crate) use crate::daemon::open::signers;

use crate::channel::messenger::hub::Hub;
use crate::channel::smtp_in::Certificate;
use crate::channel::smtp_in::Protocol;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::env::Environment;
use crate::daemon::control::Control;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::daemon::listeners::Listeners;
use crate::daemon::logging::LevelHandle;
use crate::daemon::open::House;
use crate::daemon::passed::PassedSockets;
use crate::daemon::reload::Reload;
use crate::daemon::signals::Asked;
use crate::daemon::signals::Signals;
use crate::daemon::supervise::Supervisor;
use crate::http::ops::health::Health;
use crate::http::ops::health::Phase;
use sd_notify::NotifyState;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest drain; the unit's `TimeoutStopSec` is longer.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for the last commit.
const LAST_COMMIT_WITHIN: Duration = Duration::from_secs(5);

/// What is open and bound.
#[derive(Debug)]
struct Running {
    house: House,
    health: Health,
    hub: Hub,
    certificate: Option<Arc<Certificate>>,
    supervisor: Supervisor,
    drain: CancellationToken,
    fatal: CancellationToken,
    run_dir: PathBuf,
    addresses: Vec<(&'static str, String)>,
}

/// Checks what can be checked without opening anything: templates, signatures, the keys of `[[dkim]]` and
/// `[[messenger_key]]`, the certificate of `[smtp]`.
///
/// # Errors
/// [`Exit::Config`].
pub(crate) fn check(config: &Config) -> Result<(), Failure> {
    open::templates(config)?;
    open::settings(config)?;
    let certificate = channels::certificate(config, Clock::default().now())?.map(Arc::new);
    channels::listener(config, Protocol::Smtp, certificate.as_ref()).map(drop)
}

/// A daemon at work, until it is told to stop.
#[derive(Debug)]
pub(crate) struct Daemon<'e> {
    running: Running,
    signals: Signals,
    level: LevelHandle,
    config: Config,
    environment: &'e Environment,
}

impl<'e> Daemon<'e> {
    /// Starts one; it is ready when this returns.
    ///
    /// # Errors
    /// Why it could not start.
    pub(crate) async fn begin(
        config: Config,
        environment: &'e Environment,
        passed: PassedSockets,
    ) -> Result<Self, Failure> {
        let health = Health::new();
        let level = logging::start(&config.log, &health).map_err(|why| Failure::new(Exit::Config, why))?;
        let signals = Signals::install().map_err(|error| Failure::doing("install signal handlers", error))?;
        let running = Box::pin(start(&config, health, passed)).await?;
        Ok(Self { running, signals, level, config, environment })
    }

    /// Names of its listeners and where they are bound.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, String)> {
        self.running.addresses.clone()
    }

    /// Cancelled when the drain begins; cancelling it stops the daemon as a signal would.
    pub(crate) fn drain(&self) -> CancellationToken {
        self.running.drain.clone()
    }

    /// Works until it is told to stop, then drains.
    ///
    /// # Errors
    /// Why it had to end.
    pub(crate) async fn until_stopped(mut self) -> Result<(), Failure> {
        let templates = self.running.house.desk.templates();
        let reload = Reload {
            environment: self.environment,
            templates,
            level: &self.level,
            hub: &self.running.hub,
            certificate: self.running.certificate.as_ref(),
        };
        let fault = wait(&mut self.signals, &self.running, &reload, &mut self.config).await;
        drain(self.running, self.signals).await?;
        fault
    }
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Why it could not start, or had to end.
pub async fn run(config: Config, environment: &Environment, passed: PassedSockets) -> Result<(), Failure> {
    Daemon::begin(config, environment, passed).await?.until_stopped().await
}

/// Opens, binds, starts and reports readiness.
async fn start(config: &Config, health: Health, passed: PassedSockets) -> Result<Running, Failure> {
    check(config)?;
    let shares = descriptors::shares(config);
    let house = open::open(config).await?;
    house.desk.probe_write().await?;
    let certificate = channels::certificate(config, Clock::default().now())?.map(Arc::new);
    let mailboxes = mailboxes(config);
    let outside = (large_mail(config, &mailboxes), probe_relays(config, &mailboxes));
    let (drain, fatal) = (CancellationToken::new(), CancellationToken::new());
    let site = site::site(config, &house, &health, &outside, shares.sockets, &drain).await?;
    let listeners = Listeners::bind(config, passed)?;
    let run_dir = house.data_dir.run_dir()?;
    let socket_path = data_dir::control_socket(house.data_dir.path());
    let bound = bound::bind_unix(&socket_path, 0o600);
    let socket = bound.map_err(|error| Failure::doing(&format!("listen on {}", socket_path.display()), error))?;
    let supervisor = Supervisor::new(health.clone(), drain.clone());
    let control = Control::of_daemon(&house, health.clone(), outside);
    let mut addresses = listeners.addresses();
    addresses.push(("control", socket_path.display().to_string()));
    let owner = house.data_dir.owner()?;
    let parts = tasks::Parts {
        config,
        mailboxes: &mailboxes,
        certificate: certificate.as_ref(),
        shares,
        house: &house,
        health: &health,
        supervisor: &supervisor,
        drain: &drain,
        fatal: &fatal,
    };
    tasks::start(&parts, &site, listeners)?;
    tasks::control(&supervisor, control, socket, owner, &drain);
    listeners::write_addresses(&run_dir, &addresses)?;
    health.enter(Phase::Running);
    for (name, address) in &addresses {
        tracing::info!(name, address, "listening");
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data = %house.data_dir.path().display(), "ready");
    systemd::tell(&[NotifyState::Ready, NotifyState::Status("ready")]);
    Ok(Running { house, health, hub: site.hub, certificate, supervisor, drain, fatal, run_dir, addresses })
}

/// Waits for a reason to end; reloads meanwhile.
async fn wait(
    signals: &mut Signals,
    running: &Running,
    reload: &Reload<'_>,
    config: &mut Config,
) -> Result<(), Failure> {
    loop {
        let asked = tokio::select! {
            () = running.fatal.cancelled() => {
                return Err(Failure::new(Exit::Failed, "the store did not heal"));
            }
            () = running.drain.cancelled() => Asked::Stop,
            asked = signals.next() => asked,
        };
        match asked {
            Asked::Stop => return Ok(()),
            Asked::Reload => {
                systemd::tell_reloading();
                let outcome = reload.run(config);
                let status = outcome.as_ref().map_or_else(String::as_str, |()| "reloaded");
                if outcome.is_err() {
                    tracing::error!(why = status, "reload refused");
                }
                systemd::tell(&[NotifyState::Ready, NotifyState::Status(status)]);
            }
        }
    }
}

/// Stops in order; a second signal ends the process at once.
async fn drain(running: Running, mut signals: Signals) -> Result<(), Failure> {
    tracing::info!("draining");
    systemd::tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
    running.health.enter(Phase::Draining);
    running.drain.cancel();
    let finish = async {
        let left = running.hub.drain().await;
        if left > 0 {
            tracing::warn!(left, "sockets did not close in time");
        }
        if !running.supervisor.ended(DRAIN_WITHIN).await {
            tracing::warn!(limit_s = DRAIN_WITHIN.as_secs(), "drain ended with work under way");
        }
        match tokio::time::timeout(LAST_COMMIT_WITHIN, running.house.desk.probe_write()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "last commit failed"),
            Err(_) => tracing::warn!("last commit was not answered"),
        }
    };
    tokio::select! {
        () = finish => {}
        () = second_stop(&mut signals) => return Err(Failure::new(Exit::Failed, "stopped by a second signal")),
    }
    remove_traces(&running.run_dir);
    tracing::info!("stopped");
    Ok(())
}

async fn second_stop(signals: &mut Signals) {
    while signals.next().await != Asked::Stop {}
}

/// What would make others believe that a daemon runs.
fn remove_traces(run_dir: &Path) {
    for name in ["addresses.json", "control.sock"] {
        if let Err(error) = std::fs::remove_file(run_dir.join(name)) {
            tracing::debug!(name, %error, "not removed");
        }
    }
}

/// The counted door of a house.
fn door(house: &House, health: &Health) -> Arc<counted_door::CountedDoor> {
    Arc::new(counted_door::CountedDoor { desk: house.desk.clone(), health: health.clone() })
}
