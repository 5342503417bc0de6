//! Copies of sent mail into the Sent folder of a mailbox: APPEND with `\Seen` (RFC 9051 §6.3.12).
//!
//! A provider that keeps what goes through its own relay has the mail already: a copy is looked for by its Message-ID
//! before it is written, always.
//!
//! **Invariant:** the marker is durable before the server may have the copy; a copy that was begun is never written again
//! unless the server said that it has none. Nothing here waits for, changes or fails a delivery.

use crate::channel::imap::client::Client;
use crate::channel::imap::connect::connect;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::proof::Proof;
use crate::desk;
use crate::desk::Desk;
use crate::desk::mail::sent_copies::OwedCopy;
use crate::domain::address::Address;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Copies of one address written over one connection.
const ROUND_MAX: usize = 50;
/// Mails that go out together share a connection.
const GATHER: Duration = Duration::from_secs(1);
/// First and longest pause after a fault.
const PAUSE_MIN: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// The timer beside the wake-up by commits.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// Which folder keeps what was sent, from which addresses.
#[derive(Clone, Debug)]
pub struct SentFolder {
    /// In plain Unicode; made where it is missing.
    pub folder: String,
    /// Support addresses whose mail it keeps.
    pub from: Vec<Address>,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Imap(#[from] ImapError),
    #[error(transparent)]
    Desk(#[from] desk::Error),
}

/// Writes the copies that are owed to one mailbox until `drain` is cancelled.
pub async fn keep_sent(options: MailboxOptions, sent: SentFolder, desk: Desk, drain: CancellationToken) {
    let mut committed = desk.committed();
    let mut pause = None;
    while !drain.is_cancelled() {
        committed.mark_unchanged();
        let written = write_owed(&options, &sent, &desk, &drain).await;
        pause = match (written, pause) {
            (Ok(_), _) | (Err(Fault::Imap(ImapError::Draining)), _) => None,
            (Err(error), before) => {
                tracing::warn!(mailbox = options.name, %error, "sent mail waits to be copied");
                Some(before.map_or(PAUSE_MIN, |before: Duration| before.saturating_mul(2).min(PAUSE_MAX)))
            }
        };
        let wake = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let _news = tokio::time::timeout(LOOK_EVERY, committed.changed()).await;
                    tokio::time::sleep(GATHER).await;
                }
            }
        };
        tokio::select! {
            () = drain.cancelled() => {}
            () = wake => {}
        }
    }
}

/// One connection's worth; how many copies the mailbox has now that were owed.
async fn write_owed(
    options: &MailboxOptions,
    sent: &SentFolder,
    desk: &Desk,
    drain: &CancellationToken,
) -> Result<usize, Fault> {
    let owed = desk.owed_copies(&sent.from, ROUND_MAX).await?;
    if owed.is_empty() {
        return Ok(0);
    }
    let proof = Proof::of(options, drain).await?;
    let mut client = connect(options, drain).await?.sign_in(options, &proof).await?;
    let written = write_all(&mut client, &sent.folder, desk, owed).await;
    client.close().await;
    written
}

/// Writes each; one that is refused holds up none of the others.
async fn write_all(client: &mut Client, folder: &str, desk: &Desk, owed: Vec<OwedCopy>) -> Result<usize, Fault> {
    open(client, folder).await?;
    let (mut written, mut refused) = (0, None);
    for copy in owed {
        match write(client, folder, desk, &copy).await {
            Ok(()) => {
                desk.copy_ended(copy.copy.delivery).await?;
                written += 1;
            }
            Err(Fault::Imap(error)) if error.is_refusal() => refused = Some(error),
            Err(fault) => return Err(fault),
        }
    }
    refused.map_or(Ok(written), |error| Err(error.into()))
}

/// Opens the folder for looking, and makes it where it is missing.
async fn open(client: &mut Client, folder: &str) -> Result<(), ImapError> {
    match client.open(folder, true).await {
        Err(ImapError::No { .. }) => {
            client.make_folder(folder).await?;
            client.open(folder, true).await.map(drop)
        }
        opened => opened.map(drop),
    }
}

async fn write(client: &mut Client, folder: &str, desk: &Desk, owed: &OwedCopy) -> Result<(), Fault> {
    match has(client, &owed.message_id).await {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(error) if !error.is_refusal() => return Err(error.into()),
        Err(error) if owed.copy.begun => {
            let delivery = owed.copy.delivery;
            tracing::warn!(%delivery, %error, "nobody can tell whether the mailbox has the copy of a sent mail");
            return Ok(());
        }
        Err(_) => {}
    }
    let (reader, copy) = (desk.clone(), owed.copy);
    let read = tokio::task::spawn_blocking(move || reader.copy_bytes(&copy)).await;
    let bytes = read.map_err(|fault| desk::Error::Unavailable(fault.to_string()))??;
    desk.copy_begins(owed.copy.delivery).await?;
    client.append(folder, &bytes).await?;
    Ok(())
}

/// Whether the open folder holds a message of that id. The search looks for a piece of the field; ours are like no other.
async fn has(client: &mut Client, message_id: &str) -> Result<bool, ImapError> {
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if message_id.is_empty() || !message_id.bytes().all(is_plain) {
        return Ok(false);
    }
    Ok(!client.search_key(&format!("HEADER Message-ID \"{message_id}\"")).await?.is_empty())
}
