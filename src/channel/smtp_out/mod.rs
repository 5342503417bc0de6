//! The sending side: what the desk owes by mail goes to the relay, one recipient per transaction.
//!
//! RFC 5321 (SMTP, client side), RFC 1047 (duplicates), RFC 1870, 3207, 4954, 6152, 6531, 8314.
//!
//! Commands and sign-in are written by lettre; the connection is ours, because lettre's own hides at which step a failure
//! happened, reads replies of any length into memory, goes on with what an attacker said in clear before STARTTLS, stops
//! at an EHLO line of blanks with a panic, and passes a bare LF on. All of these have a test here.
//!
//! | killed | what is in the store | what follows |
//! |---|---|---|
//! | before or within the envelope and the text | leased | the lease ends, tried again: the relay saw no final dot |
//! | after the marker, before or after the dot | leased, past the dot | *uncertain* (BRC-43): one repeat for 1:1 mail, none for a broadcast |
//! | after the answer, before its commit | as above | as above, never a silent repeat |
//! | after the verdict's commit | settled | nothing |
//!
//! **Invariant:** nothing is sent that is not owed in the store (EML-64); the final dot is sent only after its marker was
//! committed; from then on only the relay's own answer can make a delivery due again.

mod attempt;
mod connect;
mod destinations;
mod envelope;
mod fault;
mod health;
mod offers;
mod options;
mod outbox;
mod pace;
mod probe;
mod probes;
mod reply;
mod single;
mod text;
mod token;
mod transact;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

pub use crate::channel::smtp_out::health::RelayHealth;
pub use crate::channel::smtp_out::options::RelayOptions;
pub use crate::channel::smtp_out::options::RelayTls;
pub use crate::channel::smtp_out::options::RelayTokens;
pub use crate::channel::smtp_out::probe::probe;
pub use crate::channel::smtp_out::probes::ProbeRelays;
pub use crate::channel::smtp_out::single::send_single;
pub use lettre::transport::smtp::authentication::Credentials;

use crate::channel::smtp_out::outbox::Shared;
use crate::channel::smtp_out::worker::Worker;
use crate::desk::Desk;
use crate::domain::mail_share::MailShare;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Sends what is due of a share until `drain` is cancelled, or keeps it in the store when there is no relay. Returns within
/// 25 s of the drain, usually at once; what is under way then may end within 12 s. One such worker per share, and shares
/// without overlap: at its start it ends the leases of the one before.
pub async fn run(
    desk: Desk,
    share: MailShare,
    relay: Option<RelayOptions>,
    health: watch::Sender<RelayHealth>,
    drain: CancellationToken,
) {
    Worker::new(Shared { desk, share: Arc::new(share) }, relay, health).run(drain).await;
}
