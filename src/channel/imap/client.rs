//! The verbs of IMAP that we use, on one connection.
//!
//! **Invariant:** one verb at a time, each answered `OK`, refused, or failed within its deadline; an answer that did not
//! come is never taken for an empty one.

use crate::channel::imap::error::ImapError;
use crate::channel::imap::error::SIGN_IN;
use crate::channel::imap::folder_name::quoted;
use crate::channel::imap::folder_name::quoted_folder;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::reply;
use crate::channel::imap::reply::Fetched;
use crate::channel::imap::reply::Reply;
use crate::channel::imap::reply::Says;
use crate::channel::imap::reply::Status;
use crate::channel::imap::wire::Duplex;
use crate::channel::imap::wire::SMALL_LITERAL_BYTES_MAX;
use crate::channel::imap::wire::Wire;
use data_encoding::BASE64;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes of a header that are fetched of a message too large to fetch whole.
const HEADER_BYTES_MAX: u32 = 256 * 1024;

/// One connection to a server.
#[derive(Debug)]
pub(super) struct Client {
    wire: Wire,
    verb_timeout: Duration,
    tags: u32,
    capabilities: BTreeSet<String>,
    uid_validity: Option<u32>,
    uid_next: Option<u32>,
    /// Whether the server spoke of the number of messages since [`Client::forget_news`].
    news: bool,
    /// The tag of the IDLE in progress.
    idle_tag: Option<String>,
}

/// What opening a folder told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folder {
    pub(super) uid_validity: u32,
    pub(super) uid_next: Option<u32>,
}

impl Client {
    /// A client on a connection whose greeting was read already.
    pub(super) fn new(stream: Box<dyn Duplex>, options: &MailboxOptions, drain: &CancellationToken) -> Self {
        Self {
            wire: Wire::new(stream, drain.clone()),
            verb_timeout: options.verb_timeout(),
            tags: 0,
            capabilities: BTreeSet::new(),
            uid_validity: None,
            uid_next: None,
            news: false,
            idle_tag: None,
        }
    }

    /// A client on a fresh connection, after the greeting.
    pub(super) async fn greeted(
        stream: Box<dyn Duplex>,
        options: &MailboxOptions,
        drain: &CancellationToken,
    ) -> Result<Self, ImapError> {
        let mut client = Self::new(stream, options, drain);
        client.wire.begin("greeting", client.verb_timeout);
        match client.next_reply(SMALL_LITERAL_BYTES_MAX).await? {
            Reply::Untagged { status: Status::Ok, .. } => Ok(client),
            Reply::Untagged { status: Status::Bye, says } => {
                Err(ImapError::Closed { step: "greeting", text: says.text })
            }
            Reply::Untagged { status: Status::Preauth, .. } => {
                Err(ImapError::Unsafe("the server greets with PREAUTH, which skips the protected sign-in"))
            }
            _ => Err(client.wire.garbled(b"no greeting")),
        }
    }

    /// Asks for TLS and gives the connection back for the handshake.
    pub(super) async fn start_tls(mut self) -> Result<Box<dyn Duplex>, ImapError> {
        self.verb("STARTTLS", "STARTTLS", |_| ()).await?;
        if self.wire.has_unread() {
            return Err(ImapError::Tls("the server sent something in clear after its answer to STARTTLS".to_owned()));
        }
        Ok(self.wire.into_stream())
    }

    /// Signs in, with LOGIN where that is possible and AUTHENTICATE PLAIN (RFC 4616) otherwise, then learns what the
    /// server can do.
    pub(super) async fn sign_in(&mut self, options: &MailboxOptions) -> Result<(), ImapError> {
        self.learn_capabilities().await?;
        let (user, password) = (options.user.as_str(), options.password.reveal());
        let (Some(quoted_user), Some(quoted_password)) = (quoted(user), quoted(password)) else {
            return Err(ImapError::Unsafe("user or password holds control characters"));
        };
        let plain = user.is_ascii() && password.is_ascii();
        let says = if self.can("LOGINDISABLED") || (!plain && self.can("AUTH=PLAIN")) {
            self.authenticate_plain(user, password).await?
        } else {
            self.verb(SIGN_IN, &format!("LOGIN {quoted_user} {quoted_password}"), |_| ()).await?
        };
        match says.capabilities() {
            Some(capabilities) => self.capabilities = capabilities.into_iter().collect(),
            None => self.learn_capabilities().await?,
        }
        if self.can("ID") {
            // Some providers open no folder for clients that do not say who they are.
            let id = self.verb("ID", "ID (\"name\" \"deskgate\")", |_| ()).await;
            id.map(drop).or_else(|error| if error.is_refusal() { Ok(()) } else { Err(error) })?;
        }
        Ok(())
    }

