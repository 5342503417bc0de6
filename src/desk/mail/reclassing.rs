//! An agent says what kind of mail it is (EML-27).
//!
//! **Invariant:** what becomes a person's mail has every effect of one, once; what becomes a machine's keeps the effects it had, since
//! people have acted on them.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::may_write;
use crate::desk::access::require;
use crate::desk::thread::contact_comment::Comment;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::event::EventKind;
use crate::domain::id::PartId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Parts of a thread among which another message of a person is looked for.
const PARTS_LOOKED_AT_MAX: usize = 100;
/// Arrivals of one Message-ID.
const ARRIVALS_MAX: usize = 20;

impl Desk {
    /// Says that a mail is of another class: a person's, an automatic answer, list mail or spam. A person's then opens its
    /// conversation and does all that a comment does. Scope as for writing the thread. Event `PartCreated`, or
    /// `ConversationUpdated`.
    ///
    /// # Errors
    /// `NotFound`, also for what is no mail; `Forbidden`; `Conflict` for reports, `parameter_invalid` for a class that is said by
    /// machines alone.
    pub async fn reclass(&self, caller: &Caller, part: PartId, class: DeliveryClass) -> Result<Part> {
        require(caller, &[Scope::WriteConversations, Scope::WriteTickets])?;
        if class.is_report() || class == DeliveryClass::Own {
            return Err(Refusal::invalid("delivery_class", "use human, auto_reply, list or spam").into());
        }
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let known = store::parts::by_id(tx, part)?.filter(|part| part.email.is_some());
            let mut part = known.ok_or_else(|| missing("part"))?;
            let draft = Draft::open(tx, part.thread, &at)?;
            if !may_write(&caller, &draft.thread) {
                let message = "saying what kind of mail it is takes a token that writes the conversation".to_owned();
                return Err(store::Error::Refused(Refusal::Forbidden { message }));
            }
            let before = part.email.as_ref().map(|email| email.class).unwrap_or_default();
            if before == class {
                return Ok(part);
            }
            if before.is_report() {
                let message = "a report of a delivery stays one".to_owned();
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            if let Some(email) = part.email.as_mut() {
                email.class = class;
                email.class_reason = format!("{} said so", caller.name);
            }
            tell_journal(tx, &part, class)?;
            let by = Author::Agent { id: caller.agent, name: caller.name.clone() };
            match class {
                DeliveryClass::Human => inner.became_human(tx, draft, part),
                _ if before == DeliveryClass::Human => became_silent(tx, draft, part, &by),
                _ => keep(tx, draft, part),
            }
        });
        Ok(done.await?)
    }
}

impl Inner {
    /// With every effect of a comment (EML-20), and of a first mail where it is one.
    fn became_human(&self, tx: &mut dyn WriteTx, mut draft: Draft, part: Part) -> store::Result<Part> {
        let contact = match part.author.contact() {
            Some(contact) => store::contacts::get(&*tx, contact)?,
            None => None,
        };
        let contact = contact.ok_or_else(|| missing("contact"))?;
        let begins = part.seq == 1;
        draft.thread.join(contact.id, !begins, part.seq);
        let part = draft.became_comment(part);
        let answerable = part.email.as_ref().is_some_and(|email| email.may_answer_automatically);
        let comment = Comment { contact: &contact, skip_notifications: false, answerable };
        let mut change = Change::default();
        self.follow_comment(tx, &mut draft, &part, &comment, &mut change)?;
        if let Some(support) = draft.thread.support_address.clone().filter(|_| begins) {
            self.mail_as_ticket(tx, &mut draft, &part, &support, answerable, &change)?;
            self.give_to_team_of(tx, &mut draft, &support)?;
            self.owe_acknowledgement(&mut draft, &part, &contact, &support);
        }
        conclude(tx, vec![draft], change)?;
        Ok(part)
    }
}

/// What a machine wrote is no comment; a conversation of nothing else waits for nobody.
fn became_silent(tx: &mut dyn WriteTx, mut draft: Draft, part: Part, by: &Author) -> store::Result<Part> {
    let part = Part { kind: PartKind::AutomaticEmail, ..part };
    if draft.thread.ticket.is_none() && !has_other_message(&*tx, &part)? {
        draft.thread.automatic = true;
        draft.thread.waiting_since = None;
        draft.move_to(ThreadState::Closed, by, None);
    }
    keep(tx, draft, part)
}

fn keep(tx: &mut dyn WriteTx, mut draft: Draft, part: Part) -> store::Result<Part> {
    draft.note(EventKind::ConversationUpdated, None);
    let part = Part { updated_at: draft.at.now, ..part };
    conclude(tx, vec![draft], Change { parts: vec![part.clone()], ..Change::default() })?;
    Ok(part)
}

fn has_other_message(tx: &dyn ReadTx, part: &Part) -> store::Result<bool> {
    let parts = store::parts::newest(tx, part.thread, PARTS_LOOKED_AT_MAX)?;
    Ok(parts
        .iter()
        .any(|other| other.id != part.id && other.kind.is_message() && other.kind != PartKind::AutomaticEmail))
}

/// The journal says what people see.
fn tell_journal(tx: &mut dyn WriteTx, part: &Part, class: DeliveryClass) -> store::Result<()> {
    let Some(email) = &part.email else { return Ok(()) };
    let rows = store::intake::by_message_id(&*tx, &email.message_id, ARRIVALS_MAX)?;
    let is_its = |row: &IntakeRow| matches!(row.result, IntakeResult::Part { part: of, .. } if of == part.id);
    for row in rows.into_iter().filter(is_its) {
        store::intake::put(tx, &IntakeRow { class: Some(class), ..row })?;
    }
    Ok(())
}
