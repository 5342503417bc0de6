//! The verbs of IMAP that we use, on one connection after sign-in: `async-imap`'s, each under [`Guard`].
//!
//! **Invariant:** one verb at a time, each answered `OK`, refused, or failed within its deadline; an answer that did not
//! come, or that could not be read, is never taken for an empty one.
//!
//! IDLE is written out verb by verb: `Session::idle` gives the session to a handle that waits on after `NO` and after an
//! `OK` at once, and that gives it back only after a `DONE` which a refused IDLE must not be followed by; where it is
//! told of news before the `+`, it forgets them.

use crate::channel::imap::error::ImapError;
use crate::channel::imap::folder_name::modified_utf7;
use crate::channel::imap::folder_name::quoted_folder;
use crate::channel::imap::greeted::GOODBYE;
use crate::channel::imap::guard::Guard;
use crate::channel::imap::ranges::uids_text;
use crate::channel::imap::sieve::SMALL_LITERAL_BYTES_MAX;
use crate::channel::imap::sieve::Wanted;
use crate::domain::id::Millis;
use async_imap::Session;
use async_imap::imap_proto::Response;
use async_imap::types::Fetch;
use async_imap::types::Flag;
use futures_util::TryStreamExt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::future::ready;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::timeout_at;

/// Bytes of a header that are fetched of a message too large to fetch whole.
const HEADER_BYTES_MAX: u32 = 256 * 1024;

/// The same where only the header of our own messages counts.
const SHORT_HEADER_BYTES_MAX: u32 = 4 * 1024;

/// One connection to a server.
#[derive(Debug)]
pub(super) struct Client {
    session: Session<Guard>,
    verb_timeout: Duration,
    is_in_idle: bool,
}

/// What opening a folder told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folder {
    pub(super) uid_validity: u32,
    pub(super) uid_next: Option<u32>,
}

/// What one look at a small folder tells of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) uid: u32,
    pub(super) is_flagged: bool,
    pub(super) is_answered: bool,
    pub(super) is_deleted: bool,
    /// The beginning of the header.
    pub(super) header: Vec<u8>,
}

impl Client {
    pub(super) fn new(session: Session<Guard>, verb_timeout: Duration) -> Self {
        Self { session, verb_timeout, is_in_idle: false }
    }

    /// Learns what the server can do, unless it said so at the sign-in, and says who we are.
    pub(super) async fn settle_in(&mut self) -> Result<(), ImapError> {
        if self.session.get_ref().heard().capabilities.is_empty() {
            self.simple("CAPABILITY", "CAPABILITY").await?;
        }
        if self.can("ID") {
            // Some providers open no folder for clients that do not say who they are.
            self.begin("ID", Wanted::Nothing);
            let answer = self.session.id([("name", Some("deskgate"))]).await;
            let id = self.concluded(answer);
            id.map(drop).or_else(|error| if error.is_refusal() { Ok(()) } else { Err(error) })?;
        }
        Ok(())
    }

    fn begin(&mut self, step: &'static str, wanted: Wanted) {
        self.session.get_mut().begin(step, self.verb_timeout, wanted);
    }

    fn concluded<T>(&mut self, answer: Result<T, async_imap::error::Error>) -> Result<T, ImapError> {
        self.session.get_mut().concluded(answer)
    }

