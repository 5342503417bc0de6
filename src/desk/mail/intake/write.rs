//! The one transaction in which a mail is taken in: duplicate? quarantine? which thread? part, indexes, events, cursor.

use crate::desk::Inner;
use crate::desk::broadcasts::settling;
use crate::desk::broadcasts::stopping::stop;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::delivery_failures;
use crate::desk::mail::intake::BOUNCED;
use crate::desk::mail::intake::Facts;
use crate::desk::mail::intake::ImapUid;
use crate::desk::mail::intake::addresses::content_key;
use crate::desk::mail::intake::by_agent::agent_of;
use crate::desk::mail::intake::by_agent::forwarded;
use crate::desk::mail::intake::by_agent::not_proven;
use crate::desk::mail::intake::by_agent::note_of_forward;
use crate::desk::mail::intake::intake_id;
use crate::desk::mail::intake::place::Place;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::mail::suppressions::heard_from;
use crate::desk::mail::suppressions::reported;
use crate::desk::people::contact_acts::said;
use crate::desk::thread::comments::contact_author;
use crate::desk::thread::comments::takes_part;
use crate::desk::thread::contact_comment::Comment;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::participants::join;
use crate::domain::address::Address;
use crate::domain::attachment::BlobHash;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::IntakeId;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::part::AddressField;
use crate::domain::part::Author;
use crate::domain::part::BounceFacts;
use crate::domain::part::EmailFacts;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::mail::dsn::Report;
use crate::mail::dsn::ReportKind;
use crate::mail::dsn::ReportedRecipient;
use crate::mail::message::NamedAddress;
use crate::mail::message_id::StopClaims;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::intake::UniqueKey;
use crate::store::save::Change;
use crate::store::save::save;

/// Arrivals of the same octets that are looked through for a repeat.
const SAME_OCTETS_MAX: usize = 50;

/// A message that was stored and read, or could not be read.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) facts: Facts,
    pub(crate) raw: BlobHash,
    pub(crate) raw_bytes: u64,
    /// The reason for quarantine otherwise.
    pub(crate) reading: Result<Reading, String>,
}

impl Taken {
    /// Its name where it could not be read.
    pub(super) fn unread(&self) -> Option<BlobHash> {
        self.reading.is_err().then_some(self.raw)
    }
}

impl Inner {
    /// Takes a message in; `again` is the row of one that was quarantined.
    pub(crate) fn take(
        &self,
        tx: &mut dyn WriteTx,
        taken: &Taken,
        again: Option<IntakeId>,
        at: &At,
    ) -> store::Result<Accepted> {
        let id = intake_id(again, at);
        if let Some(first) = known_uid(tx, taken)? {
            return Ok(first);
        }
        let (accepted, row) = match (&taken.reading, known_raw(tx, taken, id)?) {
            (Err(_), Some(first)) => repeated(tx, taken, &first, id, at)?,
            (Err(error), None) => (quarantine(tx, taken, None, error, id, at)?, id),
            (Ok(reading), known) => {
                // What was put aside unread and comes again takes the place of its row.
                let aside =
                    known.filter(|row| again.is_none() && matches!(row.result, IntakeResult::Quarantined { .. }));
                let id = aside.map_or(id, |row| row.id);
                (self.take_whole(tx, taken, reading, id, at)?, id)
            }
        };
        move_cursor(tx, taken, row)?;
        Ok(accepted)
    }

