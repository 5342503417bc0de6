//! Who stands behind a proxy, where the proxy is one of ours (OPS-3, MSG-61).
//!
//! **Invariant:** nobody is believed about an address but a peer that the configuration names, or one on this machine.

use crate::channel::networks::is_among;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use ipnet::IpNet;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

/// Proxies that are believed about whom they ask for: those on this machine, and those of the configuration (OPS-3).
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Those in these networks, and all on this machine.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    fn name(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || is_among(&self.0, ip)
    }

    /// Whom a connect counts for (MSG-61): the last in the line of proxies that is none of ours. A peer on this machine that asks for
    /// nobody is a tool of the operator's, which is not limited.
    pub(crate) fn client_address(&self, request: &Request) -> Option<IpAddr> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        let peer = peer.ip().to_canonical();
        if !self.name(peer) {
            return Some(peer);
        }
        let fields = request.headers().get_all("x-forwarded-for").iter().rev();
        let hops = fields.flat_map(|field| field.to_str().unwrap_or_default().rsplit(','));
        for hop in hops {
            // What is no address was not written by a proxy of ours, and neither was what stands before it.
            let Ok(ip) = hop.trim().parse::<IpAddr>() else { break };
            if !self.name(ip.to_canonical()) {
                return Some(ip.to_canonical());
            }
        }
        (!peer.is_loopback()).then_some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::HeaderValue;

    #[test]
    fn msg_61_fault_91_a_connect_counts_for_the_client_and_not_for_its_proxy() {
        let proxies = TrustedProxies::new(&["10.0.0.0/8".parse().unwrap()]);
        let cases = [
            ("192.0.2.7:1", None, Some("192.0.2.7")),
            ("192.0.2.7:1", Some("198.51.100.1"), Some("192.0.2.7")),
            ("127.0.0.1:1", Some("203.0.113.9, 198.51.100.1"), Some("198.51.100.1")),
            ("[::1]:1", Some("2001:db8::1"), Some("2001:db8::1")),
            ("127.0.0.1:1", Some("unknown"), None),
            ("127.0.0.1:1", None, None),
            ("10.1.2.3:1", Some("203.0.113.9, 198.51.100.1"), Some("198.51.100.1")),
            ("127.0.0.1:1", Some("203.0.113.9, 198.51.100.1, 10.1.2.3"), Some("198.51.100.1")),
            ("10.1.2.3:1", Some("198.51.100.1, unknown"), Some("10.1.2.3")),
            ("10.1.2.3:1", None, Some("10.1.2.3")),
        ];
        for (peer, forwarded, counted) in cases {
            let mut request = Request::new(Body::empty());
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            if let Some(forwarded) = forwarded {
                request.headers_mut().insert("x-forwarded-for", HeaderValue::from_str(forwarded).unwrap());
            }
            let expected = counted.map(|address| address.parse().unwrap());
            assert_eq!(proxies.client_address(&request), expected, "{peer} {forwarded:?}");
        }
    }
}
