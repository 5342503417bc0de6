//! What the desk did and how it is: trace, status, quarantine, source and files of parts (EML-90, OPS-6).

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::access::require_operator;
use crate::desk::mail::arrival::NotAccepted;
use crate::desk::mail::forwarding::Forwarding;
use crate::desk::thread::draft::missing;
use crate::desk::webhooks::owed::Figures;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::PauseCause;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::AttachmentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::mail_share::MailShare;
use crate::mail::message::attachment_bytes;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Rows of a trace.
const TRACED_MAX: usize = 500;
/// Threads of a contact that a trace of their address follows, and arrivals of one mail.
const TRACED_THREADS_MAX: usize = 50;
const TRACED_COPIES_MAX: usize = 10;
/// Journal rows looked through for an address.
const JOURNAL_LOOKED_AT_MAX: usize = 10_000;
/// Quarantined rows that are counted.
const QUARANTINE_COUNTED_MAX: usize = 10_000;

/// A step of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// When.
    pub at: Millis,
    /// What happened, in one line for people.
    pub what: String,
}

/// How the desk is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Deliveries by state.
    pub deliveries: BTreeMap<&'static str, u64>,
    /// When the delivery that waits longest was due.
    pub oldest_due: Option<Millis>,
    /// Messages in quarantine, counted up to 10,000.
    pub quarantined: u64,
    /// Newest log position.
    pub log_seq: u64,
    /// Size of the store's file, in bytes.
    pub store_bytes: u64,
    /// How long the last commit took.
    pub last_commit: Option<Duration>,
    /// Commits since the start.
    pub commits: u64,
    /// Broadcasts under way.
    pub broadcasts_running: u64,
    /// Broadcasts that the desk itself holds, by the reason (BRC-33).
    pub broadcasts_held: BTreeMap<&'static str, u64>,
    /// Webhook subscriptions.
    pub webhooks: Figures,
    /// Automatic mails over a limit since the start (EML-87).
    pub rate_limited: u64,
    /// Whether nothing is sent until somebody says so (OPS-5).
    pub sending_paused: bool,
    /// The newest probe of each support address (EML-93).
    pub probes: Vec<Forwarding>,
}

/// Most arrivals looked at for one answer.
const ARRIVALS_LOOKED_AT_MAX: usize = 10_000;

/// Which arrivals are asked for; what is `None` asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrivalFilter {
    /// Message-ID without brackets.
    pub message_id: Option<String>,
    /// Sender or recipient of the envelope, or the support address.
    pub address: Option<Address>,
    /// UID in its mailbox.
    pub uid: Option<u64>,
    /// Not before.
    pub since: Option<Millis>,
    /// Not after.
    pub until: Option<Millis>,
}

impl ArrivalFilter {
    fn lets_through(&self, tx: &dyn ReadTx, row: &IntakeRow, writers: &[ContactId]) -> store::Result<bool> {
        let of_uid = |uid: u64| row.source.ends_with(&format!(" uid {uid}"));
        let fits = self.message_id.as_ref().is_none_or(|id| row.message_id == *id)
            && self.uid.is_none_or(of_uid)
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at <= until);
        match &self.address {
            Some(address) if fits => Ok(is_named(row, address) || is_written_by(tx, row, writers)?),
            _ => Ok(fits),
        }
    }
}

/// Whether the envelope names the address, or it is the support address.
fn is_named(row: &IntakeRow, address: &Address) -> bool {
    let is = |text: &String| Address::parse(text).as_ref() == Some(address);
    row.support_address.as_ref() == Some(address) || row.reverse_path.iter().chain(&row.recipients).any(is)
}

/// Whether one of these contacts wrote the mail: not every way in has an envelope.
fn is_written_by(tx: &dyn ReadTx, row: &IntakeRow, writers: &[ContactId]) -> store::Result<bool> {
    let IntakeResult::Part { part, .. } = &row.result else { return Ok(false) };
    if writers.is_empty() {
        return Ok(false);
    }
    let author = store::parts::by_id(tx, *part)?.and_then(|part| part.author.contact());
    Ok(author.is_some_and(|author| writers.contains(&author)))
}

fn contacts_with(tx: &dyn ReadTx, address: Option<&Address>) -> store::Result<Vec<ContactId>> {
    let Some(address) = address else { return Ok(Vec::new()) };
    Ok(store::contacts::by_email(tx, address)?.into_iter().map(|contact| contact.id).collect())
}