    /// Takes a mail in at every address it is for (EML-17); each has a row of its own. Machines write to one.
    fn take_whole(
        &self,
        tx: &mut dyn WriteTx,
        taken: &Taken,
        reading: &Reading,
        id: IntakeId,
        at: &At,
    ) -> store::Result<Accepted> {
        let is_a_persons = reading.class == DeliveryClass::Human
            && agent_of(&*tx, reading)?.is_none()
            && self.asked_to_stop(reading, &taken.facts).is_none();
        let mut receivers = self.receivers(&*tx, reading)?.into_iter();
        let first = receivers.next().unwrap_or_else(|| reading.support.clone());
        let there = (first != reading.support).then(|| reading.at(first, self));
        let accepted = self.take_read(tx, taken, there.as_ref().unwrap_or(reading), id, at)?;
        for other in receivers.filter(|_| is_a_persons) {
            self.take_read(tx, taken, &reading.at(other, self), IntakeId(at.id()), at)?;
        }
        Ok(accepted)
    }

    fn take_read(
        &self,
        tx: &mut dyn WriteTx,
        taken: &Taken,
        reading: &Reading,
        id: IntakeId,
        at: &At,
    ) -> store::Result<Accepted> {
        let key = content_key(&reading.support, reading);
        if let Some(first) = self.same_mail(&*tx, reading)?.filter(|first| *first != id) {
            return duplicate(tx, taken, reading, (id, first), at);
        }
        if reading.class == DeliveryClass::Own {
            self.probe_came_back(tx, &reading.message, at.now)?;
            let row = row(taken, Some(reading), id, IntakeResult::Own, at);
            keep_row(tx, &row)?;
            return Ok(Accepted::Own);
        }
        if let Some(StopClaims { contact, ticket }) = self.asked_to_stop(reading, &taken.facts) {
            // Not claimed: asking again is asking the same.
            stop(tx, ticket, contact, Some(at.now))?;
            let result = IntakeResult::Unsubscribed { contact, tracker: ticket };
            keep_row(tx, &row(taken, Some(reading), id, result, at))?;
            return Ok(Accepted::Own);
        }
        let bounced = self.bounced(tx, reading, &taken.facts)?;
        let place = self.place(tx, reading, bounced.as_ref())?;
        let forwarded = match (agent_of(&*tx, reading)?, place.thread) {
            (Some(agent), Some(thread)) => {
                if let Some(error) = not_proven(reading, &agent, thread) {
                    let aside = quarantine(tx, taken, Some(reading), error, id, at)?;
                    self.owe_mail_not_taken(tx, agent.id, thread, id, at)?;
                    return Ok(aside);
                }
                store::intake::claim(tx, &key, id)?;
                return self.agent_answers(tx, (taken, reading), (&place, thread), &agent, id, at);
            }
            (Some(agent), None) => forwarded(self, reading, agent),
            (None, _) => None,
        };
        let reading = forwarded.as_ref().unwrap_or(reading);
        let place = self.strict(&*tx, reading, place)?;
        store::intake::claim(tx, &key, id)?;
        self.write_part(tx, taken, reading, place, bounced, id, at)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one transaction")]
    fn write_part(
        &self,
        tx: &mut dyn WriteTx,
        taken: &Taken,
        reading: &Reading,
        place: Place,
        bounced: Option<Delivery>,
        id: IntakeId,
        at: &At,
    ) -> store::Result<Accepted> {
        let sender = sender(tx, reading, place.thread, self, at)?;
        if let Some(address) = sender.as_ref().and_then(|sender| sender.email.as_ref()) {
            heard_from(tx, address)?;
        }
        let place = &self.bounded(&*tx, place, sender.as_ref(), &taken.facts, at.now)?;
        let class =
            if sender.as_ref().is_some_and(|sender| sender.blocked) { DeliveryClass::Spam } else { reading.class };
        let new_thread = place.thread.is_none();
        let mut draft = match place.thread {
            Some(thread) => Draft::open_merged(tx, thread, at)?,
            None => Draft::begin(first_thread(reading, place, class, at), at),
        };
        let mut change = Change::default();
        let email = email_facts(taken, reading, place, class, bounced.as_ref());
        let new = NewPart {
            body_html: reading.body_html.clone(),
            body_text: reading.body_text.clone(),
            attachments: reading.attachments.clone(),
            channel: ChannelKind::Email,
            email: Some(email),
            ..NewPart::event(PartKind::AutomaticEmail, Author::Bot, None)
        };
        let part = match sender.filter(|_| class == DeliveryClass::Human) {
            Some(contact) => {
                let part = self.human(tx, &mut draft, new, &contact, reading, &mut change)?;
                if new_thread {
                    self.mail_as_ticket(tx, &mut draft, &part, &reading.support, reading.may_answer, &change)?;
                    note_of_forward(tx, &mut draft, reading)?;
                    self.give_to_team_of(tx, &mut draft, &reading.support)?;
                    self.owe_acknowledgement(&mut draft, &part, &contact, &reading.support);
                }
                part
            }
            None => silent(tx, &mut draft, new, reading, self, at, &mut change)?,
        };
        let confirmed = bounced.clone().filter(|_| reading.report.as_ref().is_some_and(says_delivered));
        if let Some(delivery) = bounced {
            if let Some(report) = &reading.report {
                reported(tx, report, &delivery, at.now)?;
            }
            apply_complaint(tx, reading, &delivery, at, &mut change)?;
            apply_bounce(tx, reading, delivery, &mut draft, &mut change)?;
        }
        let thread = draft.thread.id;
        conclude(tx, vec![draft], change)?;
        if let Some(delivery) = confirmed {
            settling::confirmed(tx, delivery, at.now)?;
        }
        // What stands apart must not draw others' answers to itself.
        let known_by = if place.apart { 1 } else { usize::MAX };
        for message_id in reading.candidates.all_ids().take(known_by) {
            store::message_ids::put(tx, message_id.as_str(), thread)?;
        }
        if !place.apart && reading.report.is_none() {
            self.join_late(tx, thread, reading, at)?;
        }
        let result = IntakeResult::Part { thread, part: part.id, placed_by: place.by };
        keep_row(tx, &IntakeRow { class: Some(class), ..row(taken, Some(reading), id, result, at) })?;
        Ok(Accepted::Part { thread, part: part.id, new_thread })
    }

    /// A person's mail: with every effect of a comment (EML-20); who is new to the thread joins as external (EML-33).
    fn human(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        new: NewPart,
        contact: &Contact,
        reading: &Reading,
        change: &mut Change,
    ) -> store::Result<Part> {
        let seq = draft.thread.last_seq.saturating_add(1);
        let known = draft.thread.participant(contact.id);
        // Who was removed stays so until a participant puts them in Cc; their words are still heard (PAR-4).
        let removed = known.is_some_and(|known| known.removed_at.is_some());
        let external = seq > 1 && known.is_none_or(|known| known.external || removed);
        if !removed && draft.thread.join(contact.id, seq > 1, seq) && seq > 1 {
            draft.note(EventKind::ConversationUpdated, None);
        }
        let new =
            NewPart { kind: PartKind::Comment, author: contact_author(contact), external_sender: external, ..new };
        let comment = Comment { contact, skip_notifications: false, answerable: reading.may_answer };
        let part = self.contact_commented(tx, draft, new, &comment, change)?;
        if !removed && !external {
            take_back(tx, draft, reading, &contact_author(contact))?;
        }
        Ok(part)
    }
}

/// Removed participants whom a participant put in To or Cc take part again (PAR-4).
fn take_back(tx: &dyn ReadTx, draft: &mut Draft, reading: &Reading, by: &Author) -> store::Result<()> {
    let gone: Vec<ContactId> = draft
        .thread
        .participants
        .iter()
        .filter(|known| known.removed_at.is_some())
        .map(|known| known.contact)
        .collect();
    for id in gone {
        let address = store::contacts::get(tx, id)?.and_then(|contact| contact.email);
        let mut named = reading.message.to.iter().chain(&reading.message.cc);
        if address.is_some_and(|address| named.any(|named| named.address == address)) {
            join(draft, id, by)?;
        }
    }
    Ok(())
}

/// Mail that is not human: kept where it belongs, and nothing else happens (EML-27).
fn silent(
    tx: &dyn ReadTx,
    draft: &mut Draft,
    new: NewPart,
    reading: &Reading,
    inner: &Inner,
    at: &At,
    change: &mut Change,
) -> store::Result<Part> {
    let is_report = reading.report.is_some();
    let author = match sender(tx, reading, Some(draft.thread.id), inner, at)?.filter(|_| !is_report) {
        Some(contact) => {
            if draft.thread.participants.is_empty() {
                draft.thread.join(contact.id, false, 1);
            }
            let author = contact_author(&contact);
            change.contacts.push(contact);
            author
        }
        None => Author::Bot,
    };
    Ok(draft.add(NewPart { author, ..new }))
}

/// A thread for a mail that belongs to none; one that is not human waits for nobody (EML-27).
fn first_thread(reading: &Reading, place: &Place, class: DeliveryClass, at: &At) -> Thread {
    let mut thread = Thread::new(ThreadId(at.id()), ChannelKind::Email, at.now);
    let subject = reading.message.subject.trim();
    thread.title = (!subject.is_empty()).then(|| subject.to_owned());
    thread.support_address = Some(reading.support.clone());
    thread.hints.clone_from(&place.hints);
    if class.is_silent() {
        thread.automatic = true;
        thread.state = ThreadState::Closed;
    }
    thread
}

/// The contact a mail is from (EML-40, EML-41, EML-45); made at the first mail. `None` where it names nobody.
fn sender(
    tx: &dyn ReadTx,
    reading: &Reading,
    thread: Option<ThreadId>,
    inner: &Inner,
    at: &At,
) -> store::Result<Option<Contact>> {
    let Some(from) = writer(reading, inner) else {
        let nobody = Contact::new(ContactId(at.id()), ContactRole::Lead, at.now);
        return Ok(Some(nobody));
    };
    let mut known = store::contacts::by_email(tx, &from.address)?;
    let thread = match thread.filter(|_| !known.is_empty()) {
        Some(thread) => store::threads::get(tx, thread)?,
        None => None,
    };
    let takes_part = |contact: &Contact| thread.as_ref().is_some_and(|thread| takes_part(thread, contact.id));
    // Who only said in the messenger that the address is theirs gets what is answered in their own conversation, where nobody else
    // is known by it, and never another mail: that its owner answered shows who the owner is, not who the claimer is (EML-40).
    let is_known = known.iter().any(|contact| contact.sends_from(&from.address));
    known.retain(|contact| contact.sends_from(&from.address) || (!is_known && takes_part(contact)));
    let best = known.into_iter().max_by_key(|contact| {
        let is_user = contact.role == ContactRole::User;
        (takes_part(contact), is_user, contact.email_verified, contact.last_seen_at, contact.last_replied_at)
    });
    let mut contact = best.unwrap_or_else(|| Contact::new(ContactId(at.id()), ContactRole::Lead, at.now));
    contact.email.get_or_insert_with(|| from.address.clone());
    contact.email_verified |= !contact.email_claimed;
    contact.has_hard_bounced = false;
    if contact.name.is_none() && !from.name.is_empty() {
        contact.name = Some(from.name.clone());
    }
    Ok(Some(contact))
}

/// From; of mail from one of our own addresses, Reply-To (EML-41); of mail whose From a list rewrote, whom it names
/// instead (EML-44).
pub(super) fn writer<'r>(reading: &'r Reading, inner: &Inner) -> Option<&'r NamedAddress> {
    let from = reading.message.from.first()?;
    if let Some(original) = behind_list(reading) {
        return Some(original);
    }
    let other = |named: &&NamedAddress| !inner.is_ours(&named.address);
    if inner.is_ours(&from.address) { reading.message.reply_to.iter().find(other).or(Some(from)) } else { Some(from) }
}

