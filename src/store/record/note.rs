//! Stored form of notes on contacts and companies.

use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredNoteOn {
    Contact(u64),
    Company(u64),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredNote {
    id: u64,
    on: StoredNoteOn,
    body: String,
    author: u64,
    created_at: u64,
}

impl Record for Note {
    const TABLE: Table = tables::NOTES;
    type Stored = StoredNote;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredNote {
        StoredNote {
            id: self.id.0,
            on: match self.on {
                NoteOn::Contact(contact) => StoredNoteOn::Contact(contact.0),
                NoteOn::Company(company) => StoredNoteOn::Company(company.0),
            },
            body: self.body.clone(),
            author: self.author.0,
            created_at: self.created_at.0,
        }
    }

    fn from_stored(stored: StoredNote) -> Restored<Self> {
        Ok(Self {
            id: NoteId(stored.id),
            on: match stored.on {
                StoredNoteOn::Contact(contact) => NoteOn::Contact(ContactId(contact)),
                StoredNoteOn::Company(company) => NoteOn::Company(CompanyId(company)),
            },
            body: stored.body,
            author: AgentId(stored.author),
            created_at: Millis(stored.created_at),
        })
    }
}
