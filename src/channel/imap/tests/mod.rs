//! The reader of mailboxes against a server that lies.

mod faults;
mod killed;
mod oauth;
mod reading;
mod reconciling;
mod sign_in;
mod together;
mod traps;

use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxState;
use crate::channel::imap::Password;
use crate::channel::imap::TlsMode;
use crate::channel::imap::fake::Fake;
use crate::channel::imap::run;
use crate::clock::Clock;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::MailboxCursor;
use crate::desk::mail::arrival::NotAccepted;
use crate::domain::address::Address;
use crate::domain::id::ThreadId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A desk in memory, which knows a message again by its bytes.
#[derive(Default)]
pub(super) struct Door {
    pub(super) kept: Mutex<Kept>,
    pub(super) changed: watch::Sender<()>,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) taken: Vec<(u32, u32, Vec<u8>)>,
    pub(super) duplicates: usize,
    /// UIDVALIDITY and UID of every message that came, known or not.
    pub(super) rows: BTreeSet<(u32, u32)>,
    pub(super) cursor: MailboxCursor,
    pub(super) refuses: Option<NotAccepted>,
    pub(super) refused: usize,
    /// The next message never gets an answer, though it is kept with `AfterCommit`.
    pub(super) hangs: Option<Hang>,
}

/// Where the desk never answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hang {
    BeforeCommit,
    AfterCommit,
}

impl MailDoor for Door {
    fn knows_recipient(&self, _: &Address) -> bool {
        true
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, NotAccepted> {
        let ArrivalSource::Imap { uid_validity, uid, follow_up, .. } = arrival.source else {
            panic!("{:?}", arrival.source)
        };
        let hangs = self.kept.lock().unwrap().hangs.take();
        if hangs == Some(Hang::BeforeCommit) {
            self.changed.send_replace(());
            std::future::pending::<()>().await;
        }
        self.commit(uid_validity, uid, follow_up, arrival.raw)?;
        if hangs == Some(Hang::AfterCommit) {
            std::future::pending::<()>().await;
        }
        Ok(Accepted::Duplicate(ThreadId(1)))
    }

    async fn unaccounted(&self, _: &str, uid_validity: u32, uids: Vec<u32>) -> Result<Vec<u32>, NotAccepted> {
        let kept = self.kept.lock().unwrap();
        let has_row = |uid: &u32| kept.rows.contains(&(uid_validity, *uid));
        Ok(uids.into_iter().filter(|uid| !has_row(uid)).collect())
    }

    async fn mailbox_cursor(&self, _: &str) -> Result<MailboxCursor, NotAccepted> {
        Ok(self.kept.lock().unwrap().cursor.clone())
    }

    async fn set_mailbox_cursor(&self, _: &str, cursor: MailboxCursor) -> Result<(), NotAccepted> {
        self.kept.lock().unwrap().cursor = cursor;
        self.changed.send_replace(());
        Ok(())
    }
}

impl Door {
    fn commit(&self, uid_validity: u32, uid: u32, follow_up: bool, raw: Vec<u8>) -> Result<(), NotAccepted> {
        let mut kept = self.kept.lock().unwrap();
        if let Some(refusal) = kept.refuses.clone() {
            kept.refused += 1;
            self.changed.send_replace(());
            return Err(refusal);
        }
        kept.cursor.add(uid);
        kept.rows.insert((uid_validity, uid));
        if follow_up {
            kept.cursor.owe(uid);
        }
        if kept.taken.iter().any(|(_, _, known)| *known == raw) {
            kept.duplicates += 1;
        } else {
            kept.taken.push((uid_validity, uid, raw));
        }
        self.changed.send_replace(());
        Ok(())
    }

    /// Waits until `seen` is true of what was kept.
    pub(super) async fn until(&self, what: &str, seen: impl Fn(&Kept) -> bool) {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while !seen(&self.kept.lock().unwrap()) {
                changed.changed().await.unwrap();
            }
        };
        if timeout(Duration::from_secs(20), wait).await.is_err() {
            panic!("never happened: {what}; taken {:?}; cursor {:?}", self.uids(), self.kept.lock().unwrap().cursor);
        }
    }

    /// Waits until exactly so many messages were taken.
    pub(super) async fn until_taken(&self, count: usize) {
        self.until(&format!("{count} messages"), |kept| kept.taken.len() == count).await;
    }

    pub(super) fn uids(&self) -> Vec<u32> {
        self.kept.lock().unwrap().taken.iter().map(|(_, uid, _)| *uid).collect()
    }
}

/// A running reader.
pub(super) struct Reading {
    pub(super) door: Arc<Door>,
    pub(super) state: watch::Receiver<MailboxState>,
    pub(super) drain: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

impl Reading {
    pub(super) fn of(options: MailboxOptions) -> Self {
        Self::with_door(options, Arc::default())
    }

    pub(super) fn with_door(options: MailboxOptions, door: Arc<Door>) -> Self {
        let drain = CancellationToken::new();
        let (sender, state) = watch::channel(MailboxState::default());
        let task = tokio::spawn(run(options, Arc::clone(&door), Clock::default(), drain.clone(), sender));
        Self { door, state, drain, task }
    }

    pub(super) async fn until_state(&mut self, what: &str, seen: impl FnMut(&MailboxState) -> bool) -> MailboxState {
        let waited =
            timeout(Duration::from_secs(20), self.state.wait_for(seen)).await.map(|state| state.unwrap().clone());
        match waited {
            Ok(state) => state,
            Err(_) => panic!("never {what}: {:?}", self.state.borrow()),
        }
    }

    pub(super) async fn stop(self) -> Arc<Door> {
        self.drain.cancel();
        timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
        self.door
    }
}

/// Options for the fake: clear connection, everything imported.
pub(super) fn options(fake: &Fake) -> MailboxOptions {
    MailboxOptions {
        port: fake.port,
        tls: TlsMode::None,
        verb_timeout_s: 10,
        poll_interval_s: 1,
        import_existing: true,
        ..MailboxOptions::new("support", "127.0.0.1", "desk", Password::new("swordfish"))
    }
}
