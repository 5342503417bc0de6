//! Where reading begins: the cursor of a folder that was opened just now (EML-2, EML-3).
//!
//! **Invariant:** a cursor for a new UIDVALIDITY is stored once and whole: a crash leaves the old one or the new one,
//! never one that lets in mail from before `import_since`.

use crate::channel::imap::client::Client;
use crate::channel::imap::client::Folder;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::ranges::Range;
use crate::channel::imap::ranges::mark;
use crate::channel::imap::round::Stop;
use crate::channel::imap::round::at_the_door;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::MailboxCursor;
use crate::domain::id::Millis;

/// The cursor to go on from.
pub(super) async fn begin<D: MailDoor>(
    client: &mut Client,
    folder: Folder,
    options: &MailboxOptions,
    door: &D,
) -> Result<MailboxCursor, Stop> {
    let stored = at_the_door(options, door.mailbox_cursor(&options.name)).await?;
    if stored.uid_validity == folder.uid_validity {
        return Ok(stored);
    }
    let is_new = stored.uid_validity == 0;
    let skipped = match options.import_since {
        _ if options.import_existing => Vec::new(),
        Some(since) => received_before(client, since).await?,
        None if is_new => everything(client, folder).await?,
        None => Vec::new(),
    };
    let refused = stored.refused;
    let mut cursor = MailboxCursor { uid_validity: folder.uid_validity, refused, ..MailboxCursor::default() };
    mark(&mut cursor, &skipped);
    if !is_new {
        tracing::warn!(
            mailbox = options.name,
            was = stored.uid_validity,
            is = folder.uid_validity,
            "UIDVALIDITY changed, reading the folder again"
        );
    }
    at_the_door(options, door.set_mailbox_cursor(&options.name, cursor.clone())).await?;
    Ok(cursor)
}

/// Every UID given out until now.
async fn everything(client: &mut Client, folder: Folder) -> Result<Vec<Range>, Stop> {
    let last = match folder.uid_next {
        Some(uid_next) => uid_next.saturating_sub(1),
        None => client.search("*").await?.last().copied().unwrap_or(0),
    };
    Ok(if last == 0 { Vec::new() } else { vec![(1, last)] })
}

/// UIDs of messages received before `since`, with the unused UIDs below each. A message without a readable date counts
/// as received later: once too often is better than never.
async fn received_before(client: &mut Client, since: Millis) -> Result<Vec<Range>, Stop> {
    let mut received: Vec<(u32, bool)> = client
        .dates("1:*")
        .await?
        .into_iter()
        .map(|(uid, date)| (uid, date.is_some_and(|date| date < since)))
        .collect();
    received.sort_unstable();
    let mut before = Vec::new();
    let mut next = 1_u32;
    for (uid, is_before) in received {
        if is_before && next <= uid {
            before.push((next, uid));
        }
        next = uid.saturating_add(1);
    }
    Ok(before)
}
