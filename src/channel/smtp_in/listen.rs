//! The accept loop: seats connections, turns away what is too many, drains.
//!
//! **Invariant:** [`serve`] returns only when every session has ended, and it always returns: within `drain_data_s` and a
//! few seconds for the last replies after the drain began.

use crate::channel::networks::is_among;
use crate::channel::smtp_in::ListenerOptions;
use crate::channel::smtp_in::body::Budget;
use crate::channel::smtp_in::caps::Caps;
use crate::channel::smtp_in::caps::Full;
use crate::channel::smtp_in::caps::Seat;
use crate::channel::smtp_in::proxy;
use crate::channel::smtp_in::reply::Reply;
use crate::channel::smtp_in::senders::Senders;
use crate::channel::smtp_in::session::Session;
use crate::channel::smtp_in::session::Signals;
use crate::channel::smtp_in::wire::Stream;
use crate::desk::mail::arrival::MailDoor;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::UnixListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after a failed accept: descriptors may come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time to turn a connection away; its send buffer is empty, so this is never used up by an honest peer.
const TURN_AWAY_LIMIT: Duration = Duration::from_secs(1);

const FULL_TOTAL: Reply = Reply::new(421, "4.3.2", "Too many connections; try again later");
const FOREIGN: Reply = Reply::new(554, "5.7.1", "This server takes mail from its own relays only");
/// Time for a proxy to say for whom it speaks.
const PROXY_LIMIT: Duration = Duration::from_secs(10);
const FULL_HOST: Reply = Reply::new(421, "4.7.0", "Too many connections from your host; try again later");

/// Where connections come in.
#[derive(Debug)]
pub enum SmtpListener {
    /// A TCP address.
    Tcp(TcpListener),
    /// A Unix socket; access is a matter of its file mode.
    Unix(UnixListener),
}

impl From<TcpListener> for SmtpListener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for SmtpListener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// A connection before its session.
struct Caller {
    stream: Box<dyn Stream>,
    ip: Option<IpAddr>,
    /// `ip:port`, or `unix`.
    peer: String,
}

/// Takes mail until `drain` is cancelled and the sessions have ended: idle ones are told 421 at once, a text coming in
/// may be finished and is answered.
pub async fn serve<D: MailDoor>(
    listener: SmtpListener,
    options: ListenerOptions,
    door: Arc<D>,
    drain: CancellationToken,
) {
    let house = House {
        caps: Caps::new(options.connections_max, options.connections_per_ip_max),
        budget: Budget::new(options.inflight_bytes_max),
        senders: options.per_sender_per_minute.map(|count| Arc::new(Senders::new(count, &options.trusted))),
        options: Arc::new(options),
        door,
        signals: Signals { drain, cut: CancellationToken::new() },
    };
    let (options, signals) = (Arc::clone(&house.options), house.signals.clone());
    let sessions = TaskTracker::new();
    while let Some(accepted) = next(&listener, &signals.drain).await {
        match accepted {
            Ok(caller) if caller.ip.is_some_and(|ip| is_among(&options.proxies, ip)) => {
                sessions.spawn(behind_proxy(house.clone(), caller));
            }
            Ok(caller) => {
                if let Some((seat, session)) = house.admit(caller).await {
                    sessions.spawn(seated(seat, session));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "mail listener cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    sessions.close();
    let grace = Duration::from_secs(options.drain_data_s);
    if timeout(grace, sessions.wait()).await.is_err() {
        signals.cut.cancel();
        sessions.wait().await;
    }
}

/// What sessions share.
struct House<D> {
    options: Arc<ListenerOptions>,
    door: Arc<D>,
    caps: Arc<Caps>,
    budget: Arc<Budget>,
    senders: Option<Arc<Senders>>,
    signals: Signals,
}

impl<D> Clone for House<D> {
    fn clone(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            door: Arc::clone(&self.door),
            caps: Arc::clone(&self.caps),
            budget: Arc::clone(&self.budget),
            senders: self.senders.clone(),
            signals: self.signals.clone(),
        }
    }
}

impl<D: MailDoor> House<D> {
    /// A session for a caller, who is turned away where there is no place for them.
    async fn admit(&self, caller: Caller) -> Option<(Seat, Session<D>)> {
        let options = &self.options;
        // A Unix socket is guarded by its file mode.
        let is_closed = options.edge.is_none() && !options.trusted.is_empty() && caller.ip.is_some();
        if is_closed && !caller.ip.is_some_and(|ip| is_among(&options.trusted, ip)) {
            turn_away(caller, &FOREIGN).await;
            return None;
        }
        let full = match self.caps.seat(caller.ip) {
            Ok(seat) => {
                let wire = (caller.stream, caller.peer, caller.ip);
                let senders = self.senders.as_ref();
                let session = Session::new(wire, options, &self.door, &self.budget, senders, &self.signals);
                return Some((seat, session));
            }
            Err(Full::Total) => &FULL_TOTAL,
            Err(Full::Host) => &FULL_HOST,
        };
        turn_away(caller, full).await;
        None
    }
}

/// A session whose proxy says first who the peer is.
async fn behind_proxy<D: MailDoor>(house: House<D>, mut caller: Caller) {
    let told = tokio::select! {
        biased;
        () = house.signals.drain.cancelled() => return,
        told = timeout(PROXY_LIMIT, proxy::read_header(&mut caller.stream)) => told,
    };
    match told {
        Ok(Ok(Some(client))) => (caller.ip, caller.peer) = (Some(client.ip()), client.to_string()),
        Ok(Ok(None)) => {}
        Ok(Err(error)) => return tracing::warn!(proxy = caller.peer, %error, "a proxy did not say who it speaks for"),
        Err(_) => return tracing::warn!(proxy = caller.peer, "a proxy did not say in time who it speaks for"),
    }
    if let Some((seat, session)) = house.admit(caller).await {
        seated(seat, session).await;
    }
}

/// A session in its place.
async fn seated<D: MailDoor>(seat: Seat, session: Session<D>) {
    session.run().await;
    drop(seat);
}

/// The next connection; `None` when the drain begins.
async fn next(listener: &SmtpListener, drain: &CancellationToken) -> Option<io::Result<Caller>> {
    tokio::select! {
        biased;
        () = drain.cancelled() => None,
        accepted = accept(listener) => Some(accepted),
    }
}

async fn accept(listener: &SmtpListener) -> io::Result<Caller> {
    match listener {
        SmtpListener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Caller { stream: Box::new(stream), ip: Some(peer.ip()), peer: peer.to_string() })
        }
        SmtpListener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            Ok(Caller { stream: Box::new(stream), ip: None, peer: "unix".to_owned() })
        }
    }
}

async fn turn_away(mut caller: Caller, reply: &Reply) {
    tracing::debug!(peer = caller.peer, ?reply, "mail connection turned away");
    let mut line = Vec::new();
    reply.write_to(&mut line);
    let farewell = async {
        caller.stream.write_all(&line).await?;
        caller.stream.shutdown().await
    };
    // The peer may be gone already; there is nobody left to tell.
    if let Ok(Err(error)) = timeout(TURN_AWAY_LIMIT, farewell).await {
        tracing::debug!(peer = caller.peer, %error, "mail connection lost while turned away");
    }
}
