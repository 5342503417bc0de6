//! One delivery, tried once: composed, handed to the relay or kept, and what that came to.
//!
//! **Invariant:** whatever happens here, a panic included, is a verdict about this one delivery; the next is not touched.

use crate::channel::smtp_out::connect::Connection;
use crate::channel::smtp_out::connect::connect;
use crate::channel::smtp_out::destinations::Destinations;
use crate::channel::smtp_out::fault::Fault;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::outbox::Outbox;
use crate::channel::smtp_out::outbox::Settled;
use crate::channel::smtp_out::transact::After;
use crate::channel::smtp_out::transact::Outcome;
use crate::channel::smtp_out::transact::transact;
use crate::desk;
use crate::desk::mail::outbox::OutgoingMail;
use crate::desk::mail::outbox::Prepared;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pauses between the tries to store a verdict.
const SETTLE_PAUSES_MS: [u64; 5] = [100, 300, 1_000, 3_000, 10_000];

/// What an attempt needs.
#[derive(Debug)]
pub(crate) struct Attempt<O> {
    pub(crate) outbox: O,
    /// `None`: mail is kept instead of sent.
    pub(crate) relay: Option<Arc<RelayOptions>>,
    pub(crate) delivery: Delivery,
    /// An idle connection, if there is one.
    pub(crate) connection: Option<Connection>,
    /// Set before the final dot; outlives the attempt.
    pub(crate) past_dot: Arc<AtomicBool>,
    /// Which domains are left in peace.
    pub(crate) destinations: Arc<Mutex<Destinations>>,
    /// Ends the attempt wherever it is.
    pub(crate) cut: CancellationToken,
}

/// What an attempt came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) id: DeliveryId,
    /// `None` when it was cut short before the dot, or is settled already: the lease is all that is left.
    pub(crate) verdict: Option<Verdict>,
    /// The message, where it was taken and a copy is wanted.
    pub(crate) copy: Option<Vec<u8>>,
    /// To be used again.
    pub(crate) connection: Option<Connection>,
    pub(crate) relay: News,
}

/// What an attempt says about the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It was not asked.
    Untouched,
    /// It answered.
    Reached,
    /// It takes nothing.
    Down(String),
    /// It takes nothing from us until a person signs in anew.
    NeedsAuth(String),
}

impl<O: Outbox> Attempt<O> {
    /// Tries the delivery.
    pub(crate) async fn run(self) -> Done {
        let (id, cut, past_dot) = (self.delivery.id, self.cut.clone(), Arc::clone(&self.past_dot));
        tokio::select! {
            biased;
            done = self.uncut() => done,
            () = cut.cancelled() => {
                let verdict = past_dot.load(Ordering::SeqCst).then(|| Verdict::Uncertain {
                    reason: "the process ended before the relay's answer".to_owned(),
                });
                Done { id, verdict, copy: None, connection: None, relay: News::Untouched }
            }
        }
    }

    async fn uncut(self) -> Done {
        let id = self.delivery.id;
        let (verdict, mail) = match self.prepare().await {
            Ok(Prepared::Send(mail)) => (None, Some(mail)),
            Ok(Prepared::Settle(verdict)) => (Some(verdict), None),
            Err(verdict) => (Some(verdict), None),
        };
        match (mail, self.relay.clone()) {
            (Some(mail), Some(relay)) => {
                let (destinations, domain) = (Arc::clone(&self.destinations), mail.recipient.domain().to_owned());
                if let Some(wait) = lock(&destinations).wait(&domain, Instant::now()) {
                    let verdict = Some(Verdict::Postponed { wait });
                    return Done { id, verdict, copy: None, connection: self.connection, relay: News::Untouched };
                }
                let wants_copy = self.outbox.wants_copy(&self.delivery);
                let done = self.hand_over(&mail, &relay).await;
                let answered = done.verdict.as_ref().filter(|_| done.relay == News::Reached);
                lock(&destinations).ended(&domain, answered, Instant::now());
                let is_taken = matches!(done.verdict, Some(Verdict::Delivered { .. }));
                Done { copy: (wants_copy && is_taken).then_some(mail.bytes), ..done }
            }
            (Some(mail), None) => {
                let verdict = self.outbox.capture(mail).await.err().map(|error| deferred(&error.to_string()));
                Done { id, verdict, copy: None, connection: None, relay: News::Untouched }
            }
            (None, _) => Done { id, verdict, copy: None, connection: self.connection, relay: News::Untouched },
        }
    }