/// Who wrote a mail whose From a mailing list rewrote: "Ana via Announcements <list@…>".
fn behind_list(reading: &Reading) -> Option<&NamedAddress> {
    let message = &reading.message;
    let from = message.from.first().filter(|from| from.name.to_lowercase().contains(" via "))?;
    let other = |named: &&NamedAddress| named.address != from.address;
    message.original_from.iter().chain(&message.reply_to).find(other)
}

fn uid_key(taken: &Taken) -> Option<UniqueKey> {
    let ImapUid { mailbox, uid_validity, uid, .. } = taken.facts.imap.as_ref()?;
    Some(UniqueKey::uid(mailbox, *uid_validity, *uid))
}

/// A UID that was taken before: fetched again because the cursor was set back.
fn known_uid(tx: &mut dyn WriteTx, taken: &Taken) -> store::Result<Option<Accepted>> {
    let Some(key) = uid_key(taken) else { return Ok(None) };
    let Some(first) = store::intake::unique(tx, &key)? else { return Ok(None) };
    move_cursor(tx, taken, first)?;
    Ok(Some(match store::intake::get(tx, first)?.map(|row| row.result) {
        Some(IntakeResult::Part { thread, .. } | IntakeResult::Duplicate { thread, .. }) => Accepted::Duplicate(thread),
        Some(IntakeResult::Quarantined { .. }) => Accepted::Quarantined(first),
        Some(IntakeResult::Own | IntakeResult::Unsubscribed { .. }) | None => Accepted::Own,
    }))
}

