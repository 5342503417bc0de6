//! What one recipient would get, and a test mail to oneself (BRC-6, BRC-7).
//!
//! **Invariant:** a preview writes nothing. A test mail carries no token of the recipient whose data it shows: neither an
//! answer to it nor its links can touch them.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::broadcasts::compiled;
use crate::desk::broadcasts::known;
use crate::desk::broadcasts::survey::left_out;
use crate::desk::mail::material::Material;
use crate::desk::mail::material::references;
use crate::desk::mail::outbox::Prepared;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::desk::thread::views::TicketView;
use crate::desk::thread::views::ticket_view;
use crate::domain::agent::Agent;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::TESTS_PER_HOUR;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Verdict;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::mail::compose::Outgoing;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::MessageIdClaims;
use crate::mail::message_id::Principal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::Change;
use crate::store::save::save;
use crate::template;
use std::collections::BTreeMap;
use std::time::Duration;

/// Linked threads looked at for the longest and the emptiest one.
const LOOKED_AT_MAX: usize = 2_000;
/// Linked threads read on one snapshot.
const PAGE: usize = 100;
/// The span in which test mails are counted.
const TEST_WINDOW: Duration = Duration::from_hours(1);

/// Whose mail is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The first linked thread that is meant.
    First,
    /// This thread, and this participant; the primary one without.
    Of(ThreadId, Option<ContactId>),
    /// The thread whose text is longest, of the first 2,000.
    Longest,
    /// The thread with most placeholders empty, of the first 2,000.
    Emptiest,
}

/// What one recipient would get (BRC-6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The thread.
    pub thread: ThreadId,
    /// The contact.
    pub contact: Option<ContactId>,
    /// The part as the messenger shows it.
    pub part_html: String,
    /// The part as text.
    pub part_text: String,
    /// Placeholders that are empty here without fallback (BRC-4).
    pub missing: Vec<String>,
    /// The mail; none for a contact without address.
    pub mail: Option<PreviewMail>,
    /// The linked thread before this one.
    pub previous: Option<ThreadId>,
    /// The linked thread behind this one.
    pub next: Option<ThreadId>,
}

/// A mail as it would go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewMail {
    /// Its subject.
    pub subject: String,
    /// Its HTML body.
    pub html: String,
    /// Its text body.
    pub text: String,
    /// Its header, line by line, unfolded.
    pub headers: Vec<String>,
}

impl Desk {
    /// The part and the mail for one recipient. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound` for the broadcast, or a thread that is not linked; `parameter_invalid` for words that cannot be rendered.
    pub fn preview_broadcast(&self, caller: &Caller, id: BroadcastId, pick: Pick) -> Result<Preview> {
        require(caller, &[Scope::Broadcasts])?;
        let at = At::of(&self.inner.clock);
        let broadcast = self.inner.store.view(|tx| known(tx, id))?;
        let words = compiled(&broadcast)?;
        let (thread, contact) = self.inner.picked(&broadcast, &words, pick)?;
        let found = self.inner.store.view(|tx| {
            let shown = self.inner.shown(tx, &broadcast, &words, thread, contact, &at)?;
            let values = self.inner.values(tx, &broadcast, &shown.thread)?;
            let missing = words.missing_values(&values).map(|names| names.into_iter().collect()).unwrap_or_default();
            let next = store::links::of_ticket(tx, broadcast.tracker, Some(thread), 1)?;
            let previous = store::links::before(tx, broadcast.tracker, thread)?;
            Ok((shown, missing, previous, next.first().map(|link| link.to_thread)))
        });
        let (shown, missing, previous, next) = found.map_err(Error::from)?;
        Ok(Preview {
            thread,
            contact: shown.contact.as_ref().map(|contact| contact.id),
            part_html: shown.part.body_html.clone(),
            part_text: shown.part.body_text.clone(),
            missing,
            mail: self.inner.mail_shown(&broadcast, shown, &at)?,
            previous,
            next,
        })
    }

