//! Whom a broadcast would reach, and what stands against sending it (BRC-4, BRC-11, BRC-15).
//!
//! **Invariant:** every linked thread is looked at, page by page, each page on a snapshot of its own; what is kept of them
//! are counts and a few examples, whatever their number.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::broadcasts::compiled;
use crate::desk::broadcasts::known;
use crate::desk::broadcasts::options::mapped;
use crate::desk::broadcasts::recipients::has_session;
use crate::desk::broadcasts::recipients::mail_thread;
use crate::desk::broadcasts::recipients::not_meant;
use crate::desk::broadcasts::serving::shut_out;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::broadcast::Broadcast;
use crate::domain::contact::Contact;
use crate::domain::delivery::SkipReason;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::thread::Participant;
use crate::domain::thread::Thread;
use crate::domain::ticket::Obligation;
use crate::domain::ticket::check_required;
use crate::store;
use crate::store::engine::ReadTx;
use crate::template;
use std::collections::BTreeMap;
use std::time::Duration;

/// Links read on one snapshot.
const PAGE: usize = 200;
/// Examples kept of a placeholder that is empty.
const EXAMPLES_MAX: usize = 5;

/// A placeholder without fallback that is empty for some recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// In how many threads.
    pub threads: u64,
    /// A few of them: thread and contact.
    pub examples: Vec<(ThreadId, String)>,
}

/// How one contact would be told (BRC-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub contact: ContactId,
    /// Their name as agents see it.
    pub name: String,
    /// Whether a messenger session of theirs shows the part.
    pub messenger: bool,
    /// Whether they are in it now.
    pub online: bool,
    /// When the mail goes: `email_at_once`, `email_if_unseen`; or why there is none.
    pub email: std::result::Result<&'static str, SkipReason>,
}

/// How one linked thread would be served (BRC-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which.
    pub thread: ThreadId,
    /// Why it would get nothing.
    pub left_out: Option<SkipReason>,
    /// Its participants.
    pub recipients: Vec<Recipient>,
    /// Whether its ticket's state would stay, for what the ticket lacks (ATT-6).
    pub required_to_close: bool,
}

/// The whole set in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Threads that would get the part.
    pub threads: u64,
    /// Contacts in them, each once.
    pub contacts: u64,
    /// Contacts by channel: `messenger`, of these `messenger_online`, `email_at_once`, `email_if_unseen`, `none`.
    pub channels: BTreeMap<&'static str, u64>,
    /// Threads and contacts that would get nothing, by reason.
    pub exclusions: BTreeMap<&'static str, u64>,
    /// Tickets whose state would stay (ATT-6).
    pub required_to_close: u64,
    /// Placeholders that are empty without fallback (BRC-4).
    pub missing: BTreeMap<String, Missing>,
}

impl Desk {
    /// The set of a broadcast that was not sent, in figures. Reads every linked thread. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for words that cannot be rendered.
    pub fn survey(&self, caller: &Caller, id: BroadcastId) -> Result<Survey> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        let broadcast = self.inner.store.view(|tx| known(tx, id))?;
        self.inner.survey(&broadcast)
    }

    /// Linked threads behind `after`, each with those it would reach, at most `limit`, links that add nobody passed over. Scope
    /// `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn reached(
        &self,
        caller: &Caller,
        id: BroadcastId,
        after: Option<ThreadId>,
        limit: usize,
    ) -> Result<Vec<Reached>> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let broadcast = known(tx, id)?;
            let (mut found, mut after) = (Vec::new(), after);
            loop {
                let links = store::links::of_ticket(tx, broadcast.tracker, after, PAGE)?;
                for link in &links {
                    if found.len() == limit {
                        return Ok(found);
                    }
                    let Some(thread) = store::threads::get(tx, link.to_thread)? else { continue };
                    found.extend(self.inner.reach(tx, &broadcast, &thread, now)?);
                }
                after = links.last().map(|link| link.to_thread);
                if links.len() < PAGE {
                    return Ok(found);
                }
            }
        })?)
    }
}

