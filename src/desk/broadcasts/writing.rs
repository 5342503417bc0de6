//! Drafts: made, changed, deleted, listed (BRC-1, BRC-30).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::broadcasts::compiled;
use crate::desk::broadcasts::known;
use crate::desk::broadcasts::not_now;
use crate::desk::broadcasts::options;
use crate::desk::thread::draft::At;
use crate::desk::thread::message::NewAttachment;
use crate::desk::ticket::links::open_ticket;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::Options;
use crate::domain::broadcast::Phase;
use crate::domain::id::BroadcastId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::ledger::Rows;
use crate::domain::refusal::Refusal;
use crate::mail::clean;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::ledger::REPLIED;
use std::collections::BTreeMap;

/// Stops of a Tracker that are counted.
const STOPS_COUNTED_MAX: usize = 10_000;

/// A broadcast to be written.
#[derive(Clone, Debug, Default)]
pub struct NewBroadcast {
    /// For contacts whose thread is not an email thread (BRC-5).
    pub subject: String,
    /// Markdown with placeholders (BRC-2).
    pub body: String,
    /// Files, as those of a message (BRC-1).
    pub attachments: Vec<NewAttachment>,
    /// How it is sent (BRC-8).
    pub options: Options,
}

/// A change of a draft; `None` leaves alone.
#[derive(Clone, Debug, Default)]
pub struct BroadcastChange {
    /// New subject.
    pub subject: Option<String>,
    /// New words.
    pub body: Option<String>,
    /// Other files; these go.
    pub attachments: Option<Vec<NewAttachment>>,
    /// Other options, all of them.
    pub options: Option<Options>,
}

/// A broadcast with its counts by state (BRC-35, SHP-5).
#[derive(Clone, Debug)]
pub struct BroadcastView {
    /// The broadcast.
    pub broadcast: Broadcast,
    /// Threads, by the words of BRC-41; of a reason as `skipped/unlinked`.
    pub threads: BTreeMap<String, u64>,
    /// Mails, likewise.
    pub email: BTreeMap<String, u64>,
    /// Contacts in the messenger, likewise.
    pub messenger: BTreeMap<String, u64>,
    /// Contacts who answered (BRC-23).
    pub replies: u64,
    /// Contacts who want no more mail about the issue, counted up to 10,000.
    pub stops: u64,
    /// Links made after the set was fixed (BRC-13).
    pub late_threads: u64,
    /// Mails a minute so far.
    pub mails_per_minute: u64,
    /// Seconds until everything is out, at the speed so far; `None` when it does not run or nobody can tell yet.
    pub eta_s: Option<u64>,
}

impl Desk {
    /// Options where nothing is asked for: those of the Tracker's type (TYP-20). Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `invalid_ticket_type` unless it is a Tracker.
    pub fn broadcast_defaults(&self, caller: &Caller, tracker: ThreadId) -> Result<Options> {
        require(caller, &[Scope::Broadcasts])?;
        let at = At::of(&self.inner.clock);
        Ok(self.inner.store.view(|tx| {
            let tracker = open_ticket(tx, tracker, &at)?;
            options::check_tracker(&tracker.thread)?;
            let of_type = tracker.thread.ticket.as_ref().map(|ticket| store::ticket_types::get(tx, ticket.type_id));
            let settings = of_type.transpose()?.flatten().map(|ticket_type| ticket_type.settings);
            Ok(settings.map_or_else(Options::default, |settings| Options {
                email: settings.broadcast_email,
                rate_per_minute: settings.broadcast_rate_per_minute,
                ..Options::default()
            }))
        })?)
    }

    /// Makes a draft. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `invalid_ticket_type` unless it is a Tracker; `parameter_invalid` with line and column for a body that
    /// cannot be rendered (BRC-4), and for options that cannot be carried out.
    pub async fn create_broadcast(&self, caller: &Caller, tracker: ThreadId, new: NewBroadcast) -> Result<Broadcast> {
        let at = At::of(&self.inner.clock);
        let drafted = self.drafted(caller, tracker, new, &at).await?;
        let made = self.inner.store.update(move |tx| {
            put_draft(tx, &drafted, &at)?;
            Ok(drafted.clone())
        });
        Ok(made.await?)
    }