    /// Sends the mail as one recipient would get it to the caller's own address, marked `[Test]`, outside of the ledger
    /// (BRC-7). Scope `broadcasts`.
    ///
    /// # Errors
    /// As [`Desk::preview_broadcast`]; `TooMany` over 20 an hour.
    pub async fn test_broadcast(&self, caller: &Caller, id: BroadcastId, pick: Pick) -> Result<Delivery> {
        require(caller, &[Scope::Broadcasts])?;
        let broadcast = self.inner.store.view(|tx| known(tx, id))?;
        let words = compiled(&broadcast)?;
        let (thread, contact) = self.inner.picked(&broadcast, &words, pick)?;
        let (inner, agent, at) = (self.inner.clone(), caller.agent, At::of(&self.inner.clock));
        let owed = self.inner.store.update(move |tx| {
            let agent = store::agents::get(tx, agent)?.ok_or_else(|| missing("admin"))?;
            let mut broadcast = known(tx, id)?;
            broadcast.tested_at.retain(|sent| at.now.since(*sent) < TEST_WINDOW);
            if let Some(first) = broadcast.tested_at.first().filter(|_| broadcast.tested_at.len() >= TESTS_PER_HOUR) {
                let retry_after_s = TEST_WINDOW.saturating_sub(at.now.since(*first)).as_secs().max(1);
                return Err(store::Error::Refused(Refusal::TooMany { retry_after_s }));
            }
            broadcast.tested_at.push(at.now);
            let thread = store::threads::get(tx, thread)?.ok_or_else(|| missing("conversation"))?;
            let contact = contact_in(tx, &thread, contact)?.ok_or_else(|| missing("contact"))?;
            let owed = inner.test_owed(&broadcast, thread, &contact, &agent, &at);
            store::broadcasts::put(tx, &broadcast)?;
            save(tx, &Change { owed: vec![owed.clone()], ..Change::default() })?;
            Ok(owed)
        });
        Ok(owed.await?)
    }
}

/// What a mail is made of, before it is known to have a recipient.
struct Shown {
    thread: Thread,
    contact: Option<Contact>,
    part: Part,
    ticket: Option<TicketView>,
    references: Vec<MsgId>,
    in_reply_to: Option<MsgId>,
}

impl Shown {
    /// The material of the mail to `contact`; without the broadcast nothing in it leads back to the recipient.
    fn material(self, contact: Contact, author_name: &str, broadcast: Option<Broadcast>) -> Material {
        Material {
            thread: self.thread,
            shared: None,
            contact,
            ticket: self.ticket,
            previous_state: None,
            agent_name: Some(author_name.to_owned()),
            parts: vec![self.part],
            earlier: Vec::new(),
            agents: BTreeMap::new(),
            references: self.references,
            in_reply_to: self.in_reply_to,
            form: None,
            stoppable: broadcast.as_ref().map(|broadcast| broadcast.tracker),
            broadcast,
            to: Vec::new(),
            others: Vec::new(),
        }
    }
}

impl Inner {
    fn shown(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        words: &template::broadcast::Broadcast,
        thread: ThreadId,
        contact: Option<ContactId>,
        at: &At,
    ) -> store::Result<Shown> {
        let thread = store::threads::get(tx, thread)?.ok_or_else(|| missing("conversation"))?;
        let values = self.values(tx, broadcast, &thread)?;
        let rendered = words
            .render(&values)
            .map_err(|error| store::Error::Refused(Refusal::invalid("body", error.to_string())))?;
        let author = Author::Agent { id: broadcast.author, name: broadcast.author_name.clone() };
        let contact = contact_in(tx, &thread, contact)?;
        let ticket = ticket_view(tx, &thread)?;
        let mut draft = Draft::of(thread, at);
        let part = draft.add(NewPart {
            body_html: rendered.body_html.as_str().to_owned(),
            body_text: rendered.body_text.as_str().to_owned(),
            attachments: broadcast.attachments.clone(),
            broadcast: Some(broadcast.id),
            ..NewPart::event(PartKind::Comment, author, None)
        });
        let (references, in_reply_to) = match &contact {
            Some(contact) => {
                let kind = DeliveryKind::Broadcast { broadcast: broadcast.id, part: part.id };
                references(tx, &self.owed(&draft, contact, Some(broadcast.author), kind, at.now))?
            }
            None => (Vec::new(), None),
        };
        // It stands nowhere yet: its files are found by the broadcast's id.
        let part = Part { id: PartId(broadcast.id.0), ..part };
        Ok(Shown { thread: draft.thread, contact, part, ticket, references, in_reply_to })
    }

