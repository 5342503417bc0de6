//! Where notifications may go: the address as text, and the machines it leads to (WHK-2).
//!
//! The text is read strictly, not as a browser would: what two readers could understand differently is refused. A name
//! says nothing about the machine behind it, so the addresses it resolves to are judged too, each time.
//!
//! **Invariant:** plain HTTP goes to this machine alone; nothing here resolves names.

use crate::domain::webhook::URL_BYTES_MAX;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// An address for notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    /// Whether it is HTTPS.
    pub tls: bool,
    /// Name or address, without brackets, lower case.
    pub host: String,
    /// Port, the scheme's own if none was named.
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub path: String,
}

impl WebhookUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with the field's name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > URL_BYTES_MAX {
            return Err("is longer than 2048 bytes");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '#', '"', '<', '>']) {
            return Err("holds characters that an address cannot hold, or a fragment");
        }
        let (scheme, rest) = text.split_once("://").ok_or("must begin with https://")?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err("must begin with https://"),
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let url = Self { tls, host, port: port.unwrap_or(if tls { 443 } else { 80 }), path };
        if !url.tls && !url.names_this_machine() {
            return Err("must be https; plain http is for this machine alone");
        }
        Ok(url)
    }

    fn names_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Host and port as the `Host` field says them.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether a connection for it may go to `address`. `allow_private` is the operator's word for machines that are
    /// not public; addresses that are no machine's are never allowed.
    #[must_use]
    pub fn may_reach(&self, address: IpAddr, allow_private: bool) -> bool {
        match reach(address) {
            Reach::Public => self.tls,
            Reach::Loopback => allow_private,
            Reach::Private => allow_private && self.tls,
            Reach::Nobody => false,
        }
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    const BAD_HOST: &str = "names no host";
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(BAD_HOST)?;
            host.parse::<Ipv6Addr>().map_err(|_| BAD_HOST)?;
            (host, port)
        }
        None => {
            let at = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(at).unwrap_or((authority, ""));
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
                return Err(BAD_HOST);
            }
            (host, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0).ok_or("names no port")?)
        }
        _ => return Err("names no port"),
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Whose machine an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anybody's.
    Public,
    /// This one.
    Loopback,
    /// One of a network that is not public.
    Private,
    /// None: multicast, reserved, documentation.
    Nobody,
}

/// Whose machine `address` is (RFC 6890). An IPv6 address that carries an IPv4 one is judged by that.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::Loopback,
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [169, 254, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..]
        | [192, 0, 0, _] => Reach::Private,
        [0 | 224..=255, ..] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Nobody,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Nobody,
        // IPv4-compatible, IPv4-mapped, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            carried(high, low)
        }
        [0xfc00..=0xfdff | 0xfe80..=0xfeff, ..] | [0x64, 0xff9b, ..] => Reach::Private,
        // Multicast, Teredo, documentation.
        [0xff00..=0xffff, ..] | [0x2001, 0 | 0xdb8, ..] => Reach::Nobody,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whk_2_addresses_are_read_strictly() {
        let read = |text| WebhookUrl::parse(text).map(|url| (url.tls, url.authority(), url.path));
        let ok = |tls, authority: &str, path: &str| Ok((tls, authority.to_owned(), path.to_owned()));
        assert_eq!(read("https://Example.com"), ok(true, "example.com", "/"));
        assert_eq!(read("https://example.com:443/a?b=c"), ok(true, "example.com", "/a?b=c"));
        assert_eq!(read("https://example.com?b"), ok(true, "example.com", "/?b"));
        assert_eq!(read("https://[2001:4860::1]:8443/in"), ok(true, "[2001:4860::1]:8443", "/in"));
        assert_eq!(read("http://127.0.0.1:9000/in"), ok(false, "127.0.0.1:9000", "/in"));
        assert_eq!(read("http://localhost/in"), ok(false, "localhost", "/in"));
        for bad in [
            "",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https:///x",
            "https://a@example.com/",
            "https://example.com:0/",
            "https://example.com:x/",
            "https://example.com:/",
            "https://example.com/ a",
            "https://example.com/#a",
            "https://example.com\\@x/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://ex\u{e4}mple.com/",
            "http://localhost.example.com/",
        ] {
            assert!(WebhookUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(WebhookUrl::parse(&format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX))).is_err());
    }

    #[test]
    fn whk_2_private_and_loopback_machines_are_known_in_every_clothing() {
        for (address, expected) in [
            ("8.8.8.8", Reach::Public),
            ("2606:4700::1111", Reach::Public),
            ("127.9.9.9", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("::ffff:10.0.0.1", Reach::Private),
            ("64:ff9b::a9fe:a9fe", Reach::Private),
            ("2002:0a00:0001::", Reach::Private),
            ("10.1.2.3", Reach::Private),
            ("172.31.0.1", Reach::Private),
            ("172.32.0.1", Reach::Public),
            ("192.168.0.1", Reach::Private),
            ("169.254.169.254", Reach::Private),
            ("100.100.0.1", Reach::Private),
            ("fd00::1", Reach::Private),
            ("fe80::1", Reach::Private),
            ("0.0.0.0", Reach::Nobody),
            ("::", Reach::Nobody),
            ("224.0.0.1", Reach::Nobody),
            ("255.255.255.255", Reach::Nobody),
            ("2001:db8::1", Reach::Nobody),
            ("ff02::1", Reach::Nobody),
        ] {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn whk_2_only_the_operator_opens_networks_that_are_not_public() {
        let may =
            |url, address: &str, allow| WebhookUrl::parse(url).unwrap().may_reach(address.parse().unwrap(), allow);
        assert!(may("https://example.com", "8.8.8.8", false));
        assert!(!may("https://example.com", "127.0.0.1", false) && !may("https://example.com", "10.0.0.1", false));
        assert!(may("https://example.com", "127.0.0.1", true) && may("https://example.com", "10.0.0.1", true));
        assert!(may("http://localhost", "127.0.0.1", true));
        assert!(!may("http://localhost", "127.0.0.1", false));
        assert!(!may("http://localhost", "8.8.8.8", true) && !may("http://localhost", "10.0.0.1", true));
        assert!(!may("https://example.com", "0.0.0.0", true));
    }
}
