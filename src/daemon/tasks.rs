//! The list of tasks, and what each is started with.

use crate::channel::imap;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxState;
use crate::channel::imap::SentFolder;
use crate::channel::smtp_in;
use crate::channel::smtp_in::Certificate;
use crate::channel::smtp_in::ListenerOptions;
use crate::channel::smtp_in::Protocol;
use crate::channel::smtp_in::SmtpListener;
use crate::channel::smtp_out;
use crate::channel::smtp_out::RelayHealth;
use crate::channel::smtp_out::RelayOptions;
use crate::channel::webhook_out;
use crate::channel::webhook_out::Tally;
use crate::config::Config;
use crate::config::workspace::Support;
use crate::daemon::alarms;
use crate::daemon::alarms::Watch;
use crate::daemon::bound::Bound;
use crate::daemon::channels;
use crate::daemon::control::Control;
use crate::daemon::control::server;
use crate::daemon::counted_door::CountedDoor;
use crate::daemon::descriptors::Shares;
use crate::daemon::door;
use crate::daemon::exit::Failure;
use crate::daemon::listeners::Listeners;
use crate::daemon::open::House;
use crate::daemon::site::Site;
use crate::daemon::store_watch;
use crate::daemon::store_watch::StoreWatch;
use crate::daemon::supervise::Supervisor;
use crate::daemon::systemd;
use crate::daemon::workers;
use crate::daemon::workers::Work;
use crate::domain::mail_share;
use crate::domain::mail_share::MailShare;
use crate::http;
use crate::http::ops;
use crate::http::ops::Ops;
use crate::http::ops::health::Health;
use crate::search;
use axum::Router;
use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Connections of whoever watches the daemon.
const OPS_CONNECTIONS_MAX: usize = 16;

/// What tasks are made of.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) mailboxes: &'a [MailboxOptions],
    pub(super) certificate: Option<&'a Arc<Certificate>>,
    pub(super) shares: Shares,
    pub(super) house: &'a House,
    pub(super) health: &'a Health,
    pub(super) supervisor: &'a Supervisor,
    pub(super) drain: &'a CancellationToken,
    pub(super) fatal: &'a CancellationToken,
}

/// Starts every task but the control socket.
///
/// # Errors
/// A certificate that does not work.
pub(super) fn start(parts: &Parts<'_>, site: &Site, listeners: Listeners) -> Result<(), Failure> {
    watch_store(parts);
    start_workers(parts);
    outbox(parts);
    if let Some(bound) = listeners.smtp {
        mail_listener(parts, "smtp", bound, channels::listener(parts.config, Protocol::Smtp, parts.certificate)?);
    }
    if let Some(bound) = listeners.lmtp {
        mail_listener(parts, "lmtp", bound, channels::listener(parts.config, Protocol::Lmtp, None)?);
    }
    mailboxes(parts)?;
    sent_folders(parts);
    alarms(parts);
    messenger(parts, site);
    webhooks(parts, site);
    words(parts, site);
    if let Some(bound) = listeners.http {
        web(parts, "http", bound, parts.shares.http, site.router.clone());
    }
    if let Some(bound) = listeners.ops {
        let ops = Ops { health: parts.health.clone(), desk: parts.house.desk.clone() };
        web(parts, "ops", bound, OPS_CONNECTIONS_MAX, ops::router(ops));
    }
    Ok(())
}

fn watch_store(parts: &Parts<'_>) {
    let watch = StoreWatch {
        store: parts.house.store.clone(),
        desk: parts.house.desk.clone(),
        health: parts.health.clone(),
        data_dir: parts.house.data_dir.path().to_owned(),
        reserve_bytes: parts.config.limits.disk_reserve_bytes,
        drain: parts.drain.clone(),
        fatal: parts.fatal.clone(),
    };
    parts.supervisor.keep("store watch", move || store_watch::watch(watch.clone()));
    let (health, desk, drain) = (parts.health.clone(), parts.house.desk.clone(), parts.drain.clone());
    parts.supervisor.keep("watchdog", move || systemd::watchdog(health.clone(), desk.clone(), drain.clone()));
}

