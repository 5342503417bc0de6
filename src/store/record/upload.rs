//! Stored form of files that were sent ahead.

use crate::domain::attachment::BlobHash;
use crate::domain::id::AgentId;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::upload::Upload;
use crate::domain::upload::UploadedBy;
use crate::store::blob_refs;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredUpload {
    id: u64,
    by: StoredSender,
    name: String,
    content_type: String,
    size: u64,
    blob: [u8; 32],
    created_at: u64,
    held_by: Option<u64>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredSender {
    Agent(u64),
    Contact(u64),
}

impl Record for Upload {
    const TABLE: Table = tables::UPLOADS;
    const INDEXES: &'static [Table] = &[tables::UPLOADS_UNUSED, tables::UPLOADS_BY_CONTACT, tables::BLOB_REFS];
    type Stored = StoredUpload;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let mut rows = vec![(tables::BLOB_REFS, blob_refs::row(self.blob, self.id.0))];
        if self.held_by.is_none() {
            rows.push((tables::UPLOADS_UNUSED, key::two(self.created_at.0, self.id.0)));
        }
        if let UploadedBy::Contact(contact) = self.by {
            let row = key::joined(&[&key::two(contact.0, self.created_at.0), &key::one(self.id.0)]);
            rows.push((tables::UPLOADS_BY_CONTACT, row));
        }
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredUpload {
        StoredUpload {
            id: self.id.0,
            by: match self.by {
                UploadedBy::Agent(agent) => StoredSender::Agent(agent.0),
                UploadedBy::Contact(contact) => StoredSender::Contact(contact.0),
            },
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            size: self.size,
            blob: self.blob.0,
            created_at: self.created_at.0,
            held_by: self.held_by.map(|thread| thread.0),
        }
    }

    fn from_stored(stored: StoredUpload) -> Restored<Self> {
        Ok(Self {
            id: AttachmentId(stored.id),
            by: match stored.by {
                StoredSender::Agent(agent) => UploadedBy::Agent(AgentId(agent)),
                StoredSender::Contact(contact) => UploadedBy::Contact(ContactId(contact)),
            },
            name: stored.name,
            content_type: stored.content_type,
            size: stored.size,
            blob: BlobHash(stored.blob),
            created_at: Millis(stored.created_at),
            held_by: stored.held_by.map(ThreadId),
        })
    }
}
