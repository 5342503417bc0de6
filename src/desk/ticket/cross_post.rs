//! What a Back-office or Tracker ticket tells in its linked threads: its changes of state always (BKO-20, TRK-3), a note
//! by choice (BKO-22).
//!
//! The first links are served in the transaction of the change itself; the rest by the worker, batch by batch, with a
//! cursor in the same transaction as the parts:
//!
//! | crash after | state in the store | what follows |
//! |---|---|---|
//! | the change | part, cursor behind the first batch | the worker goes on |
//! | a batch | parts of the batch, cursor behind it | the worker goes on |
//! | the last batch | no cursor | nothing is left to do |
//!
//! **Invariant:** what is told here is never told on: a part made by a link makes no cross-post (BKO-20).

use crate::clock::Clock;
use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::id::PartId;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_rules::StateEffect;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Linked threads served in one transaction.
const BATCH: usize = 20;

/// A part to be told in every linked thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrossPost {
    pub(crate) part: PartId,
    /// What it does to customers' threads there (BKO-21).
    pub(crate) effect: StateEffect,
}

/// Whether notes of this thread can be cross-posted (BKO-23).
pub(crate) fn check(thread: &Thread) -> std::result::Result<(), Refusal> {
    if thread.is_customer_facing() {
        let message = "only notes of Back-office and Tracker tickets can be cross-posted";
        return Err(Refusal::invalid("cross_post", message));
    }
    Ok(())
}

/// Serves the first links of `ticket` and leaves a cursor when there are more.
pub(crate) fn begin(tx: &mut dyn WriteTx, post: CrossPost, ticket: ThreadId, at: &At) -> store::Result<()> {
    serve(tx, post, ticket, None, at)
}

impl Desk {
    /// One batch of every cross-post that is under way. For the daemon's worker; `false` when there is nothing to do.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn cross_post_batch(&self) -> Result<bool> {
        let running = self.inner.store.view(|tx| store::cross_posts::running(tx, 16))?;
        for (part, _, _) in &running {
            let (part, at) = (*part, At::of(&self.inner.clock));
            let post = CrossPost { part, effect: self.inner.settings.tickets.back_office_state_effect };
            let served = self.inner.store.update(move |tx| match store::cross_posts::get(tx, part)? {
                Some((ticket, cursor)) => serve(tx, post, ticket, Some(cursor), &at),
                None => Ok(()),
            });
            served.await?;
        }
        Ok(!running.is_empty())
    }
}

fn serve(
    tx: &mut dyn WriteTx,
    post: CrossPost,
    ticket: ThreadId,
    after: Option<ThreadId>,
    at: &At,
) -> store::Result<()> {
    let part = post.part;
    let links = store::links::of_ticket(tx, ticket, after, BATCH)?;
    let Some(origin) = store::parts::by_id(tx, part)?.filter(|origin| !origin.redacted) else {
        return store::cross_posts::end(tx, part);
    };
    let from = store::threads::get(tx, ticket)?;
    if from.is_none() {
        return store::cross_posts::end(tx, part);
    }
    let mut drafts = Vec::with_capacity(links.len());
    // A backdated note is told where the ticket was linked when it was written down.
    let said_at = origin.created_at.max(Clock::handed_out_at(part.0));
    for link in links.iter().filter(|link| link.created_at <= said_at) {
        let Some(new) = told(tx, &origin, from.as_ref())? else { continue };
        drafts.extend(tell(tx, link, new, from.as_ref(), post.effect, at)?);
    }
    conclude(tx, drafts, Change::default())?;
    match links.last() {
        Some(last) if links.len() == BATCH => store::cross_posts::put(tx, part, ticket, last.to_thread),
        _ => store::cross_posts::end(tx, part),
    }
}

fn tell(
    tx: &dyn ReadTx,
    link: &Link,
    new: NewPart,
    from: Option<&Thread>,
    effect: StateEffect,
    at: &At,
) -> store::Result<Option<Draft>> {
    let mut draft = match Draft::open(tx, link.to_thread, at) {
        Err(store::Error::Refused(Refusal::NotFound { .. })) => return Ok(None),
        opened => opened?,
    };
    let is_state = matches!(new.kind, PartKind::LinkedTicketStateUpdated { .. });
    draft.add(new);
    let wakes = is_state && from.and_then(Thread::category) == Some(Category::BackOffice);
    if wakes && draft.thread.is_customer_facing() && effect.opens(draft.thread.state) {
        draft.move_to(ThreadState::Open, &Author::Bot, Some(Cause::LinkedTicket));
    }
    Ok(Some(draft))
}

/// The part that tells of `origin` in a linked thread.
fn told(tx: &dyn ReadTx, origin: &Part, from: Option<&Thread>) -> store::Result<Option<NewPart>> {
    match &origin.kind {
        PartKind::Note => Ok(Some(NewPart {
            body_html: origin.body_html.clone(),
            body_text: origin.body_text.clone(),
            attachments: origin.attachments.clone(),
            cross_posted_from: Some((origin.thread, origin.id)),
            ..NewPart::event(PartKind::Note, origin.author.clone(), None)
        })),
        PartKind::TicketStateUpdated { from: before, to, .. } => {
            let Some(ticket) = from.and_then(|thread| thread.ticket.as_ref()) else {
                return Ok(None);
            };
            let title = match store::ticket_types::get(tx, ticket.type_id)? {
                Some(ticket_type) => ticket.value(&ticket_type, TITLE).cloned(),
                None => None,
            };
            let kind = PartKind::LinkedTicketStateUpdated {
                ticket: origin.thread,
                number: ticket.number,
                title: match title {
                    Some(Value::Text(title)) => title,
                    _ => String::new(),
                },
                from_label: internal_label(tx, before.0)?,
                to_label: internal_label(tx, to.0)?,
            };
            Ok(Some(NewPart::event(kind, origin.author.clone(), Some(Cause::LinkedTicket))))
        }
        _ => Ok(None),
    }
}

fn internal_label(tx: &dyn ReadTx, state: StateId) -> store::Result<String> {
    Ok(store::ticket_types::state(tx, state)?.map(|state| state.internal_label).unwrap_or_default())
}
