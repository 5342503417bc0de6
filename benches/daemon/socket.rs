//! A messenger's websocket, client and bare server.

use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest wait for a frame.
const SOON: Duration = Duration::from_secs(60);
/// Handshakes under way at once.
const AT_ONCE: usize = 50;
/// Addresses of this machine that sockets come from, so that ports do not run out.
const SOURCES: u8 = 8;

/// Small buffers, so that thousands of clients fit.
fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4_096).write_buffer_size(4_096)
}

/// A runtime for clients: one thread, so that the daemon has the others.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime for a server: two threads.
pub fn server_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a server on a thread and a runtime of its own; where it listens.
pub fn serve<F: Future<Output = ()>>(
    runtime: fn() -> tokio::runtime::Runtime,
    server: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || runtime().block_on(async { server(TcpListener::from_std(listener).unwrap()).await }));
    address
}

pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Connects; the `n`-th socket decides where from.
    pub async fn connect(to: SocketAddr, n: usize) -> Self {
        Self::connect_at(to, "/messenger/ws", n).await
    }

    /// The same at another path.
    pub async fn connect_at(to: SocketAddr, path: &str, n: usize) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        let host = u8::try_from(n % usize::from(SOURCES)).unwrap() + 1;
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0))).unwrap();
        let stream = socket.connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{to}{path}");
        let (stream, _) = client_async_with_config(url, stream, Some(config())).await.unwrap();
        Self { stream }
    }

    /// The other side of one, without a daemon.
    pub async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: accept_async_with_config(stream, Some(config())).await.unwrap() }
    }

    /// Opens a session; the welcome.
    pub async fn hello(&mut self, identity: Value) -> Value {
        self.resume(identity, &Value::Null).await
    }

    /// Opens a session that goes on behind `since`; the welcome.
    pub async fn resume(&mut self, identity: Value, since: &Value) -> Value {
        self.say(&json!({"type": "hello", "identity": identity, "since": since, "page": "https://www.example.com/"}))
            .await;
        let welcome = self.json().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        welcome
    }

    pub async fn say(&mut self, frame: &Value) {
        self.write(frame.to_string().into()).await;
    }

    pub async fn write(&mut self, frame: Utf8Bytes) {
        self.stream.send(Message::Text(frame)).await.unwrap();
    }

    /// The next text frame; `None` when the socket ended.
    pub async fn text(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => return Some(text),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// The next frame, whatever it is.
    pub async fn json(&mut self) -> Value {
        let text = timeout(SOON, self.text()).await.expect("a frame").expect("an open socket");
        serde_json::from_str(&text).unwrap()
    }

    /// The next frame of that type.
    pub async fn frame_of(&mut self, r#type: &str) -> Value {
        loop {
            let frame = self.json().await;
            assert_ne!(frame["type"], "error", "{frame}");
            if frame["type"] == r#type {
                return frame;
            }
        }
    }

    /// Reads until the socket ends.
    pub async fn idle(mut self) {
        while self.text().await.is_some() {}
    }
}

/// New visitors, connected and welcomed.
pub async fn visitors(to: SocketAddr, numbers: std::ops::Range<usize>) -> Vec<Socket> {
    connected(to, numbers, |_| json!({})).await
}

/// As many sockets, connected and welcomed as whom `identity` says.
pub async fn connected(
    to: SocketAddr,
    numbers: std::ops::Range<usize>,
    identity: impl Fn(usize) -> Value,
) -> Vec<Socket> {
    let mut waiting = numbers;
    let mut connecting = JoinSet::new();
    let mut connected = Vec::new();
    loop {
        while connecting.len() < AT_ONCE
            && let Some(n) = waiting.next()
        {
            let identity = identity(n);
            connecting.spawn(async move {
                let mut socket = Socket::connect(to, n).await;
                socket.hello(identity).await;
                socket
            });
        }
        match connecting.join_next().await {
            Some(socket) => connected.push(socket.unwrap()),
            None => return connected,
        }
    }
}
