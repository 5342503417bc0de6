//! Sending, scheduling, holding, calling off, extending, taking back (BRC-13, BRC-26, BRC-30 to BRC-34).

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::broadcasts::known;
use crate::desk::broadcasts::not_now;
use crate::desk::broadcasts::note_step;
use crate::desk::broadcasts::options;
use crate::desk::broadcasts::put_with_step;
use crate::desk::broadcasts::writing::NewBroadcast;
use crate::desk::broadcasts::writing::put_draft;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::ticket::links::open_ticket;
use crate::desk::ticket::ticket_state::StateMove;
use crate::desk::ticket::ticket_state::type_and_states;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::LATE_AFTER_MS;
use crate::domain::broadcast::PauseCause;
use crate::domain::broadcast::Phase;
use crate::domain::broadcast::Sweep;
use crate::domain::event::BroadcastStep;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::mail_share::MailShare;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use std::time::Duration;

/// Broadcasts started in one turn.
const STARTED_MAX: usize = 20;
/// A relay that is down for so long holds every broadcast (BRC-33).
pub const RELAY_DOWN_MAX: Duration = Duration::from_mins(10);

impl Desk {
    /// Makes a broadcast and sends it, or schedules it: the draft and its start in one act. Scope `broadcasts`.
    ///
    /// # Errors
    /// As [`Desk::create_broadcast`] and [`Desk::send_broadcast`]; then there is no draft either.
    pub async fn start_broadcast(
        &self,
        caller: &Caller,
        tracker: ThreadId,
        new: NewBroadcast,
        confirmed: Option<u64>,
    ) -> Result<Broadcast> {
        let at = At::of(&self.inner.clock);
        let drafted = self.drafted(caller, tracker, new, &at).await?;
        let probe = (drafted.clone(), at.clone());
        let checked = self.inner.store.view(|tx| {
            let tracker = open_ticket(tx, probe.0.tracker, &probe.1)?;
            options::check_tracker(&tracker.thread).map_err(store::Error::Refused)
        });
        checked.map_err(Error::from)?;
        self.surveyed(drafted.clone(), confirmed).await?;
        let (inner, by) = (self.inner.clone(), caller.agent);
        let started = self.inner.store.update(move |tx| {
            put_draft(tx, &drafted, &at)?;
            inner.send(tx, drafted.clone(), Some(by), &at)
        });
        Ok(started.await?)
    }

    /// Sends a draft, or schedules it for the time in its options; while another broadcast of the Tracker is under way it
    /// waits as scheduled (BRC-30). One whose start was missed by too much is sent by this as well (BRC-34). Everybody it
    /// reaches is looked at before (BRC-4). Scope `broadcasts`. Events `Broadcast`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that was sent, or changed meanwhile; `parameter_invalid` for placeholders that are
    /// empty for somebody, for nobody to reach, and for a number of contacts that was not typed (BRC-15).
    pub async fn send_broadcast(&self, caller: &Caller, id: BroadcastId, confirmed: Option<u64>) -> Result<Broadcast> {
        require(caller, &[Scope::Broadcasts])?;
        let broadcast = self.inner.store.view(|tx| known(tx, id))?;
        if !(broadcast.state == BroadcastState::Draft || broadcast.late) {
            return Err(not_now(&broadcast, "sent").into());
        }
        let looked_at = broadcast.updated_at;
        self.surveyed(broadcast, confirmed).await?;
        let (inner, by, at) = (self.inner.clone(), caller.agent, At::of(&self.inner.clock));
        let sent = self.inner.store.update(move |tx| {
            let broadcast = known(tx, id)?;
            if broadcast.updated_at != looked_at || !(broadcast.state == BroadcastState::Draft || broadcast.late) {
                return Err(not_now(&broadcast, "sent"));
            }
            inner.send(tx, broadcast, Some(by), &at)
        });
        Ok(sent.await?)
    }