fn start_workers(parts: &Parts<'_>) {
    let work = Work { desk: parts.house.desk.clone(), health: parts.health.clone(), drain: parts.drain.clone() };
    let chores = work.clone();
    let handing_out = work.clone();
    let agent_notices = work.clone();
    let (broadcasts, cross_posts, snoozes, sweeps) = (work.clone(), work.clone(), work.clone(), work);
    parts.supervisor.keep("cross-posts", move || workers::cross_posts(cross_posts.clone()));
    parts.supervisor.keep("chores", move || workers::chores(chores.clone()));
    parts.supervisor.keep("broadcasts", move || workers::broadcasts(broadcasts.clone()));
    parts.supervisor.keep("snoozes", move || workers::snoozes(snoozes.clone()));
    parts.supervisor.keep("handing-out", move || workers::handing_out(handing_out.clone()));
    parts.supervisor.keep("agent notices", move || workers::agent_notices(agent_notices.clone()));
    parts.supervisor.keep("sweeps", move || workers::sweeps(sweeps.clone()));
}

fn mail_listener(parts: &Parts<'_>, name: &'static str, bound: Bound, mut options: ListenerOptions) {
    options.connections_max = options.connections_max.min(parts.shares.mail);
    let (door, drain) = (door(parts.house, parts.health), parts.drain.clone());
    parts.supervisor.keep(name, move || {
        let listener = mail_socket(&bound);
        let (options, door, drain) = (options.clone(), Arc::clone(&door), drain.clone());
        async move {
            match listener {
                Ok(listener) => smtp_in::serve::<CountedDoor>(listener, options, door, drain).await,
                Err(error) => tracing::error!(name, %error, "listener cannot be used"),
            }
        }
    });
}

fn mail_socket(bound: &Bound) -> io::Result<SmtpListener> {
    match bound.again()? {
        Bound::Tcp(listener) => tokio::net::TcpListener::from_std(listener).map(SmtpListener::Tcp),
        Bound::Unix(listener, _) => tokio::net::UnixListener::from_std(listener).map(SmtpListener::Unix),
    }
}

fn mailboxes(parts: &Parts<'_>) -> Result<(), Failure> {
    let holder = parts.house.data_dir.holder()?;
    for (mailbox, options) in parts.config.mailboxes.iter().zip(parts.mailboxes) {
        let (sender, state) = watch::channel(MailboxState::default());
        parts.health.watch_mailbox(&options.name, state);
        let lease = mailbox.lease.as_ref().map(|lease| imap::Lease {
            folder: lease.folder.clone(),
            term: lease.term,
            holder: holder.clone(),
            site: parts.house.desk.settings().public_url.clone(),
        });
        let options = MailboxOptions { lease, ..options.clone() };
        let (door, drain) = (door(parts.house, parts.health), parts.drain.clone());
        let desk = parts.house.desk.clone();
        parts.supervisor.keep(&format!("mailbox {}", options.name.clone()), move || {
            let (mut options, desk, sender) = (options.clone(), desk.clone(), sender.clone());
            let (door, drain) = (Arc::clone(&door), drain.clone());
            async move {
                match desk.mailbox_added_at(&options.name).await {
                    Ok(_) if options.import_existing => {}
                    Ok(added_at) => options.import_since = Some(added_at),
                    Err(error) => return tracing::error!(mailbox = options.name, %error, "mailbox cannot begin"),
                }
                imap::run(options, door, desk.clock().clone(), drain, sender).await;
            }
        });
    }
    Ok(())
}

/// Copies of sent mail, a task for each mailbox that keeps them.
fn sent_folders(parts: &Parts<'_>) {
    let desk = parts.house.desk.clone();
    tokio::spawn(async move {
        if let Err(error) = desk.forget_unwanted_copies().await {
            tracing::warn!(%error, "copies of sent mail that nobody wants are still kept");
        }
    });
    for (mailbox, options) in parts.config.mailboxes.iter().zip(parts.mailboxes) {
        let Some(sent) = &mailbox.sent else { continue };
        let sent = SentFolder { folder: sent.folder.clone(), from: sent.from.clone() };
        let (options, desk, drain) = (options.clone(), parts.house.desk.clone(), parts.drain.clone());
        parts.supervisor.keep(&format!("sent folder {}", mailbox.name), move || {
            imap::keep_sent(options.clone(), sent.clone(), desk.clone(), drain.clone())
        });
    }
}

