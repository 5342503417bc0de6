//! Stored form of alarms.

use crate::domain::alarm::Alarm;
use crate::domain::id::Millis;
use crate::store::engine::Table;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAlarm {
    name: String,
    id: u64,
    words: String,
    since: u64,
    told_at: Option<u64>,
}

impl Record for Alarm {
    const TABLE: Table = tables::ALARMS;
    type Stored = StoredAlarm;

    fn key(&self) -> Vec<u8> {
        self.name.as_bytes().to_vec()
    }

    fn highest_id(&self) -> u64 {
        self.id
    }

    fn to_stored(&self) -> StoredAlarm {
        let Self { name, id, words, since, told_at } = self.clone();
        StoredAlarm { name, id, words, since: since.0, told_at: told_at.map(|at| at.0) }
    }

    fn from_stored(stored: StoredAlarm) -> Restored<Self> {
        let StoredAlarm { name, id, words, since, told_at } = stored;
        Ok(Self { name, id, words, since: Millis(since), told_at: told_at.map(Millis) })
    }
}
