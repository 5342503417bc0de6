//! Subscriptions that get nothing although somebody wants them to (WHK-3), for admins to be told.

use crate::desk::Desk;
use crate::desk::Result;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::WebhookState;
use crate::store;

/// How the names of their alarms begin.
pub const ALARM_PREFIX: &str = "webhook ";

impl Desk {
    /// Name and words of an alarm for each subscription that was paused after failures, until something arrives again, or
    /// that its receiver has ended.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn webhook_troubles(&self) -> Result<Vec<(String, String)>> {
        let all = self.inner.store.view(store::webhooks::all)?;
        let named = |webhook: &Webhook, what: &str, why: &str| {
            (format!("{ALARM_PREFIX}{} {what}", webhook.id), format!("{}: {why}", webhook.url))
        };
        Ok(all
            .iter()
            .filter_map(|webhook| match webhook.state {
                WebhookState::Gone => Some(named(webhook, "was ended", "its receiver said 410")),
                // A receiver that has enough for now is no trouble.
                WebhookState::Active if webhook.paused_until.is_some() && webhook.slowed == 0 => {
                    Some(named(webhook, "is paused", "50 notifications failed in a row"))
                }
                WebhookState::Active | WebhookState::Disabled => None,
            })
            .collect())
    }
}