impl Desk {
    /// Everything the desk did with a Message-ID, a delivery, a journal row or an address, in order of time (EML-90).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn trace(&self, of: &str) -> Result<Vec<TraceStep>> {
        let of = of.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        let mut steps = self.inner.store.view(|tx| {
            let mut steps = Vec::new();
            let number: Option<u64> = of.parse().ok();
            if let Some(number) = number {
                trace_arrivals(tx, &mut steps, store::intake::get(tx, IntakeId(number))?.into_iter().collect())?;
                trace_deliveries(&mut steps, store::outbox::get(tx, DeliveryId(number))?.into_iter().collect());
                return Ok(steps);
            }
            trace_arrivals(tx, &mut steps, store::intake::by_message_id(tx, &of, TRACED_MAX)?)?;
            if let Some(id) = store::outbox::by_message_id(tx, &of)? {
                trace_deliveries(&mut steps, store::outbox::get(tx, id)?.into_iter().collect());
            }
            if steps.is_empty() && of.contains('@') {
                trace_address(tx, &mut steps, &of.to_lowercase())?;
            }
            Ok(steps)
        })?;
        steps.sort_by_key(|step| step.at);
        Ok(steps)
    }

    /// Queues, quarantine and store in figures.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<Status> {
        let stats = self.inner.store.stats();
        let webhooks = self.webhook_figures()?;
        let probes = self.forwarding(None)?;
        let (now, all) = (self.inner.clock.now(), MailShare::All);
        Ok(self.inner.store.view(|tx| {
            Ok(Status {
                deliveries: store::outbox::counts(tx)?,
                oldest_due: store::outbox::next_due(tx, &all)?
                    .into_iter()
                    .chain(store::lanes::next_due(tx, &all, now)?)
                    .min(),
                quarantined: store::intake::quarantined(tx, None, QUARANTINE_COUNTED_MAX)?.len() as u64,
                log_seq: store::events::last_seq(tx)?.0,
                store_bytes: stats.engine.file_bytes,
                last_commit: Some(stats.engine.last_commit),
                commits: stats.engine.commits,
                broadcasts_running: store::broadcasts::with_work(tx)?.len() as u64,
                broadcasts_held: held(&store::broadcasts::all_under_way(tx)?),
                webhooks: webhooks.clone(),
                rate_limited: self.inner.rate_limited.load(Ordering::Relaxed),
                sending_paused: store::meta::sending_is_paused(tx)?,
                probes: probes.clone(),
            })
        })?)
    }

    /// Arrivals that a filter lets through, newest first, behind `before`, and whether there may be more (API-49). At most
    /// 10,000 are looked at for one answer. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`; when the store cannot be read.
    pub fn arrivals(
        &self,
        caller: Option<&Caller>,
        filter: &ArrivalFilter,
        before: Option<IntakeId>,
        limit: usize,
    ) -> Result<(Vec<IntakeRow>, bool)> {
        require_operator(caller)?;
        let mut found = self.inner.store.view(|tx| {
            let mut found = match &filter.message_id {
                Some(id) => store::intake::by_message_id(tx, id, ARRIVALS_LOOKED_AT_MAX)?,
                None => store::intake::newest(tx, before, ARRIVALS_LOOKED_AT_MAX)?,
            };
            found.sort_by_key(|row| std::cmp::Reverse(row.id));
            found.retain(|row| before.is_none_or(|before| row.id < before));
            let writers = contacts_with(tx, filter.address.as_ref())?;
            let mut through = Vec::new();
            for row in found {
                if filter.lets_through(tx, &row, &writers)? {
                    through.push(row);
                }
            }
            Ok(through)
        })?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        Ok((found, has_more))
    }

    /// Messages that could not be taken in, newest first. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`; when the store cannot be read.
    pub fn quarantine(&self, caller: Option<&Caller>, limit: usize) -> Result<Vec<IntakeRow>> {
        require_operator(caller)?;
        Ok(self.inner.store.view(|tx| store::intake::quarantined(tx, None, limit))?)
    }

    /// A quarantined message with its bytes. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub fn quarantined(&self, caller: Option<&Caller>, id: IntakeId) -> Result<(IntakeRow, Vec<u8>)> {
        require_operator(caller)?;
        let row = self.inner.store.view(|tx| {
            let row = store::intake::get(tx, id)?;
            let quarantined = row.filter(|row| matches!(row.result, IntakeResult::Quarantined { .. }));
            quarantined.ok_or_else(|| missing("quarantined message"))
        })?;
        let hash = row.raw.ok_or_else(|| Error::from(missing("quarantined message")))?;
        let raw = self.inner.blobs.get_blocking(hash)?;
        Ok((row, raw))
    }

    /// Takes a quarantined message in again; its row says what came of it. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`; `Unavailable` and `Full` as for any arrival.
    pub async fn retry_quarantined(&self, caller: Option<&Caller>, id: IntakeId) -> Result<IntakeRow> {
        let (row, _) = self.quarantined(caller, id)?;
        match self.take_again(&row).await {
            Ok(_) => {}
            Err(NotAccepted::Full) => return Err(Error::Full),
            Err(NotAccepted::TryAgain(why) | NotAccepted::Policy(why)) => return Err(Error::Unavailable(why)),
        }
        let kept = self.inner.store.view(|tx| store::intake::get(tx, id))?;
        Ok(kept.unwrap_or(row))
    }

    /// The raw mail of a part that came by email (EML-53).
    ///
    /// # Errors
    /// `NotFound` for a part that is not there or is no mail.
    pub fn raw_of_part(&self, part: PartId) -> Result<Vec<u8>> {
        let raw = self.inner.store.view(|tx| {
            let email = store::parts::by_id(tx, part)?.and_then(|part| part.email);
            email.and_then(|email| email.raw).ok_or_else(|| missing("source"))
        })?;
        Ok(self.inner.blobs.get_blocking(raw)?)
    }

    /// An attachment of a part, with its bytes; of a broadcast's preview and test mail, whose part stands nowhere, by the
    /// broadcast's id.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn attachment(&self, part: PartId, id: AttachmentId) -> Result<(Attachment, Vec<u8>)> {
        let attachment = self.inner.store.view(|tx| {
            let attachments = match store::parts::by_id(tx, part)? {
                Some(part) => part.attachments,
                None => store::broadcasts::get(tx, BroadcastId(part.0))?
                    .map(|broadcast| broadcast.attachments)
                    .unwrap_or_default(),
            };
            let found = attachments.into_iter().find(|attachment| attachment.id == id);
            found.ok_or_else(|| missing("attachment"))
        })?;
        let blob = self.inner.blobs.get_blocking(attachment.source.blob())?;
        let bytes = match attachment.source {
            AttachmentSource::Blob(_) => Some(blob),
            AttachmentSource::MailPart { part, .. } => {
                usize::try_from(part).ok().and_then(|part| attachment_bytes(&blob, part))
            }
        };
        let bytes = bytes.ok_or_else(|| Error::from(missing("attachment")))?;
        Ok((attachment, bytes))
    }

    /// Writes a copy of the store as of one moment, while work goes on. The blobs it names are beside it: a blob is
    /// written before the commit that names it and never changed, so copying them afterwards misses none.
    ///
    /// # Errors
    /// When `to` cannot be written.
    pub fn backup_store(&self, to: &Path) -> Result<()> {
        Ok(self.inner.store.backup(to)?)
    }

    /// Everything that must hold in the store; a sentence per fault.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify(&self) -> Result<Vec<String>> {
        Ok(store::verify::verify(&self.inner.store, Some(&self.inner.blobs), &mut |_| {})?)
    }

    /// One durable commit, to prove that the disk takes writes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe_write(&self) -> Result<()> {
        let now = self.inner.clock.now();
        let probed = self.inner.store.update(move |tx| store::meta::put_secret(tx, "last_probe", &now.0.to_be_bytes()));
        Ok(probed.await?)
    }
}

