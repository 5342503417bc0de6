//! Ticket forms: sent, withdrawn, offered, submitted (FRM rules).
//!
//! A sent form is a card part; the type's attributes are asked for when it is shown and again when it is submitted, so
//! nothing but the card exists before (FRM-5). Submission is one transaction:
//!
//! | killed | what is there | what follows |
//! |---|---|---|
//! | before its commit | the open card | the contact submits again |
//! | after it, before the answer | the ticket, the read-only card, the key | the repeat gets the same answer (FRM-6) |
//!
//! **Invariant:** a card makes one ticket, however often and from wherever it is submitted: who comes second finds it
//! submitted inside the transaction.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::author;
use crate::desk::access::open_to_write;
use crate::desk::access::require;
use crate::desk::access::require_write;
use crate::desk::people::contacts::known;
use crate::desk::search::audience::is_offered;
use crate::desk::thread::comments::takes_part;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::kinds::refuse_conversion;
use crate::desk::ticket::tickets::Values;
use crate::desk::ticket::translations::PageTexts;
use crate::desk::ticket::translations::own_language;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Value;
use crate::domain::audience;
use crate::domain::contact::Contact;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::AttributeId;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket::accept_values;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::Change;
use std::collections::BTreeMap;

/// A form to be sent into a thread.
#[derive(Clone, Debug)]
pub struct NewForm {
    /// What it makes a ticket of.
    pub ticket_type: TicketTypeId,
    /// What is filled in already; the contact may change what they see of it.
    pub values: Values,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
}

/// A sent form, as its page shows it.
#[derive(Clone, Debug)]
pub struct FormView {
    /// The card's part.
    pub part: Part,
    /// Where it stands.
    pub card: FormCard,
    /// Its type as it is now.
    pub ticket_type: TicketType,
    /// Customers' label of the ticket's state, once there is a ticket.
    pub state_label: Option<String>,
    /// Whose form it is.
    pub contact: Contact,
    /// Name of the brand of the thread it was sent in (OBJ-11).
    pub brand_name: String,
    /// What the page itself says, in the contact's language.
    pub texts: PageTexts,
}

