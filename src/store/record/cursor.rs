//! Stored form of how far a mailbox was read.

use crate::domain::mailbox_cursor::ImapFeature;
use crate::domain::mailbox_cursor::MailboxCursor;
use crate::store::engine::Table;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

/// A mailbox of the configuration, by name, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedCursor {
    pub(crate) mailbox: String,
    pub(crate) cursor: MailboxCursor,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCursor {
    mailbox: String,
    uid_validity: u32,
    done: Vec<(u32, u32)>,
    owed: Vec<(u32, u32)>,
    refused: Vec<u8>,
}

impl Record for NamedCursor {
    const TABLE: Table = tables::CURSORS;
    type Stored = StoredCursor;

    fn key(&self) -> Vec<u8> {
        self.mailbox.as_bytes().to_vec()
    }

    fn to_stored(&self) -> StoredCursor {
        StoredCursor {
            mailbox: self.mailbox.clone(),
            uid_validity: self.cursor.uid_validity,
            done: self.cursor.done.clone(),
            owed: self.cursor.owed.clone(),
            refused: self.cursor.refused.iter().map(|feature| feature.code()).collect(),
        }
    }

    fn from_stored(stored: StoredCursor) -> Restored<Self> {
        let StoredCursor { mailbox, uid_validity, done, owed, refused } = stored;
        let refused = refused.into_iter().map(ImapFeature::of).collect::<Restored<_>>()?;
        let cursor = MailboxCursor { uid_validity, done, owed, refused };
        Ok(Self { mailbox, cursor })
    }
}
