//! A relay that outlives the daemon and notes how far each mail came, with what it says.
//!
//! **Invariant:** a mail counts as accepted from the moment its 250 is decided on, whether or not anybody is left to read
//! it; that is what a real relay would go on with.

use crate::disk::Rng;
use std::collections::BTreeMap;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Longest rest between a final dot and its answer.
const ANSWER_WITHIN_MS: u64 = 40;

/// What the relay saw of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Transactions in which the text was begun.
    pub(crate) begun: u64,
    /// Of these, with the final dot.
    pub(crate) dots: u64,
    /// Of these, accepted.
    pub(crate) accepted: u64,
    /// Message-IDs of what was accepted.
    pub(crate) message_ids: Vec<String>,
    /// What was accepted, as it came.
    pub(crate) texts: Vec<String>,
}

/// Addresses with what became of their mails.
type Seen = Arc<Mutex<BTreeMap<String, Told>>>;

/// Listens until the test ends.
pub(crate) struct Relay {
    pub(crate) port: u16,
    seen: Seen,
}

impl Relay {
    pub(crate) fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Seen::default();
        let book = Arc::clone(&seen);
        thread::spawn(move || {
            for (n, stream) in (0_u64..).zip(listener.incoming()) {
                let (Ok(stream), book) = (stream, Arc::clone(&book)) else { return };
                // A dialogue that is cut off is what the test is about.
                thread::spawn(move || drop(Dialogue::new(stream, book, seed.wrapping_add(n)).and_then(Dialogue::run)));
            }
        });
        Self { port, seen }
    }

    /// Everything so far, by address.
    pub(crate) fn seen(&self) -> BTreeMap<String, Told> {
        self.seen.lock().unwrap().clone()
    }
}

struct Dialogue {
    stream: BufReader<TcpStream>,
    seen: Seen,
    rng: Rng,
    to: String,
}

impl Dialogue {
    fn new(stream: TcpStream, seen: Seen, seed: u64) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), seen, rng: Rng::new(seed), to: String::new() })
    }

    fn run(mut self) -> io::Result<()> {
        self.say("220 relay.example ESMTP")?;
        loop {
            let line = self.line()?;
            match line.get(..4).unwrap_or_default() {
                "RCPT" => {
                    self.to = line.trim_start_matches("RCPT TO:<").split('>').next().unwrap_or_default().to_owned();
                    self.say("250 ok")?;
                }
                "DATA" => self.data()?,
                "QUIT" => return self.say("221 bye"),
                _ => self.say("250 ok")?,
            }
        }
    }

    fn data(&mut self) -> io::Result<()> {
        self.note(|told| told.begun += 1);
        self.say("354 go on")?;
        let (mut message_id, mut text) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            if let Some(id) = line.strip_prefix("Message-ID: ").filter(|_| message_id.is_empty()) {
                message_id = id.to_owned();
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push_str("\r\n");
        }
        self.note(|told| told.dots += 1);
        thread::sleep(Duration::from_millis(self.rng.below(ANSWER_WITHIN_MS)));
        self.note(|told| {
            told.accepted += 1;
            told.message_ids.push(message_id);
            told.texts.push(text);
        });
        self.say("250 taken")
    }

    fn note(&self, note: impl FnOnce(&mut Told)) {
        note(self.seen.lock().unwrap().entry(self.to.clone()).or_default());
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())
    }
}
