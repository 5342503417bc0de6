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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn eml_2_each_mailbox_has_its_own_cursor() {
        let store = Store::in_memory().unwrap();
        let cursor = |uid| {
            let mut cursor = MailboxCursor { uid_validity: 7, ..MailboxCursor::default() };
            cursor.add(uid);
            cursor
        };
        store.update_blocking(move |tx| put(tx, "a", &cursor(1)).and_then(|()| put(tx, "ab", &cursor(2)))).unwrap();
        assert_eq!(store.view(|tx| get(tx, "a")), Ok(Some(cursor(1))));
        assert_eq!(store.view(|tx| get(tx, "ab")), Ok(Some(cursor(2))));
        assert_eq!(store.view(|tx| get(tx, "")), Ok(None));
    }
}