    /// A draft that is not stored yet, with its files stored.
    pub(crate) async fn drafted(
        &self,
        caller: &Caller,
        tracker: ThreadId,
        new: NewBroadcast,
        at: &At,
    ) -> Result<Broadcast> {
        require(caller, &[Scope::Broadcasts])?;
        let attachments = self.keep_files(new.attachments).await?;
        let author = (caller.agent, caller.name.as_str());
        let drafted = Broadcast {
            subject: clean::subject(&new.subject),
            body: new.body,
            attachments,
            options: new.options,
            ..Broadcast::draft(BroadcastId(at.id()), tracker, author, at.now)
        };
        check_words(&drafted)?;
        Ok(drafted)
    }

    /// Changes a draft. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is no draft any more; as for a new one.
    pub async fn change_broadcast(
        &self,
        caller: &Caller,
        id: BroadcastId,
        change: BroadcastChange,
    ) -> Result<Broadcast> {
        require(caller, &[Scope::Broadcasts])?;
        let BroadcastChange { subject, body, attachments, options } = change;
        let attachments = match attachments {
            Some(files) => Some(self.keep_files(files).await?),
            None => None,
        };
        let at = At::of(&self.inner.clock);
        let changed = self.inner.store.update(move |tx| {
            let mut broadcast = known(tx, id)?;
            if broadcast.state != BroadcastState::Draft {
                return Err(not_now(&broadcast, "changed"));
            }
            if let Some(subject) = &subject {
                broadcast.subject = clean::subject(subject);
            }
            if let Some(body) = &body {
                broadcast.body.clone_from(body);
            }
            if let Some(options) = &options {
                broadcast.options.clone_from(options);
            }
            if let Some(files) = &attachments {
                name_files(tx, &broadcast, false)?;
                broadcast.attachments.clone_from(files);
            }
            check_words(&broadcast).map_err(store::Error::Refused)?;
            broadcast.updated_at = at.now;
            put_draft(tx, &broadcast, &at)?;
            Ok(broadcast)
        });
        Ok(changed.await?)
    }

    /// Takes a draft away. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is no draft any more: that one is cancelled instead.
    pub async fn delete_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<()> {
        require(caller, &[Scope::Broadcasts])?;
        let deleted = self.inner.store.update(move |tx| {
            let broadcast = known(tx, id)?;
            if broadcast.state != BroadcastState::Draft {
                return Err(not_now(&broadcast, "deleted"));
            }
            // A test mail names its broadcast for good.
            if !broadcast.tested_at.is_empty() {
                let cancelled = Broadcast { state: BroadcastState::Cancelled, ..broadcast };
                return store::broadcasts::put(tx, &cancelled);
            }
            name_files(tx, &broadcast, false)?;
            store::broadcasts::delete(tx, &broadcast)
        });
        Ok(deleted.await?)
    }

    /// A broadcast with its counts. Scope `broadcasts` or `read_tickets`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<BroadcastView> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| counted(tx, known(tx, id)?, now))?)
    }

    /// Broadcasts of a Tracker, or of all, newest first, at most `limit` behind `before`. Scope as for one.
    ///
    /// # Errors
    /// `NotFound` for the ticket.
    pub fn broadcasts_of(
        &self,
        caller: &Caller,
        tracker: Option<ThreadId>,
        before: Option<BroadcastId>,
        limit: usize,
    ) -> Result<Vec<BroadcastView>> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        let at = At::of(&self.inner.clock);
        Ok(self.inner.store.view(|tx| {
            let found = match tracker {
                Some(tracker) => {
                    open_ticket(tx, tracker, &at)?;
                    store::broadcasts::of_tracker(tx, tracker, before, limit)?
                }
                None => store::broadcasts::newest(tx, before, limit)?,
            };
            found.into_iter().map(|broadcast| counted(tx, broadcast, at.now)).collect()
        })?)
    }
}

/// Writes a draft whose options can be carried out.
pub(crate) fn put_draft(tx: &mut dyn WriteTx, broadcast: &Broadcast, at: &At) -> store::Result<()> {
    let tracker = open_ticket(&*tx, broadcast.tracker, at)?;
    options::check_tracker(&tracker.thread).map_err(store::Error::Refused)?;
    options::check(&*tx, &tracker.thread, &broadcast.options, at.now)?;
    name_files(tx, broadcast, true)?;
    store::broadcasts::put(tx, broadcast)
}

