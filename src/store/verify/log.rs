//! The log and the outbox.

use crate::domain::agent_notice::News;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::DeliveryId;
use crate::domain::thread::Thread;
use crate::store::by_contact;
use crate::store::engine::Table;
use crate::store::error::Result;
use crate::store::events;
use crate::store::key;
use crate::store::outbox;
use crate::store::record::event::Logged;
use crate::store::sent_copies;
use crate::store::tables;
use crate::store::verify::Check;
use std::collections::BTreeMap;

impl Check<'_> {
    pub(super) fn log(&mut self) -> Result<()> {
        let oldest = events::oldest_seq(self.tx);
        let mut expected = self.sound(oldest.map(Some))?.map_or(0, |seq| seq.0);
        self.records::<Logged>(|check, key, logged| {
            let seq = logged.entry.seq.0;
            if seq != expected {
                check.fault(tables::EVENTS, key, &format!("the log has a gap from {expected} on"));
            }
            expected = seq.saturating_add(1);
            check.event(key, &logged.entry.event)
        })?;
        let last = events::last_seq(self.tx);
        let last = self.sound(last.map(Some))?.map_or(0, |seq| seq.0);
        if expected != last.saturating_add(1) {
            self.fault(tables::EVENTS, &key::one(expected), &format!("the log should end with {last}"));
        }
        self.each(tables::BY_CONTACT, |check, row, value| match by_contact::read_row(row) {
            Some((by_contact::ENTRY, _)) => check.leads_back::<Logged>(tables::BY_CONTACT, row, value),
            Some((by_contact::THREAD, _)) => check.leads_back::<Thread>(tables::BY_CONTACT, row, value),
            _ => {
                check.fault(tables::BY_CONTACT, row, "is of no thread and no entry");
                Ok(())
            }
        })
    }

    fn event(&mut self, key: &[u8], event: &Event) -> Result<()> {
        let from = (tables::EVENTS, key);
        if let Some(thread) = event.thread {
            self.names_id(from, tables::THREADS, thread.0)?;
        }
        match &event.kind {
            EventKind::PartCreated { part, part_seq }
            | EventKind::TicketStateChanged { part, part_seq }
            | EventKind::FormRequested { part, part_seq }
            | EventKind::FormSubmitted { part, part_seq }
            | EventKind::FormWithdrawn { part, part_seq }
            | EventKind::PartRedacted { part, part_seq }
            | EventKind::PartCompleted { part, part_seq }
            | EventKind::PartTagged { part, part_seq, .. } => {
                if event.thread.is_some_and(|thread| self.is_deleted(thread).unwrap_or(false)) {
                    return Ok(());
                }
                let at = event.thread.map(|thread| key::two(thread.0, *part_seq)).unwrap_or_default();
                if self.tx.get(tables::PART_BY_ID, &key::one(part.0))? != Some(at) {
                    self.fault(tables::EVENTS, key, &format!("names part {part}, which is not where it says"));
                }
                Ok(())
            }
            EventKind::Linked { other: named }
            | EventKind::Unlinked { other: named }
            | EventKind::Merged { primary: named }
            | EventKind::Unmerged { primary: named } => self.names_id(from, tables::THREADS, named.0),
            EventKind::ContactUpdated(contact)
            | EventKind::Seen { contact, .. }
            | EventKind::ContactTagged { contact, .. }
            | EventKind::ContactChanged { contact, .. }
            // Single events go after a while, their contact stays.
            | EventKind::DataEventNoted { contact, .. }
            | EventKind::ContactsMerged { from: contact, .. } => self.names_id(from, tables::CONTACTS, contact.0),
            EventKind::AgentChanged { agent, .. } | EventKind::AgentSaw { agent, .. } => self.names_id(from, tables::AGENTS, agent.0),
            EventKind::Broadcast { broadcast, .. } => self.names_id(from, tables::BROADCASTS, broadcast.0),
            EventKind::DeliverySettled(delivery) => self.names_id(from, tables::DELIVERIES, delivery.0),
            EventKind::Quarantined(intake) => self.names_arrival(from, &key::one(intake.0)),
            EventKind::ConversationCreated
            | EventKind::ConversationUpdated
            | EventKind::TicketCreated
            | EventKind::TicketUpdated
            | EventKind::Deleted { .. }
            // Jobs that made a ticket are no records; mailboxes stand in the configuration.
            | EventKind::JobCompleted { .. }
            | EventKind::MailboxChanged { .. }
            // Companies leave nothing behind when they go.
            | EventKind::CompanyChanged { .. }
            | EventKind::CompanySet { .. } => Ok(()),
        }
    }

    pub(super) fn deliveries(&mut self) -> Result<()> {
        let mut found: BTreeMap<&'static str, u64> = outbox::STATES.into_iter().map(|state| (state, 0)).collect();
        self.records::<Delivery>(|check, key, delivery| {
            *found.entry(delivery.state.as_str()).or_default() += 1;
            check.delivery(key, delivery)
        })?;
        let said = outbox::counts(self.tx);
        let said = self.sound(said.map(Some))?.unwrap_or_default();
        for (state, count) in &found {
            if said.get(state) != Some(count) {
                self.fault(tables::DELIVERY_COUNTS, state.as_bytes(), &format!("{count} deliveries are {state}"));
            }
        }
        self.each(tables::PENDING_NOTICES, Self::pending_notice)?;
        for table in [tables::PENDING_REPLIES, tables::PENDING_STATUS] {
            self.each(table, |check, row, value| check.pending(table, row, value))?;
        }
        self.each(tables::SENT_COPIES, |check, row, value| {
            let read = sent_copies::read(row, value);
            let Some((lane, copy)) = check.sound(read.map(Some))? else { return Ok(()) };
            let id = key::one(copy.delivery.0);
            check.names((tables::SENT_COPIES, row), tables::DELIVERIES, &id)?;
            check.names((tables::SENT_COPIES, row), tables::BLOB_REFS, &key::joined(&[&copy.message.0, &id]))?;
            let delivery = outbox::get(check.tx, copy.delivery)?;
            if delivery.is_some_and(|it| outbox::lane_of(&it.from) != lane || it.state != DeliveryState::Sent) {
                check.fault(tables::SENT_COPIES, row, "its delivery was not sent, or from another address");
            }
            Ok(())
        })?;
        self.each(tables::CAPTURED, |check, row, hash| {
            check.names((tables::CAPTURED, row), tables::DELIVERIES, row)?;
            check.names((tables::CAPTURED, row), tables::BLOB_REFS, &key::joined(&[hash, row]))
        })?;
        self.each(tables::CROSS_POSTS, |check, row, value| {
            check.names((tables::CROSS_POSTS, row), tables::PART_BY_ID, row)?;
            check.names_id((tables::CROSS_POSTS, row), tables::THREADS, key::number_at(value, 0).unwrap_or(0))
        })
    }

    fn delivery(&mut self, key: &[u8], delivery: &Delivery) -> Result<()> {
        let from = (tables::DELIVERIES, key);
        self.names_id(from, tables::THREADS, delivery.thread.0)?;
        match (&delivery.kind, delivery.agent) {
            (DeliveryKind::AgentNotice { .. }, agent) => {
                self.names_id(from, tables::AGENTS, agent.unwrap_or_default().0)?;
            }
            _ => self.names_id(from, tables::CONTACTS, delivery.contact.0)?,
        }
        if self.is_deleted(delivery.thread)? {
            return Ok(());
        }
        match &delivery.kind {
            DeliveryKind::Reply { parts } => {
                parts.iter().try_for_each(|part| self.names_id(from, tables::PART_BY_ID, part.0))
            }
            DeliveryKind::TicketSubmitted => Ok(()),
            DeliveryKind::TicketStateChanged { part }
            | DeliveryKind::FormSent { part }
            | DeliveryKind::AutoAck { part } => self.names_id(from, tables::PART_BY_ID, part.0),
            DeliveryKind::Broadcast { broadcast, part } => {
                self.names_id(from, tables::BROADCASTS, broadcast.0)?;
                self.names_id(from, tables::PART_BY_ID, part.0)
            }
            DeliveryKind::BroadcastTest { broadcast } => self.names_id(from, tables::BROADCASTS, broadcast.0),
            DeliveryKind::AgentNotice { news } => news.iter().try_for_each(|news| match news {
                News::Part { part, .. } => self.names_id(from, tables::PART_BY_ID, part.0),
                News::MailNotTaken { intake } => self.names_id(from, tables::INTAKE, intake.0),
            }),
        }
    }

    /// Only a queued notice to that agent about that thread takes further news.
    fn pending_notice(&mut self, row: &[u8], value: &[u8]) -> Result<()> {
        let id = DeliveryId(key::number(value).unwrap_or(0));
        let delivery = outbox::get(self.tx, id);
        let fits = self.sound(delivery)?.is_some_and(|delivery| {
            let is_notice = matches!(delivery.kind, DeliveryKind::AgentNotice { .. });
            let stands_there = delivery.agent.is_some_and(|agent| key::two(delivery.thread.0, agent.0) == row);
            is_notice && stands_there && delivery.state == DeliveryState::Queued
        });
        if !fits {
            self.fault(tables::PENDING_NOTICES, row, &format!("delivery {id} takes no news there"));
        }
        Ok(())
    }

    /// Only a queued delivery to that contact in that thread takes further replies or changes of state.
    fn pending(&mut self, table: Table, row: &[u8], value: &[u8]) -> Result<()> {
        let id = DeliveryId(key::number(value).unwrap_or(0));
        let delivery = outbox::get(self.tx, id);
        let fits = self.sound(delivery)?.is_some_and(|delivery| {
            delivery.state == DeliveryState::Queued && key::two(delivery.thread.0, delivery.contact.0) == row
        });
        if !fits {
            self.fault(table, row, &format!("delivery {id} takes nothing more there"));
        }
        Ok(())
    }
}
