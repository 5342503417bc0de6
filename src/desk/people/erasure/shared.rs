//! Erasing a contact from a thread that others take part in (DAT-2).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::redaction::forget_kept_mails;
use crate::desk::thread::redaction::forget_raw;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attribute::Value;
use crate::domain::event::EventKind;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::EmailFacts;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::traces::ERASED_NAME;
use crate::domain::traces::Traces;
use crate::domain::upload::UploadedBy;
use crate::mail::message::attachment_bytes;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use std::collections::BTreeMap;

/// Parts changed in one transaction.
const BATCH: usize = 20;
/// Deliveries of a thread whose kept mails go.
const DELIVERIES_MAX: usize = 1_000;

/// What someone else's files stand in from now on, since the raw mail they stood in goes.
type Kept = BTreeMap<AttachmentId, AttachmentSource>;

impl Desk {
    /// Their parts lose everything, those of others the name and addresses; every raw mail of the thread goes, since each may
    /// quote them.
    pub(super) async fn erase_from_thread(&self, thread: ThreadId, who: ContactId, traces: &Traces) -> Result<()> {
        let mut from_seq = 1;
        loop {
            let page = self.inner.store.view(|tx| store::parts::of_thread(tx, thread, from_seq, u64::MAX, BATCH))?;
            let Some(last) = page.last() else { break };
            from_seq = last.seq.saturating_add(1);
            let kept = self.keep_files_of(&page, who).await?;
            let (traces, at) = (traces.clone(), At::of(&self.inner.clock));
            let seqs: Vec<u64> = page.iter().map(|part| part.seq).collect();
            let erased = self.inner.store.update(move |tx| {
                let mut draft = Draft::open(&*tx, thread, &at)?;
                let mut change = Change::default();
                for seq in &seqs {
                    let Some(part) = store::parts::get(&*tx, thread, *seq)? else { continue };
                    let Some(now) = without(&part, who, &traces, &kept) else { continue };
                    forget_raw(tx, &part)?;
                    forget_kept_mails(tx, &part)?;
                    draft.note(EventKind::PartRedacted { part: now.id, part_seq: now.seq }, None);
                    change.parts.push(Part { updated_at: at.now, ..now });
                }
                conclude(tx, vec![draft], change).map(drop)
            });
            erased.await?;
        }
        let (traces, at) = (traces.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let mut draft = Draft::open(&*tx, thread, &at)?;
            forget_uploads(tx, &mut draft.thread, who)?;
            forget_captured(tx, thread)?;
            let source = store::parts::get(&*tx, thread, 1)?;
            without_person(&mut draft.thread, source.as_ref(), who, &traces);
            draft.thread.leave(who, at.now);
            draft.thread.updated_at = at.now;
            draft.note(EventKind::ConversationUpdated, None);
            conclude(tx, vec![draft], Change::default()).map(drop)
        });
        Ok(done.await?)
    }

    /// Gives the files of others, which stand in raw mails, blobs of their own.
    async fn keep_files_of(&self, page: &[Part], who: ContactId) -> Result<Kept> {
        let mut kept = Kept::new();
        for file in page.iter().filter(|part| part.author.contact() != Some(who)).flat_map(|part| &part.attachments) {
            let AttachmentSource::MailPart { raw, part } = file.source else { continue };
            let raw = self.inner.blobs.get(raw).await?;
            let bytes = usize::try_from(part).ok().and_then(|part| attachment_bytes(&raw, part)).unwrap_or_default();
            let blob = self.inner.blobs.put(bytes).await?;
            kept.insert(file.id, AttachmentSource::Blob(blob));
        }
        Ok(kept)
    }
}