impl Desk {
    /// Types whose forms can be sent into the thread now (FRM-2). Scope `read_tickets`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` in a thread that is a ticket or has a shared one (FRM-4).
    pub fn sendable_forms(&self, caller: &Caller, thread: ThreadId) -> Result<Vec<TicketType>> {
        require(caller, &[Scope::ReadTickets])?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, thread)?.ok_or_else(|| missing("conversation"))?;
            refuse_conversion(tx, &thread)?;
            offered_in(tx, &primary(tx, &thread)?)
        })?)
    }

    /// Types whose forms a contact may open by themselves (FRM-2).
    ///
    /// # Errors
    /// `NotFound` for the contact.
    pub fn offered_forms(&self, contact: ContactId) -> Result<Vec<TicketType>> {
        Ok(self.inner.store.view(|tx| {
            let contact = known(tx, contact)?;
            let own = contact.language_override.as_deref();
            let offered = offered_in(tx, &contact)?.into_iter();
            Ok(offered.map(|ticket_type| self.inner.as_read(ticket_type, own, None)).collect())
        })?)
    }

    /// Sends a form into a conversation. Scope as for a comment in it. Event `FormRequested`; mail by
    /// NTF-4.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a type that is not offered there or values it does not take; `Conflict` in a
    /// thread that is a ticket or has a shared one.
    pub async fn send_form(&self, caller: &Caller, thread: ThreadId, new: NewForm) -> Result<Part> {
        require(caller, WRITE_ANY)?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let (by, agent) = (author(&caller), caller.agent);
        let sent = self.inner.store.update(move |tx| {
            let mut draft = open_to_write(tx, &caller, thread, &at)?;
            draft.silent = new.skip_notifications;
            refuse_conversion(tx, &draft.thread)?;
            let ticket_type = store::ticket_types::get(tx, new.ticket_type)?.ok_or_else(|| missing("ticket_type"))?;
            check_offered(tx, &ticket_type, &primary(tx, &draft.thread)?)?;
            let prefill = accept_values(&ticket_type, new.values.clone()).map_err(store::Error::Refused)?;
            let prefill: Vec<(AttributeId, Value)> =
                prefill.into_iter().filter_map(|(id, value)| value.map(|value| (id, value))).collect();
            let card = FormCard {
                ticket_type: ticket_type.id,
                type_name: ticket_type.name.clone(),
                state: FormState::Open,
                prefill,
            };
            let part = draft.add(NewPart::event(PartKind::TicketFormSent(card), by.clone(), None));
            inner.owe_form(tx, &mut draft, part.id, agent, ticket_type.settings.notify)?;
            conclude(tx, vec![draft], Change::default())?;
            Ok(part)
        });
        Ok(sent.await?)
    }

    /// Takes a sent form back. Scope as for sending. Event `FormWithdrawn`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it was submitted. Withdrawing twice changes nothing.
    pub async fn withdraw_form(&self, caller: &Caller, form: PartId) -> Result<Part> {
        require(caller, WRITE_ANY)?;
        let (caller, by, at) = (caller.clone(), author(caller), At::of(&self.inner.clock));
        let withdrawn = self.inner.store.update(move |tx| {
            let (mut part, mut card) = card_of(tx, form)?;
            let mut draft = Draft::open(tx, part.thread, &at)?;
            require_write(&caller, &draft.thread)?;
            match card.state {
                FormState::Withdrawn => return Ok(part),
                FormState::Submitted { number, .. } => return Err(submitted_already(number)),
                FormState::Open => card.state = FormState::Withdrawn,
            }
            part.kind = PartKind::TicketFormSent(card);
            let part = draft.amend(part);
            draft.add(NewPart::event(PartKind::TicketFormWithdrawn { form }, by.clone(), None));
            conclude(tx, vec![draft], Change::default())?;
            Ok(part)
        });
        Ok(withdrawn.await?)
    }

    /// The contact a form would be submitted for: the primary one of the card's thread. Scope as for sending, and
    /// `write_tickets`, since the form becomes a ticket.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn form_contact(&self, caller: &Caller, form: PartId) -> Result<ContactId> {
        require(caller, &[Scope::WriteTickets])?;
        Ok(self.inner.store.view(|tx| {
            let (part, _) = card_of(tx, form)?;
            let thread = store::threads::get(tx, part.thread)?.ok_or_else(|| missing("conversation"))?;
            require_write(caller, &thread)?;
            thread.primary_contact().ok_or_else(|| missing("contact"))
        })?)
    }

    /// The form behind a mailed link (FRM-7).
    ///
    /// # Errors
    /// `NotFound` for a link that is forged or expired, or whose contact no longer takes part.
    pub fn form_by_link(&self, token: &str) -> Result<FormView> {
        let claims = self.inner.form_links.read(token, self.inner.clock.now());
        let claims = claims.ok_or(Refusal::NotFound { what: "form" })?;
        Ok(self.inner.store.view(|tx| {
            let (part, card) = card_of(tx, claims.card)?;
            let thread = store::threads::get(tx, part.thread)?.ok_or_else(|| missing("form"))?;
            if !audience::may_read(&thread, &part, claims.contact) {
                return Err(missing("form"));
            }
            let ticket_type = store::ticket_types::get(tx, card.ticket_type)?.ok_or_else(|| missing("form"))?;
            let state_label = match card.state {
                FormState::Submitted { ticket, .. } => state_of(tx, ticket)?,
                FormState::Open | FormState::Withdrawn => None,
            };
            let contact = store::contacts::get(tx, claims.contact)?.ok_or_else(|| missing("form"))?;
            let brand_name = self.inner.brand_name(&thread);
            let (own, within) = (contact.language_override.as_deref(), Some(&thread));
            let languages = self.inner.languages(own, within);
            let ticket_type = self.inner.as_read(ticket_type, own, within);
            let state_label = state_label.map(|state| state.label_in(&languages).to_owned());
            let texts = self.inner.page_texts(own, within);
            Ok(FormView { part, card, ticket_type, state_label, contact, brand_name, texts })
        })?)
    }

    /// The types that cards among these parts ask for, as they are now and as the contact reads them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn form_types<'p>(
        &self,
        contact: ContactId,
        parts: impl Iterator<Item = &'p Part>,
    ) -> Result<BTreeMap<TicketTypeId, TicketType>> {
        let mut types = BTreeMap::new();
        for part in parts {
            let PartKind::TicketFormSent(card) = &part.kind else { continue };
            if !types.contains_key(&card.ticket_type) {
                let found = self.inner.store.view(|tx| {
                    let found = store::ticket_types::get(tx, card.ticket_type)?;
                    Ok(found.zip(Some(own_language(tx, contact)?)))
                })?;
                let Some((found, own)) = found else { continue };
                types.insert(found.id, self.inner.as_read(found, own.as_deref(), None));
            }
        }
        Ok(types)
    }
}