impl Inner {
    /// Looks at everybody a broadcast would reach.
    pub(crate) fn survey(&self, broadcast: &Broadcast) -> Result<Survey> {
        let words = compiled(broadcast)?;
        let now = self.clock.now();
        let (mut survey, mut after) = (Survey::default(), None);
        loop {
            let seen = self.store.view(|tx| {
                let links = store::links::of_ticket(tx, broadcast.tracker, after, PAGE)?;
                let mut page = Vec::with_capacity(links.len());
                for link in &links {
                    let Some(thread) = store::threads::get(tx, link.to_thread)? else { continue };
                    let Some(reached) = self.reach(tx, broadcast, &thread, now)? else { continue };
                    let missing = self.missing(tx, broadcast, &words, &thread, &reached)?;
                    let counted = counted_here(tx, broadcast, &thread, &reached)?;
                    page.push((reached, missing, counted));
                }
                Ok((page, links.last().map(|link| link.to_thread).filter(|_| links.len() == PAGE)))
            });
            let (page, last) = seen.map_err(Error::from)?;
            for (reached, missing, counted) in page {
                survey.add(&reached, missing, &counted);
            }
            if last.is_none() {
                return Ok(survey);
            }
            after = last;
        }
    }

    /// How a linked thread would be served; `None` for one that adds nobody (BRC-10).
    fn reach(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        thread: &Thread,
        now: Millis,
    ) -> store::Result<Option<Reached>> {
        if !thread.is_customer_facing() {
            return Ok(None);
        }
        let left_out = left_out(tx, broadcast, thread)?;
        let mut recipients = Vec::new();
        for participant in thread.current_participants().filter(|_| left_out.is_none()) {
            if let Some(contact) = store::contacts::get(tx, participant.contact)? {
                recipients.push(self.recipient(tx, broadcast, participant, &contact, now)?);
            }
        }
        let required_to_close = left_out.is_none() && state_would_stay(tx, broadcast, thread)?;
        Ok(Some(Reached { thread: thread.id, left_out, recipients, required_to_close }))
    }

    fn recipient(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        participant: &Participant,
        contact: &Contact,
        now: Millis,
    ) -> store::Result<Recipient> {
        let delay = self.broadcast_delay(broadcast, participant, contact, now);
        let email = match self.no_mail(tx, broadcast, contact)? {
            Some(reason) => Err(reason),
            None if delay == Duration::ZERO => Ok("email_at_once"),
            None => Ok("email_if_unseen"),
        };
        let messenger = participant.primary && has_session(contact, now);
        let online = messenger && self.is_online(contact.id);
        Ok(Recipient { contact: contact.id, name: contact.display_name(), messenger, online, email })
    }

    fn missing(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        words: &template::broadcast::Broadcast,
        thread: &Thread,
        reached: &Reached,
    ) -> store::Result<Vec<String>> {
        if reached.left_out.is_some() {
            return Ok(Vec::new());
        }
        let values = self.values(tx, broadcast, thread)?;
        let missing = words.missing_values(&values);
        let missing = missing.map_err(|error| store::Error::Refused(Refusal::invalid("body", error.to_string())))?;
        Ok(missing.into_iter().collect())
    }
}

/// Why a thread would get nothing: it is not meant (BRC-8), or is shut out now (BRC-14).
pub(crate) fn left_out(tx: &dyn ReadTx, broadcast: &Broadcast, thread: &Thread) -> store::Result<Option<SkipReason>> {
    match not_meant(broadcast, thread) {
        Some(reason) => Ok(Some(reason)),
        None => shut_out(tx, thread),
    }
}

