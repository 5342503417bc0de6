//! Webhook subscriptions and what is owed to them.

use crate::domain::webhook::Notification;
use crate::domain::webhook::Webhook;
use crate::store::error::Result;
use crate::store::events;
use crate::store::tables;
use crate::store::verify::Check;

impl Check<'_> {
    pub(super) fn webhooks(&mut self) -> Result<()> {
        let last = events::last_seq(self.tx);
        let last = self.sound(last.map(Some))?.map_or(u64::MAX, |seq| seq.0);
        self.records::<Webhook>(|check, key, webhook| {
            if webhook.cursor.0 > last {
                check.fault(
                    tables::WEBHOOKS,
                    key,
                    &format!("has read the log up to {}, beyond its end", webhook.cursor),
                );
            }
            check.names_id((tables::WEBHOOKS, key), tables::AGENTS, webhook.created_by.0)
        })?;
        self.records::<Notification>(|check, key, owed| {
            if let Some(entry) = owed.entry.as_ref().filter(|entry| entry.seq.0 > last) {
                check.fault(tables::NOTIFICATIONS, key, &format!("is about {}, beyond the log's end", entry.seq));
            }
            check.names_id((tables::NOTIFICATIONS, key), tables::WEBHOOKS, owed.webhook.0)
        })
    }
}