    /// Composing may take its time and, by a fault in a library, panic (FAULTS 0.1): it has a thread of its own.
    async fn prepare(&self) -> Result<Prepared, Verdict> {
        let (outbox, delivery) = (self.outbox.clone(), self.delivery.clone());
        match tokio::task::spawn_blocking(move || outbox.prepare(&delivery)).await {
            Ok(Ok(prepared)) => Ok(prepared),
            Ok(Err(desk::Error::Refused(refusal))) => Err(Verdict::Failed { reason: refusal.to_string() }),
            Ok(Err(error)) => Err(deferred(&error.to_string())),
            Err(fault) => {
                tracing::error!(delivery = %self.delivery.id, %fault, "composing a mail broke off");
                Err(Verdict::Failed { reason: "cannot be composed: a fault in the program".to_owned() })
            }
        }
    }

    /// An idle connection first; if the relay has had enough of it, a fresh one. Nothing was handed over then.
    async fn hand_over(mut self, mail: &OutgoingMail, relay: &RelayOptions) -> Done {
        if let Some(idle) = self.connection.take()
            && let Some(mut connection) = idle.cleared(relay.step_wait()).await
        {
            let outcome = self.transact(&mut connection, mail, relay).await;
            if !matches!(outcome.after, After::Unwell(_)) {
                return self.done(outcome, connection);
            }
            tracing::debug!(relay = relay.name, "an idle relay connection was of no more use");
        }
        match Box::pin(connect(relay, &mut Vec::new())).await {
            Ok(mut connection) => {
                let outcome = self.transact(&mut connection, mail, relay).await;
                self.done(outcome, connection)
            }
            Err(fault) => {
                let reason = fault.to_string();
                let verdict = Some(deferred(&reason));
                let relay =
                    if matches!(fault, Fault::NeedsAuth(_)) { News::NeedsAuth(reason) } else { News::Down(reason) };
                Done { id: self.delivery.id, verdict, copy: None, connection: None, relay }
            }
        }
    }

    async fn transact(&self, connection: &mut Connection, mail: &OutgoingMail, relay: &RelayOptions) -> Outcome {
        let mark = || async {
            let marked = self.outbox.mark_past_dot(self.delivery.id).await;
            marked.map_err(|error| error.to_string())?;
            self.past_dot.store(true, Ordering::SeqCst);
            Ok(())
        };
        transact(connection, mail, relay, mark).await
    }

    fn done(&self, outcome: Outcome, mut connection: Connection) -> Done {
        let (keep, relay) = match outcome.after {
            After::Keep => (true, News::Reached),
            After::Drop => (false, News::Reached),
            After::Unwell(error) | After::UnwellPastDot(error) => (false, News::Down(error)),
        };
        connection.rest(matches!(outcome.verdict, Verdict::Delivered { .. }));
        let (id, verdict) = (self.delivery.id, Some(outcome.verdict));
        Done { id, verdict, copy: None, connection: keep.then_some(connection), relay }
    }
}

fn lock(destinations: &Mutex<Destinations>) -> MutexGuard<'_, Destinations> {
    destinations.lock().unwrap_or_else(PoisonError::into_inner)
}

fn deferred(reason: &str) -> Verdict {
    Verdict::Deferred { reason: reason.to_owned(), retry_after: None }
}

/// Stores a verdict, with patience: it is known here alone. One that cannot be stored leaves the lease, and past the dot
/// the marker, to speak for it.
pub(crate) async fn settle<O: Outbox>(outbox: O, done: Settled) {
    let mut pauses = SETTLE_PAUSES_MS.into_iter();
    loop {
        let error = match outbox.settle(done.clone()).await {
            Ok(()) => return,
            Err(error) => error,
        };
        match (error, pauses.next()) {
            (desk::Error::Unavailable(_) | desk::Error::Full, Some(pause)) => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            (error, _) => {
                tracing::error!(delivery = %done.id, %error, verdict = ?done.verdict, "a verdict could not be stored");
                return;
            }
        }
    }
}
