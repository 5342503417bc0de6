//! Mail in: raw bytes put → read, classed, cleaned → raw bytes durable → one transaction (DESIGN §5 "Email in").
//!
//! | killed | state | what follows |
//! |---|---|---|
//! | before the blob is put | nothing | no 250; the sender tries again |
//! | while reading | perhaps an unnamed blob, a mark that reading began | no 250; tried again; after two such deaths it is quarantined unread (P6), once |
//! | before the commit | as above, without the mark | no 250; tried again; the blob is found again or swept |
//! | after the commit, before the 250 | everything | the sender tries again and is told 250: a duplicate (EML-15) |
//!
//! **Invariant:** everything that arrives ends as a part, as a journal row that says why not, or in quarantine; nothing is
//! acknowledged before that is committed (EML-1, P3).

pub(crate) mod addresses;
mod as_ticket;
mod by_agent;
mod by_subject;
mod joining;
mod place;
pub(crate) mod reading;
mod write;

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::NotAccepted;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::mail::intake::write::Taken;
use crate::desk::thread::draft::At;
use crate::domain::address::Address;
use crate::domain::attachment::BlobHash;
use crate::domain::authentication::Authentication;
use crate::domain::id::IntakeId;
use crate::domain::intake::ImapOrigin;
use crate::domain::intake::IntakeRow;
use crate::domain::mailbox_cursor::MailboxCursor;
use crate::store;
use crate::store::blobs::Pending;
use crate::store::handover::closed;
use crate::store::intake::UniqueKey;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::task::JoinError;

/// Messages of one hand that are read at once.
const READ_AT_ONCE_MAX: usize = 16;
/// Deaths of the process while reading one message, after which it is quarantined unread (P6).
const DEATHS_MAX: u32 = 2;
/// How the reason of a delivery begins that a bounce ended.
pub(crate) const BOUNCED: &str = "bounced: ";

impl MailDoor for Desk {
    fn knows_recipient(&self, address: &Address) -> bool {
        self.inner.is_ours(address)
    }

    /// The thread that reads it hands it over to the store by itself.
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, NotAccepted> {
        self.refuse_when_full()?;
        let (facts, raw) = Facts::split(arrival);
        let (change, answer) = self.inner.store.handover().map_err(not_accepted)?;
        let inner = self.inner.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let (taken, pending) = inner.keep_and_read(facts, &raw)?;
            let (unread, at) = (taken.unread(), At::of(&inner.clock));
            change.update(pending, move |tx| inner.take(tx, &taken, None, &at));
            Ok(unread)
        });
        let accepted = answer.outcome().await;
        // It has ended by now.
        if let Some(unread) = ended(reading.await)? {
            self.inner.attempts.end(unread);
        }
        accepted.unwrap_or_else(|| Err(closed())).map_err(not_accepted)
    }

    async fn accept_all(&self, arrivals: Vec<Arrival>) -> Vec<Result<Accepted, NotAccepted>> {
        let read = stream::iter(arrivals).map(|arrival| self.read(arrival)).buffered(READ_AT_ONCE_MAX);
        let read: Vec<_> = read.collect().await;
        // The store takes changes in the order in which they are handed to it, many of them with one sync.
        join_all(read.into_iter().map(async |taken| self.take(taken?, None).await)).await
    }

    async fn unaccounted(&self, mailbox: &str, uid_validity: u32, uids: Vec<u32>) -> Result<Vec<u32>, NotAccepted> {
        let missing = self.inner.store.view(|tx| {
            let mut missing = Vec::new();
            for uid in &uids {
                if store::intake::unique(tx, &UniqueKey::uid(mailbox, uid_validity, *uid))?.is_none() {
                    missing.push(*uid);
                }
            }
            Ok(missing)
        });
        missing.map_err(not_accepted)
    }

    async fn mailbox_cursor(&self, mailbox: &str) -> Result<MailboxCursor, NotAccepted> {
        let kept = self.inner.store.view(|tx| store::cursors::get(tx, mailbox)).map_err(not_accepted)?;
        Ok(kept.unwrap_or_default())
    }

    async fn set_mailbox_cursor(&self, mailbox: &str, cursor: MailboxCursor) -> Result<(), NotAccepted> {
        let mailbox = mailbox.to_owned();
        let kept = self.inner.store.update(move |tx| store::cursors::put(tx, &mailbox, &cursor));
        kept.await.map_err(not_accepted)
    }
}

impl Desk {
    /// Takes a quarantined message in again; on success its row gets the new result.
    pub(crate) async fn take_again(&self, row: &IntakeRow) -> Result<Accepted, NotAccepted> {
        let hash = row.raw.ok_or_else(|| NotAccepted::Policy("the message is gone".to_owned()))?;
        let facts = Facts::of_row(row);
        let taken = self.off_the_loop(move |inner| {
            let raw = inner.blobs.get_blocking(hash)?;
            Ok((inner.read(facts, &raw, hash), Pending::durable()))
        });
        self.take(taken.await?, Some(row.id)).await
    }

    /// Keeps a message and reads it, one after the other: on two threads at once each mail costs a tenth more. It becomes
    /// durable with the others of its commit.
    async fn read(&self, arrival: Arrival) -> Result<(Taken, Pending), NotAccepted> {
        self.refuse_when_full()?;
        let (facts, raw) = Facts::split(arrival);
        self.off_the_loop(move |inner| inner.keep_and_read(facts, &raw)).await
    }