    async fn surveyed(&self, broadcast: Broadcast, confirmed: Option<u64>) -> Result<()> {
        let inner = self.inner.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let survey = inner.survey(&broadcast)?;
            Ok(survey.check(inner.settings.broadcasts.confirm_over, confirmed)?)
        });
        looked
            .await
            .unwrap_or_else(|fault| Err(Error::Unavailable(format!("looking at recipients broke off: {fault}"))))
    }

    /// Holds a broadcast: no new posts and mails from the commit on (BRC-32). Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it runs.
    pub async fn pause_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<Broadcast> {
        self.moved(caller, id, |tx, broadcast, by, at| {
            if broadcast.state != BroadcastState::Running {
                return Err(not_now(broadcast, "paused"));
            }
            pause(broadcast, PauseCause::Agent, at.now);
            put_with_step(tx, broadcast, BroadcastStep::Paused, Some(by), at)
        })
        .await
    }

    /// Lets a held broadcast go on. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it is paused.
    pub async fn resume_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<Broadcast> {
        self.moved(caller, id, |tx, broadcast, by, at| {
            if broadcast.state != BroadcastState::Paused {
                return Err(not_now(broadcast, "resumed"));
            }
            let held = broadcast.paused_at.take().map_or(0, |since| at.now.0.saturating_sub(since.0));
            broadcast.paused_ms = broadcast.paused_ms.saturating_add(held);
            (broadcast.state, broadcast.pause_cause) = (BroadcastState::Running, None);
            // What the relay said before it was looked after counts no more.
            let lane = store::lanes::get(&*tx, broadcast.id)?;
            store::lanes::put(tx, &crate::domain::mail_lane::MailLane { refused_bits: 0, ..lane })?;
            put_with_step(tx, broadcast, BroadcastStep::Resumed, Some(by), at)
        })
        .await
    }

    /// Calls a broadcast off: queued rows become `skipped(cancelled)`, what is out stays (BRC-32). Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is over.
    pub async fn cancel_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<Broadcast> {
        self.moved(caller, id, |tx, broadcast, by, at| {
            if matches!(broadcast.state, BroadcastState::Finished | BroadcastState::Cancelled) {
                return Err(not_now(broadcast, "cancelled"));
            }
            if broadcast.started_at.is_some() {
                broadcast.sweep = Some(Sweep::Cancel(None));
                broadcast.finished_at = Some(at.now);
            }
            broadcast.state = BroadcastState::Cancelled;
            put_with_step(tx, broadcast, BroadcastStep::Cancelled, Some(by), at)
        })
        .await
    }

    /// Sends a broadcast to threads linked after its set was fixed too: rows are added to the same ledger, and a contact
    /// already mailed gets only the part (BRC-13). Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it runs past gathering or is finished, or when another one is under way.
    pub async fn extend_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<Broadcast> {
        self.moved(caller, id, |tx, broadcast, by, at| {
            let over = broadcast.state == BroadcastState::Finished;
            let runs = broadcast.state == BroadcastState::Running && broadcast.phase == Phase::Mailing;
            let other =
                store::broadcasts::under_way(&*tx, broadcast.tracker)?.is_some_and(|other| other != broadcast.id);
            if !(over || runs) || other || broadcast.redacted_at.is_some() {
                return Err(not_now(broadcast, "extended"));
            }
            if let Some(over_since) = broadcast.finished_at.take() {
                broadcast.paused_ms = broadcast.paused_ms.saturating_add(at.now.0.saturating_sub(over_since.0));
            }
            broadcast.state = BroadcastState::Running;
            (broadcast.set_until, broadcast.phase, broadcast.cursor) = (Some(at.now), Phase::Gathering, None);
            put_with_step(tx, broadcast, BroadcastStep::Extended, Some(by), at)
        })
        .await
    }

    /// Takes a broadcast's words back: its parts are redacted one by one, unsent mails stay unsent; the ledger keeps what
    /// had gone out (BRC-26). It cannot be undone. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that never ran, or was redacted.
    pub async fn redact_broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<Broadcast> {
        self.moved(caller, id, |tx, broadcast, by, at| {
            if broadcast.started_at.is_none() || broadcast.redacted_at.is_some() {
                return Err(not_now(broadcast, "redacted"));
            }
            if broadcast.state.is_under_way() {
                (broadcast.state, broadcast.finished_at) = (BroadcastState::Cancelled, Some(at.now));
            }
            broadcast.redacted_at = Some(at.now);
            broadcast.sweep = Some(Sweep::Redact(None));
            put_with_step(tx, broadcast, BroadcastStep::Redacted, Some(by), at)
        })
        .await
    }

    async fn moved(
        &self,
        caller: &Caller,
        id: BroadcastId,
        act: impl Fn(&mut dyn WriteTx, &mut Broadcast, AgentId, &At) -> store::Result<()> + Send + 'static,
    ) -> Result<Broadcast> {
        require(caller, &[Scope::Broadcasts])?;
        let (by, at) = (caller.agent, At::of(&self.inner.clock));
        let moved = self.inner.store.update(move |tx| {
            let mut broadcast = known(tx, id)?;
            broadcast.updated_at = at.now;
            act(tx, &mut broadcast, by, &at)?;
            Ok(broadcast)
        });
        Ok(moved.await?)
    }

    /// Holds every running broadcast, since the relay has taken nothing since `since`; only when that is too long ago
    /// (BRC-33). For the outbox worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn relay_is_down(&self, share: &MailShare, since: Millis) -> Result<()> {
        let at = At::of(&self.inner.clock);
        if at.now.since(since) < RELAY_DOWN_MAX {
            return Ok(());
        }
        let open = self.inner.store.view(store::lanes::open)?;
        for (broadcast, _) in open.into_iter().filter(|(broadcast, _)| broadcast.state == BroadcastState::Running) {
            // Another relay's mail goes on.
            let (id, now) = (broadcast.id, at.now);
            if self.inner.store.view(|tx| store::lanes::due_in(tx, id, share, now, 1))?.is_empty() {
                continue;
            }
            let (id, at) = (broadcast.id, at.clone());
            let held = self.inner.store.update(move |tx| {
                let broadcast = known(tx, id)?;
                if broadcast.state == BroadcastState::Running {
                    hold(tx, broadcast, PauseCause::RelayDown, &at)
                } else {
                    Ok(())
                }
            });
            held.await?;
        }
        Ok(())
    }

    /// Starts broadcasts whose time or turn has come. For the daemon's worker.
    pub(crate) async fn start_scheduled(&self) -> Result<bool> {
        let at = At::of(&self.inner.clock);
        let due = self.inner.store.view(|tx| store::broadcasts::to_start(tx, at.now, STARTED_MAX))?;
        let mut began = false;
        for broadcast in due {
            let (inner, at) = (self.inner.clone(), at.clone());
            let started = self.inner.store.update(move |tx| inner.start_due(tx, broadcast.id, &at));
            began |= started.await?;
        }
        Ok(began)
    }
}