/// The mailbox's cursor moves in the commit that holds the message (EML-1).
fn move_cursor(tx: &mut dyn WriteTx, taken: &Taken, id: IntakeId) -> store::Result<()> {
    let (Some(key), Some(imap)) = (uid_key(taken), &taken.facts.imap) else { return Ok(()) };
    store::intake::claim(tx, &key, id)?;
    let mut cursor = store::cursors::get(tx, &imap.mailbox)?.unwrap_or_default();
    if cursor.uid_validity == imap.uid_validity {
        cursor.add(imap.uid);
        if imap.follow_up {
            cursor.owe(imap.uid);
        }
        store::cursors::put(tx, &imap.mailbox, &cursor)?;
    }
    Ok(())
}

fn duplicate(
    tx: &mut dyn WriteTx,
    taken: &Taken,
    reading: &Reading,
    (id, first): (IntakeId, IntakeId),
    at: &At,
) -> store::Result<Accepted> {
    let known = store::intake::get(tx, first)?;
    let thread = match known.as_ref().map(|row| &row.result) {
        Some(IntakeResult::Part { thread, .. } | IntakeResult::Duplicate { thread, .. }) => *thread,
        Some(IntakeResult::Own | IntakeResult::Quarantined { .. } | IntakeResult::Unsubscribed { .. }) => {
            ThreadId::default()
        }
        // Past its keeping (DAT-7); the thread still knows the mail.
        None => {
            let known_by = store::message_ids::threads_of(tx, reading.candidates.own_id.as_str())?;
            known_by.first().copied().unwrap_or_default()
        }
    };
    let result = IntakeResult::Duplicate { of: first, thread };
    // What was redacted or deleted does not come back with the next copy (OBJ-47, EML-18).
    let raw = known.and_then(|known| known.raw).map(|_| taken.raw);
    keep_row(tx, &IntakeRow { raw, ..row(taken, Some(reading), id, result, at) })?;
    Ok(Accepted::Duplicate(thread))
}

