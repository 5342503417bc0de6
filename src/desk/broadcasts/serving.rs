//! The worker's side: the set is written down, parts are posted, the end is noticed.
//!
//! **Invariant:** a row leaves `queued` in the transaction that posts its part, or says why there is none; the cursor moves
//! with it.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::broadcasts::compiled;
use crate::desk::broadcasts::known;
use crate::desk::broadcasts::options::mapped;
use crate::desk::broadcasts::put_with_step;
use crate::desk::broadcasts::recipients::has_session;
use crate::desk::broadcasts::recipients::not_meant;
use crate::desk::broadcasts::sweeping::sweep;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::ticket::ticket_state::StateMove;
use crate::desk::ticket::ticket_state::type_and_states;
use crate::domain::broadcast::After;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Phase;
use crate::domain::delivery::SkipReason;
use crate::domain::event::BroadcastStep;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::ledger::FailReason;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::domain::ledger::Rows;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use crate::template;

/// Links written down in one transaction.
const GATHERED: usize = 200;
/// Rows served in one transaction.
pub const POSTED: usize = 50;

impl Desk {
    /// One batch of every broadcast with work; starts those whose time has come. For the daemon's worker; `false` when
    /// there is nothing to do until something is committed or the time comes.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn broadcast_batch(&self) -> Result<bool> {
        let mut more = self.start_scheduled().await?;
        let with_work = self.inner.store.view(|tx| {
            let mut with_work = Vec::new();
            for id in store::broadcasts::with_work(tx)? {
                if has_step(tx, &known(tx, id)?)? {
                    with_work.push(id);
                }
            }
            Ok(with_work)
        })?;
        for id in with_work {
            let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
            more |= self.inner.store.update(move |tx| inner.broadcast_step(tx, id, &at)).await?;
        }
        Ok(more)
    }
}

/// Whether a step would change anything now; one that only waits for its mails has none.
fn has_step(tx: &dyn ReadTx, broadcast: &Broadcast) -> store::Result<bool> {
    let mails_wait = broadcast.phase == Phase::Mailing && mails_wait(tx, broadcast.id)?;
    Ok(broadcast.sweep.is_some() || (broadcast.state == BroadcastState::Running && !mails_wait))
}

fn mails_wait(tx: &dyn ReadTx, broadcast: BroadcastId) -> store::Result<bool> {
    Ok(store::ledger::count(tx, broadcast, Rows::Email, "queued")? > 0)
}

impl Inner {
    fn broadcast_step(&self, tx: &mut dyn WriteTx, id: BroadcastId, at: &At) -> store::Result<bool> {
        let broadcast = known(tx, id)?;
        if broadcast.sweep.is_some() {
            return sweep(tx, broadcast, at);
        }
        if !has_step(&*tx, &broadcast)? {
            return Ok(false);
        }
        match broadcast.phase {
            Phase::Gathering => gather(tx, broadcast, at)?,
            Phase::Posting => self.post_batch(tx, broadcast, at)?,
            Phase::Mailing => {
                let over = Broadcast { state: BroadcastState::Finished, finished_at: Some(at.now), ..broadcast };
                put_with_step(tx, &over, BroadcastStep::Finished, None, at)?;
            }
        }
        Ok(true)
    }

    fn post_batch(&self, tx: &mut dyn WriteTx, mut broadcast: Broadcast, at: &At) -> store::Result<()> {
        let words = compiled(&broadcast)?;
        let rows = store::ledger::threads(&*tx, broadcast.id, broadcast.cursor, POSTED)?;
        for (key, row) in &rows {
            if let (LedgerKey::Thread(thread), LedgerState::Queued) = (key, row.state) {
                self.serve(tx, &broadcast, &words, *thread, at)?;
            }
        }
        match rows.last() {
            Some((LedgerKey::Thread(last), _)) if rows.len() == POSTED => broadcast.cursor = Some(*last),
            _ => (broadcast.phase, broadcast.cursor) = (Phase::Mailing, None),
        }
        store::broadcasts::put(tx, &broadcast)
    }

