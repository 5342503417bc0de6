//! Mail that was tried and waits for its next try, as the channel reads it when it begins.
//!
//! **Invariant:** changes nothing; what is read is bounded.

use crate::desk::Desk;
use crate::desk::Result;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::mail_share::MailShare;
use crate::store;

/// Most deliveries of each kind that are looked at.
const LOOKED_AT_MAX: usize = 2_000;

impl Desk {
    /// Deliveries of a share that were deferred, soonest next try first, those of broadcasts after the others; at most 2,000
    /// of each are looked at. Blocking: not for an async thread.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn deferred_mail(&self, share: &MailShare) -> Result<Vec<Delivery>> {
        let mut found = self.inner.store.view(|tx| {
            let mut found = store::outbox::open(tx, share, LOOKED_AT_MAX, None)?;
            found.extend(store::lanes::all_waiting(tx, LOOKED_AT_MAX)?);
            Ok(found)
        })?;
        found.retain(|it| it.state == DeliveryState::Deferred && share.takes(&it.from));
        Ok(found)
    }
}