    async fn authenticate_plain(&mut self, user: &str, password: &str) -> Result<Says, ImapError> {
        if !self.can("AUTH=PLAIN") {
            return Err(ImapError::Unsafe("the server offers neither LOGIN nor AUTH=PLAIN on this connection"));
        }
        let tag = self.begin_verb(SIGN_IN, "AUTHENTICATE PLAIN").await?;
        if let Some(says) = self.until_continue(&tag).await? {
            return Ok(says);
        }
        self.wire.send(&BASE64.encode(format!("\0{user}\0{password}").as_bytes())).await?;
        self.until_done(&tag, SMALL_LITERAL_BYTES_MAX, |_| ()).await
    }

    async fn learn_capabilities(&mut self) -> Result<(), ImapError> {
        let mut learnt = BTreeSet::new();
        self.verb("CAPABILITY", "CAPABILITY", |reply| {
            if let Reply::Capability(capabilities) = reply {
                learnt.extend(capabilities);
            }
        })
        .await?;
        self.capabilities = learnt;
        Ok(())
    }

    /// Whether the server says it can do this.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Opens the folder, read-only where nothing in it is to be changed.
    pub(super) async fn open(&mut self, folder: &str, read_only: bool) -> Result<Folder, ImapError> {
        let name = quoted_folder(folder).ok_or(ImapError::Unsafe("the folder's name holds control characters"))?;
        let verb = if read_only { "EXAMINE" } else { "SELECT" };
        (self.uid_validity, self.uid_next) = (None, None);
        self.verb("open folder", &format!("{verb} {name}"), |_| ()).await?;
        let missing = || ImapError::Garbled { step: "open folder", text: "no UIDVALIDITY".to_owned() };
        let uid_validity = self.uid_validity.filter(|validity| *validity > 0).ok_or_else(missing)?;
        Ok(Folder { uid_validity, uid_next: self.uid_next })
    }

    /// From here on, [`Client::has_news`] tells whether the server spoke of the number of messages: also during a
    /// SEARCH, whose answer may be older than that.
    pub(super) fn forget_news(&mut self) {
        self.news = false;
    }

    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// The UIDs of `set` that exist. A search key that every server since RFC 2060 knows; no RETURN, which some
    /// advertise and then refuse.
    pub(super) async fn search(&mut self, set: &str) -> Result<BTreeSet<u32>, ImapError> {
        let mut found = BTreeSet::new();
        self.verb("search", &format!("UID SEARCH UID {set}"), |reply| {
            if let Reply::Search(uids) = reply {
                found.extend(uids);
            }
        })
        .await?;
        Ok(found)
    }

    /// `items` of the messages in `set`, none of them a body.
    pub(super) async fn fetch_items(&mut self, set: &str, items: &str) -> Result<Vec<Fetched>, ImapError> {
        let mut fetched = Vec::new();
        self.verb("list", &format!("UID FETCH {set} ({items})"), |reply| {
            if let Reply::Fetch(one) = reply {
                fetched.push(one);
            }
        })
        .await?;
        Ok(fetched)
    }

    /// The whole message, untouched (PEEK), at most `bytes_max` bytes; `None` where the server gave no body.
    pub(super) async fn fetch_message(&mut self, uid: u32, bytes_max: u64) -> Result<Option<Fetched>, ImapError> {
        self.fetch_body(uid, "UID RFC822.SIZE BODY.PEEK[]", bytes_max).await
    }

    /// The beginning of the message's header.
    pub(super) async fn fetch_header(&mut self, uid: u32) -> Result<Option<Fetched>, ImapError> {
        let items = format!("UID BODY.PEEK[HEADER]<0.{HEADER_BYTES_MAX}>");
        self.fetch_body(uid, &items, u64::from(HEADER_BYTES_MAX)).await
    }

    async fn fetch_body(&mut self, uid: u32, items: &str, bytes_max: u64) -> Result<Option<Fetched>, ImapError> {
        let tag = self.begin_verb("fetch", &format!("UID FETCH {uid} ({items})")).await?;
        let mut fetched = None;
        let keep = |reply| match reply {
            Reply::Fetch(one) if one.uid == Some(uid) && one.body.is_some() => fetched = Some(one),
            _ => {}
        };
        self.until_done(&tag, bytes_max, keep).await?;
        Ok(fetched)
    }

    /// Any verb that is answered with nothing we keep.
    pub(super) async fn simple(&mut self, step: &'static str, line: &str) -> Result<(), ImapError> {
        self.verb(step, line, |_| ()).await.map(drop)
    }

    /// Enters IDLE (RFC 2177).
    pub(super) async fn idle_begin(&mut self) -> Result<(), ImapError> {
        let tag = self.begin_verb("IDLE", "IDLE").await?;
        self.idle_tag = Some(tag.clone());
        let begun = match self.until_continue(&tag).await {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => Err(ImapError::Bad { step: "IDLE", text: "ended at once".to_owned() }),
            Err(error) => Err(error),
        };
        if !matches!(begun, Err(ImapError::Draining)) {
            self.idle_tag = None;
        }
        begun
    }

