//! Which thread a mail belongs to (EML-30, EML-31, EML-35), and which delivery a bounce is about (EML-22).

use crate::desk::Inner;
use crate::desk::mail::intake::Facts;
use crate::desk::mail::intake::by_agent::agent_of;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::mail::intake::write::writer;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::domain::address::Address;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::part::PlacedBy;
use crate::domain::thread::HINTS_MAX;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadHint;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::StopClaims;
use crate::store;
use crate::store::engine::ReadTx;

/// Conversations of a sender looked through for one by mail.
const NEWEST_LOOKED_AT: usize = 20;

/// Where a mail goes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// An existing thread, or a new one.
    pub(crate) thread: Option<ThreadId>,
    /// By which rule.
    pub(crate) by: PlacedBy,
    /// Threads that may belong to it, when none was certain.
    pub(crate) hints: Vec<ThreadHint>,
    /// It names a conversation it was kept out of, and must not be found by that one's ids.
    pub(crate) apart: bool,
}

impl Inner {
    /// The delivery a bounce is about, known by our signed bounce address or by our signed Message-ID inside it; a
    /// report without either proves nothing (P16).
    pub(crate) fn bounced(&self, tx: &dyn ReadTx, reading: &Reading, facts: &Facts) -> store::Result<Option<Delivery>> {
        let Some(report) = &reading.report else { return Ok(None) };
        let tags = recipients(reading, facts).filter_map(|address| address.without_tag().1);
        let by_tag = tags.into_iter().find_map(|tag| self.keys.read_bounce_token(tag));
        let by_id = || report.original_id.as_ref().and_then(|id| self.keys.read_message_id(id));
        match by_tag.or_else(|| by_id().map(|claims| claims.delivery)) {
            Some(delivery) => store::outbox::get(tx, delivery),
            None => Ok(None),
        }
    }

    /// Whose mail about what this mail asks to end: it came to an address with our stop token (BRC-50). A report
    /// never asks for anything.
    pub(crate) fn asked_to_stop(&self, reading: &Reading, facts: &Facts) -> Option<StopClaims> {
        if reading.report.is_some() {
            return None;
        }
        let ours = recipients(reading, facts).filter(|address| self.is_ours(address));
        ours.filter_map(|address| address.without_tag().1).find_map(|tag| self.keys.read_stop_token(tag))
    }
}

impl Inner {
    /// A stranger's answer begins a conversation of its own where the address is strict (EML-33). So does a mail that names
    /// a conversation by nothing but the address it was sent to, unless it is from whom the conversation is with: a customer
    /// may have given the reply address they got to somebody else, whose machines send to it what proves that an address
    /// of this house is theirs, and would read it.
    pub(super) fn strict(&self, tx: &dyn ReadTx, reading: &Reading, place: Place) -> store::Result<Place> {
        let Some(thread) = place.thread.filter(|_| reading.class == DeliveryClass::Human) else {
            return Ok(place);
        };
        let is_strict = self.settings.trust.strict_senders.contains(&reading.support);
        let by_address = place.by == PlacedBy::ReplyToken;
        let Some(writer) = writer(reading, self).filter(|_| is_strict || by_address) else { return Ok(place) };
        let answered = Draft::open_merged(tx, thread, &At::of(&self.clock))?.thread;
        let writers = store::contacts::by_email(tx, &writer.address)?;
        let takes_part = writers.iter().any(|contact| answered.participant(contact.id).is_some());
        let candidates = &reading.candidates;
        let answers_something = !candidates.in_reply_to.is_empty() || !candidates.references.is_empty();
        // A claimed address may have been claimed for this.
        let is_primary = writers
            .iter()
            .any(|contact| answered.primary_contact() == Some(contact.id) && contact.sends_from(&writer.address));
        let is_let_in = is_primary || (takes_part && answers_something);
        let reason = if is_strict && !takes_part {
            "somebody who takes no part in it answered a mail of it"
        } else if by_address && !is_let_in && !self.names(tx, reading, answered.id)? {
            "it came to an address that answers of this conversation have, and answers no mail of it"
        } else {
            return Ok(place);
        };
        let hints = vec![ThreadHint { thread, reason: reason.to_owned() }];
        Ok(Place { thread: None, by: PlacedBy::NewThread, hints, apart: true })
    }

