//! Fetching one message that was too large to be taken in, when somebody asks for it (EML-9).
//!
//! **Invariant:** nothing in the mailbox is changed; one message at a time is fetched, over a connection of its own, and
//! none larger than the limit for this.

use crate::channel::imap::client::Client;
use crate::channel::imap::connect::connect;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::options::After;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::proof::Proof;
use crate::domain::intake::ImapOrigin;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Messages of one Message-ID that are looked at.
const SAME_ID_MAX: usize = 5;
/// Longest Message-ID that is searched for, in bytes.
const MESSAGE_ID_BYTES_MAX: usize = 500;

/// Why a message was not fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFetched {
    /// The configuration has no such mailbox any more.
    #[error("there is no mailbox {0:?} in the configuration")]
    NoMailbox(String),
    /// Another one is being fetched.
    #[error("another large message is being fetched; try again")]
    Busy,
    /// It is in neither folder of the mailbox any more.
    #[error("the message is no longer in the mailbox")]
    Gone,
    /// The server, the connection, or the limit.
    #[error("{0}")]
    Server(String),
}

impl From<ImapError> for NotFetched {
    fn from(error: ImapError) -> Self {
        Self::Server(error.to_string())
    }
}

/// Fetches large messages. Clones share the turn.
#[derive(Clone, Debug)]
pub struct OnDemand {
    mailboxes: Arc<[MailboxOptions]>,
    bytes_max: u64,
    turn: Arc<Semaphore>,
}

impl OnDemand {
    /// From these mailboxes, messages of at most `bytes_max` bytes.
    #[must_use]
    pub fn new(mailboxes: &[MailboxOptions], bytes_max: u64) -> Self {
        Self { mailboxes: mailboxes.into(), bytes_max, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The whole message that lay at `origin`, or, where UIDs mean others by now or it was moved, the one with this
    /// Message-ID (without brackets).
    ///
    /// # Errors
    /// Why there is none.
    pub async fn fetch(&self, origin: &ImapOrigin, message_id: &str) -> Result<Vec<u8>, NotFetched> {
        let named = self.mailboxes.iter().find(|options| options.name == origin.mailbox);
        let options = named.ok_or_else(|| NotFetched::NoMailbox(origin.mailbox.clone()))?;
        let _turn = self.turn.try_acquire().map_err(|_| NotFetched::Busy)?;
        let drain = CancellationToken::new();
        let proof = Proof::of(options, &drain).await?;
        let mut client = connect(options, &drain).await?.sign_in(options, &proof).await?;
        let found = self.find(&mut client, options, origin, message_id).await;
        client.close().await;
        found
    }

    async fn find(
        &self,
        client: &mut Client,
        options: &MailboxOptions,
        origin: &ImapOrigin,
        message_id: &str,
    ) -> Result<Vec<u8>, NotFetched> {
        let folder = client.open(&options.folder, true).await?;
        if folder.uid_validity == origin.uid_validity
            && let Some(whole) = client.fetch_message(origin.uid, self.bytes_max).await?.filter(|raw| !raw.is_empty())
        {
            return Ok(whole);
        }
        if let Some(whole) = self.by_message_id(client, message_id).await? {
            return Ok(whole);
        }
        let After::Move(moved_to) = &options.after else { return Err(NotFetched::Gone) };
        client.open(moved_to, true).await?;
        self.by_message_id(client, message_id).await?.ok_or(NotFetched::Gone)
    }

    /// A message of that id in the open folder; the search looks for a piece of the field, so what it finds is looked at.
    async fn by_message_id(&self, client: &mut Client, message_id: &str) -> Result<Option<Vec<u8>>, NotFetched> {
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if message_id.is_empty() || message_id.len() > MESSAGE_ID_BYTES_MAX || !message_id.bytes().all(is_plain) {
            return Ok(None);
        }
        let found = client.search_key(&format!("HEADER Message-ID \"{message_id}\"")).await?;
        for uid in found.into_iter().rev().take(SAME_ID_MAX) {
            if let Some(whole) = client.fetch_message(uid, self.bytes_max).await?.filter(|raw| !raw.is_empty()) {
                return Ok(Some(whole));
            }
        }
        Ok(None)
    }
}
