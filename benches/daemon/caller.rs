//! Requests over kept connections, many at once.

use deskgate::clock::instant;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections that share many requests.
pub const CONNECTIONS: usize = 16;

/// What is asked, by number: path and body.
pub type Asked = dyn Fn(usize) -> (String, String) + Send + Sync;

/// A connection that is kept.
pub struct Caller {
    sender: http1::SendRequest<Full<Bytes>>,
    to: SocketAddr,
    authorization: String,
}

impl Caller {
    pub async fn connect(to: SocketAddr, authorization: &str) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, to, authorization: authorization.to_owned() }
    }

    /// Posts and reads the answer to its end.
    pub async fn post(&mut self, path: &str, body: String) {
        let request = Request::post(path)
            .header("host", self.to.to_string())
            .header("authorization", &self.authorization)
            .header("content-type", "application/json");
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
    }
}

/// Posts so many requests over [`CONNECTIONS`] connections; when each was sent.
pub async fn post_all(to: SocketAddr, authorization: &str, count: usize, asked: Arc<Asked>) -> Vec<Instant> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut calling = JoinSet::new();
    for _ in 0..CONNECTIONS.min(count) {
        let mut caller = Caller::connect(to, authorization).await;
        let (next, asked) = (Arc::clone(&next), Arc::clone(&asked));
        calling.spawn(async move {
            let mut sent = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return sent;
                }
                let (path, body) = asked(n);
                sent.push((n, instant()));
                caller.post(&path, body).await;
            }
        });
    }
    let mut sent: Vec<(usize, Instant)> = calling.join_all().await.into_iter().flatten().collect();
    sent.sort_by_key(|(n, _)| *n);
    sent.into_iter().map(|(_, at)| at).collect()
}
