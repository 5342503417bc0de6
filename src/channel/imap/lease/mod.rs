//! The lease of a mailbox: of all daemons that are told to read one folder, one reads it (EML-19).
//!
//! A daemon claims a folder by a message in another folder of the same account, which every server can keep. The oldest
//! claim holds (UIDs are given out in order, by the server alone); its daemon changes a flag of it from time to time, and
//! a claim whose flags stand still for a term is dead. No clock but each daemon's own is asked. [`rules`] says who holds,
//! [`keep`] does the talking over a connection of its own, and the reader asks its [`Gate`].
//!
//! | what happens | what follows |
//! |---|---|
//! | killed, begun again | its claim is still there and is its own: it goes on at once |
//! | stopped | the claim is taken back, the next daemon reads at once |
//! | killed for good | silent for a term; who takes over waits one more term before it reads |
//! | cut off, or frozen | it holds no longer after three quarters of a term, before anybody can take over |
//! | the server keeps no claim | the folder is only read: nothing is flagged, moved or removed |
//!
//! **Invariant:** nobody reads who does not hold, and nobody changes a folder who cannot tell that they hold it.

mod keep;
mod rules;

#[cfg(test)]
mod tests;

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout;

/// What a lease is kept with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The folder of the claims, in plain Unicode; made where it is missing.
    pub folder: String,
    /// A claim that says nothing for so long is dead.
    pub term: Duration,
    /// Who claims: letters and digits, no other daemon's.
    pub holder: String,
    /// What people call this daemon, told to those that stand by.
    pub site: String,
}

impl Lease {
    /// Between two signs of life.
    fn beat_every(&self) -> Duration {
        self.term / 4
    }
}

/// Who reads the folder, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Unknown,
    /// We, until then.
    Held(Instant),
    /// The daemon of that name.
    Other(String),
    /// The server keeps no claim.
    Refused(String),
}

/// What the reader may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Read, and do with mails as configured.
    Held,
    /// Read and change nothing, for the reason given.
    OnlyRead(String),
    /// Stand by: that daemon reads.
    Other(String),
    /// Nobody knows yet.
    Unknown,
}

/// Where the reader asks.
#[derive(Debug)]
pub(super) struct Gate {
    standing: watch::Receiver<Standing>,
    signed_in: watch::Sender<bool>,
}

/// Keeps the lease for a reader.
#[derive(Debug)]
pub(super) struct Keeper {
    standing: watch::Sender<Standing>,
    signed_in: watch::Receiver<bool>,
}

/// A reader's gate, and who keeps the lease for it.
pub(super) fn pair() -> (Gate, Keeper) {
    let (standing, told) = watch::channel(Standing::Unknown);
    let (signed_in, asked) = watch::channel(false);
    (Gate { standing: told, signed_in }, Keeper { standing, signed_in: asked })
}

impl Gate {
    /// Whether the server lets us in: without that nobody asks it for a lease.
    pub(super) fn signed_in(&self, is: bool) {
        self.signed_in.send_replace(is);
    }

    /// What may be done now; waits for the first answer, at most `wait`.
    pub(super) async fn admission(&mut self, wait: Duration) -> Admission {
        let is_known = |standing: &Standing| Self::read(standing) != Admission::Unknown;
        match timeout(wait, self.standing.wait_for(is_known)).await {
            Ok(Ok(standing)) => Self::read(&standing),
            Ok(Err(_)) | Err(_) => Admission::Unknown,
        }
    }

    fn read(standing: &Standing) -> Admission {
        match standing {
            Standing::Held(until) if *until > Instant::now() => Admission::Held,
            Standing::Held(_) | Standing::Unknown => Admission::Unknown,
            Standing::Other(site) => Admission::Other(site.clone()),
            Standing::Refused(why) => Admission::OnlyRead(why.clone()),
        }
    }

    /// Returns once something else may be done than what was admitted.
    pub(super) async fn ended(&mut self, admitted: &Admission) {
        loop {
            let standing = self.standing.borrow_and_update().clone();
            if Self::read(&standing) != *admitted {
                return;
            }
            let lapse = async {
                match standing {
                    Standing::Held(until) => sleep_until(until).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.standing.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = lapse => {}
            }
        }
    }
}