    /// Waits in IDLE for news, at most `renew`.
    pub(super) async fn idle_wait(&mut self, renew: Duration) -> Result<(), ImapError> {
        self.wire.begin("IDLE", self.verb_timeout);
        let until = Instant::now() + renew;
        while !self.news && self.wire.is_readable_before(until).await? {
            if let Reply::Tagged { says, .. } = self.next_reply(SMALL_LITERAL_BYTES_MAX).await? {
                return Err(ImapError::Garbled { step: "IDLE", text: says.text });
            }
        }
        Ok(())
    }

    /// Leaves IDLE.
    pub(super) async fn idle_end(&mut self, wait: Duration) -> Result<(), ImapError> {
        let Some(tag) = self.idle_tag.take() else { return Ok(()) };
        self.wire.begin("DONE", wait);
        self.wire.send("DONE").await?;
        self.until_done(&tag, SMALL_LITERAL_BYTES_MAX, |_| ()).await.map(drop)
    }

    /// Says goodbye and closes.
    pub(super) async fn close(mut self) {
        let goodbye = if self.idle_tag.is_some() { "DONE\r\ndz LOGOUT\r\n" } else { "dz LOGOUT\r\n" };
        self.wire.send_last(goodbye).await;
    }

    async fn verb(&mut self, step: &'static str, line: &str, each: impl FnMut(Reply)) -> Result<Says, ImapError> {
        let tag = self.begin_verb(step, line).await?;
        self.until_done(&tag, SMALL_LITERAL_BYTES_MAX, each).await
    }

    async fn begin_verb(&mut self, step: &'static str, line: &str) -> Result<String, ImapError> {
        self.tags = self.tags.wrapping_add(1);
        let tag = format!("d{}", self.tags);
        self.wire.begin(step, self.verb_timeout);
        self.wire.send(&format!("{tag} {line}")).await?;
        Ok(tag)
    }

    /// Waits for `+`; `Some` if the server ended the verb with OK instead.
    async fn until_continue(&mut self, tag: &str) -> Result<Option<Says>, ImapError> {
        loop {
            match self.next_reply(SMALL_LITERAL_BYTES_MAX).await? {
                Reply::Continue => return Ok(None),
                Reply::Tagged { tag: theirs, status, says } => {
                    return self.concluded(tag, &theirs, status, says).map(Some);
                }
                _ => {}
            }
        }
    }

    async fn until_done(
        &mut self,
        tag: &str,
        literal_bytes_max: u64,
        mut each: impl FnMut(Reply),
    ) -> Result<Says, ImapError> {
        loop {
            match self.next_reply(literal_bytes_max).await? {
                Reply::Tagged { tag: theirs, status, says } => return self.concluded(tag, &theirs, status, says),
                reply => each(reply),
            }
        }
    }

    fn concluded(&self, tag: &str, theirs: &str, status: Status, says: Says) -> Result<Says, ImapError> {
        let step = self.wire.step();
        if tag != theirs {
            return Err(self.wire.garbled(b"a tag that is not ours"));
        }
        match status {
            Status::Ok => Ok(says),
            Status::No => Err(ImapError::No { step, code: says.code, text: says.text }),
            Status::Bad => Err(ImapError::Bad { step, text: says.text }),
            Status::Bye | Status::Preauth => Err(self.wire.garbled(b"a status that ends no verb")),
        }
    }

    /// The next reply, after what it means for the folder was noted.
    async fn next_reply(&mut self, literal_bytes_max: u64) -> Result<Reply, ImapError> {
        let raw = self.wire.read_reply(literal_bytes_max).await?;
        let shown: Vec<u8> = raw.text.iter().take(80).copied().collect();
        let reply = reply::read(raw).ok_or_else(|| self.wire.garbled(&shown))?;
        match &reply {
            Reply::Exists(_) => self.news = true,
            Reply::Untagged { status: Status::Bye, says } => {
                return Err(ImapError::Closed { step: self.wire.step(), text: says.text.clone() });
            }
            Reply::Untagged { status: Status::Ok, says } => self.note_code(says)?,
            _ => {}
        }
        Ok(reply)
    }

    fn note_code(&mut self, says: &Says) -> Result<(), ImapError> {
        if let Some(uid_validity) = says.number("UIDVALIDITY") {
            if self.uid_validity.is_some_and(|known| known != uid_validity) {
                let text = "UIDVALIDITY changed while the folder was open".to_owned();
                return Err(ImapError::Closed { step: self.wire.step(), text });
            }
            self.uid_validity = Some(uid_validity);
        }
        if let Some(uid_next) = says.number("UIDNEXT") {
            self.uid_next = Some(uid_next);
        }
        Ok(())
    }
}
