//! A server for tests that keeps a mailbox in memory and lies where it is told to.
//!
//! The dialogue of a lie: `lie("UID FETCH 3 ", "{tag} NO gone{CRLF}")` answers every line that begins so (without its
//! tag) with that text instead of the truth; `{CUT}` ends the connection there, `{HANG}` never says a word again,
//! `{TRUTH}` goes on with the truth. The greeting is the line `greeting`.

use crate::channel::imap::guard::Duplex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Longest wait for what a test expects.
const EXPECTED_WITHIN: Duration = Duration::from_secs(20);

/// What the server holds, saw and will say.
#[derive(Default)]
pub(super) struct World {
    pub(super) messages: BTreeMap<u32, Message>,
    pub(super) moved: Vec<(String, u32)>,
    pub(super) uid_validity: u32,
    pub(super) capabilities: String,
    pub(super) folders: BTreeSet<String>,
    /// Lines of clients without their tags, as `connection: line`.
    pub(super) heard: Vec<String>,
    pub(super) connects: Vec<Instant>,
    /// Bytes told to the n-th connection before it is cut; later connections are whole.
    pub(super) cuts: Vec<usize>,
    /// Access tokens that let a client in.
    pub(super) tokens: BTreeSet<String>,
    lies: Vec<(String, String, usize)>,
    tls: Option<TlsAcceptor>,
    implicit_tls: bool,
}

#[derive(Default)]
pub(super) struct Message {
    pub(super) raw: Vec<u8>,
    pub(super) flags: BTreeSet<String>,
}

/// The server, and the signal that something happened to it.
#[derive(Clone)]
pub(super) struct Fake {
    world: Arc<Mutex<World>>,
    pub(super) happened: watch::Sender<u64>,
    pub(super) port: u16,
}

