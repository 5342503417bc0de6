//! A contact submits a form, and the ticket it makes (FRM-3, FRM-4, FRM-6, FRM-9). The crash table is in
//! [`crate::desk::ticket::forms`].

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::people::contacts::known;
use crate::desk::thread::comments::contact_author;
use crate::desk::thread::comments::takes_part;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::thread::uploads;
use crate::desk::ticket::forms::card_of;
use crate::desk::ticket::forms::check_offered;
use crate::desk::ticket::forms::submitted_already;
use crate::desk::ticket::kinds::Kinds;
use crate::desk::ticket::kinds::NewFacet;
use crate::desk::ticket::kinds::refuse_conversion;
use crate::desk::ticket::kinds::title_of;
use crate::desk::ticket::tickets::Values;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::form;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::AttributeId;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use std::collections::BTreeMap;

/// Which form is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormSource {
    /// One that was sent, by its card.
    Card(PartId),
    /// One that the contact opened by themselves, in a conversation or by itself.
    Opened {
        /// What it makes a ticket of.
        ticket_type: TicketTypeId,
        /// The conversation it was opened in.
        thread: Option<ThreadId>,
    },
}

/// A filled form.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Which.
    pub form: FormSource,
    /// What the contact says, by attribute name.
    pub values: Values,
    /// The same key gives the same answer (FRM-6).
    pub client_id: Option<String>,
    /// How it came.
    pub channel: ChannelKind,
}

/// What a submission became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The thread the contact sees it in.
    pub thread: ThreadId,
    /// The part that says so.
    pub part: PartId,
    /// Log position of that or later.
    pub seq: EventSeq,
    /// The ticket's thread; of a Customer ticket, the same.
    pub ticket: ThreadId,
    /// Its number.
    pub number: u64,
    /// What the type says after submission (TYP-20); may be empty.
    pub message: String,
    /// The same key had been posted before; this is the first answer.
    pub repeated: bool,
}

impl Desk {
    /// Submits a form for a contact, for doors that know who it is. Events of the ticket's creation, `FormSubmitted`;
    /// the submission mail (NTF-1).
    ///
    /// # Errors
    /// `Fields` with a message for each field that needs another look; `Conflict` when the form was submitted or
    /// withdrawn, or its conversation became a ticket otherwise; `NotFound` when the contact takes no part in it;
    /// `Forbidden` when they are blocked.
    pub async fn submit_form(&self, contact: ContactId, submission: Submission) -> Result<Submitted> {
        self.submit(contact, submission, false).await
    }

    /// Submits the form behind a mailed link, which proves the address it was mailed to (FRM-7).
    ///
    /// # Errors
    /// As [`Desk::submit_form`]; `NotFound` for a link that is forged or expired.
    pub async fn submit_form_by_link(
        &self,
        token: &str,
        values: Values,
        client_id: Option<String>,
    ) -> Result<Submitted> {
        let view = self.form_by_link(token)?;
        let claims = self.inner.form_links.read(token, self.inner.clock.now());
        let claims = claims.ok_or(Refusal::NotFound { what: "form" })?;
        let proven = claims.went_to(view.contact.email.as_ref());
        let submission =
            Submission { form: FormSource::Card(claims.card), values, client_id, channel: ChannelKind::Email };
        self.submit(claims.contact, submission, proven).await
    }

    async fn submit(&self, contact: ContactId, submission: Submission, proven: bool) -> Result<Submitted> {
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let contact = known(tx, contact)?;
            if contact.blocked {
                let message = "this contact is blocked".to_owned();
                return Err(store::Error::Refused(Refusal::Forbidden { message }));
            }
            if let Some(first) = repeated(tx, contact.id, submission.client_id.as_deref())? {
                return Ok(first);
            }
            inner.submit_in(tx, &contact, &submission, proven, &at)
        });
        Ok(done.await?)
    }
}

impl Inner {
    fn submit_in(
        &self,
        tx: &mut dyn WriteTx,
        contact: &Contact,
        submission: &Submission,
        proven: bool,
        at: &At,
    ) -> store::Result<Submitted> {
        let card = open_card(tx, &submission.form, contact.id)?;
        let type_id = card.as_ref().map_or_else(|| opened_type(&submission.form), |(_, card)| Some(card.ticket_type));
        let kinds = Kinds::of(tx, type_id.ok_or_else(|| missing("ticket_type"))?)?;
        check_offered(&*tx, &kinds.ticket_type, contact)?;
        let draft = self.open_conversation(tx, &submission.form, card.as_ref(), contact, submission.channel, at)?;
        refuse_conversion(tx, &draft.thread)?;
        let prefill = card.as_ref().map_or(&[][..], |(_, card)| card.prefill.as_slice());
        let filled = form::accept(&kinds.ticket_type, prefill, &submission.values);
        let values = filled.map_err(|fields| store::Error::Refused(Refusal::Fields { fields }))?;
        let via = if card.is_some() { CreatedVia::FormSent } else { CreatedVia::FormOpened };
        let facet =
            NewFacet { values: by_name(&kinds.ticket_type, values), state: None, created_via: via, obligation: None };
        let new = Making { contact, card, facet, channel: submission.channel };
        let mut change = Change { contacts: vec![known_better(contact, proven, at)], ..Change::default() };
        let made = match kinds.ticket_type.category {
            Category::Customer => self.make_customer(tx, draft, &kinds, new, &mut change)?,
            Category::BackOffice | Category::Tracker => self.make_shared(tx, draft, &kinds, new, &mut change)?,
        };
        if let Some(client_id) = &submission.client_id {
            store::client_ids::put(tx, contact.id, client_id, (made.thread, made.part, made.seq), at.now)?;
        }
        Ok(made)
    }

