//! A way to an IMAP server that holds a client at one word of one verb, so that it can be killed there.
//!
//! Connections pass as they are until the trap springs; what would have come after that on either side is never passed
//! on. A trap springs once: later connections pass.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Bytes of fetched messages that are passed on before the client is held.
const FETCHED_BYTES: usize = 200_000;
/// Longest wait for the trap.
const SPRUNG_WITHIN: Duration = Duration::from_secs(30);

/// Where an APPEND, or a FETCH of whole messages, is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The verb itself does not reach the server.
    BeforeVerb,
    /// Half of the message reaches the server.
    InMessage,
    /// The server has the message, and its OK does not reach the client.
    BeforeOk,
    /// The OK has just been passed on.
    AfterOk,
    /// Of the messages fetched, the first bytes have been passed on.
    InFetched,
}

/// The way.
pub(crate) struct Tap {
    /// Where clients connect to.
    pub(crate) port: u16,
    trap: Arc<Trap>,
}

#[derive(Default)]
struct Trap {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where the next APPEND to a folder whose name holds the word is held.
    set: Option<(String, Held)>,
    sprung: bool,
    let_go: bool,
}

impl Tap {
    /// A way to the server on this port of the machine.
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trap = Arc::<Trap>::default();
        let shared = Arc::clone(&trap);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", server))) else { continue };
                let trap = Arc::clone(&shared);
                thread::spawn(move || Talk { client, server, trap, tag: None, line: Vec::new() }.pass());
            }
        });
        Self { port, trap }
    }

    /// Holds the next APPEND to a folder whose name, as servers spell it, holds this word.
    pub(crate) fn set(&self, folder: &str, held: Held) {
        *self.trap.state.lock().unwrap() = State { set: Some((folder.to_owned(), held)), ..State::default() };
    }

    /// Holds the next FETCH of whole messages once a part of them has come, until the client is [let go](Self::let_go).
    pub(crate) fn set_fetch(&self) {
        let set = Some((String::new(), Held::InFetched));
        *self.trap.state.lock().unwrap() = State { set, ..State::default() };
    }

    /// Ends the connection of the client that is held within a FETCH.
    pub(crate) fn let_go(&self) {
        self.trap.state.lock().unwrap().let_go = true;
        self.trap.changed.notify_all();
    }

    /// Waits until a client is held.
    pub(crate) fn wait_sprung(&self) {
        let state = self.trap.state.lock().unwrap();
        let (state, _) = self.trap.changed.wait_timeout_while(state, SPRUNG_WITHIN, |state| !state.sprung).unwrap();
        assert!(state.sprung, "no such verb was seen within {SPRUNG_WITHIN:?}");
    }
}

/// One connection; verbs and answers take turns, so one thread for each direction shares no more than the tag.
struct Talk {
    client: TcpStream,
    server: TcpStream,
    trap: Arc<Trap>,
    /// Of the APPEND that is watched, and where it is held.
    tag: Option<(String, Held)>,
    /// The client's line as far as it came: verbs come in pieces.
    line: Vec<u8>,
}

impl Talk {
    fn pass(mut self) {
        let watched = Arc::new(Mutex::new(None::<(String, Held)>));
        let (mut from, mut to) = (self.server.try_clone().unwrap(), self.client.try_clone().unwrap());
        let (trap, seen) = (Arc::clone(&self.trap), Arc::clone(&watched));
        let answers = thread::spawn(move || pass_answers(&mut from, &mut to, &trap, &seen));
        let mut buffer = [0_u8; 16_384];
        while let Ok(count @ 1..) = self.client.read(&mut buffer) {
            let chunk = &buffer[..count];
            if matches!(&self.tag, Some((_, Held::InMessage))) && self.line.is_empty() {
                // The line of the verb has ended: this is the message.
                drop(self.server.write_all(&chunk[..count / 2]));
                self.trap.springs();
                break;
            }
            self.line.extend(chunk);
            self.tag = self.trap.catches(&self.line).or(self.tag.take());
            let ended = self.line.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            self.line.drain(..ended);
            watched.lock().unwrap().clone_from(&self.tag);
            if matches!(self.tag, Some((_, Held::BeforeVerb))) {
                self.trap.springs();
                break;
            }
            if self.server.write_all(chunk).is_err() {
                break;
            }
        }
        // A held client stays connected until it is killed.
        drop(self.client.read(&mut buffer));
        drop(self.server.shutdown(Shutdown::Both));
        drop(self.client.shutdown(Shutdown::Both));
        answers.join().unwrap();
    }
}

fn pass_answers(from: &mut TcpStream, to: &mut TcpStream, trap: &Trap, watched: &Mutex<Option<(String, Held)>>) {
    let mut buffer = [0_u8; 16_384];
    let mut fetched = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let chunk = &buffer[..count];
        let watched = watched.lock().unwrap().clone();
        let is_ok = |tag: &str| String::from_utf8_lossy(chunk).contains(&format!("{tag} OK"));
        match watched {
            Some((tag, Held::BeforeOk)) if is_ok(&tag) => return trap.springs(),
            Some((tag, Held::AfterOk)) if is_ok(&tag) => {
                drop(to.write_all(chunk));
                return trap.springs();
            }
            Some((_, Held::InFetched)) => {
                fetched += count;
                if fetched > FETCHED_BYTES {
                    // The rest stays unread: the server is held within its answer.
                    trap.springs();
                    trap.wait_let_go();
                    break;
                }
            }
            _ => {}
        }
        if to.write_all(chunk).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

impl Trap {
    /// The tag of the APPEND that is to be held, when these bytes hold it.
    fn catches(&self, line: &[u8]) -> Option<(String, Held)> {
        let text = String::from_utf8_lossy(line);
        let mut state = self.state.lock().unwrap();
        let (folder, held) = state.set.clone()?;
        let is_it = |line: &&str| match held {
            Held::InFetched => line.contains(" FETCH ") && line.contains("BODY.PEEK[]"),
            _ => line.contains(" APPEND ") && line.contains(&folder),
        };
        let line = text.lines().find(is_it)?;
        state.set = None;
        Some((line.split(' ').next().unwrap_or_default().to_owned(), held))
    }

    fn wait_let_go(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_timeout_while(state, SPRUNG_WITHIN, |state| !state.let_go).unwrap());
    }

    fn springs(&self) {
        self.state.lock().unwrap().sprung = true;
        self.changed.notify_all();
    }
}