    /// Whether a mail answers one of a conversation, by an id that only who has seen one knows.
    fn names(&self, tx: &dyn ReadTx, reading: &Reading, thread: ThreadId) -> store::Result<bool> {
        let candidates = &reading.candidates;
        let mut named: Vec<ThreadId> = candidates.ours.iter().map(|claims| claims.thread).collect();
        for id in candidates.in_reply_to.iter().chain(&candidates.references) {
            named.extend(store::message_ids::threads_of(tx, id.as_str())?);
        }
        named.sort_unstable();
        named.dedup();
        for named in named {
            let is_there = store::threads::get(tx, named)?.is_some();
            if is_there && Draft::open_merged(tx, named, &At::of(&self.clock))?.thread.id == thread {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A mail that would begin one conversation too many for its sender goes to the newest they have by mail (EML-88).
    /// What a file is imported from tells nothing of now.
    pub(super) fn bounded(
        &self,
        tx: &dyn ReadTx,
        place: Place,
        sender: Option<&Contact>,
        facts: &Facts,
        now: Millis,
    ) -> store::Result<Place> {
        let Some(sender) = sender.filter(|_| place.thread.is_none() && !facts.is_import) else { return Ok(place) };
        let limit = self.settings.mail_limits.new_conversations;
        let others = usize::try_from(limit.count.saturating_sub(1)).unwrap_or(usize::MAX);
        let oldest = store::threads::of_contact_behind(tx, sender.id, others)?;
        if oldest.is_none_or(|oldest| now.since(oldest.created_at) >= limit.window) {
            return Ok(place);
        }
        let newest = store::threads::of_contact(tx, sender.id, NEWEST_LOOKED_AT)?;
        let newest = newest.into_iter().find(|thread| thread.initial_channel == ChannelKind::Email);
        Ok(newest.map_or(place, |thread| Place::at(thread.id, PlacedBy::SenderLimit)))
    }
}

/// The addresses a mail came to: those of the envelope, those that a header says the envelope had, those of `To`.
fn recipients<'a>(reading: &'a Reading, facts: &'a Facts) -> impl Iterator<Item = &'a Address> {
    let headers = reading.message.to.iter().map(|named| &named.address);
    facts.recipients.iter().chain(&reading.message.envelope_to).chain(headers)
}

impl Inner {
    /// The place of a mail; the first rule that hits wins.
    pub(super) fn place(&self, tx: &dyn ReadTx, reading: &Reading, bounced: Option<&Delivery>) -> store::Result<Place> {
        if let Some(delivery) = bounced {
            return Ok(Place::at(delivery.thread, PlacedBy::Bounce));
        }
        let mut search = Search {
            inner: self,
            tx,
            reading,
            by_team: keeps_teams_apart(tx, reading)?,
            hints: Vec::new(),
            at: At::of(&self.clock),
        };
        if let Some((thread, by)) = search.by_reference()? {
            return Ok(Place::at(thread, by));
        }
        let hints = search.hints;
        match self.by_subject(tx, reading)? {
            Some(thread) => Ok(Place { hints, ..Place::at(thread, PlacedBy::Subject) }),
            None => Ok(Place { thread: None, by: PlacedBy::NewThread, hints, apart: false }),
        }
    }
}

/// Only people's mail is kept out of other teams' conversations: what machines write belongs to what it is about.
fn keeps_teams_apart(tx: &dyn ReadTx, reading: &Reading) -> store::Result<bool> {
    Ok(reading.class == DeliveryClass::Human && agent_of(tx, reading)?.is_none())
}

/// A search for the conversation that a mail's ids belong to.
struct Search<'a> {
    inner: &'a Inner,
    tx: &'a dyn ReadTx,
    reading: &'a Reading,
    /// Whether a conversation at another team's address counts as none (EML-36).
    by_team: bool,
    hints: Vec<ThreadHint>,
    at: At,
}

impl Search<'_> {
    fn by_reference(&mut self) -> store::Result<Option<(ThreadId, PlacedBy)>> {
        let candidates = &self.reading.candidates;
        let signed = candidates.tokens.iter().map(|claims| (claims.thread, PlacedBy::ReplyToken));
        let ours = candidates.ours.iter().map(|claims| (claims.thread, PlacedBy::OurMessageId));
        for (thread, by) in signed.chain(ours) {
            let found = store::threads::get(self.tx, thread)?;
            if let Some(thread) = self.here(found.into_iter().collect())?.first() {
                return Ok(Some((thread.id, by)));
            }
        }
        let own = std::iter::once(&candidates.own_id).chain(&candidates.other_ids);
        let steps: [(PlacedBy, Vec<&MsgId>); 3] = [
            (PlacedBy::InReplyTo, candidates.in_reply_to.iter().collect()),
            (PlacedBy::References, candidates.references.iter().collect()),
            (PlacedBy::NamedEarlier, own.collect()),
        ];
        for (by, ids) in steps {
            for id in ids {
                if let Some(thread) = self.thread_of(id)? {
                    return Ok(Some((thread, by)));
                }
            }
        }
        Ok(None)
    }

    /// Those of `found` that mail to the receiving address may go into; the others become hints (EML-36).
    fn here(&mut self, found: Vec<Thread>) -> store::Result<Vec<Thread>> {
        if !self.by_team {
            return Ok(found);
        }
        let mut here = Vec::new();
        for thread in found {
            if self.inner.answers(self.tx, &thread, &self.reading.support)? {
                here.push(thread);
            } else {
                self.hint(
                    thread.id,
                    "the same mail, or one it answers, is in this conversation of another team".to_owned(),
                );
            }
        }
        Ok(here)
    }

    /// The one thread an id stands for; of several, the one at the receiving address, else none and a hint (EML-35).
    fn thread_of(&mut self, id: &MsgId) -> store::Result<Option<ThreadId>> {
        let mut known = Vec::new();
        for thread in store::message_ids::threads_of(self.tx, id.as_str())? {
            known.extend(store::threads::get(self.tx, thread)?);
        }
        // Merged threads are one.
        let mut found: Vec<Thread> = Vec::new();
        for thread in self.here(known)? {
            let primary = Draft::open_merged(self.tx, thread.id, &self.at)?.thread;
            if !found.iter().any(|found| found.id == primary.id) {
                found.push(primary);
            }
        }
        if let [only] = found.as_slice() {
            return Ok(Some(only.id));
        }
        let support = &self.reading.support;
        let at_it: Vec<&Thread> =
            found.iter().filter(|thread| thread.support_address.as_ref() == Some(support)).collect();
        if let [only] = at_it.as_slice() {
            return Ok(Some(only.id));
        }
        for thread in &found {
            self.hint(thread.id, format!("a mail it answers ({id}) is known in several conversations"));
        }
        Ok(None)
    }

    fn hint(&mut self, thread: ThreadId, reason: String) {
        let is_known = self.hints.iter().any(|hint| hint.thread == thread);
        if !is_known && self.hints.len() < HINTS_MAX {
            self.hints.push(ThreadHint { thread, reason });
        }
    }
}

impl Place {
    fn at(thread: ThreadId, by: PlacedBy) -> Self {
        Self { thread: Some(thread), by, hints: Vec::new(), apart: false }
    }
}
