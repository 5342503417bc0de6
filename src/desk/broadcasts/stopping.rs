//! Unsubscribing: from one issue, from all broadcasts, from mails about a ticket of one's own, and taking it back (BRC-50 to BRC-53,
//! EML-80).
//!
//! **Invariant:** whoever holds the token may stop and take back for that contact and that issue or ticket, and learns nothing else:
//! a token names no address, no ticket, no text.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::people::contacts::survivor;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::translations::PageTexts;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::mail::message_id::StopClaims;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;

/// Newest threads of a contact among which the one that was reported to is looked for.
const THREADS_LOOKED_AT_MAX: usize = 100;

/// What is asked for on the page, or by the mail program's own button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopAct {
    /// No more mail about this issue or ticket.
    Stop,
    /// Mail about it again.
    Resume,
    /// No more broadcasts at all.
    StopAll,
    /// Broadcasts again.
    ResumeAll,
}

/// What a token is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stoppable {
    /// An issue that the contact reported: broadcasts of its Tracker.
    Issue,
    /// A ticket of the contact's own: mails that it was made, that its state changed, that a form is to be filled in.
    Ticket,
}

/// How it stands for the contact of a token.
#[derive(Clone, Debug)]
pub struct Stops {
    /// What it is about.
    pub about: Stoppable,
    /// No mail about that.
    pub stopped: bool,
    /// No broadcasts at all.
    pub all: bool,
    /// Name of the brand that reported to the contact (OBJ-11).
    pub brand_name: String,
    /// What the page itself says, in the contact's language.
    pub texts: PageTexts,
}

impl Desk {
    /// How it stands for the contact of a token; changes nothing.
    ///
    /// # Errors
    /// `NotFound` for a token that is not ours, or whose contact is gone.
    pub fn stops(&self, token: &str) -> Result<Stops> {
        let StopClaims { contact, ticket } = self.claims(token)?;
        Ok(self.inner.store.view(|tx| {
            let contact = survivor(tx, contact)?;
            self.inner.stops_of(tx, ticket, contact)
        })?)
    }

    /// Stops or takes back, for whoever holds the token. Event `ContactUpdated` when all broadcasts are meant.
    ///
    /// # Errors
    /// As [`Desk::stops`].
    pub async fn act_on_stops(&self, token: &str, act: StopAct) -> Result<Stops> {
        let StopClaims { contact, ticket } = self.claims(token)?;
        let (inner, now) = (self.inner.clone(), self.inner.clock.now());
        let done = self.inner.store.update(move |tx| {
            let contact = survivor(&*tx, contact)?;
            match act {
                StopAct::Stop => stop(tx, ticket, contact, Some(now))?,
                StopAct::Resume => stop(tx, ticket, contact, None)?,
                StopAct::StopAll => stop_all(tx, contact, true, now)?,
                StopAct::ResumeAll => stop_all(tx, contact, false, now)?,
            }
            inner.stops_of(&*tx, ticket, contact)
        });
        Ok(done.await?)
    }

    fn claims(&self, token: &str) -> Result<StopClaims> {
        let claims = self.inner.keys.read_stop_token(token);
        claims.ok_or_else(|| crate::domain::refusal::Refusal::NotFound { what: "token" }.into())
    }
}

impl Inner {
    /// Where a contact stops mail about an issue or a ticket: the page, for the mail's text and its header field (BRC-50).
    pub(crate) fn stop_url(&self, contact: ContactId, ticket: ThreadId) -> String {
        let token = self.keys.stop_token(StopClaims { contact, ticket });
        format!("{}/unsubscribe/{token}", self.settings.public_url.trim_end_matches('/'))
    }

    fn stops_of(&self, tx: &dyn ReadTx, ticket: ThreadId, contact: ContactId) -> store::Result<Stops> {
        let contact = store::contacts::get(tx, contact)?.ok_or_else(|| missing("contact"))?;
        let thread = store::threads::get(tx, ticket)?;
        let about = about(thread.as_ref());
        let shown = match about {
            Stoppable::Issue => reported_in(tx, ticket, contact.id)?,
            Stoppable::Ticket => thread.filter(|thread| thread.participant(contact.id).is_some()),
        };
        let brand_name = shown.as_ref().map(|thread| self.brand_name(thread));
        Ok(Stops {
            about,
            stopped: store::broadcasts::stopped_at(tx, ticket, contact.id)?.is_some(),
            all: contact.unsubscribed_from_emails,
            brand_name: brand_name.unwrap_or_else(|| self.settings.workspace_name.clone()),
            texts: self.page_texts(contact.language_override.as_deref(), shown.as_ref()),
        })
    }
}

/// What a stop about a thread stops. What is not there any more was an issue or nobody's.
fn about(thread: Option<&Thread>) -> Stoppable {
    let ticket = thread.map(|thread| thread.ticket.as_ref().map(|ticket| ticket.category));
    match ticket {
        None | Some(Some(Category::Tracker)) => Stoppable::Issue,
        Some(None | Some(Category::Customer | Category::BackOffice)) => Stoppable::Ticket,
    }
}

/// The contact's thread that is linked to the Tracker: the mail about it was in the name of its brand. None where that link
/// is gone.
fn reported_in(tx: &dyn ReadTx, tracker: ThreadId, contact: ContactId) -> store::Result<Option<Thread>> {
    for thread in store::threads::of_contact(tx, contact, THREADS_LOOKED_AT_MAX)? {
        if store::links::get(tx, tracker, thread.id)?.is_some() {
            return Ok(Some(thread));
        }
    }
    Ok(None)
}

/// Stops mail about an issue or a ticket for a contact, or takes that back. A stop of broadcasts that is news stands in the log of the
/// Tracker.
pub(crate) fn stop(
    tx: &mut dyn WriteTx,
    ticket: ThreadId,
    contact: ContactId,
    at: Option<Millis>,
) -> store::Result<()> {
    store::contacts::get(&*tx, contact)?.ok_or_else(|| missing("contact"))?;
    let thread = store::threads::get(&*tx, ticket)?.ok_or_else(|| missing("ticket"))?;
    let is_news = store::broadcasts::set_stopped(tx, ticket, contact, at)?;
    let is_logged = is_news && about(Some(&thread)) == Stoppable::Issue;
    let Some(at) = at.filter(|_| is_logged) else { return Ok(()) };
    let event = Event {
        kind: EventKind::ContactChanged { contact, act: ContactAct::BroadcastStopped },
        thread: Some(ticket),
        at,
        thread_state: Some(thread.state),
        ticket_state: thread.ticket.as_ref().map(|ticket| ticket.state_category),
        cause: None,
    };
    save(tx, &Change { events: vec![event], ..Change::default() }).map(drop)
}

fn stop_all(tx: &mut dyn WriteTx, contact: ContactId, stopped: bool, now: Millis) -> store::Result<()> {
    let mut contact = store::contacts::get(&*tx, contact)?.ok_or_else(|| missing("contact"))?;
    if contact.unsubscribed_from_emails == stopped {
        return Ok(());
    }
    contact.choose_mail(stopped, ChosenBy::Contact, now);
    contact.updated_at = now;
    let event = Event {
        kind: EventKind::ContactUpdated(contact.id),
        thread: None,
        at: now,
        thread_state: None,
        ticket_state: None,
        cause: None,
    };
    let act = if stopped { ContactAct::Unsubscribed } else { ContactAct::Subscribed };
    let done = Event { kind: EventKind::ContactChanged { contact: contact.id, act }, ..event.clone() };
    save(tx, &Change { contacts: vec![contact], events: vec![event, done], ..Change::default() }).map(drop)
}
