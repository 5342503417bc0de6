//! From a host name to a connection that may sign in: TCP, TLS or STARTTLS, greeting.
//!
//! **Invariant:** nothing said in clear before TLS is believed: capabilities are asked for again, a PREAUTH greeting and
//! bytes that follow the answer to STARTTLS end the connection (RFC 2595 §2; "NO STARTTLS", USENIX Security 2021).

use crate::channel::imap::error::ImapError;
use crate::channel::imap::greeted::Greeted;
use crate::channel::imap::guard::Duplex;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::options::TlsMode;
use crate::channel::tls::client_config;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use socket2::TcpKeepalive;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// Quiet time before the kernel asks whether the peer is still there, and between its questions; three unanswered ones
/// end the connection: a half-open one is found within a minute, also in IDLE.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_QUESTIONS: u32 = 3;

/// Connects to the server and reads its greeting; what is returned is protected as `options.tls` asks.
pub(super) async fn connect(options: &MailboxOptions, drain: &CancellationToken) -> Result<Greeted, ImapError> {
    let wait = options.connect_timeout();
    let tcp = within("connect", wait, drain, open_tcp(options)).await?;
    match options.tls {
        TlsMode::None => Greeted::greeted(Box::new(tcp), options, drain).await,
        TlsMode::Implicit => {
            let tls = within("TLS", wait, drain, open_tls(Box::new(tcp), options)).await?;
            Greeted::greeted(tls, options, drain).await
        }
        TlsMode::StartTls => {
            let clear = Greeted::greeted(Box::new(tcp), options, drain).await?;
            let clear = clear.start_tls().await?;
            let tls = within("TLS", wait, drain, open_tls(clear, options)).await?;
            Ok(Greeted::new(tls, options, drain))
        }
    }
}

async fn within<T>(
    step: &'static str,
    wait: Duration,
    drain: &CancellationToken,
    work: impl Future<Output = Result<T, ImapError>>,
) -> Result<T, ImapError> {
    tokio::select! {
        biased;
        () = drain.cancelled() => Err(ImapError::Draining),
        done = timeout(wait, work) => done.unwrap_or(Err(ImapError::Silent { step, after_s: wait.as_secs() })),
    }
}

async fn open_tcp(options: &MailboxOptions) -> Result<TcpStream, ImapError> {
    let failed = |source: io::Error| ImapError::Io { step: "connect", source };
    let tcp = TcpStream::connect((options.host.as_str(), options.port)).await.map_err(failed)?;
    let socket = SockRef::from(&tcp);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    socket.set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_QUESTIONS)).map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    Ok(tcp)
}

async fn open_tls(stream: Box<dyn Duplex>, options: &MailboxOptions) -> Result<Box<dyn Duplex>, ImapError> {
    let name = ServerName::try_from(options.host.clone()).map_err(|e| ImapError::Tls(e.to_string()))?;
    let config = client_config(options.extra_roots.clone()).await.map_err(ImapError::Tls)?;
    let tls = TlsConnector::from(config).connect(name, stream).await.map_err(|e| ImapError::Tls(e.to_string()))?;
    Ok(Box::new(tls))
}
