//! Erasing a contact (DAT-2, DAT-3).
//!
//! Threads that are theirs alone go whole; where others take part, their parts, their name and their addresses go. Then
//! journals and queues let go of them, the record becomes a tombstone, and last their octets leave the files.
//!
//! | killed | state in the store | what follows |
//! |---|---|---|
//! | before the tombstone | some threads gone, the record still there | erasing again goes on |
//! | after the tombstone | a mark that octets are left in the files | the hourly sweep removes them |
//! | in the middle of writing the file anew | the old file, and a draft that the next start removes | the sweep again |
//!
//! **Invariant:** every step can be repeated. What was put into the blobs within [`SCOUR_OLDER_THAN`] may still wait for its
//! commit, so that the mark stays until a second pass after that time.

mod rows;
mod shared;

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::people::contact_acts::done_with;
use crate::desk::people::contacts::known;
use crate::desk::thread::deletion::bury_thread;
use crate::desk::thread::draft::At;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::event::ContactAct;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::thread::Thread;
use crate::domain::traces::Traces;
use crate::store;
use crate::store::blobs::SCOUR_OLDER_THAN;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::erasing::ErasedStanding;
use crate::store::save::save;
use std::time::Duration;

/// Threads of one contact that are gone through at once; erasing begins again behind them until there are none.
const THREADS_MAX: usize = 10_000;
/// Parts of one thread that are counted beforehand.
const COUNTED_MAX: usize = 100_000;
/// A second pass over the files comes so long after an erasure.
const SECOND_PASS_AFTER: Duration = SCOUR_OLDER_THAN.saturating_add(Duration::from_mins(10));

/// What erasing a contact takes away, or took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Threads that go whole.
    pub threads: u64,
    /// Threads of others that lose their parts and name.
    pub shared_threads: u64,
    /// Their messages.
    pub parts: u64,
    /// Files that came with them.
    pub files: u64,
    /// Raw mails.
    pub mails: u64,
    /// Notes on the contact.
    pub notes: u64,
}

impl Desk {
    /// What [`Desk::erase_contact`] would take away. Scopes `write_contacts` and `delete_conversations_and_metrics`, as for
    /// that; `None` is the machine's operator.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn erasure_preview(&self, caller: Option<&Caller>, id: ContactId) -> Result<Erasure> {
        require_erasure(caller)?;
        Ok(self.inner.store.view(|tx| counted(tx, id))?)
    }

    /// Erases a contact for good; gives what went. Events `ContactChanged`, those of deleted threads, `PartRedacted`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Unavailable` when the store cannot be written. Erasing again goes on where it ended.
    pub async fn erase_contact(&self, caller: Option<&Caller>, id: ContactId) -> Result<Erasure> {
        let gone = self.erasure_preview(caller, id)?;
        let by = caller.map_or(Author::Bot, author);
        let contact = self.inner.store.view(|tx| known(tx, id))?;
        let traces = self.inner.store.view(|tx| traces_of(tx, &contact))?;
        let whole = self.erase_threads(id, &by, &traces).await?;
        self.erase_rows(id, &traces, &whole).await?;
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        self.inner.store.update(move |tx| inner.bury_contact(tx, id, &at)).await?;
        let agent = caller.map_or(0, |caller| caller.agent.0);
        tracing::info!(contact = %id, agent, threads = gone.threads, parts = gone.parts, "a contact was erased");
        if let Err(error) = self.scour().await {
            tracing::warn!(%error, "what was erased is still in the files; the hourly sweep goes on");
        }
        Ok(gone)
    }

    async fn erase_threads(&self, id: ContactId, by: &Author, traces: &Traces) -> Result<Vec<ThreadId>> {
        let threads = self.inner.store.view(|tx| store::threads::of_contact(tx, id, THREADS_MAX))?;
        let mut whole = Vec::new();
        for thread in threads.iter().filter(|thread| thread.deleted_at.is_none()) {
            if is_theirs_alone(thread, id) {
                let (thread, by, at) = (thread.id, by.clone(), At::of(&self.inner.clock));
                self.inner.store.update(move |tx| bury_thread(tx, thread, &by, &at)).await?;
                whole.push(thread);
            } else {
                self.erase_from_thread(thread.id, id, traces).await?;
            }
        }
        while self.purge_batch().await? {}
        Ok(whole)
    }

    /// Takes the octets of what was erased out of blobs and store; whether there were any. For the end of an erasure and the
    /// hourly sweep. Everybody waits while the store is written anew.
    ///
    /// # Errors
    /// When files cannot be written or a reader does not end; nothing is lost then.
    pub(crate) async fn scour(&self) -> Result<bool> {
        let Some(erased_at) = self.inner.store.view(store::erasing::erased_at)? else { return Ok(false) };
        while self.redaction_batch().await? || self.purge_batch().await? {}
        let now = self.inner.clock.now();
        let inner = self.inner.clone();
        let scoured = tokio::task::spawn_blocking(move || inner.scour_files(erased_at, now)).await;
        scoured.map_err(|error| Error::Unavailable(error.to_string()))??;
        Ok(true)
    }

    /// [`Desk::scour`] once what was young at the erasure is not any more.
    pub(crate) async fn scour_again(&self) -> Result<()> {
        let erased_at = self.inner.store.view(store::erasing::erased_at)?;
        let now = self.inner.clock.now();
        if erased_at.is_some_and(|at| now.since(at) >= SECOND_PASS_AFTER) {
            self.scour().await?;
        }
        Ok(())
    }

    /// Whether the search index is to let go of what was erased, once it has read the log to its end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn index_is_to_scrub(&self) -> Result<bool> {
        Ok(self.inner.store.view(store::erasing::index_is_to_scrub)?)
    }

    /// The search index holds nothing any more that was erased. Blocks until that is noted.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn index_was_scrubbed(&self) -> Result<()> {
        Ok(self.inner.store.update_blocking(store::erasing::end_index_scrub)?)
    }
}