impl Inner {
    /// Address of the hosted form of a card, for the contact it is mailed to.
    pub(crate) fn form_url(&self, card: PartId, contact: &Contact) -> Option<String> {
        let address = contact.email.as_ref()?;
        let token = self.form_links.token(card, contact.id, address, self.clock.now());
        Some(format!("{}/forms/{token}", self.settings.public_url))
    }
}

/// The card of that part.
pub(crate) fn card_of(tx: &dyn ReadTx, form: PartId) -> store::Result<(Part, FormCard)> {
    let part = store::parts::by_id(tx, form)?.ok_or_else(|| missing("form"))?;
    match &part.kind {
        PartKind::TicketFormSent(card) => {
            let card = card.clone();
            Ok((part, card))
        }
        _ => Err(missing("form")),
    }
}

/// The refusal for a form that made its ticket already (FRM-6).
pub(crate) fn submitted_already(number: u64) -> store::Error {
    store::Error::Refused(Refusal::Conflict { message: format!("this form was submitted already: ticket #{number}") })
}

/// Refuses a type that is not offered to the contact.
pub(crate) fn check_offered(tx: &dyn ReadTx, ticket_type: &TicketType, contact: &Contact) -> store::Result<()> {
    if is_offered(tx, ticket_type, contact)? {
        return Ok(());
    }
    let message = format!("forms of '{}' are not offered to this contact", ticket_type.name);
    Err(store::Error::Refused(Refusal::invalid("ticket_type_id", message)))
}

fn offered_in(tx: &dyn ReadTx, contact: &Contact) -> store::Result<Vec<TicketType>> {
    let mut offered = Vec::new();
    for ticket_type in store::ticket_types::all(tx)? {
        if is_offered(tx, &ticket_type, contact)? {
            offered.push(ticket_type);
        }
    }
    Ok(offered)
}

fn primary(tx: &dyn ReadTx, thread: &Thread) -> store::Result<Contact> {
    let primary = thread.primary_contact().filter(|primary| takes_part(thread, *primary));
    let contact = match primary {
        Some(id) => store::contacts::get(tx, id)?,
        None => None,
    };
    let nobody = || Refusal::Conflict { message: "the conversation has no contact who could fill a form".to_owned() };
    contact.ok_or_else(|| store::Error::Refused(nobody()))
}

fn state_of(tx: &dyn ReadTx, ticket: ThreadId) -> store::Result<Option<TicketState>> {
    let thread = store::threads::get(tx, ticket)?;
    let Some(ticket) = thread.and_then(|thread| thread.ticket) else { return Ok(None) };
    store::ticket_types::state(tx, ticket.state_id)
}
