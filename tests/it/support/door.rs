//! A desk in memory: keeps what mailboxes bring.

use deskgate::desk::mail::arrival::Accepted;
use deskgate::desk::mail::arrival::Arrival;
use deskgate::desk::mail::arrival::ArrivalSource;
use deskgate::desk::mail::arrival::MailDoor;
use deskgate::desk::mail::arrival::MailboxCursor;
use deskgate::desk::mail::arrival::NotAccepted;
use deskgate::domain::address::Address;
use deskgate::domain::id::PartId;
use deskgate::domain::id::ThreadId;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;

/// Longest wait for mail to come in.
const EXPECTED_WITHIN: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Door {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Kept {
    taken: Vec<Vec<u8>>,
    duplicates: usize,
    cursor: MailboxCursor,
}

impl MailDoor for Door {
    fn knows_recipient(&self, _: &Address) -> bool {
        true
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, NotAccepted> {
        let ArrivalSource::Imap { uid, follow_up, .. } = arrival.source else { panic!("{:?}", arrival.source) };
        let mut kept = self.kept.lock().unwrap();
        kept.cursor.add(uid);
        if follow_up {
            kept.cursor.owe(uid);
        }
        let known = kept.taken.contains(&arrival.raw);
        if known {
            kept.duplicates += 1;
        } else {
            kept.taken.push(arrival.raw);
        }
        self.changed.send_replace(());
        let thread = ThreadId(1);
        Ok(if known {
            Accepted::Duplicate(thread)
        } else {
            Accepted::Part { thread, part: PartId(1), new_thread: true }
        })
    }

    async fn unaccounted(&self, _: &str, _: u32, uids: Vec<u32>) -> Result<Vec<u32>, NotAccepted> {
        let kept = self.kept.lock().unwrap();
        Ok(uids.into_iter().filter(|uid| !kept.cursor.has(*uid)).collect())
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
    /// Waits until exactly these subjects came in, in any order, and each once.
    pub(crate) async fn until_subjects(&self, subjects: &[&str]) {
        let mut expected: Vec<String> = subjects.iter().map(|subject| (*subject).to_owned()).collect();
        expected.sort();
        self.until(|subjects| subjects == expected).await;
    }

    /// Waits until so many messages came that were known.
    pub(crate) async fn until_duplicates(&self, count: usize) {
        self.until(|_| self.kept.lock().unwrap().duplicates == count).await;
    }

    /// Waits until `seen` is true of the sorted subjects.
    pub(crate) async fn until(&self, seen: impl Fn(&[String]) -> bool) {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while !seen(&self.subjects()) {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(EXPECTED_WITHIN, wait).await.is_err() {
            panic!("what was expected never came; came: {:?}", self.subjects());
        }
    }

    /// Subjects of what came in, sorted.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        let mut subjects: Vec<String> = kept.taken.iter().map(|raw| subject(raw)).collect();
        subjects.sort();
        subjects
    }

    /// Whether this message came in, byte by byte.
    pub(crate) fn has(&self, raw: &[u8]) -> bool {
        self.kept.lock().unwrap().taken.iter().any(|taken| taken == raw)
    }

    pub(crate) fn cursor(&self) -> MailboxCursor {
        self.kept.lock().unwrap().cursor.clone()
    }
}

fn subject(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
}