    fn mail_shown(&self, broadcast: &Broadcast, shown: Shown, at: &At) -> Result<Option<PreviewMail>> {
        let Some(contact) = shown.contact.clone() else { return Ok(None) };
        let Some(recipient) = contact.email.clone() else { return Ok(None) };
        let kind = DeliveryKind::Broadcast { broadcast: broadcast.id, part: shown.part.id };
        let draft = Draft::of(shown.thread.clone(), at);
        let delivery = self.owed(&draft, &contact, Some(broadcast.author), kind, at.now);
        let material = shown.material(contact, &broadcast.author_name, Some(broadcast.clone()));
        let refused = |reason: String| Error::Refused(Refusal::invalid("body", reason));
        let outgoing = self.outgoing(&delivery, &material, &recipient)?.map_err(refused)?;
        let written = self.written(&delivery, &material.thread, &recipient, &outgoing).map_err(refused)?;
        Ok(Some(PreviewMail {
            subject: outgoing.subject,
            html: outgoing.html.unwrap_or_default(),
            text: outgoing.text,
            headers: header_lines(&written.bytes),
        }))
    }

    /// The thread that is asked for, checked to be linked.
    fn picked(
        &self,
        broadcast: &Broadcast,
        words: &template::broadcast::Broadcast,
        pick: Pick,
    ) -> Result<(ThreadId, Option<ContactId>)> {
        if let Pick::Of(thread, contact) = pick {
            let linked = self.store.view(|tx| store::links::get(tx, broadcast.tracker, thread))?;
            return match linked {
                Some(_) => Ok((thread, contact)),
                None => Err(Refusal::NotFound { what: "conversation" }.into()),
            };
        }
        let (mut best, mut after, mut looked_at) = (None, None, 0);
        loop {
            let page = self.store.view(|tx| self.scored(tx, broadcast, words, pick, after))?;
            looked_at += page.1;
            for (thread, score) in page.0 {
                if best.is_none_or(|(_, most)| score > most) {
                    best = Some((thread, score));
                }
            }
            after = page.2;
            let enough = looked_at >= LOOKED_AT_MAX || (pick == Pick::First && best.is_some());
            if after.is_none() || enough {
                break;
            }
        }
        let nobody = || Refusal::invalid("recipients", "no linked thread is meant, so there is nobody to show it for");
        best.map(|(thread, _)| (thread, None)).ok_or_else(|| nobody().into())
    }

    /// Threads of one page that are meant, with what they are compared by; how many were looked at; where the next page
    /// begins.
    #[expect(clippy::type_complexity, reason = "one page of a scan, taken apart at once")]
    fn scored(
        &self,
        tx: &dyn ReadTx,
        broadcast: &Broadcast,
        words: &template::broadcast::Broadcast,
        pick: Pick,
        after: Option<ThreadId>,
    ) -> store::Result<(Vec<(ThreadId, usize)>, usize, Option<ThreadId>)> {
        let links = store::links::of_ticket(tx, broadcast.tracker, after, PAGE)?;
        let mut scored = Vec::new();
        for link in &links {
            let thread = store::threads::get(tx, link.to_thread)?.filter(Thread::is_customer_facing);
            let Some(thread) = thread else { continue };
            if left_out(tx, broadcast, &thread)?.is_some() {
                continue;
            }
            let score = match pick {
                Pick::Longest => {
                    let values = self.values(tx, broadcast, &thread)?;
                    words.render(&values).map_or(0, |rendered| rendered.body_text.as_str().len())
                }
                Pick::Emptiest => {
                    let values = self.values(tx, broadcast, &thread)?;
                    words.missing_values(&values).map_or(0, |missing| missing.len())
                }
                Pick::First | Pick::Of(..) => 0,
            };
            scored.push((thread.id, score));
        }
        let next = links.last().map(|link| link.to_thread).filter(|_| links.len() == PAGE);
        Ok((scored, links.len(), next))
    }