/// The arrival of the same octets by the same envelope: what tells a repeat where nothing was read (P2).
fn known_raw(tx: &dyn ReadTx, taken: &Taken, id: IntakeId) -> store::Result<Option<IntakeRow>> {
    let recipients: Vec<String> = taken.facts.recipients.iter().map(Address::to_string).collect();
    let same_envelope =
        |row: &IntakeRow| row.id != id && row.reverse_path == taken.facts.reverse_path && row.recipients == recipients;
    Ok(store::intake::of_raw(tx, taken.raw, SAME_OCTETS_MAX)?.into_iter().find(same_envelope))
}

/// What was taken before is not taken again; also the row that tells of it.
fn repeated(
    tx: &mut dyn WriteTx,
    taken: &Taken,
    first: &IntakeRow,
    id: IntakeId,
    at: &At,
) -> store::Result<(Accepted, IntakeId)> {
    match first.result {
        IntakeResult::Part { thread, .. } | IntakeResult::Duplicate { thread, .. } => {
            let result = IntakeResult::Duplicate { of: first.id, thread };
            keep_row(tx, &row(taken, None, id, result, at))?;
            Ok((Accepted::Duplicate(thread), id))
        }
        IntakeResult::Quarantined { .. } => Ok((Accepted::Quarantined(first.id), first.id)),
        IntakeResult::Own | IntakeResult::Unsubscribed { .. } => Ok((Accepted::Own, first.id)),
    }
}

