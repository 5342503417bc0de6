//! How far each mailbox was read.

use crate::domain::mailbox_cursor::MailboxCursor;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::record;
use crate::store::record::cursor::NamedCursor;

/// The cursor of a mailbox, by its name in the configuration.
///
/// # Errors
/// `Corrupt` for a damaged record.
pub fn get(tx: &dyn ReadTx, mailbox: &str) -> Result<Option<MailboxCursor>> {
    Ok(record::get(tx, mailbox.as_bytes())?.map(|named: NamedCursor| named.cursor))
}

/// Sets the cursor of a mailbox.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, mailbox: &str, cursor: &MailboxCursor) -> Result<()> {
    record::put(tx, &NamedCursor { mailbox: mailbox.to_owned(), cursor: cursor.clone() }).map(drop)
}