fn alarms(parts: &Parts<'_>) {
    let watch = Watch {
        desk: parts.house.desk.clone(),
        health: parts.health.clone(),
        relays: parts.config.relays.iter().map(|it| channels::relay(it, parts.config, parts.mailboxes)).collect(),
        drain: parts.drain.clone(),
    };
    parts.supervisor.keep("alarms", move || alarms::watch(watch.clone()));
}

fn outbox(parts: &Parts<'_>) {
    let config = parts.config;
    if config.relays.is_empty() {
        let sender = watch::Sender::new(RelayHealth::default());
        return outbox_of(parts, "outbox", MailShare::All, None, sender);
    }
    let names: Vec<String> = config.relays.iter().map(|relay| relay.name.clone()).collect();
    let route = |support: &Support| Some((support.address.clone(), support.relay.clone()?));
    let routes: Vec<_> = config.support.iter().filter_map(route).collect();
    for (relay, share) in config.relays.iter().zip(mail_share::divide(&names, &routes)) {
        let (sender, state) = watch::channel(RelayHealth::default());
        parts.health.watch_relay(&relay.name, state);
        let task = format!("outbox {}", relay.name);
        outbox_of(parts, &task, share, Some(channels::relay(relay, config, parts.mailboxes)), sender);
    }
}

fn outbox_of(
    parts: &Parts<'_>,
    task: &str,
    share: MailShare,
    relay: Option<RelayOptions>,
    sender: watch::Sender<RelayHealth>,
) {
    let (desk, drain) = (parts.house.desk.clone(), parts.drain.clone());
    parts
        .supervisor
        .keep(task, move || smtp_out::run(desk.clone(), share.clone(), relay.clone(), sender.clone(), drain.clone()));
}

fn messenger(parts: &Parts<'_>, site: &Site) {
    let (hub, drain) = (site.hub.clone(), parts.drain.clone());
    parts.health.watch_sockets(hub.clone());
    parts.supervisor.keep("messenger", move || {
        let (hub, drain) = (hub.clone(), drain.clone());
        async move { hub.run(drain).await }
    });
}

fn webhooks(parts: &Parts<'_>, site: &Site) {
    let tally = Tally::default();
    parts.health.watch_webhooks(tally.clone());
    let (desk, targets, bodies) = (parts.house.desk.clone(), site.targets.clone(), Arc::clone(&site.bodies));
    let drain = parts.drain.clone();
    parts.supervisor.keep("webhooks", move || {
        webhook_out::run(desk.clone(), targets.clone(), Arc::clone(&bodies), tally.clone(), drain.clone())
    });
}

fn words(parts: &Parts<'_>, site: &Site) {
    let Some(index) = site.words.clone() else { return };
    let (desk, drain) = (parts.house.desk.clone(), parts.drain.clone());
    parts.supervisor.keep("search index", move || search::run(desk.clone(), index.clone(), drain.clone()));
}

fn web(parts: &Parts<'_>, name: &'static str, bound: Bound, connections_max: usize, router: Router) {
    let drain = parts.drain.clone();
    parts.supervisor.keep(name, move || {
        let (listener, router, drain) = (tcp_socket(&bound), router.clone(), drain.clone());
        async move {
            let served = match listener {
                Ok(listener) => http::serve(listener, router, connections_max, drain).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::error!(name, %error, "listener failed");
            }
        }
    });
}

fn tcp_socket(bound: &Bound) -> io::Result<tokio::net::TcpListener> {
    match bound.again()? {
        Bound::Tcp(listener) => tokio::net::TcpListener::from_std(listener),
        Bound::Unix(..) => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}

/// Starts the control socket.
pub(super) fn control(
    supervisor: &Supervisor,
    control: Control,
    socket: UnixListener,
    owner: u32,
    drain: &CancellationToken,
) {
    let drain = drain.clone();
    supervisor.keep("control", move || {
        let listener = socket.try_clone().and_then(tokio::net::UnixListener::from_std);
        let (control, drain) = (control.clone(), drain.clone());
        async move {
            match listener {
                Ok(listener) => server::serve(listener, control, owner, drain).await,
                Err(error) => tracing::error!(%error, "control socket cannot be used"),
            }
        }
    });
}
