//! Reading mailboxes over IMAP: one supervised task and one connection per mailbox (EML-2, EML-4).
//!
//! **Invariant:** a message is marked done only after [`MailDoor::accept`](crate::desk::arrival::MailDoor::accept)
//! answered `Ok`; what the folder's owner sees of it (flag, move, removal) changes only after that (EML-5).
//! **Invariant:** flags that others set mean nothing; what is done is known by UID alone.
//! **Invariant:** every wait has a deadline, every buffer a limit, and credentials cross a clear connection only where
//! the configuration says `tls = "none"`.
//!
//! | killed or cut … | what is left | what happens next |
//! |---|---|---|
//! | before `accept` | nothing | the UID is not done: fetched again |
//! | in `accept`, before its commit | nothing | fetched again |
//! | after the commit | message and cursor | not fetched again; a follow-up action (`after`) of this process is tried again, one of a killed process is not: the mail stays where it was |
//!
//! Protocol: RFC 3501 and RFC 9051 (what both share), RFC 2177 (IDLE), RFC 2595 (STARTTLS), RFC 4315 (UIDPLUS),
//! RFC 6851 (MOVE), RFC 2971 (ID). The client is our own. `async-imap` was measured and left out: it has no timeouts,
//! takes a lost connection in the middle of a SEARCH for an empty answer and a refused FETCH for an empty folder, ends
//! the connection at any untagged line it does not know, sets aside half a gigabyte when a literal says so, and its
//! parser (`imap-proto`) overflows the stack on nested parentheses, which ends the process.

mod begin;
mod client;
mod connect;
mod error;
mod folder_name;
mod internal_date;
mod memory;
mod options;
mod probe;
mod ranges;
mod reply;
mod round;
mod run;
mod state;
mod take;
mod too_large;
mod wait;
mod wire;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use options::After;
pub use options::MailboxOptions;
pub use options::Password;
pub use options::TlsMode;
pub use probe::test_sign_in;
pub use run::run;
pub use state::MailboxPhase;
pub use state::MailboxState;
