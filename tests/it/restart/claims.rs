//! What the load was told: the record against which the store is held in the end.
//!
//! **Invariant:** a marker is claimed only after its acknowledgement was read, so every claim is a promise of the daemon.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What every marker begins with.
const MARK: &str = "mk-";

/// A word that is in one message alone.
pub(crate) fn marker(sender: &str, n: u64) -> String {
    format!("{MARK}{sender}-{n}-")
}

/// The markers in a text, each once.
pub(crate) fn markers(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(MARK)
        .map(|(at, _)| text[at..].chars().take_while(|c| word(*c)).collect::<String>())
        .filter_map(|found| found.rfind('-').map(|end| found[..=end].to_owned()))
        .collect()
}

/// A post that was acknowledged on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) conversation: String,
    pub(crate) part: String,
}

/// What one messenger client saw, over all its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) conversation: String,
    /// Log position and id of the part, in the order they came.
    pub(crate) events: Vec<(u64, Option<String>)>,
    pub(crate) acks: BTreeMap<String, Ack>,
    pub(crate) connections: u64,
}

/// A broadcast that was started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) id: String,
    /// Threads that were linked when it began.
    pub(crate) threads: BTreeSet<String>,
    /// Mails that are owed for it.
    pub(crate) mails: usize,
}

/// Everything the load knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// Mails that got their 250.
    pub(crate) mails: BTreeSet<String>,
    /// Mails that are in the mailbox that is read.
    pub(crate) imap: BTreeSet<String>,
    /// Notes and comments that the API answered with 2xx.
    pub(crate) posts: BTreeSet<String>,
    /// Posts that may have been stored: their answer never came.
    pub(crate) unclear: BTreeSet<String>,
    /// The ticket whose state is changed, changes that were answered with 2xx, and changes that may have happened.
    pub(crate) ticket: String,
    pub(crate) changes: u64,
    pub(crate) unclear_changes: u64,
    pub(crate) streams: Vec<Stream>,
    pub(crate) told: Told,
    /// Mails that had to be handed over again.
    pub(crate) repeats: u64,
}

impl Claims {
    /// Adds what another part of the load knows.
    pub(crate) fn add(&mut self, other: Self) {
        self.mails.extend(other.mails);
        self.imap.extend(other.imap);
        self.posts.extend(other.posts);
        self.unclear.extend(other.unclear);
        self.streams.extend(other.streams);
        self.changes += other.changes;
        self.unclear_changes += other.unclear_changes;
        self.repeats += other.repeats;
        if !other.ticket.is_empty() {
            self.ticket = other.ticket;
        }
        if !other.told.id.is_empty() {
            self.told = other.told;
        }
    }
}

#[test]
fn markers_are_found_in_any_surroundings() {
    let text = "<p>mk-lmtp0-17-</p> <mk-lmtp0-17-@example.net> mk-sock1-2-. mk-";
    assert_eq!(markers(text), BTreeSet::from(["mk-lmtp0-17-".to_owned(), "mk-sock1-2-".to_owned(), "mk-".to_owned()]));
    assert_eq!(markers(&marker("imap", 3)), BTreeSet::from([marker("imap", 3)]));
}