/// The part without them; `None` when nothing of it has to change.
fn without(part: &Part, who: ContactId, traces: &Traces, kept: &Kept) -> Option<Part> {
    let mut now = part.clone();
    if part.author.contact() == Some(who) {
        let Author::Contact { name, email, .. } = &mut now.author else { return None };
        ERASED_NAME.clone_into(name);
        *email = None;
        now.body_html.clear();
        now.body_text.clear();
        now.attachments.clear();
        now.client_id = None;
        now.redacted = true;
        if let Some(facts) = &mut now.email {
            empty(facts);
        }
    } else {
        for file in &mut now.attachments {
            moved(file, kept);
        }
        traces.remove_from(&mut now.body_html);
        traces.remove_from(&mut now.body_text);
    }
    if let Some(facts) = &mut now.email {
        without_traces(facts, traces);
    }
    if let Some(subject) = now.mailing.as_mut().and_then(|mailing| mailing.subject.as_mut()) {
        traces.remove_from(subject);
    }
    match &mut now.kind {
        PartKind::TicketAttributeUpdated { value: Some(Value::Text(text)), .. }
        | PartKind::ConversationAttributeUpdated { value: Some(Value::Text(text)), .. } => {
            traces.remove_from(text);
        }
        PartKind::DeliveryFailed { address, reason, .. } => {
            *address = address.take().filter(|address| !traces.are_in(address.as_bytes()));
            traces.remove_from(reason);
        }
        PartKind::TicketTypeChanged { left, .. } => left.iter_mut().for_each(|(_, value)| without_in(value, traces)),
        PartKind::TicketFormSent(card) => card.prefill.iter_mut().for_each(|(_, value)| without_in(value, traces)),
        _ => {}
    }
    (now != *part).then_some(now)
}

fn moved(file: &mut Attachment, kept: &Kept) {
    if let Some(source) = kept.get(&file.id) {
        file.source = *source;
    }
}

fn without_in(value: &mut Value, traces: &Traces) {
    if let Value::Text(text) = value {
        traces.remove_from(text);
    }
}

/// Of their own mail only its id stays, by which answers still find the thread.
fn empty(facts: &mut EmailFacts) {
    facts.subject = None;
    facts.quoted.clear();
    facts.addresses.clear();
    facts.bounce = None;
}

fn without_traces(facts: &mut EmailFacts, traces: &Traces) {
    facts.raw = None;
    facts.addresses.retain(|(_, name, address)| {
        !traces.are_in(address.as_bytes()) && !name.as_ref().is_some_and(|name| traces.are_in(name.as_bytes()))
    });
    traces.remove_from(&mut facts.quoted);
    traces.remove_from(&mut facts.class_reason);
    if let Some(subject) = &mut facts.subject {
        traces.remove_from(subject);
    }
    if let Some(bounce) = &mut facts.bounce {
        for text in [&mut bounce.recipient, &mut bounce.smtp_reply].into_iter().flatten() {
            traces.remove_from(text);
        }
    }
}

/// The thread itself: its title where that was theirs, and what names them.
fn without_person(thread: &mut Thread, source: Option<&Part>, who: ContactId, traces: &Traces) {
    let began_it = source.is_some_and(|part| part.author.contact() == Some(who));
    if began_it && thread.ticket.is_none() {
        thread.title = None;
    }
    if let Some(title) = &mut thread.title {
        traces.remove_from(title);
    }
    thread.hints.iter_mut().for_each(|hint| {
        traces.remove_from(&mut hint.reason);
    });
    thread.custom_attributes.values_mut().for_each(|value| without_in(value, traces));
    if let Some(ticket) = &mut thread.ticket {
        ticket.attributes.values_mut().for_each(|value| without_in(value, traces));
    }
}

/// Mails about the thread that were kept instead of sent, notices to agents among them: each may quote them.
fn forget_captured(tx: &mut dyn WriteTx, thread: ThreadId) -> store::Result<()> {
    for delivery in store::outbox::of_thread(&*tx, thread, DELIVERIES_MAX)? {
        store::sent_copies::delete(tx, &delivery)?;
        if let Some(kept) = store::captured::get(&*tx, delivery.id)? {
            store::captured::delete(tx, delivery.id, kept)?;
        }
    }
    Ok(())
}

/// Files in the ticket's attributes that they sent.
fn forget_uploads(tx: &mut dyn WriteTx, thread: &mut Thread, who: ContactId) -> store::Result<()> {
    let Some(ticket) = &mut thread.ticket else { return Ok(()) };
    for value in ticket.attributes.values_mut() {
        let Value::Files(ids) = value else { continue };
        let mut stay = Vec::with_capacity(ids.len());
        for id in ids.drain(..) {
            let upload = id.parse().map_or(Ok(None), |id| store::uploads::get(as_read(tx), id))?;
            match upload.filter(|upload| matches!(upload.by, UploadedBy::Contact(by) if by == who)) {
                Some(upload) => store::uploads::remove(tx, &upload)?,
                None => stay.push(id),
            }
        }
        *ids = stay;
    }
    Ok(())
}

fn as_read(tx: &mut dyn WriteTx) -> &dyn ReadTx {
    tx
}
