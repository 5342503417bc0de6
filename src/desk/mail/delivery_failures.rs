//! A mail that failed for good is said in its thread, for agents (EML-63); from there its assignee is told (NTF-15).
//!
//! **Invariant:** a failure is said once, in the transaction that notes it; a notice to an agent that failed is said nowhere
//! but in the outbox, so that no failure causes another mail (TST-89).

use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::mail::clean;
use crate::store;
use crate::store::engine::ReadTx;

/// Longest reason that is kept in the thread, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Whether a failure of this delivery concerns the people of its thread.
fn concerns_thread(delivery: &Delivery) -> bool {
    match delivery.kind {
        DeliveryKind::Reply { .. }
        | DeliveryKind::TicketSubmitted
        | DeliveryKind::TicketStateChanged { .. }
        | DeliveryKind::FormSent { .. }
        | DeliveryKind::AutoAck { .. }
        | DeliveryKind::Broadcast { .. } => true,
        DeliveryKind::BroadcastTest { .. } | DeliveryKind::AgentNotice { .. } => false,
    }
}

/// Says a failure in a draft of the delivery's thread.
pub(crate) fn say(draft: &mut Draft, delivery: &Delivery) {
    let DeliveryState::Failed(reason) = &delivery.state else { return };
    if !concerns_thread(delivery) {
        return;
    }
    let kind = PartKind::DeliveryFailed {
        delivery: delivery.id,
        address: delivery.address.as_ref().map(ToString::to_string),
        reason: clean::line(reason, REASON_CHARS_MAX),
    };
    draft.add(NewPart::event(kind, Author::Bot, None));
}

/// The thread of a delivery that has failed, with what is to be said there; `None` where there is nothing to say, or nobody to
/// say it to.
pub(crate) fn said(tx: &dyn ReadTx, delivery: &Delivery, at: &At) -> store::Result<Option<Draft>> {
    let failed = matches!(delivery.state, DeliveryState::Failed(_));
    if !failed || !concerns_thread(delivery) || store::threads::get(tx, delivery.thread)?.is_none() {
        return Ok(None);
    }
    let mut draft = Draft::open_merged(tx, delivery.thread, at)?;
    say(&mut draft, delivery);
    Ok(Some(draft))
}