fn quarantine(
    tx: &mut dyn WriteTx,
    taken: &Taken,
    reading: Option<&Reading>,
    error: &str,
    id: IntakeId,
    at: &At,
) -> store::Result<Accepted> {
    let result = IntakeResult::Quarantined { error: error.to_owned() };
    keep_row(tx, &row(taken, reading, id, result, at))?;
    let kind = EventKind::Quarantined(id);
    let event = Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None };
    save(tx, &Change { events: vec![event], ..Change::default() })?;
    Ok(Accepted::Quarantined(id))
}

/// Writes a row; one that was quarantined before leaves the quarantine if its result says so.
pub(super) fn keep_row(tx: &mut dyn WriteTx, row: &IntakeRow) -> store::Result<()> {
    store::intake::put(tx, row)
}

pub(super) fn row(taken: &Taken, reading: Option<&Reading>, id: IntakeId, result: IntakeResult, at: &At) -> IntakeRow {
    IntakeRow {
        id,
        raw: Some(taken.raw),
        raw_bytes: taken.raw_bytes,
        at: at.now,
        source: taken.facts.source.clone(),
        reverse_path: taken.facts.reverse_path.clone(),
        recipients: taken.facts.recipients.iter().map(Address::to_string).collect(),
        support_address: reading.map(|reading| reading.support.clone()).or(taken.facts.default_address.clone()),
        message_id: reading.map(|reading| reading.candidates.own_id.as_str().to_owned()).unwrap_or_default(),
        class: reading.map(|reading| reading.class),
        result,
    }
}

pub(super) fn email_facts(
    taken: &Taken,
    reading: &Reading,
    place: &Place,
    class: DeliveryClass,
    bounced: Option<&Delivery>,
) -> EmailFacts {
    let message = &reading.message;
    let fields = [
        (AddressField::From, &message.from),
        (AddressField::To, &message.to),
        (AddressField::Cc, &message.cc),
        (AddressField::ReplyTo, &message.reply_to),
    ];
    let named = |(field, list): (AddressField, &Vec<NamedAddress>)| {
        let entry = move |named: &NamedAddress| {
            (field, (!named.name.is_empty()).then(|| named.name.clone()), named.address.to_string())
        };
        list.iter().map(entry).collect::<Vec<_>>()
    };
    EmailFacts {
        raw: Some(taken.raw),
        message_id: reading.candidates.own_id.as_str().to_owned(),
        subject: (!message.subject.is_empty()).then(|| message.subject.clone()),
        addresses: fields.into_iter().flat_map(named).collect(),
        quoted: reading.quoted.clone(),
        class,
        class_reason: reading.class_reason.clone(),
        placed_by: place.by,
        faults: noted(reading),
        bounce: reading.report.as_ref().and_then(|report| report.recipients.first()).map(|recipient| BounceFacts {
            status: recipient.status.clone(),
            smtp_reply: recipient.smtp_reply.clone(),
            recipient: recipient.address.as_ref().map(Address::to_string),
            hard: recipient.hard,
            reason: Some(recipient.reason.as_str().to_owned()),
            delivery: bounced.map(|delivery| delivery.id),
        }),
        may_answer_automatically: reading.may_answer,
        authentication: reading.authentication.clone(),
    }
}

