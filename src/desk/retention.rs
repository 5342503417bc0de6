//! What goes with age: raw mail, journal, attempts, visitors, closed conversations (DAT-7, DAT-8).
//!
//! Each kind is walked by id, a bounded piece an hour; where a walk stands is kept in memory alone, and it begins anew behind its end
//! and after a start.
//!
//! **Invariant:** nothing goes that somebody still waits for, such as mail in quarantine or a delivery that is not settled, and the
//! keys by which a mail that comes again is known stay for good (EML-15, DAT-6).

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::thread::deletion::bury_thread;
use crate::desk::thread::draft::At;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attachment::BlobHash;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::retention::Aged;
use crate::domain::retention::Retention;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::mail::message::attachment_bytes;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// Records looked at in one snapshot, and pieces of that size in one sweep, for each kind.
const PAGE: usize = 500;
const PAGES_PER_SWEEP: usize = 100;

/// How far each kind was walked.
pub(crate) type Walks = Mutex<BTreeMap<Aged, u64>>;

/// So many of a kind would go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueToGo {
    /// What.
    pub what: Aged,
    /// How many.
    pub count: u64,
    /// Bytes of them, as far as they are known: of raw mail alone.
    pub bytes: u64,
}

/// What of one piece is past its keeping, and where the next one begins.
#[derive(Debug, Default)]
struct Page {
    due: Vec<(u64, u64)>,
    next: Option<u64>,
}

/// The rules of one sweep: what is older than these goes.
#[derive(Clone, Copy, Debug)]
struct Rules {
    kept: Retention,
    now: Millis,
    /// Raw mail that arrived before this one is too much.
    raw_from: IntakeId,
}

/// Whether people have still to look at it.
fn waits(row: &IntakeRow) -> bool {
    matches!(row.result, IntakeResult::Quarantined { .. })
}

impl Rules {
    fn is_past(&self, at: Millis, kept: Option<Duration>) -> bool {
        kept.is_some_and(|kept| self.now.since(at) > kept)
    }

    fn raw_goes(&self, row: &IntakeRow) -> bool {
        row.raw.is_some() && !waits(row) && (row.id < self.raw_from || self.is_past(row.at, self.kept.raw_mail))
    }

    fn row_goes(&self, row: &IntakeRow) -> bool {
        !waits(row) && self.is_past(row.at, self.kept.journal)
    }

    fn visitor_goes(&self, tx: &dyn ReadTx, contact: &Contact) -> store::Result<bool> {
        let seen = contact.last_seen_at.unwrap_or(contact.created_at).max(contact.updated_at);
        let is_old =
            contact.role == ContactRole::Visitor && contact.is_there() && self.is_past(seen, self.kept.visitors);
        Ok(is_old && store::threads::of_contact(tx, contact.id, 1)?.is_empty())
    }

    fn thread_goes(&self, thread: &Thread) -> bool {
        let closed = thread.last_close_at.unwrap_or(thread.updated_at).max(thread.updated_at);
        let is_closed = thread.state == ThreadState::Closed && thread.merged_into.is_none();
        is_closed && self.is_past(closed, self.kept.closed_conversations)
    }

    /// A piece of the walk behind `after`.
    fn page(&self, tx: &dyn ReadTx, what: Aged, after: Option<u64>) -> store::Result<Page> {
        let mut page = Page::default();
        let mut count = 0_usize;
        let mut look = |id: u64, goes: bool, bytes: u64| {
            count += 1;
            page.next = Some(id);
            page.due.extend(goes.then_some((id, bytes)));
        };
        match what {
            Aged::RawMail | Aged::Journal => {
                for row in store::intake::after(tx, after.map(IntakeId), PAGE)? {
                    match what {
                        Aged::RawMail => look(row.id.0, self.raw_goes(&row), row.raw_bytes),
                        _ => look(row.id.0, self.row_goes(&row), 0),
                    }
                }
            }
            Aged::Attempts => {
                for delivery in store::outbox::after(tx, after.map(DeliveryId), PAGE)? {
                    let is_old = self.is_past(delivery.created_at, self.kept.journal);
                    look(delivery.id.0, is_old && delivery.state.is_settled() && !delivery.attempts.is_empty(), 0);
                }
            }
            Aged::Visitors => {
                for contact in store::contacts::by_id(tx, true, after.map(ContactId), PAGE)? {
                    let goes = self.visitor_goes(tx, &contact)?;
                    look(contact.id.0, goes, 0);
                }
            }
            Aged::ClosedConversations => {
                for thread in store::threads::by_id(tx, false, true, after.map(ThreadId), PAGE)? {
                    look(thread.id.0, self.thread_goes(&thread), 0);
                }
            }
        }
        if count < PAGE {
            page.next = None;
        }
        Ok(page)
    }

    /// Whether there is anything to walk for.
    fn asks_for(&self, what: Aged) -> bool {
        match what {
            Aged::RawMail => self.kept.raw_mail.is_some() || self.kept.raw_mail_bytes_max > 0,
            Aged::Journal | Aged::Attempts => self.kept.journal.is_some(),
            Aged::Visitors => self.kept.visitors.is_some(),
            Aged::ClosedConversations => self.kept.closed_conversations.is_some(),
        }
    }
}