/// How many of these stand still, and nobody held them (BRC-33).
fn held(under_way: &[Broadcast]) -> BTreeMap<&'static str, u64> {
    let mut held = BTreeMap::from([PauseCause::RelayRefuses, PauseCause::RelayDown].map(|cause| (cause.as_str(), 0)));
    for cause in under_way.iter().filter_map(|broadcast| broadcast.pause_cause) {
        if let Some(count) = held.get_mut(cause.as_str()) {
            *count += 1;
        }
    }
    held
}

fn trace_arrivals(tx: &dyn ReadTx, steps: &mut Vec<TraceStep>, rows: Vec<IntakeRow>) -> store::Result<()> {
    for row in rows {
        let class = row.class.map_or("unread", |class| class.as_str());
        let result = match &row.result {
            IntakeResult::Part { thread, part, placed_by } => {
                format!("part {part} of conversation {thread}, placed by {}", placed_by.as_str())
            }
            IntakeResult::Duplicate { of, thread } => format!("duplicate of arrival {of} in conversation {thread}"),
            IntakeResult::Unsubscribed { contact, tracker } => {
                format!("contact {contact} wants no more mail about ticket {tracker}")
            }
            IntakeResult::Own => "our own mail, kept out of conversations".to_owned(),
            IntakeResult::Quarantined { error } => format!("quarantined: {error}"),
        };
        let support = row.support_address.map(|address| format!(" for {address}")).unwrap_or_default();
        let gone =
            if is_deleted(tx, &row.result)? { "; the conversation was deleted, and its mail stays away" } else { "" };
        let (id, source, message_id) = (row.id, row.source, row.message_id);
        let what = format!("arrival {id} by {source}{support}, <{message_id}>, class {class}: {result}{gone}");
        steps.push(TraceStep { at: row.at, what });
    }
    Ok(())
}

