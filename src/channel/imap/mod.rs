//! Reading mailboxes over IMAP: one supervised task and one connection per mailbox (EML-2, EML-4).
//!
//! **Invariant:** a message is marked done only after [`MailDoor::accept`](crate::desk::mail::arrival::MailDoor::accept)
//! answered `Ok`; what the folder's owner sees of it (flag, move, removal) changes only after that (EML-5).
//! **Invariant:** flags that others set mean nothing; what is done is known by UID alone.
//! **Invariant:** of several daemons that are told to read one folder, one reads it, wherever the server can keep a claim;
//! elsewhere each changes nothing in it (EML-19, `lease`).
//! **Invariant:** every wait has a deadline, every buffer a limit, and credentials cross a clear connection only where
//! the configuration says `tls = "none"`.
//!
//! | killed or cut … | what is left | what happens next |
//! |---|---|---|
//! | before `accept` | nothing | the UID is not done: fetched again |
//! | in `accept`, before its commit | nothing | fetched again |
//! | after the commit | message and cursor | not fetched again; its follow-up action (`after`) is owed in the same commit and done on the next connection |
//! | after the follow-up, before that is stored | message, cursor, the debt | the follow-up is done once more, which changes nothing |
//!
//! Protocol: RFC 3501 and RFC 9051 (what both share), RFC 2177 (IDLE), RFC 2595 (STARTTLS), RFC 4315 (UIDPLUS),
//! RFC 6851 (MOVE), RFC 2971 (ID).
//!
//! The client is `async-imap`, which trusts its server. What that leaves open is closed in one place each: a stream
//! before it (`guard`) brings deadlines, makes the end of the connection an error and tells how each verb ended; a
//! judge of lines (`sieve`) keeps from its parser what was not asked for, what is too large and what it would end the
//! connection or the process at (`trial`). Left to `async-imap`: tags, verbs, quoting, SASL, and the reading of FETCH,
//! SEARCH and folder replies. It sets aside the whole length of a literal when it is announced; that is at most
//! `message_bytes_max`. It writes verbs, LOGIN too, to `log` at level trace: nothing here may collect `log` records.

mod begin;
mod client;
mod connect;
mod error;
mod folder_name;
mod greeted;
mod guard;
mod lease;
mod memory;
mod on_demand;
mod options;
mod probe;
mod proof;
mod ranges;
mod reconcile;
mod round;
mod run;
mod says;
mod sent;
mod sieve;
mod state;
mod take;
mod too_large;
mod trial;
mod wait;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use lease::Lease;
pub use on_demand::NotFetched;
pub use on_demand::OnDemand;
pub use options::After;
pub use options::Credentials;
pub use options::MailboxOptions;
pub use options::Password;
pub use options::TlsMode;
pub use probe::test_sign_in;
pub use run::run;
pub use sent::SentFolder;
pub use sent::keep_sent;
pub use state::MailboxPhase;
pub use state::MailboxState;