    /// Serves one row: a part, or the reason against it; then decides on everybody in the thread.
    fn serve(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        words: &template::broadcast::Broadcast,
        thread: ThreadId,
        at: &At,
    ) -> store::Result<()> {
        let skip = |reason| LedgerEntry::new(LedgerState::Skipped(reason), thread, at.now);
        let key = LedgerKey::Thread(thread);
        let Some(asked) = store::threads::get(&*tx, thread)? else {
            return store::ledger::put(tx, broadcast.id, key, &skip(SkipReason::Erased));
        };
        let mut target = asked.clone();
        if asked.merged_into.is_some() {
            // Served once, through its primary (BRC-14).
            store::ledger::put(tx, broadcast.id, key, &skip(SkipReason::Merged))?;
            target = Draft::open_merged(&*tx, thread, at)?.thread;
            let row = store::ledger::get(&*tx, broadcast.id, LedgerKey::Thread(target.id))?;
            if row.is_some_and(|row| row.state != LedgerState::Queued) {
                return self.decide_on_all(tx, broadcast, &asked, at);
            }
        } else if store::links::get(&*tx, broadcast.tracker, thread)?.is_none() {
            store::ledger::put(tx, broadcast.id, key, &skip(SkipReason::Unlinked))?;
            return self.decide_on_all(tx, broadcast, &asked, at);
        }
        let people = target.clone();
        match shut_out(&*tx, &target)? {
            Some(reason) => {
                let entry = LedgerEntry { thread: target.id, ..skip(reason) };
                store::ledger::put(tx, broadcast.id, LedgerKey::Thread(target.id), &entry)?;
            }
            None => self.post(tx, broadcast, words, target, at)?,
        }
        self.decide_on_all(tx, broadcast, &people, at)
    }

    /// Posts the part with what the options ask for, in one thread (BRC-20, BRC-24).
    fn post(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        words: &template::broadcast::Broadcast,
        thread: Thread,
        at: &At,
    ) -> store::Result<()> {
        let key = LedgerKey::Thread(thread.id);
        let mut draft = Draft::of(thread, at);
        let author = Author::Agent { id: broadcast.author, name: broadcast.author_name.clone() };
        let state_skipped = self.set_state(tx, broadcast, &mut draft, &author)?;
        let values = self.values(&*tx, broadcast, &draft.thread)?;
        let Ok(rendered) = words.render(&values) else {
            let failed = LedgerEntry::new(LedgerState::Failed(FailReason::Render), draft.thread.id, at.now);
            return store::ledger::put(tx, broadcast.id, key, &failed);
        };
        let part = draft.add(NewPart {
            body_html: rendered.body_html.as_str().to_owned(),
            body_text: rendered.body_text.as_str().to_owned(),
            attachments: broadcast.attachments.clone(),
            broadcast: Some(broadcast.id),
            ..NewPart::event(PartKind::Comment, author.clone(), None)
        });
        match broadcast.options.after {
            After::Nothing => {}
            After::Close => draft.move_to(ThreadState::Closed, &author, Some(Cause::Broadcast)),
            After::SnoozeUntil(until) if until <= at.now => {}
            After::SnoozeUntil(until) => {
                draft.move_to(ThreadState::Snoozed(Some(until)), &author, Some(Cause::Broadcast));
            }
        }
        let sent = LedgerEntry::new(LedgerState::Sent, draft.thread.id, at.now);
        let sent = LedgerEntry { part: Some(part.id), state_skipped, ..sent };
        let primary = draft.thread.primary_contact();
        let log_seq = conclude(tx, vec![draft], Change::default())?;
        store::ledger::put(tx, broadcast.id, key, &sent)?;
        let sent = LedgerEntry { log_seq: Some(log_seq), ..sent };
        match primary {
            Some(primary) => tell_messenger(tx, broadcast, primary, &sent, at),
            None => Ok(()),
        }
    }