/// Keeps the files of a broadcast from being swept, or lets them go; its parts name them themselves.
fn name_files(tx: &mut dyn WriteTx, broadcast: &Broadcast, named: bool) -> store::Result<()> {
    for file in &broadcast.attachments {
        let (AttachmentSource::Blob(blob) | AttachmentSource::MailPart { raw: blob, .. }) = file.source;
        match named {
            true => store::blob_refs::add(tx, blob, broadcast.id.0)?,
            false => store::blob_refs::remove(tx, blob, broadcast.id.0)?,
        }
    }
    Ok(())
}

fn check_words(broadcast: &Broadcast) -> std::result::Result<(), Refusal> {
    if broadcast.body.trim().is_empty() {
        return Err(Refusal::invalid("body", "a broadcast needs a text"));
    }
    if broadcast.subject.trim().is_empty() {
        return Err(Refusal::invalid("subject", "a broadcast needs a subject, for contacts without an email thread"));
    }
    compiled(broadcast).map(drop)
}

/// A broadcast with its counts.
pub(crate) fn counted(tx: &dyn ReadTx, broadcast: Broadcast, now: Millis) -> store::Result<BroadcastView> {
    let threads = store::ledger::counts(tx, broadcast.id, Rows::Threads)?;
    let mut email = store::ledger::counts(tx, broadcast.id, Rows::Email)?;
    let messenger = store::ledger::counts(tx, broadcast.id, Rows::Messenger)?;
    let replies = email.remove(REPLIED).unwrap_or(0);
    let of = |counts: &BTreeMap<String, u64>, words: &[&str]| -> u64 {
        words.iter().map(|word| counts.get(*word).copied().unwrap_or(0)).sum()
    };
    let tracker = store::threads::get(tx, broadcast.tracker)?.and_then(|thread| thread.ticket);
    let reports = tracker.map_or(0, |ticket| ticket.customer_reports);
    let known: u64 = of(&threads, &["queued", "sent", "failed", "skipped"]);
    let gone = of(&threads, &["skipped/unlinked", "skipped/erased"]);
    let is_fixed = broadcast.started_at.is_some() && broadcast.phase != Phase::Gathering;
    let sent = of(&email, &["sent", "delivered", "seen", "failed", "uncertain", "deferred"]);
    let waiting = of(&email, &["queued"]);
    let ran_ms = broadcast.ran_for_ms(now).max(1);
    Ok(BroadcastView {
        stops: store::broadcasts::count_stopped(tx, broadcast.tracker, STOPS_COUNTED_MAX)?,
        late_threads: if is_fixed { reports.saturating_sub(known.saturating_sub(gone)) } else { 0 },
        mails_per_minute: sent.saturating_mul(60_000) / ran_ms,
        eta_s: eta_s(&broadcast, (of(&threads, &["sent"]), of(&threads, &["queued"])), (sent, waiting), ran_ms),
        broadcast,
        threads,
        email,
        messenger,
        replies,
    })
}

/// Time for what is left at the speed so far; the mails' rate bounds theirs.
fn eta_s(broadcast: &Broadcast, threads: (u64, u64), mails: (u64, u64), ran_ms: u64) -> Option<u64> {
    if broadcast.state != BroadcastState::Running || broadcast.phase == Phase::Gathering {
        return None;
    }
    let at_this_speed = |(done, left): (u64, u64)| match (done, left) {
        (_, 0) => Some(0),
        (0, _) => None,
        (done, left) => Some(left.saturating_mul(ran_ms) / done / 1_000),
    };
    let by_rate = |rate: u32| mails.1.saturating_mul(60) / u64::from(rate.max(1));
    let mailing = match (at_this_speed(mails), broadcast.options.rate_per_minute.map(by_rate)) {
        (Some(seen), Some(bound)) => Some(seen.max(bound)),
        (seen, bound) => seen.or(bound),
    };
    Some(at_this_speed(threads)?.max(mailing?))
}

impl Desk {
    async fn keep_files(&self, files: Vec<NewAttachment>) -> Result<Vec<Attachment>> {
        crate::desk::thread::message::check_files(&files, 0)?;
        let mut kept = Vec::with_capacity(files.len());
        for file in files {
            kept.push(self.keep_file(file).await?);
        }
        Ok(kept)
    }
}
