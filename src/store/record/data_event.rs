//! Stored form of what contacts did in the customer's product.

use crate::domain::data_event::DataEvent;
use crate::domain::data_event::EventSummary;
use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::id::Millis;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredDataEvent {
    id: u64,
    contact: u64,
    name: String,
    at: u64,
    metadata: String,
}

impl Record for DataEvent {
    const TABLE: Table = tables::DATA_EVENTS;
    type Stored = StoredDataEvent;

    fn key(&self) -> Vec<u8> {
        key::two(self.contact.0, self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredDataEvent {
        StoredDataEvent {
            id: self.id.0,
            contact: self.contact.0,
            name: self.name.clone(),
            at: self.at.0,
            metadata: self.metadata.clone(),
        }
    }

    fn from_stored(stored: StoredDataEvent) -> Restored<Self> {
        Ok(Self {
            id: DataEventId(stored.id),
            contact: ContactId(stored.contact),
            name: stored.name,
            at: Millis(stored.at),
            metadata: stored.metadata,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredSummary {
    contact: u64,
    name: String,
    count: u64,
    first_at: u64,
    last_at: u64,
}

/// Key of a summary.
pub(crate) fn summary_key(contact: ContactId, name: &str) -> Vec<u8> {
    key::joined(&[&key::one(contact.0), &key::hash16(name)])
}

impl Record for EventSummary {
    const TABLE: Table = tables::DATA_EVENT_COUNTS;
    type Stored = StoredSummary;

    fn key(&self) -> Vec<u8> {
        summary_key(self.contact, &self.name)
    }

    fn to_stored(&self) -> StoredSummary {
        StoredSummary {
            contact: self.contact.0,
            name: self.name.clone(),
            count: self.count,
            first_at: self.first_at.0,
            last_at: self.last_at.0,
        }
    }

    fn from_stored(stored: StoredSummary) -> Restored<Self> {
        Ok(Self {
            contact: ContactId(stored.contact),
            name: stored.name,
            count: stored.count,
            first_at: Millis(stored.first_at),
            last_at: Millis(stored.last_at),
        })
    }
}
