//! The journal of incoming mail, Message-IDs, mailbox cursors, and blobs.

use crate::domain::agent::Agent;
use crate::domain::alarm::Alarm;
use crate::domain::id::IntakeId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::mailbox_cursor::MailboxCursor;
use crate::domain::part::Part;
use crate::domain::suppression::AddressStanding;
use crate::domain::upload::Upload;
use crate::store::Store;
use crate::store::blob_refs;
use crate::store::blobs::Blobs;
use crate::store::engine::Table;
use crate::store::error::Result;
use crate::store::key;
use crate::store::message_ids;
use crate::store::meta;
use crate::store::record::cursor::NamedCursor;
use crate::store::tables;
use crate::store::verify::Check;

/// How many blobs nothing names, whatever their age; the sweep takes those that are old enough.
///
/// # Errors
/// `Engine` when the disk fails.
pub fn sweepable(store: &Store, blobs: &Blobs) -> Result<u64> {
    let mut unnamed = 0;
    for first in 0..=u8::MAX {
        let batch = blobs.beginning_with(first)?;
        unnamed += store.view(|tx| {
            batch.iter().try_fold(0_u64, |unnamed, hash| Ok(unnamed + u64::from(!blob_refs::is_named(tx, *hash)?)))
        })?;
    }
    Ok(unnamed)
}

/// Whether closed ranges ascend and neither touch nor overlap.
fn in_order(ranges: &[(u32, u32)]) -> bool {
    let each = ranges.iter().all(|(first, last)| first <= last);
    let apart = |(a, b): (&(u32, u32), &(u32, u32))| a.1.checked_add(1).is_some_and(|next| next < b.0);
    each && ranges.iter().zip(ranges.iter().skip(1)).all(apart)
}

impl Check<'_> {
    pub(super) fn mail(&mut self) -> Result<()> {
        self.records::<IntakeRow>(|check, key, row| check.arrival(key, row))?;
        self.each(tables::INTAKE_BY_UID, |check, row, value| check.names_arrival((tables::INTAKE_BY_UID, row), value))?;
        self.each(tables::MESSAGE_IDS, |check, row, value| check.message_id(row, value))?;
        self.records::<AddressStanding>(|_, _, _| Ok(()))?;
        self.each(tables::ERASED_ADDRESSES, |check, row, value| {
            if row.len() != 32 || value.len() != 2 || value.iter().any(|flag| *flag > 1) {
                check.fault(tables::ERASED_ADDRESSES, row, "is no hash with two flags");
            }
            Ok(())
        })?;
        self.each(tables::MAIL_BUCKETS, |check, row, value| {
            if value.len() != 8 {
                check.fault(tables::MAIL_BUCKETS, row, "its value is no time");
            }
            Ok(())
        })?;
        self.records::<Alarm>(|_, _, _| Ok(()))?;
        self.records::<NamedCursor>(|check, key, named| {
            let MailboxCursor { done, owed, .. } = &named.cursor;
            if !(in_order(done) && in_order(owed)) {
                check.fault(tables::CURSORS, key, "its ranges overlap, touch or are out of order");
            }
            let is_done = |owed: &(u32, u32)| done.iter().any(|done| done.0 <= owed.0 && owed.1 <= done.1);
            if !owed.iter().all(is_done) {
                check.fault(tables::CURSORS, key, "owes the follow-up of a mail that was not taken");
            }
            Ok(())
        })
    }

    /// An arrival that is there, or that went with age (DAT-7).
    pub(super) fn names_arrival(&mut self, from: (Table, &[u8]), id: &[u8]) -> Result<()> {
        let is_forgotten = match key::number(id) {
            Some(id) => IntakeId(id) <= meta::forgotten_up_to(self.tx)?,
            None => false,
        };
        if is_forgotten { Ok(()) } else { self.value_names(from, id, tables::INTAKE) }
    }

    fn message_id(&mut self, row: &[u8], value: &[u8]) -> Result<()> {
        let from = (tables::MESSAGE_IDS, row);
        match message_ids::read_row(row) {
            Some((message_ids::ARRIVAL, _)) => self.leads_back::<IntakeRow>(from.0, row, value),
            Some((message_ids::CONTENT, _)) => self.names_arrival(from, value),
            Some((message_ids::THREAD, thread)) if value.is_empty() => self.names(from, tables::THREADS, thread),
            _ => {
                self.fault(from.0, row, "is of no arrival, content or thread");
                Ok(())
            }
        }
    }

    fn arrival(&mut self, key: &[u8], row: &IntakeRow) -> Result<()> {
        let from = (tables::INTAKE, key);
        match &row.result {
            IntakeResult::Part { thread, part, .. } => {
                self.names_id(from, tables::THREADS, thread.0)?;
                if self.is_deleted(*thread)? {
                    return Ok(());
                }
                self.names_id(from, tables::PART_BY_ID, part.0)
            }
            IntakeResult::Duplicate { of, thread } => {
                self.names_arrival(from, &key::one(of.0))?;
                if *of <= meta::forgotten_up_to(self.tx)? {
                    return Ok(());
                }
                self.names_id(from, tables::THREADS, thread.0)
            }
            IntakeResult::Unsubscribed { contact, tracker } => {
                self.names_id(from, tables::CONTACTS, contact.0)?;
                self.names_id(from, tables::THREADS, tracker.0)
            }
            IntakeResult::Own | IntakeResult::Quarantined { .. } => Ok(()),
        }
    }

    /// Every row leads to what names the blob, and every named blob is there. The other direction, records to rows, is
    /// checked with the records.
    pub(super) fn blobs(&mut self, blobs: Option<&Blobs>) -> Result<()> {
        let mut last = None;
        self.each(tables::BLOB_REFS, |check, row, value| {
            // The length of a record's key tells its table; a row set by hand has no record.
            match value.len() {
                0 => {}
                16 => check.leads_back::<Part>(tables::BLOB_REFS, row, value)?,
                _ if check.tx.get(tables::AGENTS, value)?.is_some() => {
                    check.leads_back::<Agent>(tables::BLOB_REFS, row, value)?;
                }
                _ if check.tx.get(tables::UPLOADS, value)?.is_some() => {
                    check.leads_back::<Upload>(tables::BLOB_REFS, row, value)?;
                }
                _ => check.leads_back::<IntakeRow>(tables::BLOB_REFS, row, value)?,
            }
            let Some((hash, _)) = blob_refs::read_row(row) else {
                check.fault(tables::BLOB_REFS, row, "is no hash and owner");
                return Ok(());
            };
            let Some(blobs) = blobs.filter(|_| last != Some(hash)) else { return Ok(()) };
            last = Some(hash);
            if !blobs.exists(hash)? {
                check.fault(tables::BLOB_REFS, row, "the blob is not there");
            }
            Ok(())
        })
    }
}
