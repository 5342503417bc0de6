//! Stored form of what an agent wants to be mailed.

use crate::domain::agent_notice::NewsKind;
use crate::domain::agent_notice::NoticeSettings;
use crate::domain::agent_notice::QuietHours;
use crate::domain::id::AgentId;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredNoticeSettings {
    agent: u64,
    off: Vec<u8>,
    /// From and to as minutes of the day, and the zone.
    quiet_hours: Option<(u16, u16, String)>,
}

impl Record for NoticeSettings {
    const TABLE: Table = tables::NOTICE_SETTINGS;
    type Stored = StoredNoticeSettings;

    fn key(&self) -> Vec<u8> {
        key::one(self.agent.0)
    }

    fn to_stored(&self) -> StoredNoticeSettings {
        let quiet = self.quiet_hours.as_ref();
        StoredNoticeSettings {
            agent: self.agent.0,
            off: self.off.iter().map(|kind| kind.code()).collect(),
            quiet_hours: quiet.map(|quiet| (quiet.from_min, quiet.to_min, quiet.time_zone.clone())),
        }
    }

    fn from_stored(stored: StoredNoticeSettings) -> Restored<Self> {
        let quiet = |(from_min, to_min, time_zone)| QuietHours { from_min, to_min, time_zone };
        Ok(Self {
            agent: AgentId(stored.agent),
            off: stored.off.into_iter().map(NewsKind::of).collect::<Restored<_>>()?,
            quiet_hours: stored.quiet_hours.map(quiet),
        })
    }
}
