//! How often one host may hand over mails of one sender.
//!
//! **Invariant:** what is too often is told to come again (450), never refused for good; a relay of ours, which speaks for
//! everybody, and a peer on this machine are not counted.

use crate::channel::networks::is_among;
use crate::channel::pace::Pace;
use crate::channel::pace::Paces;
use crate::channel::smtp_in::caps::host_of;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::time::Instant;

const MINUTE_MS: u64 = 60_000;

/// Counts of mails by host and sender.
#[derive(Debug)]
pub(crate) struct Senders {
    paces: Mutex<Paces<(IpAddr, String)>>,
    relays: Vec<IpNet>,
    since: Instant,
}

impl Senders {
    /// So many a minute; hosts in `relays` as many as they like.
    pub(crate) fn new(per_minute: u32, relays: &[IpNet]) -> Self {
        let paces = Mutex::new(Paces::new(Pace::new(per_minute, MINUTE_MS)));
        Self { paces, relays: relays.to_vec(), since: Instant::now() }
    }

    /// Counts one more mail.
    ///
    /// # Errors
    /// When it is one too many; it is not counted then.
    pub(crate) fn take(&self, ip: Option<IpAddr>, reverse_path: &str) -> Result<(), TooOften> {
        let Some(ip) = ip.filter(|ip| !ip.to_canonical().is_loopback() && !is_among(&self.relays, *ip)) else {
            return Ok(());
        };
        let now_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sender = reverse_path.to_ascii_lowercase();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.take((host_of(ip), sender), now_ms).map_err(|_wait_ms| TooOften)
    }
}

/// The host handed over too many mails of this sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn fault_60_one_host_sends_so_many_of_one_sender_a_minute() {
        let senders = Senders::new(2, &["198.51.100.0/24".parse().unwrap()]);
        let bob = |host| senders.take(ip(host), "bob@example.org");
        assert_eq!((bob("192.0.2.1"), bob("192.0.2.1"), bob("192.0.2.1")), (Ok(()), Ok(()), Err(TooOften)));
        assert_eq!(senders.take(ip("192.0.2.1"), "BOB@example.org"), Err(TooOften), "letters do not make another");
        assert_eq!(senders.take(ip("192.0.2.1"), "eve@example.org"), Ok(()));
        assert_eq!(bob("192.0.2.2"), Ok(()), "another host");
        for free in ["198.51.100.1", "127.0.0.1", "::ffff:127.0.0.1"] {
            assert_eq!([(); 3].map(|()| bob(free)), [Ok(()); 3], "{free}");
        }
        assert_eq!([(); 3].map(|()| senders.take(None, "bob@example.org")), [Ok(()); 3], "a Unix socket");
        tokio::time::advance(std::time::Duration::from_secs(30)).await;
        assert_eq!((bob("192.0.2.1"), bob("192.0.2.1")), (Ok(()), Err(TooOften)), "after half a minute one more");
    }
}
