//! A mail server that does what a test tells it, at every step of the dialogue, and keeps what it accepted.
//!
//! **Invariant:** its log is the truth about what was taken: a message is in [`SmtpPeer::taken`] when its 250 was on the
//! way, whatever happened to the connection after.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Where in the dialogue the peer is asked what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// Some of the message was read, not its end.
    Text,
    /// The final dot was read.
    Dot,
    Rset,
}

/// What the peer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// What a good server does.
    Well,
    /// Says this (whole lines, CRLF at the end is added).
    Say(&'static str),
    /// Says this and closes.
    SayAndClose(&'static str),
    /// Closes.
    Close,
    /// Resets the connection.
    Reset,
    /// A good answer, and then a reset.
    WellAndReset,
    /// Says nothing more and keeps the connection.
    Stall,
    /// Says this, a byte at a time, slower than anybody waits.
    Drip(&'static str),
}

/// The moment at which the script is asked.
#[derive(Clone, Debug)]
pub struct Moment {
    pub stage: Stage,
    /// Counts connections from 0.
    pub connection: usize,
    /// The command line, or empty.
    pub line: String,
    /// The recipient of the transaction, if there is one.
    pub recipient: String,
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Of MAIL, without brackets, with its parameters behind.
    pub from: String,
    pub to: Vec<String>,
    /// Un-stuffed, byte for byte, up to the line end before the final dot.
    pub message: Vec<u8>,
    pub connection: usize,
}

type Script = Arc<dyn Fn(&Moment) -> Act + Send + Sync>;

struct Shared {
    script: Script,
    /// Lines after the first of the answer to EHLO.
    offers: Vec<&'static str>,
    tls: Option<TlsAcceptor>,
    taken: Mutex<Vec<Taken>>,
    said: Mutex<Vec<String>>,
    changed: watch::Sender<usize>,
    connections: AtomicUsize,
    dots: AtomicUsize,
}

/// A running peer; it ends with the test's runtime.
#[derive(Clone)]
pub struct SmtpPeer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl fmt::Debug for SmtpPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpPeer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// How a peer speaks.
#[derive(Clone, Default)]
pub struct PeerOptions {
    pub offers: Vec<&'static str>,
    /// For STARTTLS, or from the first byte with `implicit`.
    pub tls: Option<TlsAcceptor>,
    pub implicit: bool,
}

impl SmtpPeer {
    /// A peer on a free port of the loopback interface that follows `script`.
    pub async fn start(script: impl Fn(&Moment) -> Act + Send + Sync + 'static) -> Self {
        Self::start_with(PeerOptions::default(), script).await
    }

    pub async fn start_with(options: PeerOptions, script: impl Fn(&Moment) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Arc::new(script),
            offers: options.offers,
            tls: options.tls,
            taken: Mutex::default(),
            said: Mutex::default(),
            changed: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            dots: AtomicUsize::new(0),
        });
        let peer = Self { address, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = shared.connections.fetch_add(1, Ordering::SeqCst);
                shared.changed.send_modify(|n| *n += 1);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // The end of a connection is what the test asked for.
                    drop(serve(stream, connection, shared, options.implicit).await);
                });
            }
        });
        peer
    }

    /// What was accepted so far.
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.shared.taken).clone()
    }

    /// Every command line so far, over all connections.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.shared.said).clone()
    }

    /// How many messages came with their end, accepted or not.
    pub fn dots(&self) -> usize {
        self.shared.dots.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until `done` holds of the peer; panics after `limit`.
    pub async fn wait_until(&self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let waited = tokio::time::timeout(limit, async {
            while !done(self) {
                changed.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_ok(), "the peer saw {:?} and took {}", self.commands(), self.taken().len());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Ends a dialogue.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

struct Dialogue {
    stream: BufReader<Pin<Box<dyn Duplex>>>,
    /// Closing with data unread or this set makes a reset of the close.
    raw: socket2::Socket,
    connection: usize,
    shared: Arc<Shared>,
    from: String,
    to: Vec<String>,
}

async fn serve(stream: TcpStream, connection: usize, shared: Arc<Shared>, implicit: bool) -> Result<(), Over> {
    let raw = socket2::SockRef::from(&stream).try_clone()?;
    let stream: Pin<Box<dyn Duplex>> = match &shared.tls {
        Some(tls) if implicit => Box::pin(tls.accept(stream).await?),
        _ => Box::pin(stream),
    };
    let mut dialogue =
        Dialogue { stream: BufReader::new(stream), raw, connection, shared, from: String::new(), to: Vec::new() };
    dialogue.run().await
}

impl Dialogue {
    async fn run(&mut self) -> Result<(), Over> {
        self.act(Stage::Connect, "", "220 peer.example ESMTP").await?;
        loop {
            let line = self.line().await?;
            lock(&self.shared.said).push(line.clone());
            self.shared.changed.send_modify(|n| *n += 1);
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.ehlo(&line).await?,
                "STARTTLS" => self.start_tls(&line).await?,
                "AUTH" => self.auth(&line).await?,
                "MAIL" => {
                    self.from = line.get(10..).unwrap_or_default().to_owned();
                    self.to.clear();
                    self.act(Stage::Mail, &line, "250 2.1.0 sender ok").await?;
                }
                "RCPT" => {
                    let to = line.get(9..).unwrap_or_default().trim_end_matches('>').to_owned();
                    self.to.push(to);
                    if !self.act(Stage::Rcpt, &line, "250 2.1.5 recipient ok").await? {
                        self.to.pop();
                    }
                }
                "DATA" => self.data(&line).await?,
                "RSET" => drop(self.act(Stage::Rset, &line, "250 2.0.0 forgotten").await?),
                "NOOP" => self.say("250 2.0.0 still here").await?,
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => self.say("500 5.5.1 what?").await?,
            }
        }
    }

    async fn ehlo(&mut self, line: &str) -> Result<(), Over> {
        let mut lines = vec!["peer.example"];
        lines.extend(self.shared.offers.iter());
        let last = lines.len() - 1;
        let well: Vec<String> =
            lines.iter().enumerate().map(|(n, l)| format!("250{}{l}", if n == last { ' ' } else { '-' })).collect();
        self.act(Stage::Ehlo, line, &well.join("\r\n")).await.map(drop)
    }

    async fn start_tls(&mut self, line: &str) -> Result<(), Over> {
        let Some(tls) = self.shared.tls.clone() else { return self.say("454 4.7.0 no TLS").await };
        if self.act(Stage::StartTls, line, "220 2.0.0 go ahead").await? {
            let plain: Pin<Box<dyn Duplex>> = Box::pin(tokio::io::empty());
            let plain = std::mem::replace(self.stream.get_mut(), plain);
            self.stream = BufReader::new(Box::pin(tls.accept(plain).await?));
        }
        Ok(())
    }

    /// PLAIN with an initial response, or LOGIN with two questions; everybody may come in.
    async fn auth(&mut self, line: &str) -> Result<(), Over> {
        if line.to_ascii_uppercase().starts_with("AUTH LOGIN") {
            for question in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                self.say(question).await?;
                let answer = self.line().await?;
                lock(&self.shared.said).push(answer);
            }
        }
        if let Act::Say(challenge) = (self.shared.script)(&self.moment(Stage::Auth, line))
            && challenge.starts_with("334 ")
            && line.to_ascii_uppercase().starts_with("AUTH XOAUTH2")
        {
            // Why the token is refused; the client answers with nothing, and only then hears the refusal.
            self.say(challenge).await?;
            let answer = self.line().await?;
            lock(&self.shared.said).push(answer);
            return self.say("535 5.7.8 not accepted").await;
        }
        self.act(Stage::Auth, line, "235 2.7.0 welcome").await.map(drop)
    }

    async fn data(&mut self, line: &str) -> Result<(), Over> {
        if self.to.is_empty() {
            return self.say("503 5.5.1 no recipient").await;
        }
        if !self.act(Stage::Data, line, "354 go on").await? {
            return Ok(());
        }
        let message = self.text().await?;
        self.shared.dots.fetch_add(1, Ordering::SeqCst);
        self.shared.changed.send_modify(|n| *n += 1);
        let moment = self.moment(Stage::Dot, "");
        let taken = Taken { from: self.from.clone(), to: self.to.clone(), message, connection: self.connection };
        match (self.shared.script)(&moment) {
            act @ (Act::Well | Act::WellAndReset) => {
                lock(&self.shared.taken).push(taken);
                self.shared.changed.send_modify(|n| *n += 1);
                self.play(act, "250 2.0.0 taken").await.map(drop)
            }
            act => self.play(act, "").await.map(drop),
        }
    }

    /// Reads up to the final dot; asks the script once on the way, when some of it is there.
    async fn text(&mut self) -> Result<Vec<u8>, Over> {
        let mut message = Vec::new();
        let mut line = Vec::new();
        let mut asked = false;
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(Over);
            }
            if line == b".\r\n" && (message.is_empty() || message.ends_with(b"\r\n")) {
                return Ok(message);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if !asked {
                asked = true;
                match (self.shared.script)(&self.moment(Stage::Text, "")) {
                    Act::Well => {}
                    act => drop(self.play(act, "").await?),
                }
            }
        }
    }

    fn moment(&self, stage: Stage, line: &str) -> Moment {
        let recipient = self.to.last().cloned().unwrap_or_default();
        Moment { stage, connection: self.connection, line: line.to_owned(), recipient }
    }

    /// Does what the script says; true when that was the good answer.
    async fn act(&mut self, stage: Stage, line: &str, well: &str) -> Result<bool, Over> {
        let act = (self.shared.script)(&self.moment(stage, line));
        self.play(act, well).await
    }

    async fn play(&mut self, act: Act, well: &str) -> Result<bool, Over> {
        match act {
            Act::Well => self.say(well).await?,
            Act::Say(text) => {
                self.say(text).await?;
                return Ok(false);
            }
            Act::SayAndClose(text) => {
                self.say(text).await?;
                return Err(Over);
            }
            Act::Close => return Err(Over),
            Act::Reset => return self.reset(),
            Act::WellAndReset => {
                self.say(well).await?;
                return self.reset();
            }
            Act::Stall => self.silent().await?,
            Act::Drip(text) => {
                for byte in text.bytes() {
                    self.stream.get_mut().write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(120)).await;
                }
                self.silent().await?;
            }
        }
        Ok(true)
    }

    /// Until the other side has had enough.
    async fn silent(&mut self) -> Result<(), Over> {
        let mut sink = [0; 4096];
        while self.stream.read(&mut sink).await? > 0 {}
        Err(Over)
    }

    fn reset(&mut self) -> Result<bool, Over> {
        self.raw.set_linger(Some(Duration::ZERO))?;
        Err(Over)
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(Over);
        }
        Ok(line.trim_end().to_owned())
    }

    async fn say(&mut self, text: &str) -> Result<(), Over> {
        // In one piece: a line end that follows alone waits for an acknowledgement.
        let stream = self.stream.get_mut();
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await?;
        Ok(())
    }
}
