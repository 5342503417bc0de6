//! Copies of agents' answers for the Sent folder of a mailbox, where its configuration asks for them.
//!
//! | killed … | what is left | what happens next |
//! |---|---|---|
//! | before the relay's answer is settled | the delivery is *uncertain* | no copy, unless a repeat is taken |
//! | after that, before the copy is begun | a copy that is owed | it is written |
//! | while the server stores it | a copy that is begun | it is looked for by its Message-ID first |
//! | after that, before it is noted | as above | it is found and written no second time |
//!
//! An answer to several people is several mails of the same words; the first one that is taken is copied for all of them.
//!
//! **Invariant:** a copy changes nothing about its delivery: what goes wrong with it is told in the log alone.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::mail::outbox::settle_in;
use crate::desk::random_bytes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::sent_copies::SentCopy;
use std::time::Duration;

/// A copy that no mailbox took for so long is given up, as a mail would be (EML-63).
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5 * 24 * 3_600);
/// Mails of a thread looked at for one that was copied with the same parts: those of one answer are owed together.
const SIBLINGS_MAX: usize = 200;
/// Most copies looked at when the daemon begins.
const LEFT_BEHIND_MAX: usize = 10_000;

/// A copy to be written, with what it is looked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedCopy {
    /// The copy.
    pub copy: SentCopy,
    /// Of the mail, without brackets.
    pub message_id: String,
    /// When the relay took the mail.
    pub sent_at: Millis,
}

impl Desk {
    /// Whether a copy of this delivery is wanted: an agent's answer from an address whose mailbox keeps what was sent.
    #[must_use]
    pub fn wants_sent_copy(&self, delivery: &Delivery) -> bool {
        matches!(delivery.kind, DeliveryKind::Reply { .. }) && self.inner.settings.sent_from.contains(&delivery.from)
    }

    /// [`Desk::settle`] of a mail that the relay took, which owes its copy in the same transaction, unless the mailbox gets
    /// one of what it says by another recipient's mail. Where the message cannot be kept, the delivery is settled without.
    ///
    /// # Errors
    /// As there.
    pub async fn settle_with_copy(&self, id: DeliveryId, verdict: Verdict, message: Vec<u8>) -> Result<()> {
        let is_told = self.inner.store.view(|tx| {
            let delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            is_copied_by_another(tx, &delivery)
        })?;
        if is_told {
            return self.settle(id, verdict).await;
        }
        let message = match self.inner.blobs.put(message).await {
            Ok(hash) => hash,
            Err(error) => {
                tracing::warn!(delivery = %id, %error, "a sent mail cannot be kept for the Sent folder");
                return self.settle(id, verdict).await;
            }
        };
        let jitter = u64::from_be_bytes(random_bytes::<8>()?);
        let at = At::of(&self.inner.clock);
        let settled = self.inner.store.update(move |tx| {
            let delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            let is_news = !delivery.state.is_settled() || delivery.leased_until.is_some();
            let is_taken = is_news && matches!(verdict, Verdict::Delivered { .. });
            if is_taken && !is_copied_by_another(&*tx, &delivery)? {
                store::sent_copies::put(tx, &delivery.from, &SentCopy { delivery: id, message, begun: false })?;
            }
            settle_in(tx, delivery, &verdict, &at, jitter)
        });
        Ok(settled.await?)
    }

    /// Copies owed of mail from these addresses, oldest first, `limit` of each; those that waited for five days are given
    /// up here.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn owed_copies(&self, from: &[Address], limit: usize) -> Result<Vec<OwedCopy>> {
        let now = self.inner.clock.now();
        let found = self.inner.store.view(|tx| {
            let mut found = Vec::new();
            for address in from {
                for copy in store::sent_copies::of_address(tx, address, limit)? {
                    let delivery = store::outbox::get(tx, copy.delivery)?.ok_or_else(|| missing("delivery"))?;
                    let sent_at = delivery.attempts.last().map_or(delivery.created_at, |last| last.at);
                    found.push(OwedCopy { copy, message_id: delivery.message_id, sent_at });
                }
            }
            Ok(found)
        })?;
        let (old, owed): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|owed| now.since(owed.sent_at) > GIVEN_UP_AFTER);
        for given_up in old {
            tracing::warn!(delivery = %given_up.copy.delivery, "no mailbox took the copy of a sent mail; it is given up");
            self.copy_ended(given_up.copy.delivery).await?;
        }
        Ok(owed)
    }

    /// The message of a copy. Reads a file: not for an async thread.
    ///
    /// # Errors
    /// When the blobs cannot be read.
    pub fn copy_bytes(&self, copy: &SentCopy) -> Result<Vec<u8>> {
        Ok(self.inner.blobs.get_blocking(copy.message)?)
    }

    /// Notes durably that the copy is about to be handed over; the channel does so only after `Ok`.
    ///
    /// # Errors
    /// `NotFound` when it is owed no longer; when the store cannot be written.
    pub async fn copy_begins(&self, id: DeliveryId) -> Result<()> {
        let noted = self.inner.store.update(move |tx| {
            let delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            let copy = store::sent_copies::get(tx, &delivery)?.ok_or_else(|| missing("copy"))?;
            store::sent_copies::put(tx, &delivery.from, &SentCopy { begun: true, ..copy })
        });
        Ok(noted.await?)
    }

    /// The mailbox has the copy, or will never have it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn copy_ended(&self, id: DeliveryId) -> Result<()> {
        let noted = self.inner.store.update(move |tx| {
            let delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            store::sent_copies::delete(tx, &delivery)
        });
        Ok(noted.await?)
    }

    /// Lets go of copies that no mailbox is asked to keep any more. For the daemon, when it begins.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn forget_unwanted_copies(&self) -> Result<()> {
        let wanted = self.inner.settings.sent_from.clone();
        let unwanted = self.inner.store.view(|tx| {
            let mut unwanted = Vec::new();
            for copy in store::sent_copies::all(tx, LEFT_BEHIND_MAX)? {
                let delivery = store::outbox::get(tx, copy.delivery)?;
                unwanted.extend(delivery.filter(|delivery| !wanted.contains(&delivery.from)).map(|it| it.id));
            }
            Ok(unwanted)
        })?;
        for id in unwanted {
            self.copy_ended(id).await?;
        }
        Ok(())
    }
}

/// Whether every part that the mail tells went out from the same address by another mail, which was copied then.
fn is_copied_by_another(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<bool> {
    let DeliveryKind::Reply { parts } = &delivery.kind else { return Ok(false) };
    let siblings = store::outbox::of_thread(tx, delivery.thread, SIBLINGS_MAX)?;
    let sent = siblings
        .iter()
        .filter(|it| it.id != delivery.id && it.from == delivery.from && it.state == DeliveryState::Sent);
    let told: Vec<PartId> = sent.flat_map(|it| reply_parts(&it.kind)).copied().collect();
    Ok(parts.iter().all(|part| told.contains(part)))
}

fn reply_parts(kind: &DeliveryKind) -> &[PartId] {
    if let DeliveryKind::Reply { parts } = kind { parts } else { &[] }
}
