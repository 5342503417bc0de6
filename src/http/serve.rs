//! The accept loop: HTTP/1.1 with upgrades, deadlines, limits and a drain (RFC 9112).
//!
//! **Invariant:** no peer holds a connection without paying for it: a head must be complete within
//! [`HEAD_WITHIN`], connections are counted, and after the drain's end none is left. A connection that was upgraded
//! (messenger) leaves this count; its owner counts it.

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// A request's head must be complete within this time; also ends idle connections.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Header fields of one request.
const HEADERS_MAX: usize = 100;
/// Bytes buffered per connection, and so the largest head.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Requests under way get so long to finish when draining.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);
/// Pause after a failed accept (no descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` over at most `connections_max` connections, more of which wait in the listener's queue, until `drain` is
/// cancelled; then takes no more connections, lets what is under way finish within
/// 20 s, and returns. Handlers find the peer's address as `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// When the listener cannot tell its address, which means it is broken.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    drain: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let room = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    while let Some((stream, peer, permit)) = next_connection(&listener, &room, &drain).await {
        while connections.try_join_next().is_some() {}
        let (router, drain) = (router.clone(), drain.clone());
        connections.spawn(async move {
            serve_connection(stream, peer, router, drain).await;
            drop(permit);
        });
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_WITHIN, all_done).await.is_err() {
        tracing::warn!(%address, left = connections.len(), "http drain ended with requests under way");
        connections.shutdown().await;
    }
    Ok(())
}

async fn next_connection(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    drain: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    loop {
        let accepted = async {
            let permit = Arc::clone(room).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let (accepted, permit) = tokio::select! {
            () = drain.cancelled() => return None,
            accepted = accepted => accepted?,
        };
        match accepted {
            Ok((stream, peer)) => return Some((stream, peer, permit)),
            Err(error) => {
                tracing::warn!(%error, "http accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, router: Router, drain: CancellationToken) {
    // Small answers must not wait for the peer's acknowledgement. If this fails, the connection is dead and says so.
    stream.set_nodelay(true).ok();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "http connection ended");
    }
}
