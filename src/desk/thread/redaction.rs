//! Taking the content of a part away for good (OBJ-47, BKO-23).
//!
//! | killed after | state in the store | what follows |
//! |---|---|---|
//! | the redaction | the part is empty; a row while copies are left | the worker goes on |
//! | a batch of copies | those are empty, the row says where to go on | the worker goes on |
//! | the last batch | no row | nothing |
//!
//! **Invariant:** what a ticket got of its first message for title and description (TCK-13) goes with that message. Text, files, the raw mail and what was kept of outgoing mails go in the transaction that says so; blobs
//! that nothing names any more go with the next sweep.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_write;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::kinds::forget_proposed;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attachment::BlobHash;
use crate::domain::delivery::DeliveryKind;
use crate::domain::event::EventKind;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::part::Part;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Copies redacted in one transaction.
const BATCH: usize = 20;
/// Arrivals of the same octets that are looked through.
const SAME_OCTETS_MAX: usize = 100;
/// Deliveries of a thread that are looked through for kept mails.
const DELIVERIES_MAX: usize = 1_000;

/// What of a thread is to be redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redacted {
    /// A part.
    Part(PartId),
    /// The first message, named by its own id.
    Source(PartId),
}

impl Desk {
    /// Takes body and files of a part or the source away, raw mail included; cannot be undone, and once is enough. Of a
    /// cross-posted note the copies go too. Scope as for writing the thread. Event `PartRedacted`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Conflict` for a copy, whose origin is to be redacted.
    pub async fn redact(&self, caller: &Caller, thread: ThreadId, what: Redacted) -> Result<()> {
        require(caller, &[Scope::WriteConversations, Scope::WriteTickets])?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let redacted = self.inner.store.update(move |tx| {
            let draft = Draft::open(tx, thread, &at)?;
            if !may_write(&caller, &draft.thread) {
                let message = "redacting takes a token that writes the conversation".to_owned();
                return Err(store::Error::Refused(Refusal::Forbidden { message }));
            }
            let (id, is_source) = match what {
                Redacted::Part(id) => (id, false),
                Redacted::Source(id) => (id, true),
            };
            let part = store::parts::by_id(tx, id)?.filter(|part| part.thread == thread);
            let part = part.filter(|part| !is_source || part.seq == 1).ok_or_else(|| missing("part"))?;
            if let Some((ticket, origin)) = part.cross_posted_from {
                let message = format!("this is a copy; redact part {origin} of ticket {ticket}");
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            if part.redacted {
                return Ok(());
            }
            empty(tx, draft, part)?;
            redact_copies(tx, id, None, &at)
        });
        Ok(redacted.await?)
    }

    /// One batch of copies of every redacted note. For the daemon's worker; `false` when there is nothing to do.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn redaction_batch(&self) -> Result<bool> {
        let running = self.inner.store.view(|tx| store::chores::redactions(tx, 16))?;
        for (origin, after) in &running {
            let (origin, after, at) = (*origin, *after, At::of(&self.inner.clock));
            self.inner.store.update(move |tx| redact_copies(tx, origin, after, &at)).await?;
        }
        Ok(!running.is_empty())
    }
}

/// Redacts the next copies and notes where to go on, or that it is over.
fn redact_copies(tx: &mut dyn WriteTx, origin: PartId, after: Option<PartId>, at: &At) -> store::Result<()> {
    let copies = store::chores::copies(tx, origin, after, BATCH)?;
    let last = copies.last().map(|copy| copy.id).filter(|_| copies.len() == BATCH);
    for copy in copies.into_iter().filter(|copy| !copy.redacted) {
        match Draft::open(tx, copy.thread, at) {
            Ok(draft) => empty(tx, draft, copy)?,
            Err(store::Error::Refused(Refusal::NotFound { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    match last {
        Some(last) => store::chores::set_redaction(tx, origin, last),
        None => store::chores::end_redaction(tx, origin),
    }
}

/// Empties a part and everything that holds its content elsewhere.
fn empty(tx: &mut dyn WriteTx, mut draft: Draft, part: Part) -> store::Result<()> {
    forget_raw(tx, &part)?;
    forget_kept_mails(tx, &part)?;
    if part.seq == 1 && forget_proposed(&*tx, &mut draft.thread, &part)? {
        // Thread and ticket were named and described by the customer's words.
        draft.thread.updated_at = draft.at.now;
        let is_ticket = draft.thread.ticket.is_some();
        draft.note(if is_ticket { EventKind::TicketUpdated } else { EventKind::ConversationUpdated }, None);
    }
    draft.note(EventKind::PartRedacted { part: part.id, part_seq: part.seq }, None);
    let change = Change { parts: vec![emptied(part, draft.at.now)], ..Change::default() };
    conclude(tx, vec![draft], change)?;
    Ok(())
}

fn emptied(mut part: Part, now: Millis) -> Part {
    part.body_html.clear();
    part.body_text.clear();
    part.attachments.clear();
    part.redacted = true;
    part.updated_at = now;
    if let Some(mailing) = part.mailing.as_mut() {
        mailing.subject = None;
    }
    if let Some(email) = part.email.as_mut() {
        email.raw = None;
        email.subject = None;
        email.quoted.clear();
    }
    part
}

/// The journal lets go of the raw mail of a part; arrivals of the same octets that became other parts keep it.
pub(crate) fn forget_raw(tx: &mut dyn WriteTx, part: &Part) -> store::Result<()> {
    let Some(raw) = part.email.as_ref().and_then(|email| email.raw) else { return Ok(()) };
    let rows = store::intake::of_raw(tx, raw, SAME_OCTETS_MAX)?;
    let first = rows.iter().find(|row| matches!(row.result, IntakeResult::Part { part: of, .. } if of == part.id));
    let first = first.map(|row| row.id);
    let is_its = |row: &IntakeRow| match row.result {
        IntakeResult::Part { part: of, .. } => of == part.id,
        IntakeResult::Duplicate { of, .. } => Some(of) == first,
        IntakeResult::Own | IntakeResult::Quarantined { .. } | IntakeResult::Unsubscribed { .. } => false,
    };
    for row in rows.into_iter().filter(is_its) {
        store::intake::put(tx, &IntakeRow { raw: None, ..row })?;
    }
    Ok(())
}

/// Outgoing mails that were kept instead of sent, and that tell of the part.
pub(crate) fn forget_kept_mails(tx: &mut dyn WriteTx, part: &Part) -> store::Result<()> {
    for delivery in store::outbox::of_thread(tx, part.thread, DELIVERIES_MAX)? {
        let tells = match &delivery.kind {
            DeliveryKind::Reply { parts } => parts.contains(&part.id),
            DeliveryKind::Broadcast { part: of, .. } => *of == part.id,
            _ => false,
        };
        if tells {
            let kept: Option<BlobHash> = store::captured::get(tx, delivery.id)?;
            kept.map_or(Ok(()), |kept| store::captured::delete(tx, delivery.id, kept))?;
        }
    }
    Ok(())
}
