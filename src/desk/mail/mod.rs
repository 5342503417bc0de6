//! Mail in and out: what arrives, what is owed, and what becomes of it.
//!
//! | file | operations |
//! |---|---|
//! | [`arrival`], [`intake`] | mail in |
//! | [`left_out`] | mail too large to be taken in, fetched when somebody asks |
//! | [`pictures`] | pictures of mails, in place or blocked |
//! | [`forwarding`] | whether mail to a support address comes in |
//! | `notify`, [`addressing`], `brands` | which mails a change owes to whom; To, Cc, Bcc and subject; whose name a thread is answered in |
//! | [`outbox`], `deferred_mail` | what is owed: lease, prepare, settle; what waits for its next try |
//! | `material`, `compose`, [`signing`], [`mail_previews`] | from a delivery to a mail: what it is made of, what it says; DKIM signatures on it; what mails look like |
//! | [`dns_records`] | what the DNS should say of our domains |
//! | `reclassing` | an agent says what kind of mail it is |
//! | [`sent_copies`] | copies for Sent folders |
//! | `delivery_failures`, [`suppressions`] | a mail that failed; addresses that get none, limits of automatic mail |
//! | [`sending`] | whether anything is sent |

pub mod addressing;
pub mod arrival;
pub(in crate::desk) mod brands;
pub(in crate::desk) mod compose;
pub(crate) mod deferred_mail;
pub(in crate::desk) mod delivery_failures;
pub mod dns_records;
pub mod forwarding;
pub mod intake;
pub mod left_out;
pub mod mail_previews;
pub(in crate::desk) mod material;
pub(in crate::desk) mod notify;
pub mod outbox;
pub mod pictures;
mod reclassing;
pub mod sending;
pub mod sent_copies;
pub mod signing;
pub mod suppressions;
