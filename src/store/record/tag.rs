//! Stored form of tags.

use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::tag::Tag;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTag {
    id: u64,
    name: String,
    created_at: u64,
}

impl Record for Tag {
    const TABLE: Table = tables::TAGS;
    const INDEXES: &'static [Table] = &[tables::TAGS_BY_NAME];
    type Stored = StoredTag;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        vec![(tables::TAGS_BY_NAME, self.name.to_lowercase().into_bytes())]
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredTag {
        StoredTag { id: self.id.0, name: self.name.clone(), created_at: self.created_at.0 }
    }

    fn from_stored(stored: StoredTag) -> Restored<Self> {
        Ok(Self { id: TagId(stored.id), name: stored.name, created_at: Millis(stored.created_at) })
    }
}
