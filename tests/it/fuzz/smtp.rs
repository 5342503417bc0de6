//! The SMTP listener behind a real socket, with a desk that takes everything.

use deskgate::channel::smtp_in;
use deskgate::channel::smtp_in::ListenerOptions;
use deskgate::channel::smtp_in::Protocol;
use deskgate::desk::mail::arrival::Accepted;
use deskgate::desk::mail::arrival::Arrival;
use deskgate::desk::mail::arrival::MailDoor;
use deskgate::desk::mail::arrival::MailboxCursor;
use deskgate::desk::mail::arrival::NotAccepted;
use deskgate::domain::address::Address;
use deskgate::domain::id::PartId;
use deskgate::domain::id::ThreadId;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Longest wait for the next octets of a reply.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// A whole session that hands over one mail.
pub(super) fn session(mail: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(mail)
        .replace("\r\n", "\n")
        .replace('\r', "")
        .replace("\n.", "\n..")
        .replace('\n', "\r\n");
    let hello = "EHLO mx.example\r\nMAIL FROM:<ana@example.com> SIZE=900\r\nRCPT TO:<support@desk.example>\r\nDATA\r\n";
    format!("{hello}{text}\r\n.\r\nQUIT\r\n").into_bytes()
}

pub(super) struct Server {
    address: SocketAddr,
    door: Arc<Door>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Door {
    taken: Mutex<Vec<Vec<u8>>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (address, door) = (listener.local_addr().unwrap(), Arc::new(Door::default()));
        let options = ListenerOptions::new(Protocol::Smtp, "mx.desk.example");
        runtime.spawn(smtp_in::serve(listener.into(), options, Arc::clone(&door), CancellationToken::new()));
        Self { address, door, _runtime: runtime }
    }

    /// Says all of it, and no more; every reply is lawful (RFC 5321 §4.2), and no text that was taken holds a line end that
    /// another server reads otherwise.
    pub(super) fn talk(&self, octets: &[u8]) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
        let mut replies = Vec::new();
        std::thread::scope(|scope| {
            let mut writing = stream.try_clone().unwrap();
            scope.spawn(move || {
                // The server may hang up before it has heard everything.
                drop(writing.write_all(octets));
                drop(writing.shutdown(Shutdown::Write));
            });
            let mut piece = [0; 4_096];
            loop {
                match stream.read(&mut piece) {
                    Ok(0) => break,
                    Ok(bytes) => replies.extend_from_slice(&piece[..bytes]),
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                    Err(error) => panic!("no answer: {error}"),
                }
            }
        });
        lawful(&replies);
        for taken in self.door.taken.lock().unwrap().drain(..) {
            let text = String::from_utf8_lossy(&taken).replace("\r\n", "");
            assert!(!text.contains(['\r', '\n']), "a bare line end was taken");
        }
    }
}

fn lawful(replies: &[u8]) {
    let text = std::str::from_utf8(replies).expect("replies are text");
    let whole = text.strip_suffix("\r\n").unwrap_or_else(|| panic!("cut off: {text:?}"));
    for line in whole.split("\r\n") {
        let (code, rest) = line.split_at(3);
        assert!(("200".."600").contains(&code) && code.bytes().all(|byte| byte.is_ascii_digit()), "{line:?}");
        assert!(rest.starts_with([' ', '-']) && line.len() <= 512 && !rest.contains(char::is_control), "{line:?}");
    }
}

impl MailDoor for Door {
    fn knows_recipient(&self, _: &Address) -> bool {
        true
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, NotAccepted> {
        self.taken.lock().unwrap().push(arrival.raw);
        Ok(Accepted::Part { thread: ThreadId(1), part: PartId(1), new_thread: true })
    }

    async fn unaccounted(&self, _: &str, _: u32, _: Vec<u32>) -> Result<Vec<u32>, NotAccepted> {
        Ok(Vec::new())
    }

    async fn mailbox_cursor(&self, _: &str) -> Result<MailboxCursor, NotAccepted> {
        Ok(MailboxCursor::default())
    }

    async fn set_mailbox_cursor(&self, _: &str, _: MailboxCursor) -> Result<(), NotAccepted> {
        Ok(())
    }
}
