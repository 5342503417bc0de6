//! How many connections there may be, in all and from one host.
//!
//! **Invariant:** a [`Seat`] is held as long as its connection; dropping it frees the place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Counts of open connections.
#[derive(Debug)]
pub(crate) struct Caps {
    total_max: usize,
    per_host_max: usize,
    seated: Mutex<Seated>,
}

#[derive(Debug, Default)]
struct Seated {
    total: usize,
    /// Hosts with at least one connection, so never more than `total`.
    per_host: HashMap<IpAddr, usize>,
}

/// Which cap was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// `connections_max`.
    Total,
    /// `connections_per_ip_max`.
    Host,
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Seat {
    caps: Arc<Caps>,
    host: Option<IpAddr>,
}

impl Caps {
    /// No connections yet.
    pub(crate) fn new(total_max: usize, per_host_max: usize) -> Arc<Self> {
        Arc::new(Self { total_max, per_host_max, seated: Mutex::default() })
    }

    /// A place for a connection from `ip` (`None` for a Unix socket).
    pub(crate) fn seat(self: &Arc<Self>, ip: Option<IpAddr>) -> Result<Seat, Full> {
        let host = ip.map(host_of);
        let mut seated = self.seated.lock().unwrap_or_else(PoisonError::into_inner);
        if seated.total >= self.total_max {
            return Err(Full::Total);
        }
        if let Some(host) = host {
            let count = seated.per_host.get(&host).copied().unwrap_or(0);
            if count >= self.per_host_max {
                return Err(Full::Host);
            }
            seated.per_host.insert(host, count.saturating_add(1));
        }
        seated.total = seated.total.saturating_add(1);
        Ok(Seat { caps: Arc::clone(self), host })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seated = self.caps.seated.lock().unwrap_or_else(PoisonError::into_inner);
        seated.total = seated.total.saturating_sub(1);
        let Some(host) = self.host else { return };
        match seated.per_host.get_mut(&host) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                seated.per_host.remove(&host);
            }
        }
    }
}

/// Who counts as one: an IPv4 address, or the /64 of an IPv6 address, within which anyone picks addresses freely.
pub(crate) fn host_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn fault_17_places_are_counted_and_come_back() {
        let caps = Caps::new(3, 2);
        let first = caps.seat(ip("192.0.2.1")).unwrap();
        let _second = caps.seat(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(caps.seat(ip("192.0.2.1")).unwrap_err(), Full::Host);
        let _third = caps.seat(None).unwrap();
        assert_eq!(caps.seat(ip("192.0.2.9")).unwrap_err(), Full::Total);
        drop(first);
        let _again = caps.seat(ip("192.0.2.1")).unwrap();
        assert_eq!(caps.seated.lock().unwrap().per_host.len(), 1);
    }

    #[test]
    fn fault_16_a_host_is_a_64_of_ipv6() {
        let caps = Caps::new(9, 1);
        let _one = caps.seat(ip("2001:db8::1")).unwrap();
        assert_eq!(caps.seat(ip("2001:db8::2")).unwrap_err(), Full::Host);
        let _other = caps.seat(ip("2001:db8:0:1::1")).unwrap();
    }
}