    /// Whether the server says it can do this.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.session.get_ref().heard().capabilities.contains(capability)
    }

    /// Opens the folder, read-only where nothing in it is to be changed.
    pub(super) async fn open(&mut self, folder: &str, read_only: bool) -> Result<Folder, ImapError> {
        let name = modified_utf7(folder);
        // Another folder has another one.
        self.session.get_mut().heard_mut().uid_validity = None;
        self.begin("open folder", Wanted::Folder);
        let answer = if read_only { self.session.examine(&name).await } else { self.session.select(&name).await };
        let mailbox = self.concluded(answer)?;
        let missing = || ImapError::Garbled { step: "open folder", text: "no UIDVALIDITY".to_owned() };
        let uid_validity = mailbox.uid_validity.filter(|validity| *validity > 0).ok_or_else(missing)?;
        self.session.get_mut().heard_mut().uid_validity = Some(uid_validity);
        Ok(Folder { uid_validity, uid_next: mailbox.uid_next })
    }

    /// From here on, [`Client::has_news`] tells whether the server spoke of the number of messages: also during a
    /// SEARCH, whose answer may be older than that.
    pub(super) fn forget_news(&mut self) {
        self.session.get_mut().heard_mut().news = false;
    }

    pub(super) fn has_news(&self) -> bool {
        self.session.get_ref().heard().news
    }

    /// The UIDs of `set` that exist. A search key that every server since RFC 2060 knows; no RETURN, which some
    /// advertise and then refuse. An answer in another form (ESEARCH) counts as not understood.
    pub(super) async fn search(&mut self, set: &str) -> Result<BTreeSet<u32>, ImapError> {
        self.search_key(&format!("UID {set}")).await
    }

    /// The UIDs that this search key finds.
    pub(super) async fn search_key(&mut self, key: &str) -> Result<BTreeSet<u32>, ImapError> {
        self.begin("search", Wanted::Search);
        let answer = self.session.uid_search(key).await;
        let found = self.concluded(answer)?;
        if self.session.get_ref().heard().skipped_search {
            return Err(ImapError::Bad { step: "search", text: "its answer cannot be read".to_owned() });
        }
        Ok(found.into_iter().collect())
    }

    /// The UIDs of `set` that exist, where the server has no UID SEARCH.
    pub(super) async fn list(&mut self, set: &str) -> Result<BTreeSet<u32>, ImapError> {
        let mut listed = BTreeSet::new();
        self.fetch("list", set, "(UID)", SMALL_LITERAL_BYTES_MAX, |fetch| listed.extend(fetch.uid)).await?;
        self.told_of_all()?;
        Ok(listed)
    }

    /// When the server received each message of `set`; `None` where that cannot be read or was before 1970.
    pub(super) async fn dates(&mut self, set: &str) -> Result<Vec<(u32, Option<Millis>)>, ImapError> {
        let mut dates = Vec::new();
        let keep = |fetch: &Fetch| {
            let date = fetch.internal_date().and_then(|date| u64::try_from(date.timestamp_millis()).ok());
            dates.extend(fetch.uid.map(|uid| (uid, date.map(Millis))));
        };
        self.fetch("list", set, "(UID INTERNALDATE)", SMALL_LITERAL_BYTES_MAX, keep).await?;
        self.told_of_all()?;
        Ok(dates)
    }

    /// Sizes in bytes as the server tells them; those it tells nothing of are missing.
    pub(super) async fn sizes(&mut self, set: &str) -> Result<BTreeMap<u32, u64>, ImapError> {
        let mut sizes = BTreeMap::new();
        let keep = |fetch: &Fetch| sizes.extend(fetch.uid.zip(fetch.size.map(u64::from)));
        self.fetch("list", set, "(UID RFC822.SIZE)", SMALL_LITERAL_BYTES_MAX, keep).await?;
        Ok(sizes)
    }

    /// The whole message, untouched (PEEK), at most `bytes_max` bytes; `None` where the server gave no body.
    pub(super) async fn fetch_message(&mut self, uid: u32, bytes_max: u64) -> Result<Option<Vec<u8>>, ImapError> {
        Ok(self.fetch_messages(&[uid], bytes_max).await?.remove(&uid))
    }

    /// Whole messages, untouched (PEEK), each at most `bytes_max` bytes; those the server gave no body of are missing.
    pub(super) async fn fetch_messages(
        &mut self,
        uids: &[u32],
        bytes_max: u64,
    ) -> Result<BTreeMap<u32, Vec<u8>>, ImapError> {
        let mut messages = BTreeMap::new();
        let keep = |fetch: &Fetch| {
            let uid = fetch.uid.filter(|uid| uids.contains(uid));
            messages.extend(uid.zip(fetch.body().map(<[u8]>::to_vec)));
        };
        self.fetch("fetch", &uids_text(uids), "(UID RFC822.SIZE BODY.PEEK[])", bytes_max, keep).await?;
        Ok(messages)
    }

    /// The beginning of the message's header.
    pub(super) async fn fetch_header(&mut self, uid: u32) -> Result<Option<Vec<u8>>, ImapError> {
        let items = format!("(UID BODY.PEEK[HEADER]<0.{HEADER_BYTES_MAX}>)");
        let mut header = None;
        let keep = |fetch: &Fetch| {
            let bytes = fetch.header().filter(|_| fetch.uid == Some(uid));
            header = bytes.map(<[u8]>::to_vec).or_else(|| header.take());
        };
        self.fetch("fetch", &uid.to_string(), &items, u64::from(HEADER_BYTES_MAX), keep).await?;
        Ok(header)
    }

    /// Flags and the beginning of the header of every message in the open folder, by UID.
    pub(super) async fn heads(&mut self) -> Result<Vec<Head>, ImapError> {
        let items = format!("(UID FLAGS BODY.PEEK[HEADER]<0.{SHORT_HEADER_BYTES_MAX}>)");
        let mut heads: BTreeMap<u32, Head> = BTreeMap::new();
        let keep = |fetch: &Fetch| {
            let Some((uid, header)) = fetch.uid.zip(fetch.header()) else { return };
            let mut head = Head { uid, header: header.to_vec(), ..Head::default() };
            for flag in fetch.flags() {
                match flag {
                    Flag::Flagged => head.is_flagged = true,
                    Flag::Answered => head.is_answered = true,
                    Flag::Deleted => head.is_deleted = true,
                    _ => {}
                }
            }
            heads.insert(uid, head);
        };
        self.fetch("list", "1:*", &items, u64::from(SHORT_HEADER_BYTES_MAX), keep).await?;
        self.told_of_all()?;
        Ok(heads.into_values().collect())
    }

    async fn fetch(
        &mut self,
        step: &'static str,
        set: &str,
        items: &str,
        literal_bytes_max: u64,
        mut keep: impl FnMut(&Fetch) + Send,
    ) -> Result<(), ImapError> {
        self.begin(step, Wanted::Fetch { literal_bytes_max });
        let answer = match self.session.uid_fetch(set, items).await {
            Err(error) => Err(error),
            Ok(fetches) => {
                let kept = fetches.try_for_each(|fetch| {
                    keep(&fetch);
                    ready(Ok(()))
                });
                kept.await
            }
        };
        self.concluded(answer)
    }

    /// A listing with a reply missing would make a message count as gone.
    fn told_of_all(&self) -> Result<(), ImapError> {
        if self.session.get_ref().heard().skipped_fetch {
            return Err(ImapError::Garbled { step: "list", text: "a reply cannot be read".to_owned() });
        }
        Ok(())
    }

    /// Any verb that is answered with nothing we keep.
    pub(super) async fn simple(&mut self, step: &'static str, line: &str) -> Result<(), ImapError> {
        self.begin(step, Wanted::Nothing);
        let answer = self.session.run_command_and_check_ok(line).await;
        self.concluded(answer)
    }

    /// Makes a folder.
    pub(super) async fn make_folder(&mut self, folder: &str) -> Result<(), ImapError> {
        let named = quoted_folder(folder).ok_or(ImapError::Unsafe("the name of a folder holds control characters"))?;
        self.simple("make folder", &format!("CREATE {named}")).await
    }

    /// Adds a message to a folder, as seen.
    pub(super) async fn append(&mut self, folder: &str, message: &[u8]) -> Result<(), ImapError> {
        self.begin("append", Wanted::Nothing);
        let answer = self.session.append(modified_utf7(folder), Some("(\\Seen)"), None, message).await;
        self.concluded(answer)
    }

    /// Flags messages as deleted and, with UIDPLUS, expunges these alone (RFC 4315 §2.1). A plain EXPUNGE would also
    /// remove what others flagged (EML-5).
    pub(super) async fn remove(&mut self, uids: &[u32]) -> Result<(), ImapError> {
        if uids.is_empty() {
            return Ok(());
        }
        let set = uids_text(uids);
        self.simple("flag as deleted", &format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)")).await?;
        if self.can("UIDPLUS") {
            self.simple("expunge", &format!("UID EXPUNGE {set}")).await?;
        }
        Ok(())
    }

    /// Enters IDLE (RFC 2177).
    pub(super) async fn idle_begin(&mut self) -> Result<(), ImapError> {
        self.begin("IDLE", Wanted::News);
        self.is_in_idle = true;
        let begun = self.idle_continued().await;
        // A drain finds us in IDLE or on the way there: DONE is said in both cases.
        self.is_in_idle = matches!(begun, Ok(()) | Err(ImapError::Draining));
        begun
    }

    async fn idle_continued(&mut self) -> Result<(), ImapError> {
        if let Err(error) = self.session.run_command("IDLE").await {
            return self.concluded(Err(error));
        }
        loop {
            match self.session.read_response().await {
                Ok(Some(reply)) => match reply.parsed() {
                    Response::Continue(_) => return Ok(()),
                    Response::Done { .. } => {
                        self.concluded(Ok(()))?;
                        return Err(ImapError::Bad { step: "IDLE", text: "ended at once".to_owned() });
                    }
                    _ => {}
                },
                _ => return Err(self.session.get_mut().ended()),
            }
        }
    }

    /// Waits in IDLE for news, at most `renew`.
    pub(super) async fn idle_wait(&mut self, renew: Duration) -> Result<(), ImapError> {
        let until = Instant::now() + renew;
        self.session.get_mut().go_on("IDLE", renew.saturating_add(self.verb_timeout));
        while !self.has_news() {
            match timeout_at(until, self.session.read_response()).await {
                Err(_) => return Ok(()),
                Ok(Ok(Some(reply))) => {
                    if let Response::Done { .. } = reply.parsed() {
                        let text = "ended before DONE".to_owned();
                        return Err(ImapError::Garbled { step: "IDLE", text });
                    }
                }
                Ok(_) => return Err(self.session.get_mut().ended()),
            }
        }
        Ok(())
    }

    /// Leaves IDLE.
    pub(super) async fn idle_end(&mut self, wait: Duration) -> Result<(), ImapError> {
        self.is_in_idle = false;
        self.session.get_mut().go_on("DONE", wait);
        if let Err(error) = self.session.run_command_untagged("DONE").await {
            return self.concluded(Err(error));
        }
        loop {
            match self.session.read_response().await {
                Ok(Some(reply)) if matches!(reply.parsed(), Response::Done { .. }) => return self.concluded(Ok(())),
                Ok(Some(_)) => {}
                _ => return Err(self.session.get_mut().ended()),
            }
        }
    }

    /// Says goodbye and closes.
    pub(super) async fn close(mut self) {
        let done = if self.is_in_idle { "DONE\r\n" } else { "" };
        self.session.get_mut().say_goodbye(&format!("{done}{GOODBYE}")).await;
    }
}