impl Fake {
    pub(super) async fn start(messages: &[(u32, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self { world: Arc::default(), happened: watch::Sender::new(0), port };
        fake.change(|world| {
            world.uid_validity = 7;
            world.capabilities = "IMAP4rev1 IDLE UIDPLUS MOVE".to_owned();
            for (uid, raw) in messages {
                world.messages.insert(*uid, Message { raw: raw.as_bytes().to_vec(), flags: BTreeSet::new() });
            }
        });
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let fake = serving.clone();
                let number = fake.world().connects.len();
                fake.change(|world| world.connects.push(Instant::now()));
                tokio::spawn(async move { Talk::new(fake, number, Box::new(tcp)).serve().await });
            }
        });
        fake
    }

    /// Lets the server speak TLS; gives the certificate to trust.
    pub(super) fn with_tls(&self, implicit: bool) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let certificate = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())
            .unwrap();
        self.change(|world| {
            world.tls = Some(TlsAcceptor::from(Arc::new(config)));
            world.implicit_tls = implicit;
        });
        certificate
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let made = change(&mut self.world());
        self.happened.send_modify(|n| *n += 1);
        made
    }

    /// Lies whenever a line begins so.
    pub(super) fn lie(&self, line: &str, answer: &str) {
        self.lie_times(line, answer, usize::MAX);
    }

    /// Lies so many times.
    pub(super) fn lie_times(&self, line: &str, answer: &str, times: usize) {
        self.change(|world| world.lies.push((line.to_owned(), answer.to_owned(), times)));
    }

    /// A message arrives.
    pub(super) fn deliver(&self, uid: u32, raw: &str) {
        self.change(|world| world.messages.insert(uid, Message { raw: raw.as_bytes().to_vec(), ..Message::default() }));
    }

    /// Waits until `seen` is true of the world.
    pub(super) async fn until(&self, what: &str, mut seen: impl FnMut(&World) -> bool) {
        let mut happened = self.happened.subscribe();
        let wait = async {
            while !seen(&self.world()) {
                happened.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(EXPECTED_WITHIN, wait).await.is_err() {
            panic!("never happened: {what}; heard {:#?}", self.world().heard);
        }
    }

    /// How many lines that begin so were heard.
    pub(super) fn heard(&self, line: &str) -> usize {
        self.world().heard.iter().filter(|heard| heard.split_once(": ").unwrap().1.starts_with(line)).count()
    }
}

struct Talk {
    fake: Fake,
    number: usize,
    stream: Option<BufReader<Box<dyn Duplex>>>,
    bytes_left: usize,
    /// Messages the client was told of last.
    told: usize,
}

enum Next {
    Go,
    End,
}

impl Talk {
    fn new(fake: Fake, number: usize, stream: Box<dyn Duplex>) -> Self {
        let bytes_left = fake.world().cuts.get(number).copied().unwrap_or(usize::MAX);
        Self { fake, number, stream: Some(BufReader::new(stream)), bytes_left, told: 0 }
    }

    async fn serve(mut self) {
        if self.fake.world().implicit_tls && !self.begin_tls().await {
            return;
        }
        let mut next = self.say_or_lie("greeting", "*", "* OK at your service\r\n").await;
        while matches!(next, Next::Go) {
            let mut line = String::new();
            match self.stream.as_mut().unwrap().read_line(&mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = line.trim_end();
            let (tag, verb) = line.split_once(' ').unwrap_or(("", line));
            let number = self.number;
            self.fake.change(|world| world.heard.push(format!("{number}: {verb}")));
            next = if verb == "IDLE" { self.idle(tag).await } else { self.answer(tag, verb).await };
        }
    }

    async fn begin_tls(&mut self) -> bool {
        let acceptor = self.fake.world().tls.clone().unwrap();
        let clear = self.stream.take().unwrap().into_inner();
        let Ok(tls) = acceptor.accept(clear).await else { return false };
        self.stream = Some(BufReader::new(Box::new(tls)));
        true
    }

    async fn answer(&mut self, tag: &str, verb: &str) -> Next {
        let truth = self.fake.change(|world| answer(world, tag, verb));
        let news = self.news().filter(|_| !verb.starts_with("SELECT") && !verb.starts_with("EXAMINE"));
        let truth = format!("{}{truth}", news.unwrap_or_default());
        let next = self.say_or_lie(verb, tag, &truth).await;
        match (next, verb) {
            (Next::Go, "STARTTLS") if self.begin_tls().await => Next::Go,
            (_, "STARTTLS" | "LOGOUT") => Next::End,
            (next, _) => next,
        }
    }

    /// The number of messages, where it is not the one the client knows.
    fn news(&mut self) -> Option<String> {
        let now = self.fake.world().messages.len();
        let changed = now != self.told;
        self.told = now;
        changed.then(|| format!("* {now} EXISTS\r\n"))
    }

    async fn idle(&mut self, tag: &str) -> Next {
        let mut happened = self.fake.happened.subscribe();
        let refused = self
            .fake
            .world()
            .lies
            .iter()
            .any(|(line, answer, times)| line == "IDLE" && *times > 0 && !answer.starts_with('+'));
        let mut next = self.say_or_lie("IDLE", tag, "+ idling\r\n").await;
        if refused {
            return next;
        }
        loop {
            if let (Next::Go, Some(news)) = (&next, self.news()) {
                next = self.say(&news).await;
            }
            if let Next::End = next {
                return Next::End;
            }
            let mut line = String::new();
            tokio::select! {
                read = self.stream.as_mut().unwrap().read_line(&mut line) => {
                    if !matches!(read, Ok(n) if n > 0) {
                        return Next::End;
                    }
                    let number = self.number;
                    self.fake.change(|world| world.heard.push(format!("{number}: {}", line.trim_end())));
                    return self.say_or_lie("DONE", tag, &format!("{tag} OK idle done\r\n")).await;
                }
                _ = happened.changed() => {}
            }
        }
    }

    async fn say_or_lie(&mut self, line: &str, tag: &str, truth: &str) -> Next {
        let lie = {
            let mut world = self.fake.world();
            let lie = world.lies.iter_mut().find(|(start, _, times)| *times > 0 && line.starts_with(start.as_str()));
            lie.map(|(_, answer, times)| {
                *times -= 1;
                answer.clone()
            })
        };
        let text = lie.unwrap_or_else(|| "{TRUTH}".to_owned());
        let text = text.replace("{TRUTH}", truth).replace("{tag}", tag).replace("{CRLF}", "\r\n");
        if let Some((before, _)) = text.split_once("{CUT}") {
            self.say(before).await;
            return Next::End;
        }
        if let Some((before, _)) = text.split_once("{HANG}") {
            self.say(before).await;
            std::future::pending::<()>().await;
        }
        self.say(&text).await
    }

    /// Text goes out as bytes below 256, so that a lie may hold any of them.
    async fn say(&mut self, text: &str) -> Next {
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let now = bytes.len().min(self.bytes_left);
        self.bytes_left -= now;
        let stream = self.stream.as_mut().unwrap().get_mut();
        let told = stream.write_all(&bytes[..now]).await.is_ok() && stream.flush().await.is_ok();
        if told && now == bytes.len() { Next::Go } else { Next::End }
    }
}

fn answer(world: &mut World, tag: &str, verb: &str) -> String {
    let ok = format!("{tag} OK done\r\n");
    let words: Vec<&str> = verb.split(' ').collect();
    match words.as_slice() {
        ["CAPABILITY"] => format!("* CAPABILITY {}\r\n{ok}", world.capabilities),
        ["LOGIN", ..] => format!("{tag} OK [CAPABILITY {}] welcome\r\n", world.capabilities),
        ["AUTHENTICATE", "PLAIN" | "XOAUTH2"] => "+ \r\n".to_owned(),
        [""] => "A0002 NO [AUTHENTICATIONFAILED] invalid credentials\r\n".to_owned(),
        [sasl] if token_of(sasl).is_some() => {
            let known = token_of(sasl).is_some_and(|token| world.tokens.contains(&token));
            if known { "A0002 OK in\r\n" } else { "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n" }.to_owned()
        }
        ["SELECT" | "EXAMINE", _] => format!(
            "* {} EXISTS\r\n* OK [UIDVALIDITY {}] v\r\n* OK [UIDNEXT {}] n\r\n{ok}",
            world.messages.len(),
            world.uid_validity,
            world.messages.keys().last().map_or(1, |uid| uid + 1)
        ),
        ["UID", "SEARCH", "UID", set] => {
            let uids: Vec<String> = in_set(world, set).iter().map(u32::to_string).collect();
            format!("* SEARCH {}\r\n{ok}", uids.join(" "))
        }
        ["UID", "FETCH", set, ..] => {
            let told: String = in_set(world, set).iter().map(|uid| fetched(world, *uid, verb)).collect();
            format!("{told}{ok}")
        }
        ["UID", "STORE", set, _, flag] => {
            for uid in in_set(world, set) {
                world.messages.get_mut(&uid).unwrap().flags.insert((*flag).to_owned());
            }
            ok
        }
        ["UID", moves @ ("MOVE" | "COPY"), set, folder] => {
            if !world.folders.contains(*folder) {
                return format!("{tag} NO [TRYCREATE] no such folder\r\n");
            }
            for uid in in_set(world, set) {
                world.moved.push(((*folder).to_owned(), uid));
                if *moves == "MOVE" {
                    world.messages.remove(&uid);
                }
            }
            ok
        }
        ["UID", "EXPUNGE", set] => {
            for uid in in_set(world, set) {
                if world.messages[&uid].flags.contains("(\\Deleted)") {
                    world.messages.remove(&uid);
                }
            }
            ok
        }
        ["CREATE", folder] => {
            world.folders.insert((*folder).to_owned());
            ok
        }
        ["NOOP" | "STARTTLS" | "ID", ..] => ok,
        ["LOGOUT"] => format!("* BYE\r\n{ok}"),
        // The second line of AUTHENTICATE, whose tag was two lines ago, is answered by a lie in the tests.
        _ => format!("{tag} BAD what\r\n"),
    }
}

/// The token in an answer of XOAUTH2, whose user must be right.
fn token_of(sasl: &str) -> Option<String> {
    let bytes = data_encoding::BASE64.decode(sasl.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let token = text.strip_prefix("user=desk\u{1}auth=Bearer ")?.strip_suffix("\u{1}\u{1}")?;
    Some(token.to_owned())
}

fn in_set(world: &World, set: &str) -> Vec<u32> {
    let top = world.messages.keys().last().copied().unwrap_or(0);
    let number = |text: &str| if text == "*" { top } else { text.parse().unwrap() };
    let mut uids = BTreeSet::new();
    for range in set.split(',') {
        let (a, b) = range.split_once(':').unwrap_or((range, range));
        let (a, b) = (number(a), number(b));
        uids.extend(world.messages.range(a.min(b)..=a.max(b)).map(|(uid, _)| *uid));
    }
    uids.into_iter().collect()
}

fn fetched(world: &World, uid: u32, verb: &str) -> String {
    let raw: String = world.messages[&uid].raw.iter().map(|byte| char::from(*byte)).collect();
    let mut items = format!("UID {uid}");
    if verb.contains("RFC822.SIZE") {
        items += &format!(" RFC822.SIZE {}", raw.chars().count());
    }
    if verb.contains("INTERNALDATE") {
        items += &format!(" INTERNALDATE \"{:02}-Jan-2026 00:00:00 +0000\"", uid.min(28));
    }
    if verb.contains("BODY.PEEK[]") {
        items += &format!(" BODY[] {{{}}}\r\n{raw}", raw.chars().count());
    }
    if verb.contains("BODY.PEEK[HEADER]") {
        let header = raw.split_once("\r\n\r\n").map_or(raw.clone(), |(header, _)| format!("{header}\r\n\r\n"));
        items += &format!(" BODY[HEADER]<0> {{{}}}\r\n{header}", header.chars().count());
    }
    format!("* 1 FETCH ({items})\r\n")
}
