//! What is done every hour: what is past its keeping goes, and what a clock set wrong left behind is put right.
//!
//! A clock may be wrong, in a machine that was just started above all. What is old by such a clock may be new, and what was
//! removed does not come back: after a jump of more than `JUMP_MAX` nothing is removed for its age within `DOUBT`, in
//! which somebody can set it right. A machine that was off for longer than that waits a day too.
//!
//! **Invariant:** bounded work per call; nothing goes for its age while the clock is doubted (P13).

use crate::clock::Moment;
use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::requests::KNOWN_FOR;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::store;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// Rows dropped in one commit.
const PRUNED_PER_COMMIT: usize = 200;
/// A `client_id` is known for this long (MSG-42).
const CLIENT_IDS_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A blob younger than this may wait for the commit that names it.
const BLOB_YOUNG: Duration = Duration::from_secs(3_600);
/// A clock that goes further than time itself by more than this is doubted.
const JUMP_MAX: Duration = Duration::from_hours(48);
/// For how long.
const DOUBT: Duration = Duration::from_hours(24);
/// No delivery waits for longer than this by itself: unseen mail a day at most, retries four hours.
const DELIVERY_WAIT_MAX: Duration = Duration::from_hours(48);
/// Deliveries called back in one commit.
const CALLED_BACK: usize = 200;

/// When the clock was last looked at.
pub(crate) type LastLook = Mutex<Option<Moment>>;

impl Desk {
    /// Drops what is past its keeping: old log entries, old client ids, unused uploads, blobs that nothing names. For the
    /// daemon's worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn sweep(&self) -> Result<()> {
        self.shorten_log().await?;
        self.call_back().await?;
        self.scour_again().await?;
        if !self.clock_is_believed().await? {
            tracing::warn!("the clock has gone forward by days: nothing is removed for its age until tomorrow");
            return Ok(());
        }
        self.drop_aged_rows().await?;
        self.let_go().await?;
        let inner = self.inner.clone();
        let swept = tokio::task::spawn_blocking(move || {
            let is_named = |hash: &_| inner.store.view(|tx| store::blob_refs::is_named(tx, *hash));
            inner.blobs.sweep(is_named, BLOB_YOUNG)
        });
        let swept = swept.await.map_err(|error| Error::Unavailable(error.to_string()))??;
        tracing::debug!(removed = swept.removed, kept = swept.kept, drafts = swept.drafts, "blobs were swept");
        Ok(())
    }

    /// Drops log entries over the number that is kept, once everybody has read them.
    async fn shorten_log(&self) -> Result<()> {
        let last = self.log_seq()?;
        let unread = self.webhooks_read_to()?.unwrap_or(last).min(self.notices_read_to()?);
        let keep_from = EventSeq(last.0.saturating_sub(self.inner.settings.retention.log_entries).min(unread.0));
        for _ in 0..100 {
            let dropped = self.inner.store.update(move |tx| store::events::prune(tx, keep_from, PRUNED_PER_COMMIT));
            if dropped.await? < PRUNED_PER_COMMIT as u64 {
                break;
            }
        }
        Ok(())
    }

    async fn drop_aged_rows(&self) -> Result<()> {
        let now = self.inner.clock.now();
        let before = |age: Duration| Millis(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(0)));
        let (ids_from, requests_from) = (before(CLIENT_IDS_KEPT), before(KNOWN_FOR));
        self.inner.store.update(move |tx| store::client_ids::prune(tx, ids_from, PRUNED_PER_COMMIT)).await?;
        self.prune_uploads().await?;
        self.inner.store.update(move |tx| store::requests::prune(tx, requests_from, PRUNED_PER_COMMIT)).await?;
        self.prune_notifications().await?;
        self.sweep_suppressions().await
    }

    /// Makes deliveries due that a clock noted for a time nobody waits for, before it was set back.
    async fn call_back(&self) -> Result<()> {
        let now = self.inner.clock.now();
        let far = now.plus(DELIVERY_WAIT_MAX);
        if self.inner.store.view(|tx| store::outbox::waking_after(tx, far, 1))?.is_empty() {
            return Ok(());
        }
        let called = self.inner.store.update(move |tx| {
            let found = store::outbox::waking_after(&*tx, far, CALLED_BACK)?;
            for id in &found {
                let Some(mut delivery) = store::outbox::get(&*tx, *id)? else { continue };
                delivery.due_at = delivery.due_at.min(now);
                delivery.leased_until = delivery.leased_until.map(|until| until.min(now));
                store::outbox::put(tx, &delivery)?;
            }
            Ok(found.len())
        });
        let deliveries = called.await?;
        tracing::warn!(deliveries, "the clock has been set back: what was to go out much later goes out now");
        Ok(())
    }

    /// Whether what is old by the clock is old; looks how far it went since the last time.
    async fn clock_is_believed(&self) -> Result<bool> {
        let clock = &self.inner.clock;
        let (now, moment) = (clock.now(), clock.moment());
        let earlier = self.inner.look_at_clock(moment);
        let (seen_at, doubted) = self.inner.store.view(|tx| store::meta::clock_facts(tx))?;
        let jumped = match earlier {
            Some(earlier) => clock.jumped_since(&earlier),
            None if seen_at == Millis(0) => Duration::ZERO,
            None => now.since(seen_at),
        };
        let doubted = doubted_until(doubted, now, jumped);
        self.inner.store.update(move |tx| store::meta::put_clock_facts(tx, now, doubted)).await?;
        Ok(now >= doubted)
    }
}

impl Inner {
    fn look_at_clock(&self, moment: Moment) -> Option<Moment> {
        self.clock_looked_at.lock().unwrap_or_else(PoisonError::into_inner).replace(moment)
    }
}

/// Until when the clock is doubted that stands at `now` and went too far by `jumped`.
fn doubted_until(before: Millis, now: Millis, jumped: Duration) -> Millis {
    if jumped > JUMP_MAX {
        now.plus(DOUBT)
    } else if before > now.plus(DOUBT) {
        // It was set back.
        Millis(0)
    } else {
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_a_clock_that_jumps_is_doubted_for_a_day_or_until_it_is_set_back() {
        let day = 86_400_000;
        let (today, far) = (Millis(20_000 * day), Millis(47_000 * day));
        let days = |count: u64| Duration::from_hours(24 * count);
        for (before, now, jumped, doubted) in [
            (Millis(0), today, days(0), Millis(0)),
            (Millis(0), today, days(2), Millis(0)),
            (Millis(0), far, days(27_000), Millis(far.0 + day)),
            (Millis(far.0 + day), Millis(far.0 + day - 1), days(0), Millis(far.0 + day)),
            (Millis(far.0 + day), today, days(0), Millis(0)),
        ] {
            assert_eq!(doubted_until(before, now, jumped), doubted, "{before:?} {now:?} {jumped:?}");
        }
    }
}
