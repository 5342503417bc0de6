//! Keeps the index behind the log.
//!
//! A commit of the desk wakes it; what was committed meanwhile goes into one commit of the index, so that under load the
//! batches grow and each message is found within a second. Behind a whole batch it goes on without a rest, and commits twice
//! a second. After a quiet moment the writer is closed.
//!
//! **Invariant:** everything that may wait for the disk runs on the pool for that, a batch at a time.

use crate::desk::Desk;
use crate::domain::id::EventSeq;
use crate::search::TextIndex;
use crate::search::index::Cursor;
use crate::search::index::Place;
use crate::search::index::Writing;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Log entries, or texts, read at a time.
const BATCH: usize = 1_000;
/// Entries that brought no text are passed without a commit of the index, but not more than these.
const LAG_MAX: u64 = 10_000;
/// What follows an entry so closely goes into the same commit, each of which costs as much as many mails.
const GATHERING: Duration = Duration::from_millis(500);
/// The writer stays open so long after its last commit.
const QUIET: Duration = Duration::from_secs(3);
/// Longest rest without a look into the log.
const REST_MAX: Duration = Duration::from_secs(5);
/// Rest after a fault.
const REST_AFTER_FAULT: Duration = Duration::from_secs(5);

/// What a step found to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole batch: more stands behind it.
    More,
    /// Less than that.
    Some,
    Nothing,
}

pub(crate) struct Worker {
    desk: Desk,
    index: TextIndex,
    writing: Option<Writing>,
}

/// Keeps the index behind the log until `drain` is cancelled. One such worker per index.
pub async fn run(desk: Desk, index: TextIndex, drain: CancellationToken) {
    let mut committed = desk.committed();
    let mut worker = Worker::new(desk, index);
    let mut faulty = false;
    while !drain.is_cancelled() {
        committed.mark_unchanged();
        let done = tokio::task::spawn_blocking(move || {
            let done = worker.step();
            (worker, done)
        });
        let done = match done.await {
            Ok((back, done)) => {
                worker = back;
                done
            }
            Err(error) => return tracing::error!(%error, "the search index ended"),
        };
        let rest = match done {
            Ok(Step::More) => {
                faulty = false;
                continue;
            }
            Ok(Step::Some) => GATHERING,
            Ok(Step::Nothing) if worker.writing.is_some() => QUIET,
            Ok(Step::Nothing) => REST_MAX,
            Err(fault) => {
                if !faulty {
                    tracing::warn!(%fault, "the search index waits");
                }
                (worker.writing, faulty) = (None, true);
                rest(REST_AFTER_FAULT, &drain).await;
                continue;
            }
        };
        faulty = false;
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(rest) => if rest == QUIET { worker.writing = None },
            _ = committed.changed() => self::rest(GATHERING, &drain).await,
        }
    }
}

async fn rest(rest: Duration, drain: &CancellationToken) {
    tokio::select! {
        () = drain.cancelled() => {}
        () = tokio::time::sleep(rest) => {}
    }
}

impl Worker {
    pub(crate) fn new(desk: Desk, index: TextIndex) -> Self {
        Self { desk, index, writing: None }
    }

    /// One batch.
    pub(crate) fn step(&mut self) -> Result<Step, String> {
        let cursor = self.sound_cursor()?;
        let mut step = Step::More;
        let (changes, next) = match cursor.place {
            Place::Threads(thread, seq) => match self.desk.texts_of_threads((thread, seq), BATCH).map_err(said)? {
                Some((changes, (thread, seq))) => (changes, Cursor { place: Place::Threads(thread, seq), ..cursor }),
                None => (Vec::new(), Cursor { place: Place::Contacts(0), ..cursor }),
            },
            Place::Contacts(after) => match self.desk.texts_of_contacts(after, BATCH).map_err(said)? {
                Some((changes, after)) => (changes, Cursor { place: Place::Contacts(after), ..cursor }),
                None => (Vec::new(), Cursor { place: Place::Log, ..cursor }),
            },
            Place::Log => {
                let (changes, reached) = self.desk.texts_changed(EventSeq(cursor.log), BATCH).map_err(said)?;
                if reached.0 == cursor.log {
                    self.writing.as_mut().map_or(Ok(()), |writing| self.index.commit(writing))?;
                    self.scrub_if_asked()?;
                    return Ok(Step::Nothing);
                }
                if reached.0.saturating_sub(cursor.log) < BATCH as u64 {
                    step = Step::Some;
                }
                let next = Cursor { log: reached.0, ..cursor };
                if changes.is_empty() && self.ahead().is_none() && !reached.0.is_multiple_of(LAG_MAX) {
                    self.index.note(next);
                    return Ok(step);
                }
                (changes, next)
            }
        };
        let mut writing = self.take_writing()?;
        self.index.take_in(&mut writing, &changes, next)?;
        if step == Step::Some || writing.uncommitted_for() >= GATHERING {
            self.index.commit(&mut writing)?;
        }
        self.writing = Some(writing);
        Ok(step)
    }

    /// Lets go of what was erased, with the log read to its end (DAT-2).
    fn scrub_if_asked(&mut self) -> Result<(), String> {
        if !self.desk.index_is_to_scrub().map_err(said)? {
            return Ok(());
        }
        self.writing.take().map_or(Ok(()), Writing::end)?;
        self.index.scrub()?;
        self.desk.index_was_scrubbed().map_err(said)
    }

    /// The cursor; an index that is new, or that the log does not lead on from, begins anew.
    fn sound_cursor(&mut self) -> Result<Cursor, String> {
        let (oldest, last) = self.desk.log_bounds().map_err(said)?;
        let leads_on = |cursor: &Cursor| cursor.log <= last.0 && cursor.log.saturating_add(1) >= oldest.0;
        if let Some(cursor) = self.ahead().cloned().or_else(|| self.index.cursor()).filter(leads_on) {
            return Ok(cursor);
        }
        tracing::info!(log_seq = last.0, "the search index is made anew");
        let beginning = Cursor::beginning(last);
        let mut writing = self.take_writing()?;
        writing.clear()?;
        self.index.take_in(&mut writing, &[], beginning.clone())?;
        self.index.commit(&mut writing)?;
        self.writing = Some(writing);
        Ok(beginning)
    }

    /// How far was read beyond the last commit, if anything was.
    fn ahead(&self) -> Option<&Cursor> {
        self.writing.as_ref().and_then(Writing::ahead)
    }

    fn take_writing(&mut self) -> Result<Writing, String> {
        self.writing.take().map_or_else(|| self.index.write(), Ok)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: crate::desk::Error) -> String {
    error.to_string()
}
