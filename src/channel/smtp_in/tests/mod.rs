//! Dialogues with a listener over real sockets, with a door that only remembers.
//!
//! A script is lines of `C: text` (sent with CR LF; neighbouring ones in one write, so pipelined), `C< bytes` (sent as they
//! are, with escapes), `S: prefix` (the last line of the next reply begins so) and `S| ` (the peer closed). Escapes in
//! both: `\r \n \0 \\`.

mod dialogues;
mod ends;
mod faults;
mod lmtp;
mod networks;
mod tls;

use crate::channel::smtp_in::ListenerOptions;
use crate::channel::smtp_in::Protocol;
use crate::channel::smtp_in::SmtpListener;
use crate::channel::smtp_in::serve;
use crate::channel::smtp_in::wire::Stream;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::MailboxCursor;
use crate::desk::mail::arrival::NotAccepted;
use crate::domain::address::Address;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes that long.
const LIMIT: Duration = Duration::from_secs(20);

/// Knows every address of `example.com` but `nobody`.
struct Door {
    arrivals: Mutex<Vec<Arrival>>,
    outcomes: Mutex<VecDeque<Result<Accepted, NotAccepted>>>,
    /// A permit for each message that may be stored.
    permits: Semaphore,
}

impl MailDoor for Door {
    fn knows_recipient(&self, address: &Address) -> bool {
        address.domain() == "example.com" && address.local() != "nobody"
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, NotAccepted> {
        assert_ne!(arrival.reverse_path.as_deref(), Some("panic@example.org"), "asked for by a test");
        self.permits.acquire().await.unwrap().forget();
        self.arrivals.lock().unwrap().push(arrival);
        let part = Accepted::Part { thread: ThreadId(80_412), part: PartId(1), new_thread: true };
        self.outcomes.lock().unwrap().pop_front().unwrap_or(Ok(part))
    }

    async fn unaccounted(&self, _: &str, _: u32, _: Vec<u32>) -> Result<Vec<u32>, NotAccepted> {
        Err(NotAccepted::Full)
    }

    async fn mailbox_cursor(&self, _: &str) -> Result<MailboxCursor, NotAccepted> {
        Err(NotAccepted::Full)
    }

    async fn set_mailbox_cursor(&self, _: &str, _: MailboxCursor) -> Result<(), NotAccepted> {
        Err(NotAccepted::Full)
    }
}

/// A listener under test.
struct Listener {
    address: SocketAddr,
    door: Arc<Door>,
    drain: CancellationToken,
    task: JoinHandle<()>,
}

/// Options with room for tests, changed by `change`.
fn options(protocol: Protocol, change: impl FnOnce(&mut ListenerOptions)) -> ListenerOptions {
    let mut options = ListenerOptions::new(protocol, "desk.example.com");
    change(&mut options);
    options
}

fn door(permits: usize) -> Arc<Door> {
    Arc::new(Door { arrivals: Mutex::default(), outcomes: Mutex::default(), permits: Semaphore::new(permits) })
}

impl Listener {
    async fn start(options: ListenerOptions) -> Self {
        Self::start_with(options, door(1_000)).await
    }

    async fn start_with(options: ListenerOptions, door: Arc<Door>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let drain = CancellationToken::new();
        let task = tokio::spawn(serve(SmtpListener::from(socket), options, Arc::clone(&door), drain.clone()));
        Self { address, door, drain, task }
    }

    async fn smtp(change: impl FnOnce(&mut ListenerOptions)) -> Self {
        Self::start(options(Protocol::Smtp, change)).await
    }

    async fn client(&self) -> Client {
        Client::new(Box::new(TcpStream::connect(self.address).await.unwrap()))
    }

    /// Plays a script on a connection of its own.
    async fn plays(&self, script: &str) {
        self.client().await.plays(script).await;
    }

    /// The raw messages taken, in order.
    fn taken(&self) -> Vec<Vec<u8>> {
        self.door.arrivals.lock().unwrap().iter().map(|arrival| arrival.raw.clone()).collect()
    }

    fn next_outcome(&self, outcome: Result<Accepted, NotAccepted>) {
        self.door.outcomes.lock().unwrap().push_back(outcome);
    }

    /// Begins the drain and waits for its end.
    async fn drained(self) -> Arc<Door> {
        self.drain.cancel();
        timeout(LIMIT, self.task).await.expect("the drain ends").unwrap();
        self.door
    }
}

/// The other end of a connection.
struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

impl Client {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    async fn send(&mut self, bytes: &[u8]) {
        let sending = async {
            self.stream.get_mut().write_all(bytes).await?;
            self.stream.get_mut().flush().await
        };
        timeout(LIMIT, sending).await.expect("the listener reads").unwrap();
    }

    /// The lines of the next reply; `None` when the peer closed.
    async fn reply(&mut self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = timeout(LIMIT, self.stream.read_line(&mut line)).await.expect("a reply in time");
            if read.expect("an orderly close") == 0 {
                assert!(lines.is_empty(), "cut within {lines:?}");
                return None;
            }
            let more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line.trim_end_matches("\r\n").to_owned());
            if !more {
                return Some(lines);
            }
        }
    }

    async fn plays(&mut self, script: &str) {
        let mut pending = Vec::new();
        for (number, line) in script.lines().map(str::trim_start).enumerate().filter(|(_, line)| !line.is_empty()) {
            let (kind, text) = line.split_at(2.min(line.len()));
            let text = text.strip_prefix(' ').unwrap_or(text);
            match kind {
                "C:" => pending.extend_from_slice(&[&unescaped(text)[..], b"\r\n"].concat()),
                "C<" => pending.extend_from_slice(&unescaped(text)),
                "S:" | "S|" => {
                    self.send(&std::mem::take(&mut pending)).await;
                    let reply = self.reply().await;
                    let last = reply.as_ref().and_then(|lines| lines.last());
                    match (kind, last) {
                        ("S|", None) => {}
                        ("S:", Some(last)) if last.starts_with(text) => {}
                        _ => panic!("line {number}: wanted {line:?}, got {reply:?}"),
                    }
                }
                _ => panic!("no script line: {line}"),
            }
        }
        self.send(&pending).await;
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == b'\\') {
            (_, true) => match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                other => panic!("no escape: {other:?}"),
            },
            (byte, false) => byte,
        });
    }
    bytes
}

/// A transaction up to the 354.
const UP_TO_TEXT: &str = "
    S: 220
    C: EHLO mail.example.org
    S: 250 ENHANCEDSTATUSCODES
    C: MAIL FROM:<ana@example.org>
    C: RCPT TO:<support@example.com>
    C: DATA
    S: 250 2.1.0
    S: 250 2.1.5
    S: 354";
