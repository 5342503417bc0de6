//! Networks that the configuration names: trusted, blocked, those of proxies.

use ipnet::IpNet;
use std::net::IpAddr;

/// Whether an address is in one of them; IPv4 that came as IPv6 counts as IPv4.
pub(crate) fn is_among(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip.to_canonical()))
}