/// Whether the conversation that a mail went to is a tombstone (EML-18).
fn is_deleted(tx: &dyn ReadTx, result: &IntakeResult) -> store::Result<bool> {
    let (IntakeResult::Part { thread, .. } | IntakeResult::Duplicate { thread, .. }) = result else { return Ok(false) };
    Ok(store::threads::even_deleted(tx, *thread)?.is_some_and(|thread| thread.deleted_at.is_some()))
}

fn trace_deliveries(steps: &mut Vec<TraceStep>, deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        let to = delivery.address.as_ref().map_or_else(|| "no address".to_owned(), ToString::to_string);
        let what = format!(
            "delivery {} ({}) of conversation {} owed to {to}, <{}>, due {}",
            delivery.id,
            delivery.kind.as_str(),
            delivery.thread,
            delivery.message_id,
            shown_time(delivery.due_at),
        );
        steps.push(TraceStep { at: delivery.created_at, what });
        for attempt in &delivery.attempts {
            let what = format!("delivery {}, attempt, {}: {}", delivery.id, attempt.stage.as_str(), attempt.answer);
            steps.push(TraceStep { at: attempt.at, what });
        }
        let reason = match &delivery.state {
            DeliveryState::Skipped(reason) => format!(": {}", reason.as_str()),
            DeliveryState::Failed(reason) => format!(": {reason}"),
            DeliveryState::Queued | DeliveryState::Deferred | DeliveryState::Sent | DeliveryState::Uncertain => {
                String::new()
            }
        };
        let at = delivery.attempts.last().map_or(delivery.created_at, |attempt| attempt.at);
        let what = format!("delivery {} is {}{reason}", delivery.id, delivery.state.as_str());
        steps.push(TraceStep { at, what });
    }
}

/// What came from or for an address, by envelope or by who wrote it, and what went to whom it belongs to.
fn trace_address(tx: &dyn ReadTx, steps: &mut Vec<TraceStep>, address: &str) -> store::Result<()> {
    let Some(address) = Address::parse(address) else { return Ok(()) };
    let newest = store::intake::newest(tx, None, JOURNAL_LOOKED_AT_MAX)?.into_iter();
    let mut arrivals: BTreeMap<IntakeId, IntakeRow> =
        newest.filter(|row| is_named(row, &address)).map(|row| (row.id, row)).collect();
    for contact in contacts_with(tx, Some(&address))? {
        for thread in store::threads::of_contact(tx, contact, TRACED_THREADS_MAX)? {
            for part in store::parts::newest(tx, thread.id, TRACED_MAX)? {
                let written = part.email.as_ref().filter(|_| part.author.contact() == Some(contact));
                let Some(email) = written else { continue };
                let rows = store::intake::by_message_id(tx, &email.message_id, TRACED_COPIES_MAX)?;
                arrivals.extend(rows.into_iter().map(|row| (row.id, row)));
            }
            let deliveries = store::outbox::of_thread(tx, thread.id, TRACED_MAX)?;
            let theirs = deliveries.into_iter().filter(|delivery| delivery.contact == contact);
            trace_deliveries(steps, theirs.collect());
        }
    }
    let skipped = arrivals.len().saturating_sub(TRACED_MAX);
    trace_arrivals(tx, steps, arrivals.into_values().skip(skipped).collect())
}

/// A moment as ISO 8601 in UTC.
#[must_use]
pub fn shown_time(at: Millis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| at.0.to_string(), |moment| moment.to_string())
}