impl Desk {
    /// What would go now, of each kind; nothing goes. Reads all of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn due_to_go(&self) -> Result<Vec<DueToGo>> {
        let rules = self.inner.retention_rules()?;
        let of_kind = |what: Aged| {
            let mut due = DueToGo { what, count: 0, bytes: 0 };
            if !rules.asks_for(what) {
                return Ok(due);
            }
            let mut after = None;
            loop {
                let page = self.inner.store.view(|tx| rules.page(tx, what, after))?;
                due.count += page.due.len() as u64;
                due.bytes += page.due.iter().map(|(_, bytes)| bytes).sum::<u64>();
                match page.next {
                    Some(next) => after = Some(next),
                    None => return Ok(due),
                }
            }
        };
        Aged::ALL.into_iter().map(of_kind).collect()
    }

    /// Lets go of what is past its keeping, as far as one sweep walks. For the daemon's worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(crate) async fn let_go(&self) -> Result<()> {
        let rules = self.reading(|inner| inner.retention_rules()).await?;
        for what in Aged::ALL.into_iter().filter(|what| rules.asks_for(*what)) {
            let gone = self.walk(what, rules).await?;
            if gone > 0 {
                tracing::info!(what = what.as_str(), gone, "past their keeping");
            }
            if gone > 0 && what == Aged::Visitors {
                self.drop_tokens_of_nobody().await?;
            }
        }
        Ok(())
    }

    /// One sweep's walk over a kind; how many went.
    async fn walk(&self, what: Aged, rules: Rules) -> Result<u64> {
        let mut gone = 0;
        for _ in 0..PAGES_PER_SWEEP {
            let after = self.inner.walks().get(&what).copied();
            let page = self.reading(move |inner| Ok(inner.store.view(|tx| rules.page(tx, what, after))?)).await?;
            for (id, _) in &page.due {
                self.inner.drop_aged(what, *id, rules).await?;
                gone += 1;
            }
            match page.next {
                Some(next) => drop(self.inner.walks().insert(what, next)),
                None => {
                    self.inner.walks().remove(&what);
                    break;
                }
            }
        }
        Ok(gone)
    }

    /// Tokens of visitors who are gone stand for nobody.
    async fn drop_tokens_of_nobody(&self) -> Result<()> {
        let mut after: Vec<u8> = Vec::new();
        loop {
            let from = after.clone();
            let (nobodys, last) = self.reading(move |inner| Ok(inner.store.view(|tx| tokens(tx, &from))?)).await?;
            if !nobodys.is_empty() {
                let drop_them =
                    move |tx: &mut dyn WriteTx| nobodys.iter().try_for_each(|hash| store::visitors::remove(tx, hash));
                self.inner.store.update(drop_them).await?;
            }
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Reads away from the threads that serve.
    async fn reading<T: Send + 'static>(&self, read: impl FnOnce(&Inner) -> Result<T> + Send + 'static) -> Result<T> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || read(&inner)).await;
        done.unwrap_or_else(|error| Err(Error::Unavailable(error.to_string())))
    }
}

/// The tokens among the next ones whose contact is gone, and the last one looked at.
#[expect(clippy::type_complexity, reason = "a page of rows and where it ends")]
fn tokens(tx: &dyn ReadTx, after: &[u8]) -> store::Result<(Vec<[u8; 32]>, Option<Vec<u8>>)> {
    let known = store::visitors::after(tx, after, PAGE)?;
    let last = known.last().map(|(hash, _)| hash.to_vec());
    let mut nobodys = Vec::new();
    for (hash, contact) in known {
        if !store::contacts::get(tx, contact)?.is_some_and(|contact| contact.is_there()) {
            nobodys.push(hash);
        }
    }
    Ok((nobodys, last))
}

impl Inner {
    fn walks(&self) -> std::sync::MutexGuard<'_, BTreeMap<Aged, u64>> {
        self.walks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retention_rules(&self) -> Result<Rules> {
        let kept = self.settings.retention;
        Ok(Rules { kept, now: self.clock.now(), raw_from: self.raw_kept_from(kept.raw_mail_bytes_max)? })
    }

    /// The oldest arrival whose raw mail still fits, the newest ones first.
    fn raw_kept_from(&self, bytes_max: u64) -> Result<IntakeId> {
        let (mut left, mut before) = (bytes_max, None);
        if bytes_max == 0 {
            return Ok(IntakeId(0));
        }
        loop {
            let rows = self.store.view(|tx| store::intake::newest(tx, before, PAGE))?;
            for row in rows.iter().filter(|row| row.raw.is_some()) {
                let Some(rest) = left.checked_sub(row.raw_bytes) else { return Ok(IntakeId(row.id.0 + 1)) };
                left = rest;
            }
            match rows.last() {
                Some(last) => before = Some(last.id),
                None => return Ok(IntakeId(0)),
            }
        }
    }

