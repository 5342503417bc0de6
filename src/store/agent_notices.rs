//! What agents are told of: their settings, what they have seen, the notice that still takes news, and how far the log was
//! read for it (NTF-15).
//!
//! **Invariant:** only a queued notice to that agent about that thread stands as the one that takes more.

use crate::domain::agent_notice::NoticeSettings;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::AgentId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record;
use crate::store::tables;

/// Counter in the table of counters: the log is read up to there.
const READ_TO: &[u8] = b"agent_notices_read_to";

/// What an agent wants to be mailed; everything, where nothing was said.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn settings(tx: &dyn ReadTx, agent: AgentId) -> Result<NoticeSettings> {
    Ok(record::get(tx, &key::one(agent.0))?.unwrap_or_else(|| NoticeSettings::of(agent)))
}

/// Writes what an agent wants to be mailed.
///
/// # Errors
/// `Corrupt`.
pub fn put_settings(tx: &mut dyn WriteTx, settings: &NoticeSettings) -> Result<()> {
    record::put(tx, settings).map(drop)
}

/// Place of the newest part of a thread that an agent has seen; 0 for none.
///
/// # Errors
/// `Corrupt`.
pub fn seen_seq(tx: &dyn ReadTx, agent: AgentId, thread: ThreadId) -> Result<u64> {
    let row = key::two(agent.0, thread.0);
    let Some(seq) = tx.get(tables::AGENT_READS, &row)? else { return Ok(0) };
    key::number(&seq).ok_or_else(|| record::corrupt(tables::AGENT_READS, &row, "is no number"))
}

/// An agent has seen a thread up to that part.
///
/// # Errors
/// As the engine.
pub fn set_seen_seq(tx: &mut dyn WriteTx, agent: AgentId, thread: ThreadId, seq: u64) -> Result<()> {
    tx.put(tables::AGENT_READS, &key::two(agent.0, thread.0), &key::one(seq))
}

/// Place of the newest part of a thread that contacts are told an agent has seen; 0 for none.
///
/// # Errors
/// `Corrupt`.
pub fn agents_saw(tx: &dyn ReadTx, thread: ThreadId) -> Result<u64> {
    let row = key::one(thread.0);
    let Some(seq) = tx.get(tables::AGENTS_SAW, &row)? else { return Ok(0) };
    key::number(&seq).ok_or_else(|| record::corrupt(tables::AGENTS_SAW, &row, "is no number"))
}

/// Contacts are told that an agent has seen a thread up to that part.
///
/// # Errors
/// As the engine.
pub fn set_agents_saw(tx: &mut dyn WriteTx, thread: ThreadId, seq: u64) -> Result<()> {
    tx.put(tables::AGENTS_SAW, &key::one(thread.0), &key::one(seq))
}

/// The notice to an agent about a thread that still takes news.
///
/// # Errors
/// `Corrupt`.
pub fn pending(tx: &dyn ReadTx, thread: ThreadId, agent: AgentId) -> Result<Option<DeliveryId>> {
    let row = key::two(thread.0, agent.0);
    let Some(id) = tx.get(tables::PENDING_NOTICES, &row)? else { return Ok(None) };
    let id = key::number(&id).ok_or_else(|| record::corrupt(tables::PENDING_NOTICES, &row, "names no delivery"))?;
    Ok(Some(DeliveryId(id)))
}

/// That notice takes further news from now on.
///
/// # Errors
/// As the engine.
pub fn set_pending(tx: &mut dyn WriteTx, thread: ThreadId, agent: AgentId, delivery: DeliveryId) -> Result<()> {
    tx.put(tables::PENDING_NOTICES, &key::two(thread.0, agent.0), &key::one(delivery.0))
}

/// A notice takes no more news; other deliveries never did.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn end_pending(tx: &mut dyn WriteTx, delivery: &Delivery) -> Result<()> {
    let (DeliveryKind::AgentNotice { .. }, Some(agent)) = (&delivery.kind, delivery.agent) else { return Ok(()) };
    if pending(tx, delivery.thread, agent)? == Some(delivery.id) {
        tx.delete(tables::PENDING_NOTICES, &key::two(delivery.thread.0, agent.0))?;
    }
    Ok(())
}

/// How far the log was read for notices.
///
/// # Errors
/// `Corrupt`.
pub fn read_to(tx: &dyn ReadTx) -> Result<EventSeq> {
    meta::counter(tx, READ_TO).map(EventSeq)
}

/// The log was read for notices up to there.
///
/// # Errors
/// As the engine.
pub fn set_read_to(tx: &mut dyn WriteTx, seq: EventSeq) -> Result<()> {
    meta::set_counter(tx, READ_TO, seq.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn ntf_15_a_notice_takes_news_until_it_begins_to_go_out() {
        let store = sample::store();
        let waiting = sample::notice();
        let pending = || store.view(|tx| pending(tx, waiting.thread, sample::AGENT)).unwrap();
        assert_eq!(pending(), Some(waiting.id));
        store.update_blocking(|tx| end_pending(tx, &sample::deliveries()[0])).unwrap();
        assert_eq!(pending(), Some(waiting.id), "another delivery ended");
        store.update_blocking(|tx| end_pending(tx, &sample::notice())).unwrap();
        assert_eq!(pending(), None);
    }

    #[test]
    fn dsk_11_who_said_nothing_is_told_everything() {
        let store = sample::store();
        assert_eq!(store.view(|tx| settings(tx, sample::AGENT)), Ok(sample::notice_settings()));
        let other = AgentId(99);
        assert_eq!(store.view(|tx| settings(tx, other)), Ok(NoticeSettings::of(other)));
        assert_eq!(store.view(|tx| seen_seq(tx, sample::AGENT, sample::CONVERSATION)), Ok(3));
        assert_eq!(store.view(|tx| seen_seq(tx, sample::AGENT, sample::TRACKER)), Ok(0));
    }
}