/// The faults of a mail, and where its sender was taken from if not from From (EML-44).
fn noted(reading: &Reading) -> Vec<String> {
    let mut faults = reading.faults.clone();
    faults.extend(behind_list(reading).map(|_| "from_rewritten_by_list".to_owned()));
    faults.extend(reading.forwarded_by.as_ref().map(|(agent, _)| format!("forwarded_by:{}", agent.id)));
    faults
}

/// Whether a report says that the mail is in its mailbox (RFC 3464 §2.3.3: `delivered`, status 2.y.z).
fn says_delivered(report: &Report) -> bool {
    let arrived = |recipient: &ReportedRecipient| recipient.status.as_ref().is_some_and(|code| code.starts_with("2."));
    report.kind == ReportKind::Other && report.recipients.first().is_some_and(arrived)
}

/// A complaint is remembered (EML-83); one about a broadcast's mail counts as a global unsubscribe (BRC-53).
fn apply_complaint(
    tx: &dyn ReadTx,
    reading: &Reading,
    delivery: &Delivery,
    at: &At,
    change: &mut Change,
) -> store::Result<()> {
    let complains = reading.report.as_ref().is_some_and(|report| report.kind == ReportKind::Complaint);
    if !complains {
        return Ok(());
    }
    let Some(mut contact) = store::contacts::get(tx, delivery.contact)? else { return Ok(()) };
    (contact.marked_email_as_spam, contact.updated_at) = (true, at.now);
    if delivery.kind.lane().is_some() && !contact.unsubscribed_from_emails {
        contact.choose_mail(true, ChosenBy::Complaint, at.now);
        change.events.push(said(contact.id, ContactAct::Unsubscribed, at));
    }
    change.events.push(Event {
        kind: EventKind::ContactUpdated(contact.id),
        thread: None,
        at: at.now,
        thread_state: None,
        ticket_state: None,
        cause: None,
    });
    change.contacts.push(contact);
    Ok(())
}

/// A bounce ends the delivery it is about as failed, and a hard one ends mail to that address (EML-82).
fn apply_bounce(
    tx: &dyn ReadTx,
    reading: &Reading,
    mut delivery: Delivery,
    draft: &mut Draft,
    change: &mut Change,
) -> store::Result<()> {
    let Some(report) = reading.report.as_ref().filter(|report| report.kind == ReportKind::Failed) else {
        return Ok(());
    };
    let known = matches!(delivery.state, DeliveryState::Failed(_));
    let failed = report.recipients.first();
    let words = failed.and_then(|recipient| recipient.smtp_reply.clone().or(recipient.status.clone()));
    delivery.state = DeliveryState::Failed(format!("{BOUNCED}{}", words.unwrap_or_default()));
    delivery.leased_until = None;
    let hard = failed.is_some_and(|recipient: &ReportedRecipient| recipient.hard);
    let contact = if hard { store::contacts::get(tx, delivery.contact)? } else { None };
    if let Some(mut contact) = contact {
        contact.has_hard_bounced = contact.email == delivery.address;
        change.contacts.push(contact);
    }
    change.events.push(Event {
        kind: EventKind::DeliverySettled(delivery.id),
        thread: Some(delivery.thread),
        at: delivery.created_at,
        thread_state: None,
        ticket_state: None,
        cause: None,
    });
    if !known {
        delivery_failures::say(draft, &delivery);
    }
    change.owed.push(delivery);
    Ok(())
}