    /// Lets one thing go, after looking at it again.
    async fn drop_aged(&self, what: Aged, id: u64, rules: Rules) -> Result<()> {
        match what {
            Aged::RawMail => self.drop_raw(IntakeId(id)).await,
            Aged::Journal => {
                self.drop_raw(IntakeId(id)).await?;
                let dropped = self.store.update(move |tx| match store::intake::get(&*tx, IntakeId(id))? {
                    Some(row) if rules.row_goes(&row) => store::intake::forget(tx, &row),
                    _ => Ok(()),
                });
                Ok(dropped.await?)
            }
            Aged::Attempts => {
                let dropped = self.store.update(move |tx| {
                    let known = store::outbox::get(&*tx, DeliveryId(id))?;
                    let Some(mut delivery) = known.filter(|known| known.state.is_settled()) else { return Ok(()) };
                    delivery.attempts.clear();
                    store::outbox::put(tx, &delivery)
                });
                Ok(dropped.await?)
            }
            Aged::Visitors => {
                let dropped = self.store.update(move |tx| drop_visitor(tx, ContactId(id), &rules));
                Ok(dropped.await?)
            }
            Aged::ClosedConversations => {
                let at = At::of(&self.clock);
                let dropped = self.store.update(move |tx| {
                    let known = store::threads::get(&*tx, ThreadId(id))?;
                    match known.filter(|thread| rules.thread_goes(thread)) {
                        Some(_) => bury_thread(tx, ThreadId(id), &Author::Bot, &at),
                        None => Ok(()),
                    }
                });
                // One whose broadcast runs goes with a later walk.
                match dropped.await {
                    Err(store::Error::Refused(_)) => Ok(()),
                    dropped => Ok(dropped?),
                }
            }
        }
    }

    /// Lets go of a mail as it was received. Its files, which lie in it, become blobs of their own first.
    async fn drop_raw(&self, id: IntakeId) -> Result<()> {
        let Some(row) = self.store.view(|tx| store::intake::get(tx, id))? else { return Ok(()) };
        let Some(raw) = row.raw else { return Ok(()) };
        let part = match row.result {
            IntakeResult::Part { part, .. } => self.store.view(|tx| store::parts::by_id(tx, part))?,
            _ => None,
        };
        let files = match &part {
            Some(part) => self.files_out_of(part, raw).await?,
            None => BTreeMap::new(),
        };
        let of = part.map(|part| part.id);
        Ok(self.store.update(move |tx| forget_raw(tx, id, of, raw, &files)).await?)
    }

    /// The files of a part that lie in its raw mail, as blobs.
    async fn files_out_of(&self, part: &Part, raw: BlobHash) -> Result<BTreeMap<AttachmentId, BlobHash>> {
        let within = part.attachments.iter().filter_map(|file| match file.source {
            AttachmentSource::MailPart { raw: of, part } if of == raw => Some((file.id, part)),
            AttachmentSource::MailPart { .. } | AttachmentSource::Blob(_) => None,
        });
        let within: Vec<(AttachmentId, u32)> = within.collect();
        let mut files = BTreeMap::new();
        if within.is_empty() {
            return Ok(files);
        }
        let octets = self.blobs.get_blocking(raw)?;
        for (file, index) in within {
            let bytes = usize::try_from(index).ok().and_then(|index| attachment_bytes(&octets, index));
            files.insert(file, self.blobs.put(bytes.unwrap_or_default()).await?);
        }
        Ok(files)
    }
}

/// The journal and the part let go of the raw mail.
fn forget_raw(
    tx: &mut dyn WriteTx,
    id: IntakeId,
    part: Option<PartId>,
    raw: BlobHash,
    files: &BTreeMap<AttachmentId, BlobHash>,
) -> store::Result<()> {
    let part = match part {
        Some(part) => store::parts::by_id(&*tx, part)?,
        None => None,
    };
    if let Some(mut part) = part {
        for file in &mut part.attachments {
            if let Some(blob) = files.get(&file.id) {
                file.source = AttachmentSource::Blob(*blob);
            }
        }
        if let Some(email) = part.email.as_mut().filter(|email| email.raw == Some(raw)) {
            email.raw = None;
        }
        save(tx, &Change { parts: vec![part], ..Change::default() })?;
    }
    match store::intake::get(&*tx, id)? {
        Some(row) => store::intake::put(tx, &IntakeRow { raw: None, ..row }),
        None => Ok(()),
    }
}

/// Leaves the bare tombstone of a visitor; nobody is told, since nobody knew of them.
fn drop_visitor(tx: &mut dyn WriteTx, id: ContactId, rules: &Rules) -> store::Result<()> {
    let Some(contact) = store::contacts::get(&*tx, id)? else { return Ok(()) };
    if !rules.visitor_goes(&*tx, &contact)? {
        return Ok(());
    }
    store::data_events::leave(tx, id, None)?;
    let gone = Contact { deleted_at: Some(rules.now), ..contact.tombstone(rules.now) };
    save(tx, &Change { contacts: vec![gone], ..Change::default() }).map(drop)
}