    fn test_owed(&self, broadcast: &Broadcast, thread: Thread, contact: &Contact, agent: &Agent, at: &At) -> Delivery {
        let kind = DeliveryKind::BroadcastTest { broadcast: broadcast.id };
        let support = self.support_address(&thread).address.domain().to_owned();
        let mut owed = self.owed(&Draft::of(thread, at), contact, Some(agent.id), kind, at.now);
        let claims =
            MessageIdClaims { thread: broadcast.tracker, principal: Principal::Agent(agent.id), delivery: owed.id };
        owed.message_id = self.keys.message_id(claims, &support).as_str().to_owned();
        owed.address = Some(agent.email.clone());
        owed.state = DeliveryState::Queued;
        owed
    }

    /// A leased test mail, made from the broadcast as it is now.
    pub(crate) fn prepare_test(&self, delivery: &Delivery, broadcast: BroadcastId) -> Result<Prepared> {
        let at = At::of(&self.clock);
        let gone = Ok(Prepared::Settle(Verdict::Skipped(SkipReason::Cancelled)));
        let Some(broadcast) = self.store.view(|tx| store::broadcasts::get(tx, broadcast))? else { return gone };
        let (Ok(words), Some(recipient)) = (compiled(&broadcast), delivery.address.clone()) else { return gone };
        let shown =
            self.store.view(|tx| self.shown(tx, &broadcast, &words, delivery.thread, Some(delivery.contact), &at));
        let shown = shown.map_err(Error::from)?;
        let Some(contact) = shown.contact.clone() else { return gone };
        let kind = DeliveryKind::Broadcast { broadcast: broadcast.id, part: shown.part.id };
        let shown = Shown { references: Vec::new(), in_reply_to: None, ..shown };
        let material = shown.material(contact, &broadcast.author_name, None);
        let as_broadcast = Delivery { kind, ..delivery.clone() };
        let outgoing = match self.outgoing(&as_broadcast, &material, &recipient)? {
            Ok(outgoing) => Outgoing {
                subject: format!("[Test] {}", subject_of(&outgoing, &broadcast, &material.thread)),
                reply_to: None,
                to: vec![NamedAddress { name: String::new(), address: recipient.clone() }],
                ..outgoing
            },
            Err(reason) => return Ok(Prepared::Settle(Verdict::Failed { reason })),
        };
        Ok(match self.written(delivery, &material.thread, &recipient, &outgoing) {
            Ok(mail) => Prepared::Send(mail),
            Err(reason) => Prepared::Settle(Verdict::Failed { reason }),
        })
    }
}

/// The subject as the recipient would read it: without the broadcast at hand the template knows only the thread's.
fn subject_of(outgoing: &Outgoing, broadcast: &Broadcast, thread: &Thread) -> String {
    match thread.initial_channel {
        ChannelKind::Email => outgoing.subject.clone(),
        _ => broadcast.subject.clone(),
    }
}

/// The participant that is asked for, or the primary one.
fn contact_in(tx: &dyn ReadTx, thread: &Thread, contact: Option<ContactId>) -> store::Result<Option<Contact>> {
    let known = contact.is_none_or(|contact| thread.current_participants().any(|known| known.contact == contact));
    match contact.filter(|_| known).or_else(|| thread.primary_contact().filter(|_| contact.is_none())) {
        Some(contact) => store::contacts::get(tx, contact),
        None => Ok(None),
    }
}

/// The lines of a composed mail's header, unfolded (RFC 5322 §2.2.3).
fn header_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let header = text.split_once("\r\n\r\n").map_or(text.as_ref(), |(header, _)| header);
    header.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect()
}
