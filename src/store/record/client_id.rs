//! Stored form of the keys by which a repeated post is known (MSG-42).

use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

/// What a post with a client id became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) contact: ContactId,
    pub(crate) client_id: String,
    pub(crate) thread: ThreadId,
    pub(crate) part: PartId,
    pub(crate) seq: EventSeq,
    pub(crate) created_at: Millis,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredPosted {
    contact: u64,
    client_id: String,
    thread: u64,
    part: u64,
    seq: u64,
    created_at: u64,
}

/// Key of what `contact` posted as `client_id`.
pub(crate) fn posted_key(contact: ContactId, client_id: &str) -> Vec<u8> {
    key::joined(&[&key::one(contact.0), client_id.as_bytes()])
}

impl Record for Posted {
    const TABLE: Table = tables::CLIENT_IDS;
    const INDEXES: &'static [Table] = &[tables::CLIENT_IDS_BY_AGE];
    type Stored = StoredPosted;

    fn key(&self) -> Vec<u8> {
        posted_key(self.contact, &self.client_id)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        vec![(tables::CLIENT_IDS_BY_AGE, key::joined(&[&key::one(self.created_at.0), &self.key()]))]
    }

    fn to_stored(&self) -> StoredPosted {
        StoredPosted {
            contact: self.contact.0,
            client_id: self.client_id.clone(),
            thread: self.thread.0,
            part: self.part.0,
            seq: self.seq.0,
            created_at: self.created_at.0,
        }
    }

    fn from_stored(stored: StoredPosted) -> Restored<Self> {
        Ok(Self {
            contact: ContactId(stored.contact),
            client_id: stored.client_id,
            thread: ThreadId(stored.thread),
            part: PartId(stored.part),
            seq: EventSeq(stored.seq),
            created_at: Millis(stored.created_at),
        })
    }
}