/// Those of a thread's recipients who are counted with it: each contact with one thread alone.
fn counted_here(
    tx: &dyn ReadTx,
    broadcast: &Broadcast,
    thread: &Thread,
    reached: &Reached,
) -> store::Result<Vec<ContactId>> {
    let mut counted = Vec::new();
    for recipient in &reached.recipients {
        let in_set = |other: &Thread| {
            let linked = store::links::get(tx, broadcast.tracker, other.id)?.is_some();
            Ok(linked && other.is_customer_facing() && left_out(tx, broadcast, other)?.is_none())
        };
        if mail_thread(tx, recipient.contact, in_set)?.is_some_and(|chosen| chosen.id == thread.id) {
            counted.push(recipient.contact);
        }
    }
    Ok(counted)
}

/// Whether the ticket lacks what the asked state requires (ATT-6).
fn state_would_stay(tx: &dyn ReadTx, broadcast: &Broadcast, thread: &Thread) -> store::Result<bool> {
    let (Some(asked), Some(ticket)) = (broadcast.options.set_customer_ticket_state, &thread.ticket) else {
        return Ok(false);
    };
    let states = store::ticket_types::states(tx)?;
    let asked = states.iter().find(|state| state.id == asked);
    let (Some(ticket_type), Some(asked)) = (store::ticket_types::get(tx, ticket.type_id)?, asked) else {
        return Ok(false);
    };
    let resolves = mapped(&ticket_type, &states, asked).is_some_and(|to| to.category == StateCategory::Resolved);
    let lacks = check_required(&ticket_type, &ticket.attributes, Obligation::Resolve).is_err();
    Ok(resolves && ticket.state_category != StateCategory::Resolved && lacks)
}

impl Survey {
    fn add(&mut self, reached: &Reached, missing: Vec<String>, counted: &[ContactId]) {
        if let Some(reason) = reached.left_out {
            *self.exclusions.entry(reason.as_str()).or_default() += 1;
            return;
        }
        self.threads = self.threads.saturating_add(1);
        self.required_to_close = self.required_to_close.saturating_add(u64::from(reached.required_to_close));
        for recipient in reached.recipients.iter().filter(|recipient| counted.contains(&recipient.contact)) {
            self.contacts = self.contacts.saturating_add(1);
            let email = match recipient.email {
                Ok(when) => Some(when),
                Err(reason) => {
                    *self.exclusions.entry(reason.as_str()).or_default() += 1;
                    None
                }
            };
            let messenger = recipient.messenger.then_some("messenger");
            let none = (email.is_none() && messenger.is_none()).then_some("none");
            let online = recipient.online.then_some("messenger_online");
            for channel in [email, messenger, online, none].into_iter().flatten() {
                *self.channels.entry(channel).or_default() += 1;
            }
        }
        for name in missing {
            let entry = self.missing.entry(name).or_default();
            entry.threads = entry.threads.saturating_add(1);
            if entry.examples.len() < EXAMPLES_MAX {
                let who = reached.recipients.first().map(|first| first.name.clone()).unwrap_or_default();
                entry.examples.push((reached.thread, who));
            }
        }
    }

    /// Why the broadcast cannot be sent; `confirmed` is the number its sender has typed (BRC-4, BRC-15).
    ///
    /// # Errors
    /// `parameter_invalid` naming what is empty for whom, or the number to type.
    pub(crate) fn check(&self, confirm_over: u64, confirmed: Option<u64>) -> std::result::Result<(), Refusal> {
        if self.threads == 0 {
            return Err(Refusal::invalid("recipients", "no linked thread is meant, so it would reach nobody"));
        }
        if let Some((name, missing)) = self.missing.first_key_value() {
            let who: Vec<String> = missing.examples.iter().map(|(thread, who)| format!("{who} ({thread})")).collect();
            let message = format!(
                "{{{{{name}}}}} is empty for {} recipients and has no fallback: {}",
                missing.threads,
                who.join(", ")
            );
            return Err(Refusal::invalid("body", message));
        }
        if self.contacts > confirm_over && confirmed != Some(self.contacts) {
            let message = format!("it goes to {0} contacts; send confirm_count {0} to say so", self.contacts);
            return Err(Refusal::invalid("confirm_count", message));
        }
        Ok(())
    }
}
