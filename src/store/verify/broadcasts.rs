//! Broadcasts, their lanes and their ledgers.

use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::LedgerKey;
use crate::domain::id::DeliveryId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::domain::ledger::Rows;
use crate::domain::mail_lane::MailLane;
use crate::store::error::Result;
use crate::store::key;
use crate::store::ledger;
use crate::store::outbox;
use crate::store::parts;
use crate::store::record::ledger::LedgerRow;
use crate::store::tables;
use crate::store::verify::Check;
use std::collections::BTreeMap;

impl Check<'_> {
    pub(super) fn broadcasts(&mut self) -> Result<()> {
        self.records::<Broadcast>(|check, key, broadcast| {
            check.names_id((tables::BROADCASTS, key), tables::THREADS, broadcast.tracker.0)
        })?;
        self.records::<MailLane>(|check, key, _| check.names((tables::BROADCAST_LANES, key), tables::BROADCASTS, key))?;
        self.ledgers()?;
        self.each(tables::LEDGER_EMAILS, |check, row, value| {
            let from = (tables::LEDGER_EMAILS, row);
            check.names_id(from, tables::BROADCASTS, key::number_at(row, 0).unwrap_or(0))?;
            check.value_names(from, value, tables::CONTACTS)
        })?;
        self.each(tables::BROADCAST_STOPS, |check, row, value| {
            let from = (tables::BROADCAST_STOPS, row);
            check.names_id(from, tables::THREADS, key::number_at(row, 0).unwrap_or(0))?;
            check.names_id(from, tables::CONTACTS, key::number_at(row, 8).unwrap_or(0))?;
            if key::number(value).is_none() {
                check.fault(tables::BROADCAST_STOPS, row, "its value is no time");
            }
            Ok(())
        })
    }

    /// Rows in the order of their broadcasts, so that the counts of one are compared when its last row was seen.
    fn ledgers(&mut self) -> Result<()> {
        let mut found: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        self.records::<LedgerRow>(|check, key, row| {
            for word in ledger::words(&row.entry) {
                *found.entry(ledger::count_row(row.broadcast, Rows::of(row.key).number(), &word)).or_default() += 1;
            }
            check.ledger_row(key, row)
        })?;
        self.each(tables::LEDGER_COUNTS, |check, row, value| {
            let counted = found.remove(row);
            if counted.is_none() || counted != key::number(value) {
                let what = format!("{} rows stand there", counted.unwrap_or_default());
                check.fault(tables::LEDGER_COUNTS, row, &what);
            }
            Ok(())
        })?;
        for (row, count) in found {
            self.fault(tables::LEDGER_COUNTS, &row, &format!("{count} rows are not counted"));
        }
        Ok(())
    }

    fn ledger_row(&mut self, key: &[u8], row: &LedgerRow) -> Result<()> {
        let from = (tables::LEDGER, key);
        let entry = &row.entry;
        self.names_id(from, tables::BROADCASTS, row.broadcast.0)?;
        self.names_id(from, tables::THREADS, entry.thread.0)?;
        match row.key {
            LedgerKey::Thread(thread) => self.names_id(from, tables::THREADS, thread.0)?,
            LedgerKey::Email(contact) | LedgerKey::Messenger(contact) => {
                self.names_id(from, tables::CONTACTS, contact.0)?;
            }
        }
        if self.is_deleted(entry.thread)? {
            return Ok(());
        }
        if let Some(part) = entry.part {
            let part = parts::by_id(self.tx, part);
            if self.sound(part)?.is_none_or(|part| part.broadcast != Some(row.broadcast)) {
                self.fault(tables::LEDGER, key, "names no part that carries the broadcast");
            }
        }
        match entry.delivery {
            Some(delivery) => self.owed(key, row, delivery),
            None => {
                if matches!(row.key, LedgerKey::Thread(_)) && entry.part.is_some() != (entry.state == LedgerState::Sent)
                {
                    self.fault(tables::LEDGER, key, "a thread is told exactly when it has a part");
                }
                Ok(())
            }
        }
    }

    fn owed(&mut self, key: &[u8], row: &LedgerRow, delivery: DeliveryId) -> Result<()> {
        let owed = outbox::get(self.tx, delivery);
        let fits = self.sound(owed)?.is_some_and(|owed| {
            let mut followed: LedgerEntry = row.entry.clone();
            followed.follow(&owed, row.entry.updated_at);
            owed.kind.lane() == Some(row.broadcast)
                && LedgerKey::Email(owed.contact) == row.key
                && owed.thread == row.entry.thread
                && followed.state == row.entry.state
        });
        if !fits {
            self.fault(tables::LEDGER, key, &format!("delivery {delivery} is not what it says"));
        }
        Ok(())
    }
}
