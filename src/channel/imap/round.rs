//! One look through the folder: what waits, what is gone, what is taken now.
//!
//! **Invariant:** the end of the work is told by UIDs, never by how many messages could be read: one that cannot be had
//! comes last and hides no other (freescout 4624).
//! **Invariant:** a UID counts as gone only when the server left it out of two answers in a row.

use crate::channel::imap::client::Client;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::memory::Memory;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::ranges::Range;
use crate::channel::imap::ranges::holes;
use crate::channel::imap::ranges::in_both;
use crate::channel::imap::ranges::mark;
use crate::channel::imap::ranges::open_ranges;
use crate::channel::imap::ranges::set_text;
use crate::channel::imap::ranges::uids_text;
use crate::channel::imap::state::Publisher;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::MailboxCursor;
use crate::desk::mail::arrival::NotAccepted;
use crate::domain::mailbox_cursor::ImapFeature;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::future::Future;
use tokio::time::Instant;
use tokio::time::timeout;

/// Messages taken between two listings; when more wait, the newest come first (EML-2).
pub(super) const TAKEN_AT_ONCE_MAX: usize = 200;

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The server or the connection.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// It is not for us to read, now or any more (EML-19).
    #[error("{0}")]
    Lease(&'static str),
    /// Another daemon read until now, and perhaps does no longer.
    #[error("another daemon read this mailbox")]
    StoodBy,
    /// The desk took nothing in; the cursor stays.
    #[error("{0}")]
    Door(NotAccepted),
}

/// Everything a look needs.
#[derive(Debug)]
pub(super) struct Reader<'a, D> {
    pub(super) options: &'a MailboxOptions,
    pub(super) door: &'a D,
    pub(super) publisher: &'a Publisher,
    pub(super) memory: &'a mut Memory,
    pub(super) client: &'a mut Client,
    pub(super) cursor: MailboxCursor,
    /// Whether follow-up actions were done that the stored cursor still says are owed.
    pub(super) paid_unsaved: bool,
    /// Nothing may be changed in the folder now, whatever the options say (EML-19).
    pub(super) only_read: bool,
}

/// What a look came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked {
    /// Messages that are done now and were not before.
    pub(super) taken: usize,
    /// Whether there is reason to look again at once.
    pub(super) more: bool,
}

impl<D: MailDoor> Reader<'_, D> {
    /// Looks once and takes what waits, at most [`TAKEN_AT_ONCE_MAX`] messages.
    pub(super) async fn look(&mut self) -> Result<Looked, Stop> {
        self.pay_what_is_owed().await?;
        self.keep_refusals().await?;
        self.client.forget_news();
        let open = open_ranges(&self.cursor);
        let listed = self.list(&open).await?;
        self.mark_gone(&open, &listed).await?;
        let waiting: Vec<u32> = open.iter().flat_map(|(first, last)| listed.range(*first..=*last)).copied().collect();
        self.memory.keep_troubles_of(|uid| listed.contains(&uid));
        self.publisher.found(waiting.len());
        let (now, more) = self.pick(&waiting);
        let sizes = self.sizes(&now).await?;
        let taken = self.take_all(&now, &sizes).await?;
        self.save_what_was_paid().await?;
        let left = waiting.len().saturating_sub(taken);
        let incomplete = left == 0 && self.reconcile_when_due().await?;
        self.publisher.looked(left, self.memory.unfetchable(), self.memory.unaccounted);
        let again = self.memory.next_due_at().is_some_and(|at| at <= Instant::now());
        Ok(Looked { taken, more: more || again || incomplete || self.client.has_news() })
    }

    /// Stores what the server refused, so that a new process does not ask for it again (EML-4).
    async fn keep_refusals(&mut self) -> Result<(), Stop> {
        let refused = self.memory.refused_with(&self.cursor.refused);
        if refused != self.cursor.refused {
            self.cursor.refused = refused;
            at_the_door(self.options, self.door.set_mailbox_cursor(&self.options.name, self.cursor.clone())).await?;
        }
        Ok(())
    }

    /// UIDs of messages in the open ranges.
    pub(super) async fn list(&mut self, open: &[Range]) -> Result<BTreeSet<u32>, Stop> {
        if open.is_empty() {
            return Ok(BTreeSet::new());
        }
        let set = set_text(open);
        if self.memory.may_use(ImapFeature::Search) {
            match self.client.search(&set).await {
                Err(error @ ImapError::Bad { .. }) => {
                    tracing::warn!(mailbox = self.options.name, %error, "listing by FETCH from now on");
                    self.memory.refuses(ImapFeature::Search);
                }
                found => return Ok(found?),
            }
        }
        Ok(self.client.list(&set).await?)
    }

    async fn mark_gone(&mut self, open: &[Range], listed: &BTreeSet<u32>) -> Result<(), Stop> {
        let absent = holes(&self.cursor, open, listed);
        let gone = in_both(&absent, &self.memory.absent);
        self.memory.absent = absent;
        self.set_done(&gone).await
    }

    /// Marks UIDs as done that will never be taken.
    pub(super) async fn set_done(&mut self, ranges: &[Range]) -> Result<(), Stop> {
        if ranges.is_empty() {
            return Ok(());
        }
        mark(&mut self.cursor, ranges);
        at_the_door(self.options, self.door.set_mailbox_cursor(&self.options.name, self.cursor.clone())).await
    }

    /// Which of the waiting messages are taken now, in order, and whether others are left for the next look.
    fn pick(&self, waiting: &[u32]) -> (Vec<u32>, bool) {
        let mut due: Vec<u32> = waiting.iter().copied().filter(|uid| self.memory.is_due(*uid)).collect();
        let more = due.len() > TAKEN_AT_ONCE_MAX;
        if more {
            due.reverse();
        }
        due.sort_by_key(|uid| self.memory.troubles_of(*uid));
        due.truncate(TAKEN_AT_ONCE_MAX);
        (due, more)
    }

    /// Sizes of the messages as the server tells them; those it tells nothing of are missing.
    async fn sizes(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, u64>, Stop> {
        if uids.is_empty() {
            return Ok(BTreeMap::new());
        }
        match self.client.sizes(&uids_text(uids)).await {
            Err(error) if error.is_refusal() => Ok(BTreeMap::new()),
            sizes => Ok(sizes?),
        }
    }
}

/// Waits for the desk, not for ever: a commit that comes later is recognised as known when the message comes again.
pub(super) async fn at_the_door<T>(
    options: &MailboxOptions,
    asked: impl Future<Output = Result<T, NotAccepted>>,
) -> Result<T, Stop> {
    let late = Err(NotAccepted::TryAgain("no answer within the deadline".to_owned()));
    timeout(options.verb_timeout(), asked).await.unwrap_or(late).map_err(Stop::Door)
}