    /// The conversation the form belongs to; a new one for a form that was opened by itself.
    fn open_conversation(
        &self,
        tx: &dyn ReadTx,
        source: &FormSource,
        card: Option<&(Part, FormCard)>,
        contact: &Contact,
        channel: ChannelKind,
        at: &At,
    ) -> store::Result<Draft> {
        let thread = match (card, source) {
            (Some((part, _)), _) => Some(part.thread),
            (None, FormSource::Opened { thread, .. }) => *thread,
            (None, FormSource::Card(_)) => None,
        };
        let draft = match thread {
            Some(thread) => Draft::open_merged(tx, thread, at)?,
            None => {
                let mut thread = Thread::new(ThreadId(at.id()), channel, at.now);
                thread.support_address = Some(self.support_address(&thread).address.clone());
                thread.join(contact.id, false, 1);
                Draft::begin(thread, at)
            }
        };
        if takes_part(&draft.thread, contact.id) { Ok(draft) } else { Err(missing("conversation")) }
    }

    /// The conversation itself becomes the ticket.
    fn make_customer(
        &self,
        tx: &mut dyn WriteTx,
        mut draft: Draft,
        kinds: &Kinds,
        new: Making<'_>,
        change: &mut Change,
    ) -> store::Result<Submitted> {
        let by = contact_author(new.contact);
        let ticket = kinds.ticket(tx, new.facet, draft.at.now)?;
        let (thread, number) = (draft.thread.id, ticket.number);
        draft.thread.title = title_of(&ticket, &kinds.ticket_type).or(draft.thread.title.take());
        let (part, other) = close_card(tx, &mut draft, new.card, (thread, number), &by, new.channel)?;
        came_from_contact(&mut draft, new.contact.id, part.seq);
        draft.thread.ticket = Some(ticket);
        uploads::hold(tx, &draft.thread, &kinds.ticket_type, &[], &by)?;
        draft.add(NewPart::event(PartKind::ConvertedToTicket { number }, Author::Bot, None));
        kinds.own(tx, &mut draft)?;
        kinds.announce(tx, &mut draft, &Author::Bot)?;
        self.owe_submitted(tx, &mut draft)?;
        let drafts = std::iter::once(draft).chain(other).collect();
        let seq = conclude(tx, drafts, std::mem::take(change))?;
        Ok(submitted(kinds, &part, seq, thread, number))
    }

    /// A ticket of its own, linked to the conversation and shared in it.
    fn make_shared(
        &self,
        tx: &mut dyn WriteTx,
        mut draft: Draft,
        kinds: &Kinds,
        new: Making<'_>,
        change: &mut Change,
    ) -> store::Result<Submitted> {
        let (by, at) = (contact_author(new.contact), draft.at.clone());
        let facet = kinds.ticket(tx, new.facet, at.now)?;
        let number = facet.number;
        let mut thread = Thread::new(ThreadId(at.id()), new.channel, at.now);
        thread.support_address.clone_from(&draft.thread.support_address);
        thread.title = title_of(&facet, &kinds.ticket_type);
        thread.join(new.contact.id, false, 1);
        let conversation = draft.thread.id;
        let (part, other) = close_card(tx, &mut draft, new.card, (thread.id, number), &by, new.channel)?;
        came_from_contact(&mut draft, new.contact.id, part.seq);
        let drafts = std::iter::once(draft).chain(other).collect();
        conclude(tx, drafts, std::mem::take(change))?;
        let mut ticket = Draft::begin(thread, &at);
        ticket.thread.ticket = Some(facet);
        uploads::hold(tx, &ticket.thread, &kinds.ticket_type, &[], &by)?;
        kinds.announce(tx, &mut ticket, &Author::Bot)?;
        kinds.own(tx, &mut ticket)?;
        self.link_to(tx, &mut ticket, conversation, &Author::Bot)?;
        self.share(tx, &mut ticket, &kinds.ticket_type, &Author::Bot, true)?;
        let ticket_id = ticket.thread.id;
        let seq = conclude(tx, vec![ticket], Change::default())?;
        Ok(submitted(kinds, &part, seq, ticket_id, number))
    }
}

/// What a ticket is made of.
struct Making<'m> {
    contact: &'m Contact,
    card: Option<(Part, FormCard)>,
    facet: NewFacet,
    channel: ChannelKind,
}