    /// Moves the ticket's state before the part, so that the part and its mail carry the new label; the reason when the
    /// ticket lacks what it would need (ATT-6).
    fn set_state(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        draft: &mut Draft,
        author: &Author,
    ) -> store::Result<Option<SkipReason>> {
        let Some(asked) = broadcast.options.set_customer_ticket_state.filter(|_| draft.thread.ticket.is_some()) else {
            return Ok(None);
        };
        let (ticket_type, states) = type_and_states(&*tx, draft)?;
        let asked = states.iter().find(|state| state.id == asked);
        let Some(to) = asked.and_then(|asked| mapped(&ticket_type, &states, asked)) else { return Ok(None) };
        let asked = StateMove { to, by: author.clone(), cause: Some(Cause::Broadcast), notify: false };
        match self.change_state(tx, draft, &ticket_type, &asked) {
            Ok(_) => Ok(None),
            Err(store::Error::Refused(_)) => Ok(Some(SkipReason::RequiredToClose)),
            Err(error) => Err(error),
        }
    }

    /// Owes everybody in a thread their mail, if it can be said by now which it is.
    fn decide_on_all(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        thread: &Thread,
        at: &At,
    ) -> store::Result<()> {
        let mut owed = Vec::new();
        for participant in thread.current_participants() {
            owed.extend(self.decide_on(tx, broadcast, participant.contact, at)?);
        }
        if owed.is_empty() {
            return Ok(());
        }
        save(tx, &Change { owed, ..Change::default() }).map(drop)
    }
}

/// Writes down who is linked, a row each (BRC-13); Back-office tickets add nobody (BRC-10).
fn gather(tx: &mut dyn WriteTx, mut broadcast: Broadcast, at: &At) -> store::Result<()> {
    let links = store::links::of_ticket(&*tx, broadcast.tracker, broadcast.cursor, GATHERED)?;
    for link in links.iter().filter(|link| Some(link.created_at) <= broadcast.set_until) {
        let key = LedgerKey::Thread(link.to_thread);
        // One that was unlinked while it waited and is linked again is late like any other (BRC-13).
        let known = store::ledger::get(&*tx, broadcast.id, key)?;
        if known.is_some_and(|row| row.state != LedgerState::Skipped(SkipReason::Unlinked)) {
            continue;
        }
        let Some(thread) = store::threads::get(&*tx, link.to_thread)?.filter(Thread::is_customer_facing) else {
            continue;
        };
        let state = not_meant(&broadcast, &thread).map_or(LedgerState::Queued, LedgerState::Skipped);
        store::ledger::put(tx, broadcast.id, key, &LedgerEntry::new(state, thread.id, at.now))?;
    }
    match links.last() {
        Some(last) if links.len() == GATHERED => broadcast.cursor = Some(last.to_thread),
        _ => (broadcast.phase, broadcast.cursor) = (Phase::Posting, None),
    }
    store::broadcasts::put(tx, &broadcast)
}

/// Why a thread takes no part, at the time of its turn (BRC-14).
pub(crate) fn shut_out(tx: &dyn ReadTx, thread: &Thread) -> store::Result<Option<SkipReason>> {
    if !thread.is_customer_facing() {
        return Ok(Some(SkipReason::Filtered));
    }
    let Some(primary) = thread.primary_contact() else { return Ok(None) };
    match store::contacts::get(tx, primary)? {
        None => Ok(Some(SkipReason::Erased)),
        Some(contact) => Ok(contact.blocked.then_some(SkipReason::Blocked)),
    }
}

/// The row of a contact in the messenger: queued until a socket or a read mark says more (BRC-41).
fn tell_messenger(
    tx: &mut dyn WriteTx,
    broadcast: &Broadcast,
    contact: ContactId,
    sent: &LedgerEntry,
    at: &At,
) -> store::Result<()> {
    let key = LedgerKey::Messenger(contact);
    if store::ledger::get(&*tx, broadcast.id, key)?.is_some() {
        return Ok(());
    }
    let Some(contact) = store::contacts::get(&*tx, contact)? else { return Ok(()) };
    let state = match has_session(&contact, at.now) {
        true => LedgerState::Queued,
        false => LedgerState::Skipped(SkipReason::NoSession),
    };
    let entry = LedgerEntry { state_skipped: None, state, ..sent.clone() };
    store::ledger::put(tx, broadcast.id, key, &entry)
}
