//! Mail that was too large to be taken in whole: what stands in for it, and the whole when somebody asked for it (EML-9).
//!
//! | killed | state | what follows |
//! |---|---|---|
//! | before the commit | the stand-in; a blob that nothing names | somebody asks again; the blob is swept |
//! | after it | the whole mail | nothing |
//!
//! **Invariant:** a part gets the content of its own mail alone: the Message-ID must be the one its header had.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_write;
use crate::desk::access::require;
use crate::desk::mail::intake::Facts;
use crate::desk::mail::intake::addresses::content_key;
use crate::desk::mail::intake::reading::Reading;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attachment::BlobHash;
use crate::domain::event::EventKind;
use crate::domain::id::PartId;
use crate::domain::intake::ImapOrigin;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::part::Part;
use crate::domain::part::TOO_LARGE;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::Change;

/// Arrivals of one Message-ID that are looked through.
const ARRIVALS_MAX: usize = 100;

/// A mail that was left in its mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it lay.
    pub origin: ImapOrigin,
    /// Its Message-ID without brackets; derived where it has none.
    pub message_id: String,
    /// Its size in bytes, as its server told it.
    pub bytes: u64,
}

impl Desk {
    /// Where the mail of a part lies that was too large. Scope as for writing its thread; `None` for the operator.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Conflict` where the part holds all of its mail.
    pub fn left_out(&self, caller: Option<&Caller>, part: PartId) -> Result<LeftOut> {
        Ok(self.inner.store.view(|tx| {
            let (part, row) = stand_in(tx, caller, part)?;
            let email = part.email.as_ref();
            let bytes = email.and_then(|email| email.left_out_bytes()).unwrap_or_default();
            let origin = ImapOrigin::parse(&row.source).ok_or_else(|| missing("mailbox"))?;
            Ok(LeftOut { origin, message_id: row.message_id, bytes })
        })?)
    }

    /// Puts the whole mail in the place of what stood in for it: text, files, source. Nobody is told but who reads the
    /// thread. Scope as for writing its thread; `None` for the operator. Event `PartCompleted`.
    ///
    /// # Errors
    /// As [`Desk::left_out`]; `Conflict` where this is another mail, or one that cannot be read.
    pub async fn complete(&self, caller: Option<&Caller>, part: PartId, raw: Vec<u8>) -> Result<()> {
        let (inner, caller, at) = (self.inner.clone(), caller.cloned(), At::of(&self.inner.clock));
        let row = inner.store.view(|tx| stand_in(tx, caller.as_ref(), part))?.1;
        let raw_bytes = raw.len() as u64;
        let desk = inner.clone();
        let read = tokio::task::spawn_blocking(move || -> store::Result<(BlobHash, Reading)> {
            let hash = desk.blobs.put_blocking(&raw)?;
            let reading =
                Reading::of(&raw, hash, &Facts::of_row(&row), &desk).map_err(|fault| conflict(&fault.to_string()))?;
            Ok((hash, reading))
        });
        let (hash, reading) = read.await.map_err(|error| store::Error::Engine(error.to_string()))??;
        let done = inner.store.update(move |tx| {
            let (part, row) = stand_in(&*tx, caller.as_ref(), part)?;
            let has_id = reading.message.field("message-id").is_some();
            if has_id && reading.candidates.own_id.as_str() != row.message_id {
                return Err(conflict("the mailbox holds another message there"));
            }
            let mut draft = Draft::open(tx, part.thread, &at)?;
            draft.note(EventKind::PartCompleted { part: part.id, part_seq: part.seq }, None);
            store::intake::claim(tx, &content_key(&reading.support, &reading), row.id)?;
            store::intake::put(tx, &IntakeRow { raw: Some(hash), raw_bytes, ..row })?;
            let change = Change { parts: vec![completed(part, &reading, hash, &at)], ..Change::default() };
            conclude(tx, vec![draft], change).map(drop)
        });
        done.await?;
        Ok(())
    }
}

fn conflict(message: &str) -> store::Error {
    store::Error::Refused(Refusal::Conflict { message: message.to_owned() })
}

/// The part, and the arrival that it was made of.
fn stand_in(tx: &dyn ReadTx, caller: Option<&Caller>, part: PartId) -> store::Result<(Part, IntakeRow)> {
    let part = store::parts::by_id(tx, part)?.ok_or_else(|| missing("part"))?;
    if let Some(caller) = caller {
        require(caller, &[Scope::WriteConversations, Scope::WriteTickets])?;
        let thread = store::threads::get(tx, part.thread)?.ok_or_else(|| missing("part"))?;
        if !may_write(caller, &thread) {
            let message = "fetching a mail takes a token that writes its conversation".to_owned();
            return Err(store::Error::Refused(Refusal::Forbidden { message }));
        }
    }
    let email = part.email.as_ref().filter(|email| !part.redacted && email.left_out_bytes().is_some());
    let email = email.ok_or_else(|| conflict("nothing of this part was left in a mailbox"))?;
    let rows = store::intake::by_message_id(tx, &email.message_id, ARRIVALS_MAX)?;
    let its = |row: &IntakeRow| matches!(row.result, IntakeResult::Part { part: of, .. } if of == part.id);
    let row = rows.into_iter().find(its).ok_or_else(|| missing("arrival"))?;
    Ok((part, row))
}

fn completed(mut part: Part, reading: &Reading, raw: BlobHash, at: &At) -> Part {
    part.body_html.clone_from(&reading.body_html);
    part.body_text.clone_from(&reading.body_text);
    part.attachments.clone_from(&reading.attachments);
    part.updated_at = at.now;
    if let Some(email) = part.email.as_mut() {
        email.raw = Some(raw);
        email.quoted.clone_from(&reading.quoted);
        email.faults.retain(|fault| !fault.starts_with(TOO_LARGE));
        let new = reading.faults.iter().filter(|fault| !email.faults.contains(fault)).cloned();
        email.faults.extend(new.collect::<Vec<_>>());
    }
    part
}