fn opened_type(source: &FormSource) -> Option<TicketTypeId> {
    match source {
        FormSource::Opened { ticket_type, .. } => Some(*ticket_type),
        FormSource::Card(_) => None,
    }
}

/// The card, if it is one and open; only those who may see it know that it is there.
fn open_card(tx: &dyn ReadTx, source: &FormSource, contact: ContactId) -> store::Result<Option<(Part, FormCard)>> {
    let FormSource::Card(form) = source else { return Ok(None) };
    let (part, card) = card_of(tx, *form)?;
    let thread = store::threads::get(tx, part.thread)?.ok_or_else(|| missing("form"))?;
    if !takes_part(&thread, contact) {
        return Err(missing("form"));
    }
    match card.state {
        FormState::Open => Ok(Some((part, card))),
        FormState::Submitted { number, .. } => Err(submitted_already(number)),
        FormState::Withdrawn => {
            Err(store::Error::Refused(Refusal::Conflict { message: "this form was taken back".to_owned() }))
        }
    }
}

/// Makes the card read-only and says that it was submitted. A card in a thread that was merged away comes back as a draft
/// of its own.
fn close_card(
    tx: &dyn ReadTx,
    draft: &mut Draft,
    card: Option<(Part, FormCard)>,
    (ticket, number): (ThreadId, u64),
    by: &Author,
    channel: ChannelKind,
) -> store::Result<(Part, Option<Draft>)> {
    let form = card.as_ref().map(|(part, _)| part.id);
    let mut other = None;
    if let Some((mut part, card)) = card {
        part.kind = PartKind::TicketFormSent(FormCard { state: FormState::Submitted { ticket, number }, ..card });
        if part.thread == draft.thread.id {
            draft.amend(part);
        } else {
            let mut merged = Draft::open(tx, part.thread, &draft.at)?;
            merged.amend(part);
            other = Some(merged);
        }
    }
    let kind = PartKind::TicketFormSubmitted { form, ticket, number };
    let part = draft.add(NewPart { channel, ..NewPart::event(kind, by.clone(), None) });
    Ok((part, other))
}

/// A submission is something the contact says: it is seen by them, opens the thread, and begins their wait (LIF-2).
fn came_from_contact(draft: &mut Draft, contact: ContactId, seq: u64) {
    let now = draft.at.now;
    draft.thread.waiting_since.get_or_insert(now);
    draft.thread.last_contact_reply_at = Some(now);
    draft.thread.automatic = false;
    let author = draft.thread.participants.iter_mut().find(|known| known.contact == contact);
    if let Some(author) = author {
        author.seen_seq = author.seen_seq.max(seq);
    }
    draft.move_to(ThreadState::Open, &Author::Bot, Some(Cause::CustomerReply));
}

/// Whoever opens a mailed link has the mailbox; that somebody has it whose address was only claimed says nothing of who claimed it (OBJ-23).
fn known_better(contact: &Contact, proven: bool, at: &At) -> Contact {
    let role = if contact.role == ContactRole::Visitor { ContactRole::Lead } else { contact.role };
    Contact {
        role,
        email_verified: contact.email_verified || (proven && !contact.email_claimed),
        last_replied_at: Some(at.now),
        updated_at: at.now,
        ..contact.clone()
    }
}

fn by_name(ticket_type: &TicketType, values: BTreeMap<AttributeId, Value>) -> Values {
    let name = |id: AttributeId| ticket_type.attributes.iter().find(|attribute| attribute.id == id);
    values.into_iter().filter_map(|(id, value)| Some((name(id)?.name.clone(), Some(value)))).collect()
}

fn submitted(kinds: &Kinds, part: &Part, seq: EventSeq, ticket: ThreadId, number: u64) -> Submitted {
    let message = kinds.ticket_type.settings.submitted_message.clone();
    Submitted { thread: part.thread, part: part.id, seq, ticket, number, message, repeated: false }
}

/// The answer an earlier submission with the same key got (FRM-6).
fn repeated(tx: &dyn ReadTx, contact: ContactId, client_id: Option<&str>) -> store::Result<Option<Submitted>> {
    let Some(client_id) = client_id else { return Ok(None) };
    let Some((thread, part, seq)) = store::client_ids::get(tx, contact, client_id)? else {
        return Ok(None);
    };
    let Some(PartKind::TicketFormSubmitted { ticket, number, .. }) =
        store::parts::by_id(tx, part)?.map(|part| part.kind)
    else {
        let message = "this client_id belongs to another post".to_owned();
        return Err(store::Error::Refused(Refusal::Conflict { message }));
    };
    let made = store::threads::get(tx, ticket)?.and_then(|thread| thread.ticket);
    let ticket_type = match made {
        Some(made) => store::ticket_types::get(tx, made.type_id)?,
        None => None,
    };
    let message = ticket_type.map(|ticket_type| ticket_type.settings.submitted_message).unwrap_or_default();
    Ok(Some(Submitted { thread, part, seq, ticket, number, message, repeated: true }))
}
