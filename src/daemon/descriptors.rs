//! How many connections the process's limit of descriptors allows.
//!
//! **Invariant:** whoever connects, the store, its index, mailboxes and relays find a descriptor (fault 98): listeners
//! together get what is left of the limit and no more.

use crate::config::Config;
use crate::config::limits::Limits;
use rustix::process::Resource;
use rustix::process::getrlimit;

/// For the store, the files of blobs, the index of words, logs, the control socket and the listeners themselves; twice what
/// was counted at work.
const OWN: usize = 64;
/// Of one mailbox: its connection, and one that fetches on demand.
const OF_A_MAILBOX: usize = 2;
/// Connections of one HTTP listener that are asked for where the limit is high enough.
const HTTP_CONNECTIONS_MAX: usize = 4_096;

/// Connections that listeners may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Of each of `[smtp]` and `[lmtp]`.
    pub(super) mail: usize,
    /// Of `[http]`, sockets aside.
    pub(super) http: usize,
    /// Of the messenger.
    pub(super) sockets: usize,
}

/// What the limit of this process allows of what is configured. Says so where it is less.
pub(super) fn shares(config: &Config) -> Shares {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let of_relays: usize = config.relays.iter().map(|relay| relay.connections).sum();
    let own = OWN.saturating_add(config.mailboxes.len().saturating_mul(OF_A_MAILBOX)).saturating_add(of_relays);
    let shares = shared(limit, own, &config.limits);
    let Limits { sockets_max, mail_connections_max, .. } = config.limits;
    if shares.sockets < sockets_max || shares.mail < mail_connections_max {
        tracing::warn!(
            limit,
            sockets = shares.sockets,
            mail_connections = shares.mail,
            "the limit of open files allows fewer connections than [limits]; raise it (LimitNOFILE= of the unit, ulimit -n)"
        );
    }
    shares
}

/// Half of a small limit is the process's own; an eighth of the rest goes to each mail listener, a quarter to HTTP, and
/// sockets get what nobody else needs.
fn shared(limit: usize, own: usize, limits: &Limits) -> Shares {
    let rest = limit.saturating_sub(own.min(limit / 2));
    let mail = limits.mail_connections_max.min(rest / 8).max(1);
    let http = HTTP_CONNECTIONS_MAX.min(rest / 4).max(1);
    let left = rest.saturating_sub(mail.saturating_mul(2)).saturating_sub(http);
    Shares { mail, http, sockets: limits.sockets_max.min(left).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::env::Environment;
    use std::path::Path;

    #[test]
    fn fault_98_listeners_together_leave_descriptors_for_the_store() {
        let support = "[[support]]\naddress = \"a@example.com\"\n";
        let limits = Config::parse(support, "t", Path::new("/"), &Environment::default()).unwrap().limits;
        for (limit, mail, http, sockets) in
            [(65_536, 200, 4_096, 10_000), (1_024, 117, 235, 471), (64, 4, 8, 16), (usize::MAX, 200, 4_096, 10_000)]
        {
            let shares = shared(limit, 84, &limits);
            assert_eq!(shares, Shares { mail, http, sockets }, "{limit}");
            assert!(2 * mail + http + sockets + 84.min(limit / 2) <= limit, "{limit}");
        }
    }
}