impl Inner {
    /// Schedules, queues up or starts.
    fn send(
        &self,
        tx: &mut dyn WriteTx,
        mut broadcast: Broadcast,
        by: Option<AgentId>,
        at: &At,
    ) -> store::Result<Broadcast> {
        broadcast.updated_at = at.now;
        broadcast.late = false;
        let later = broadcast.options.scheduled_at.is_some_and(|time| time > at.now);
        if !later {
            broadcast.options.scheduled_at = None;
        }
        if later || store::broadcasts::under_way(&*tx, broadcast.tracker)?.is_some() {
            broadcast.state = BroadcastState::Scheduled;
            put_with_step(tx, &broadcast, BroadcastStep::Scheduled, by, at)?;
            return Ok(broadcast);
        }
        self.start(tx, broadcast, by, at)
    }

    /// Starts a scheduled broadcast whose time has come; whether anything changed.
    fn start_due(&self, tx: &mut dyn WriteTx, id: BroadcastId, at: &At) -> store::Result<bool> {
        let mut broadcast = known(tx, id)?;
        if store::threads::get(&*tx, broadcast.tracker)?.is_none() {
            broadcast.state = BroadcastState::Cancelled;
            store::broadcasts::put(tx, &broadcast)?;
            return Ok(true);
        }
        let Some(starts_at) = broadcast.starts_at().filter(|time| *time <= at.now) else { return Ok(false) };
        let missed_ms = at.now.0.saturating_sub(starts_at.0);
        if broadcast.options.scheduled_at.is_some() && missed_ms >= LATE_AFTER_MS {
            broadcast.late = true;
            store::broadcasts::put(tx, &broadcast)?;
            alert(
                tx,
                &broadcast,
                "it should have started more than an hour ago and waits for your word: send it, or cancel it",
                at,
            )?;
            return Ok(true);
        }
        if store::broadcasts::under_way(&*tx, broadcast.tracker)?.is_some() {
            // Its time has come and its turn has not: from now on it waits for that alone.
            let waits = broadcast.options.scheduled_at.take().is_some();
            if waits {
                store::broadcasts::put(tx, &broadcast)?;
            }
            return Ok(waits);
        }
        self.start(tx, broadcast, None, at)?;
        Ok(true)
    }