impl Inner {
    /// Leaves the tombstone, and of the addresses a keyed hash where they are not to be written to (DAT-3).
    fn bury_contact(&self, tx: &mut dyn WriteTx, id: ContactId, at: &At) -> store::Result<()> {
        let contact = known(&*tx, id)?;
        let stopped = store::broadcasts::has_stopped(&*tx, id)?;
        for address in own_addresses(&*tx, &contact)? {
            let standing = store::suppressions::get(&*tx, &address)?;
            let suppressed = standing.as_ref().is_some_and(|known| known.suppressed(at.now).is_some());
            let kept = ErasedStanding {
                suppressed: suppressed || contact.has_hard_bounced,
                unsubscribed: contact.unsubscribed_from_emails || contact.marked_email_as_spam || stopped,
            };
            store::erasing::remember(tx, &self.erasure_key, &address, kept)?;
            standing.map_or(Ok(()), |known| store::suppressions::delete(tx, &known))?;
        }
        for note in &contact.notes {
            if let Some(note) = store::notes::get(&*tx, *note)? {
                store::notes::delete(tx, &note)?;
            }
        }
        store::data_events::leave(tx, id, None)?;
        let gone = Contact { deleted_at: Some(at.now), ..contact.tombstone(at.now) };
        save(tx, &done_with(gone, &[ContactAct::Erased], at))?;
        store::erasing::set_erased(tx, at.now)
    }

    fn scour_files(&self, erased_at: Millis, now: Millis) -> store::Result<()> {
        if now.since(erased_at) >= SECOND_PASS_AFTER {
            self.store.update_blocking(move |tx| store::erasing::end_erased(tx, erased_at))?;
        }
        let scoured = self.blobs.scour(|hash| self.store.view(|tx| store::blob_refs::is_named(tx, *hash)));
        let scoured = scoured.and_then(|_| self.store.rewrite());
        if scoured.is_err() && now.since(erased_at) >= SECOND_PASS_AFTER {
            self.store.update_blocking(move |tx| store::erasing::set_erased(tx, erased_at))?;
        }
        scoured
    }
}

/// What is looked for in the texts of others; an address that somebody else has as well is theirs.
fn traces_of(tx: &dyn ReadTx, contact: &Contact) -> store::Result<Traces> {
    let addresses: Vec<String> = own_addresses(tx, contact)?.iter().map(ToString::to_string).collect();
    Ok(Traces::of(contact, &addresses))
}

/// Addresses that nobody else has.
fn own_addresses(tx: &dyn ReadTx, contact: &Contact) -> store::Result<Vec<Address>> {
    let mut own = Vec::new();
    for address in contact.email.iter().chain(&contact.other_emails) {
        let holders = store::contacts::by_email(tx, address)?;
        if !holders.iter().any(|other| other.id != contact.id && other.is_there()) {
            own.push(address.clone());
        }
    }
    Ok(own)
}

fn require_erasure(caller: Option<&Caller>) -> Result<()> {
    if let Some(caller) = caller {
        require(caller, &[Scope::WriteContacts])?;
        require(caller, &[Scope::DeleteConversations])?;
    }
    Ok(())
}

/// Whether nobody else ever took part in it, and it is the customer's side of a matter.
fn is_theirs_alone(thread: &Thread, id: ContactId) -> bool {
    thread.is_customer_facing() && thread.participants.iter().all(|known| known.contact == id)
}

fn counted(tx: &dyn ReadTx, id: ContactId) -> store::Result<Erasure> {
    let contact = known(tx, id)?;
    let mut erasure = Erasure { notes: contact.notes.len() as u64, ..Erasure::default() };
    for thread in store::threads::of_contact(tx, id, THREADS_MAX)?.iter().filter(|thread| thread.deleted_at.is_none()) {
        let alone = is_theirs_alone(thread, id);
        *(if alone { &mut erasure.threads } else { &mut erasure.shared_threads }) += 1;
        for part in store::parts::of_thread(tx, thread.id, 1, u64::MAX, COUNTED_MAX)? {
            if part.author.contact() != Some(id) {
                continue;
            }
            erasure.parts += 1;
            erasure.files += part.attachments.len() as u64;
            erasure.mails += u64::from(part.email.as_ref().is_some_and(|email| email.raw.is_some()));
        }
    }
    Ok(erasure)
}
