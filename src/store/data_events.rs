//! What contacts did in the customer's product, singly and counted (API-27).

use crate::domain::data_event::DataEvent;
use crate::domain::data_event::EVENT_NAMES_MAX;
use crate::domain::data_event::EVENTS_KEPT_MAX;
use crate::domain::data_event::EventSummary;
use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::refusal::Refusal;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::data_event::summary_key;
use crate::store::tables;

/// One event of a contact, while it is kept.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, contact: ContactId, id: DataEventId) -> Result<Option<DataEvent>> {
    record::get(tx, &key::two(contact.0, id.0))
}

/// Events of a contact, the one that arrived last first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn newest(
    tx: &dyn ReadTx,
    contact: ContactId,
    before: Option<DataEventId>,
    limit: usize,
) -> Result<Vec<DataEvent>> {
    let from = key::one(contact.0);
    let to = before.map_or_else(|| key::prefix_end(&from), |id| key::two(contact.0, id.0));
    record::list(tx.scan_back(tables::DATA_EVENTS, &from, &to, limit)?)
}

/// Keeps an event; the oldest one of the contact goes where there would be too many.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, event: &DataEvent) -> Result<()> {
    record::put(tx, event)?;
    let prefix = key::one(event.contact.0);
    let rows = tx.scan(tables::DATA_EVENTS, &prefix, &key::prefix_end(&prefix), EVENTS_KEPT_MAX.saturating_add(1))?;
    if rows.len() > EVENTS_KEPT_MAX
        && let Some((oldest, _)) = rows.first()
    {
        tx.delete(tables::DATA_EVENTS, oldest)?;
    }
    Ok(())
}

/// How often a contact did that.
///
/// # Errors
/// `Corrupt`.
pub fn summary(tx: &dyn ReadTx, contact: ContactId, name: &str) -> Result<Option<EventSummary>> {
    record::get(tx, &summary_key(contact, name))
}

/// How often a contact did what, in no order.
///
/// # Errors
/// `Corrupt`.
pub fn summaries(tx: &dyn ReadTx, contact: ContactId) -> Result<Vec<EventSummary>> {
    let prefix = key::one(contact.0);
    record::list(tx.scan(tables::DATA_EVENT_COUNTS, &prefix, &key::prefix_end(&prefix), EVENT_NAMES_MAX)?)
}

/// Writes a count.
///
/// # Errors
/// `Refused` for a name more than [`EVENT_NAMES_MAX`].
pub fn put_summary(tx: &mut dyn WriteTx, summary: &EventSummary) -> Result<()> {
    let known = self::summary(&*tx, summary.contact, &summary.name)?.is_some();
    if !known && summaries(&*tx, summary.contact)?.len() >= EVENT_NAMES_MAX {
        let message = format!("a contact has events of at most {EVENT_NAMES_MAX} names");
        return Err(Refusal::invalid("event_name", message).into());
    }
    record::put(tx, summary).map(drop)
}

/// Takes everything of a contact away, and gives it where a survivor is named (OBJ-20): counts are added up, single
/// events join the survivor's, and names over the limit are lost.
///
/// # Errors
/// `Corrupt`.
pub fn leave(tx: &mut dyn WriteTx, from: ContactId, into: Option<ContactId>) -> Result<()> {
    for gone in newest(&*tx, from, None, EVENTS_KEPT_MAX)?.into_iter().rev() {
        record::remove(tx, &gone)?;
        if let Some(contact) = into {
            put(tx, &DataEvent { contact, ..gone })?;
        }
    }
    for gone in summaries(&*tx, from)? {
        record::remove(tx, &gone)?;
        let Some(contact) = into else { continue };
        let known = summary(&*tx, contact, &gone.name)?;
        if known.is_some() || summaries(&*tx, contact)?.len() < EVENT_NAMES_MAX {
            let moved = EventSummary { contact, ..gone };
            record::put(tx, &known.map_or_else(|| moved.clone(), |known| known.with(&moved)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Millis;
    use crate::store::Store;
    use crate::store::sample;

    fn event(contact: ContactId, id: u64) -> DataEvent {
        DataEvent {
            id: DataEventId(id),
            contact,
            name: "ordered".to_owned(),
            at: Millis(id),
            metadata: "{}".to_owned(),
        }
    }

    #[test]
    fn api_27_the_newest_events_of_a_contact_are_kept() {
        let store = Store::in_memory().unwrap();
        let last = u64::try_from(EVENTS_KEPT_MAX).unwrap() + 5;
        store.update_blocking(move |tx| (1..=last).try_for_each(|id| put(tx, &event(sample::ANA, id)))).unwrap();
        let kept = store.view(|tx| newest(tx, sample::ANA, None, 1_000)).unwrap();
        assert_eq!((kept.len(), kept[0].id.0, kept.last().unwrap().id.0), (EVENTS_KEPT_MAX, last, 6));
        let page = store.view(|tx| newest(tx, sample::ANA, Some(DataEventId(10)), 2)).unwrap();
        assert_eq!(page.iter().map(|event| event.id.0).collect::<Vec<_>>(), [9, 8]);
    }

    #[test]
    fn obj_20_events_and_counts_go_with_a_contact() {
        let store = Store::in_memory().unwrap();
        store
            .update_blocking(|tx| {
                put(tx, &event(sample::BEN, 3))?;
                put(tx, &event(sample::ANA, 4))?;
                put_summary(tx, &EventSummary::once(sample::BEN, "ordered", Millis(3)))?;
                put_summary(tx, &EventSummary::once(sample::ANA, "ordered", Millis(4)))?;
                leave(tx, sample::BEN, Some(sample::ANA))
            })
            .unwrap();
        let of = |contact| store.view(|tx| Ok((newest(tx, contact, None, 9)?, summaries(tx, contact)?))).unwrap();
        assert_eq!(of(sample::BEN), (Vec::new(), Vec::new()));
        let (events, counts) = of(sample::ANA);
        assert_eq!((events.len(), counts[0].count, counts[0].first_at), (2, 2, Millis(3)));
        store.update_blocking(|tx| leave(tx, sample::ANA, None)).unwrap();
        assert_eq!(of(sample::ANA), (Vec::new(), Vec::new()));
    }
}
