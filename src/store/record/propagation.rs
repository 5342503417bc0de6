//! Stored form of propagations.

use crate::domain::id::AgentId;
use crate::domain::id::JobId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::propagation::Propagation;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::part_kind::StoredCounts;
use crate::store::record::part_kind::counts;
use crate::store::record::part_kind::stored_counts;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredPropagation {
    id: u64,
    tracker: u64,
    to: u64,
    agent: u64,
    agent_name: String,
    resolved_too: bool,
    skip_notifications: bool,
    started_at: u64,
    finished_at: Option<u64>,
    cursor: Option<u64>,
    counts: StoredCounts,
}

impl Record for Propagation {
    const TABLE: Table = tables::PROPAGATIONS;
    const INDEXES: &'static [Table] = &[tables::PROPAGATIONS_RUNNING];
    type Stored = StoredPropagation;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let running = self.finished_at.is_none().then(|| (tables::PROPAGATIONS_RUNNING, self.key()));
        running.into_iter().collect()
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredPropagation {
        StoredPropagation {
            id: self.id.0,
            tracker: self.tracker.0,
            to: self.to.0,
            agent: self.agent.0,
            agent_name: self.agent_name.clone(),
            resolved_too: self.resolved_too,
            skip_notifications: self.skip_notifications,
            started_at: self.started_at.0,
            finished_at: self.finished_at.map(|at| at.0),
            cursor: self.cursor.map(|thread| thread.0),
            counts: stored_counts(self.counts),
        }
    }

    fn from_stored(stored: StoredPropagation) -> Restored<Self> {
        Ok(Self {
            id: JobId(stored.id),
            tracker: ThreadId(stored.tracker),
            to: StateId(stored.to),
            agent: AgentId(stored.agent),
            agent_name: stored.agent_name,
            resolved_too: stored.resolved_too,
            skip_notifications: stored.skip_notifications,
            started_at: Millis(stored.started_at),
            finished_at: stored.finished_at.map(Millis),
            cursor: stored.cursor.map(ThreadId),
            counts: counts(stored.counts),
        })
    }
}