    async fn take(&self, (taken, raw): (Taken, Pending), again: Option<IntakeId>) -> Result<Accepted, NotAccepted> {
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let unread = taken.unread();
        let accepted = self.inner.store.update_with(raw, move |tx| inner.take(tx, &taken, again, &at)).await;
        if let Some(unread) = unread {
            self.inner.attempts.end(unread);
        }
        accepted.map_err(not_accepted)
    }

    fn refuse_when_full(&self) -> Result<(), NotAccepted> {
        match self.inner.blobs.free_bytes() {
            Ok(free) if free < self.inner.settings.disk_reserve_bytes => Err(NotAccepted::Full),
            _ => Ok(()),
        }
    }

    /// Runs what waits for the disk or reckons long on a thread of its own.
    async fn off_the_loop<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Inner) -> store::Result<T> + Send + 'static,
    ) -> Result<T, NotAccepted> {
        let inner = self.inner.clone();
        ended(tokio::task::spawn_blocking(move || act(&inner)).await)
    }
}

/// What a thread came to, which may have ended in the middle.
fn ended<T>(done: Result<store::Result<T>, JoinError>) -> Result<T, NotAccepted> {
    let done = done.map_err(|error| NotAccepted::TryAgain(format!("reading was cut off: {error}")))?;
    done.map_err(not_accepted)
}

impl Inner {
    fn keep_and_read(&self, facts: Facts, raw: &[u8]) -> store::Result<(Taken, Pending)> {
        let (hash, pending) = self.blobs.put_pending(raw)?;
        Ok((self.read(facts, raw, hash), pending))
    }

    /// Reads a message, noting on disk that it began, so that one that takes the process down is known when it comes again.
    fn read(&self, facts: Facts, raw: &[u8], hash: BlobHash) -> Taken {
        let reading = if self.attempts.begin(hash) >= DEATHS_MAX {
            Err("reading it took the process down twice".to_owned())
        } else {
            let read = Reading::of(raw, hash, &facts, self).map_err(|error| error.to_string());
            // Whatever ends the process from here on, it was not the reading of this message.
            self.attempts.end(hash);
            read
        };
        Taken { facts, raw: hash, raw_bytes: raw.len() as u64, reading }
    }

    /// Whether mail to this address is for us: a support address with or without a tag; bounce addresses are support
    /// addresses with a tag.
    pub(crate) fn is_ours(&self, address: &Address) -> bool {
        self.is_support_address(address) || self.is_support_address(&address.without_tag().0)
    }
}

/// What is known about a message beside its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// `MAIL FROM`.
    pub(crate) reverse_path: Option<String>,
    /// Recipients of the envelope.
    pub(crate) recipients: Vec<Address>,
    /// In words for the journal.
    pub(crate) source: String,
    /// Mailbox, UIDVALIDITY, UID (EML-15).
    pub(crate) imap: Option<ImapUid>,
    /// Support address where the message names none (EML-10).
    pub(crate) default_address: Option<Address>,
    /// Out of a file: it may be as old as it likes.
    pub(crate) is_import: bool,
    /// What the listener found out about the sender.
    pub(crate) checked: Option<Authentication>,
    /// It stands in for a message of so many bytes (EML-9).
    pub(crate) left_out_bytes: Option<u64>,
}

/// A message's place in a mailbox, and whether something is to be done with it there (EML-5).
#[derive(Clone, Debug)]
pub(crate) struct ImapUid {
    pub(crate) mailbox: String,
    pub(crate) uid_validity: u32,
    pub(crate) uid: u32,
    pub(crate) follow_up: bool,
}

impl Facts {
    fn split(arrival: Arrival) -> (Self, Vec<u8>) {
        let is_import = matches!(arrival.source, ArrivalSource::Import { .. });
        let (mut checked, mut left_out_bytes) = (None, None);
        let (source, imap, default_address) = match arrival.source {
            ArrivalSource::Smtp { peer, checked: found } => {
                checked = found.map(|found| *found);
                (format!("smtp {peer}"), None, None)
            }
            ArrivalSource::Lmtp { peer } => (format!("lmtp {peer}"), None, None),
            ArrivalSource::Http { caller } => (format!("http {caller}"), None, None),
            ArrivalSource::Imap { mailbox, uid_validity, uid, default_address, follow_up, stands_for_bytes: left } => {
                left_out_bytes = left;
                let source = ImapOrigin { mailbox: mailbox.clone(), uid_validity, uid }.to_string();
                (source, Some(ImapUid { mailbox, uid_validity, uid, follow_up }), default_address)
            }
            ArrivalSource::Import { origin, support } => (format!("import {origin}"), None, Some(support)),
        };
        let (reverse_path, recipients) = (arrival.reverse_path, arrival.recipients);
        let facts =
            Self { reverse_path, recipients, source, imap, default_address, is_import, checked, left_out_bytes };
        (facts, arrival.raw)
    }

    pub(crate) fn of_row(row: &IntakeRow) -> Self {
        Self {
            reverse_path: row.reverse_path.clone(),
            recipients: row.recipients.iter().filter_map(|address| Address::parse(address)).collect(),
            source: row.source.clone(),
            imap: None,
            default_address: row.support_address.clone(),
            is_import: row.source.starts_with("import "),
            checked: None,
            left_out_bytes: None,
        }
    }
}

fn not_accepted(error: store::Error) -> NotAccepted {
    match error {
        store::Error::Full => NotAccepted::Full,
        other => NotAccepted::TryAgain(other.to_string()),
    }
}

/// The row under which a retried message is journalled stays its own.
pub(crate) fn intake_id(again: Option<IntakeId>, at: &At) -> IntakeId {
    again.unwrap_or_else(|| IntakeId(at.id()))
}