    fn start(
        &self,
        tx: &mut dyn WriteTx,
        mut broadcast: Broadcast,
        by: Option<AgentId>,
        at: &At,
    ) -> store::Result<Broadcast> {
        broadcast.state = BroadcastState::Running;
        (broadcast.started_at, broadcast.set_until) = (Some(at.now), Some(at.now));
        (broadcast.phase, broadcast.cursor) = (Phase::Gathering, None);
        store::broadcasts::put(tx, &broadcast)?;
        let mut tracker = open_ticket(&*tx, broadcast.tracker, at)?;
        if let Some(state) = broadcast.options.tracker_state {
            let (ticket_type, states) = type_and_states(&*tx, &tracker)?;
            // A state that was taken from the type since then is left alone (STA-2).
            if let Ok(to) = ticket_type.choose(state, &states) {
                let author = Author::Agent { id: broadcast.author, name: broadcast.author_name.clone() };
                let asked = StateMove { to, by: author, cause: Some(Cause::Broadcast), notify: false };
                self.change_state(tx, &mut tracker, &ticket_type, &asked)?;
            }
        }
        note_step(&*tx, &mut tracker, broadcast.id, BroadcastStep::Started, by)?;
        conclude(tx, vec![tracker], Change::default())?;
        Ok(broadcast)
    }
}

fn pause(broadcast: &mut Broadcast, cause: PauseCause, now: Millis) {
    broadcast.state = BroadcastState::Paused;
    (broadcast.pause_cause, broadcast.paused_at) = (Some(cause), Some(now));
}

/// The desk holds a broadcast by itself and tells its author why (BRC-33).
pub(crate) fn hold(tx: &mut dyn WriteTx, mut broadcast: Broadcast, cause: PauseCause, at: &At) -> store::Result<()> {
    pause(&mut broadcast, cause, at.now);
    put_with_step(tx, &broadcast, BroadcastStep::Paused, None, at)?;
    let why = match cause {
        PauseCause::Agent => return Ok(()),
        PauseCause::RelayRefuses => "it is paused: the relay refused more than 20 of the last 100 mails",
        PauseCause::RelayDown => "it is paused: the relay has taken no mail for 10 minutes",
    };
    alert(tx, &broadcast, why, at)
}

/// A note on the Tracker for the author.
fn alert(tx: &mut dyn WriteTx, broadcast: &Broadcast, why: &str, at: &At) -> store::Result<()> {
    let Some(tracker) = store::threads::get(&*tx, broadcast.tracker)? else { return Ok(()) };
    let mut tracker = Draft::of(tracker, at);
    let text = format!("{}: broadcast {}: {why}.", broadcast.author_name, broadcast.id);
    tracker.add(NewPart {
        body_html: crate::mail::html_text::text_to_html(&text),
        body_text: text,
        ..NewPart::event(PartKind::Note, Author::Bot, Some(Cause::Broadcast))
    });
    conclude(tx, vec![tracker], Change::default())?;
    Ok(())
}
