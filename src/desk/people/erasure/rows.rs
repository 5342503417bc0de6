//! What journals, queues and kept answers hold of an erased contact (DAT-2).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::mail::outbox::settle_in;
use crate::desk::thread::draft::At;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Verdict;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::traces::Traces;
use crate::store;
use crate::store::engine::WriteTx;

/// Uploads removed in one transaction.
const BATCH: usize = 50;

/// A page of a table: does its work and gives the key to go on behind.
type Page = fn(&mut dyn WriteTx, ContactId, &Traces, Option<&[u8]>) -> store::Result<Option<Vec<u8>>>;

const PAGES: [Page; 4] = [
    |tx, _, traces, after| store::erasing::drop_answers(tx, traces, after),
    |tx, _, traces, after| store::erasing::drop_notifications(tx, traces, after),
    |tx, who, _, after| store::erasing::drop_broadcast_addresses(tx, who, after),
    |tx, who, _, after| store::erasing::drop_sessions(tx, who, after),
];

impl Desk {
    /// Goes through all of them, page by page; `whole` are the threads that went.
    pub(super) async fn erase_rows(&self, who: ContactId, traces: &Traces, whole: &[ThreadId]) -> Result<()> {
        self.erase_deliveries(who, traces).await?;
        self.erase_arrivals(traces, whole).await?;
        for page in PAGES {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let (traces, behind) = (traces.clone(), after);
                let next = self.inner.store.update(move |tx| page(tx, who, &traces, behind.as_deref())).await?;
                let Some(next) = next else { break };
                after = Some(next);
            }
        }
        loop {
            let removed = self.inner.store.update(move |tx| {
                let uploads = store::uploads::of_contact(&*tx, who, Millis(0), BATCH)?;
                uploads.iter().try_for_each(|upload| store::uploads::remove(tx, upload))?;
                Ok(uploads.len())
            });
            if removed.await? < BATCH {
                return Ok(());
            }
        }
    }

    async fn erase_deliveries(&self, who: ContactId, traces: &Traces) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.inner.store.view(|tx| store::erasing::deliveries(tx, after))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let about: Vec<Delivery> =
                page.into_iter().filter(|one| one.contact == who || names(one, traces)).collect();
            if about.is_empty() {
                continue;
            }
            let (traces, at) = (traces.clone(), At::of(&self.inner.clock));
            let erased = self.inner.store.update(move |tx| {
                about.iter().try_for_each(|delivery| erase_delivery(tx, delivery, who, &traces, &at))
            });
            erased.await?;
        }
    }

    async fn erase_arrivals(&self, traces: &Traces, whole: &[ThreadId]) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.inner.store.view(|tx| store::erasing::arrivals(tx, after))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let about: Vec<IntakeRow> = page.iter().filter_map(|row| arrival_without(row, traces, whole)).collect();
            if !about.is_empty() {
                let written = move |tx: &mut dyn WriteTx| about.iter().try_for_each(|row| store::intake::put(tx, row));
                self.inner.store.update(written).await?;
            }
        }
    }
}

fn names(delivery: &Delivery, traces: &Traces) -> bool {
    let failed = matches!(&delivery.state, DeliveryState::Failed(reason) if traces.are_in(reason.as_bytes()));
    failed || delivery.attempts.iter().any(|attempt| traces.are_in(attempt.answer.as_bytes()))
}

/// Stops what is still to go out to them, and leaves of what went that it did.
fn erase_delivery(
    tx: &mut dyn WriteTx,
    delivery: &Delivery,
    who: ContactId,
    traces: &Traces,
    at: &At,
) -> store::Result<()> {
    let Some(current) = store::outbox::get(&*tx, delivery.id)? else { return Ok(()) };
    if current.contact == who {
        store::sent_copies::delete(tx, &current)?;
        if let Some(kept) = store::captured::get(&*tx, current.id)? {
            store::captured::delete(tx, current.id, kept)?;
        }
        if !current.state.is_settled() {
            settle_in(tx, current.clone(), &Verdict::Skipped(SkipReason::Erased), at, 0)?;
        }
    }
    let Some(mut now) = store::outbox::get(&*tx, delivery.id)? else { return Ok(()) };
    if now.contact == who {
        now.address = None;
    }
    if let DeliveryState::Failed(reason) = &mut now.state {
        traces.remove_from(reason);
    }
    for attempt in &mut now.attempts {
        traces.remove_from(&mut attempt.answer);
    }
    store::outbox::put(tx, &now)
}

/// An arrival without them; `None` when it has nothing of theirs. Its unique keys stay claimed, so that the mail stays away
/// (EML-18).
fn arrival_without(row: &IntakeRow, traces: &Traces, whole: &[ThreadId]) -> Option<IntakeRow> {
    let went = match &row.result {
        IntakeResult::Part { thread, .. } | IntakeResult::Duplicate { thread, .. } => whole.contains(thread),
        IntakeResult::Own | IntakeResult::Quarantined { .. } | IntakeResult::Unsubscribed { .. } => false,
    };
    let is_from_them = row.reverse_path.as_ref().is_some_and(|path| traces.are_in(path.as_bytes()));
    let mut now = row.clone();
    if went || is_from_them {
        (now.raw, now.reverse_path) = (None, None);
        // Kept for people to look at, and there is nothing left to look at.
        if matches!(now.result, IntakeResult::Quarantined { .. }) {
            now.result = IntakeResult::Own;
        }
    }
    now.recipients.retain(|recipient| !traces.are_in(recipient.as_bytes()));
    traces.remove_from(&mut now.source);
    traces.remove_from(&mut now.message_id);
    if let IntakeResult::Quarantined { error } = &mut now.result {
        traces.remove_from(error);
    }
    (now != *row).then_some(now)
}
