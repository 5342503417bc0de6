//! Unsubscribing: from one issue, from all broadcasts, and taking it back (BRC-50 to BRC-53).
//!
//! **Invariant:** whoever holds the token may stop and take back for that contact and that issue, and learns nothing else:
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
use crate::domain::thread::Thread;
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
    /// No more mail about this issue.
    StopIssue,
    /// Mail about this issue again.
    ResumeIssue,
    /// No more broadcasts at all.
    StopAll,
    /// Broadcasts again.
    ResumeAll,
}

/// How it stands for the contact of a token.
#[derive(Clone, Debug)]
pub struct Stops {
    /// No mail about this issue.
    pub issue: bool,
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
        let StopClaims { contact, tracker } = self.claims(token)?;
        Ok(self.inner.store.view(|tx| {
            let contact = survivor(tx, contact)?;
            self.inner.stops_of(tx, tracker, contact)
        })?)
    }

    /// Stops or takes back, for whoever holds the token. Event `ContactUpdated` when all broadcasts are meant.
    ///
    /// # Errors
    /// As [`Desk::stops`].
    pub async fn act_on_stops(&self, token: &str, act: StopAct) -> Result<Stops> {
        let StopClaims { contact, tracker } = self.claims(token)?;
        let (inner, now) = (self.inner.clone(), self.inner.clock.now());
        let done = self.inner.store.update(move |tx| {
            let contact = survivor(&*tx, contact)?;
            match act {
                StopAct::StopIssue => stop_issue(tx, tracker, contact, Some(now))?,
                StopAct::ResumeIssue => stop_issue(tx, tracker, contact, None)?,
                StopAct::StopAll => stop_all(tx, contact, true, now)?,
                StopAct::ResumeAll => stop_all(tx, contact, false, now)?,
            }
            inner.stops_of(&*tx, tracker, contact)
        });
        Ok(done.await?)
    }

    fn claims(&self, token: &str) -> Result<StopClaims> {
        let claims = self.inner.keys.read_stop_token(token);
        claims.ok_or_else(|| crate::domain::refusal::Refusal::NotFound { what: "token" }.into())
    }
}

impl Inner {
    /// Where a contact stops mail about an issue: the page, for the mail's text and its header field (BRC-50).
    pub(crate) fn stop_url(&self, contact: ContactId, tracker: ThreadId) -> String {
        let token = self.keys.stop_token(StopClaims { contact, tracker });
        format!("{}/unsubscribe/{token}", self.settings.public_url.trim_end_matches('/'))
    }

    fn stops_of(&self, tx: &dyn ReadTx, tracker: ThreadId, contact: ContactId) -> store::Result<Stops> {
        let contact = store::contacts::get(tx, contact)?.ok_or_else(|| missing("contact"))?;
        let issue = store::broadcasts::stopped_at(tx, tracker, contact.id)?.is_some();
        let reported = reported_in(tx, tracker, contact.id)?;
        let brand_name = reported.as_ref().map(|thread| self.brand_name(thread));
        Ok(Stops {
            issue,
            all: contact.unsubscribed_from_emails,
            brand_name: brand_name.unwrap_or_else(|| self.settings.workspace_name.clone()),
            texts: self.page_texts(contact.language_override.as_deref(), reported.as_ref()),
        })
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

/// Stops mail about an issue for a contact, or takes that back. A stop that is news stands in the log of the Tracker.
pub(crate) fn stop_issue(
    tx: &mut dyn WriteTx,
    tracker: ThreadId,
    contact: ContactId,
    at: Option<Millis>,
) -> store::Result<()> {
    store::contacts::get(&*tx, contact)?.ok_or_else(|| missing("contact"))?;
    let thread = store::threads::get(&*tx, tracker)?.ok_or_else(|| missing("ticket"))?;
    let is_news = store::broadcasts::set_stopped(tx, tracker, contact, at)?;
    let Some(at) = at.filter(|_| is_news) else { return Ok(()) };
    let event = Event {
        kind: EventKind::ContactChanged { contact, act: ContactAct::BroadcastStopped },
        thread: Some(tracker),
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
    contact.unsubscribed_from_emails = stopped;
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
