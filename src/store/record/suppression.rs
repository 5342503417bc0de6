//! Stored form of what is known of addresses.

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::suppression::AddressStanding;
use crate::domain::suppression::SuppressedBy;
use crate::domain::suppression::Suppression;
use crate::store::engine::Table;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::StoredAddress;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredStanding {
    address: StoredAddress,
    failures: Vec<u64>,
    suppression: Option<StoredSuppression>,
}

#[derive(Serialize, Deserialize)]
struct StoredSuppression {
    by: StoredBy,
    since: u64,
    until: Option<u64>,
    words: String,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredBy {
    HardBounce,
    Complaint,
    Failures,
    Agent(u64),
}

impl Record for AddressStanding {
    const TABLE: Table = tables::SUPPRESSIONS;
    const INDEXES: &'static [Table] = &[tables::SUPPRESSED];
    type Stored = StoredStanding;

    fn key(&self) -> Vec<u8> {
        self.address.to_string().into_bytes()
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        self.suppression.iter().map(|_| (tables::SUPPRESSED, self.key())).collect()
    }

    fn to_stored(&self) -> StoredStanding {
        let suppression = self.suppression.as_ref().map(|one| StoredSuppression {
            by: match one.by {
                SuppressedBy::HardBounce => StoredBy::HardBounce,
                SuppressedBy::Complaint => StoredBy::Complaint,
                SuppressedBy::Failures => StoredBy::Failures,
                SuppressedBy::Agent(agent) => StoredBy::Agent(agent.0),
            },
            since: one.since.0,
            until: one.until.map(|at| at.0),
            words: one.words.clone(),
        });
        StoredStanding {
            address: record::stored_address(&self.address),
            failures: self.failures.iter().map(|at| at.0).collect(),
            suppression,
        }
    }

    fn from_stored(stored: StoredStanding) -> Restored<Self> {
        let suppression = stored.suppression.map(|one| Suppression {
            by: match one.by {
                StoredBy::HardBounce => SuppressedBy::HardBounce,
                StoredBy::Complaint => SuppressedBy::Complaint,
                StoredBy::Failures => SuppressedBy::Failures,
                StoredBy::Agent(agent) => SuppressedBy::Agent(AgentId(agent)),
            },
            since: Millis(one.since),
            until: one.until.map(Millis),
            words: one.words,
        });
        Ok(Self {
            address: record::address(stored.address),
            failures: stored.failures.into_iter().map(Millis).collect(),
            suppression,
        })
    }
}
