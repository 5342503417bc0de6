//! Stored form of links.

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::domain::link::LinkKind;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredLink {
    from_ticket: u64,
    to_thread: u64,
    kind: u8,
    created_at: u64,
    created_by: Option<u64>,
}

impl Record for Link {
    const TABLE: Table = tables::LINKS;
    const INDEXES: &'static [Table] = &[tables::LINKS_BACK];
    type Stored = StoredLink;

    fn key(&self) -> Vec<u8> {
        key::two(self.from_ticket.0, self.to_thread.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        vec![(tables::LINKS_BACK, key::two(self.to_thread.0, self.from_ticket.0))]
    }

    fn to_stored(&self) -> StoredLink {
        StoredLink {
            from_ticket: self.from_ticket.0,
            to_thread: self.to_thread.0,
            kind: self.kind.code(),
            created_at: self.created_at.0,
            created_by: self.created_by.map(|agent| agent.0),
        }
    }

    fn from_stored(stored: StoredLink) -> Restored<Self> {
        Ok(Self {
            from_ticket: ThreadId(stored.from_ticket),
            to_thread: ThreadId(stored.to_thread),
            kind: LinkKind::of(stored.kind)?,
            created_at: Millis(stored.created_at),
            created_by: stored.created_by.map(AgentId),
        })
    }
}
