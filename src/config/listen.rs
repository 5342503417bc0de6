//! `[http]`, `[ops]`, `[smtp]`, `[lmtp]`: where this process listens.

use crate::config::reader::Section;
use crate::config::value::shown;
use crate::domain::sender_list::SenderList;
use crate::domain::spam_mark::SpamMark;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a listener is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 takes any free one.
    Tcp(SocketAddr),
    /// A Unix socket at an absolute path.
    Unix(PathBuf),
    /// Not at all.
    Off,
}

impl Listen {
    /// Reads `IP:PORT`, `localhost:PORT`, `unix:/PATH` or `off`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "off" {
            return Some(Self::Off);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return path.is_absolute().then_some(Self::Unix(path));
        }
        let text = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        text.parse().ok().map(Self::Tcp)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Off => f.write_str("off"),
        }
    }
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The public listener.
    pub listen: Listen,
    /// Base of every link that goes out, without a slash at the end.
    pub public_url: String,
    /// Proxies that are believed about whom they ask for, beside those on this machine (OPS-3).
    pub trusted_proxies: Vec<IpNet>,
}

/// `[ops]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ops {
    /// The listener of `/healthz`, `/readyz` and `/metrics`.
    pub listen: Listen,
}

/// `[smtp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// The listener.
    pub listen: Listen,
    /// Our name in greetings; also of `[lmtp]`.
    pub hostname: String,
    /// Certificate chain (PEM) and key for STARTTLS.
    pub tls: Option<TlsFiles>,
    /// Hosts whose mail is taken although they are not its senders: relays of ours.
    pub trusted_networks: Vec<IpNet>,
    /// Hosts that speak for others by the PROXY protocol.
    pub proxy_networks: Vec<IpNet>,
    /// The server whose Authentication-Results are believed.
    pub trusted_authserv_id: Option<String>,
    /// By which the server in front of us marks spam (EML-26).
    pub spam_mark: Option<SpamMark>,
    /// Whose mail is spam.
    pub blocked_senders: SenderList,
    /// Whether senders are checked here: SPF, DKIM, DMARC, ARC.
    pub check_senders: bool,
    /// The DNS server for that; the system's without it.
    pub dns: Option<SocketAddr>,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, our own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: crate::config::secret::Secret,
}

/// `[lmtp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lmtp {
    /// The listener.
    pub listen: Listen,
}

pub(crate) fn listen(section: &Section<'_>, default: &str, unix: bool) -> Listen {
    let expected =
        if unix { "IP:PORT, unix:/PATH or off" } else { "IP:PORT (port 0 takes a free one), localhost:PORT or off" };
    let read = |text: &str| Listen::parse(text).filter(|listen| unix || !matches!(listen, Listen::Unix(_)));
    let given = section.parsed("listen", expected, read);
    given.or_else(|| Listen::parse(default)).unwrap_or(Listen::Off)
}

pub(crate) fn http(section: Section<'_>) -> Http {
    let listen = listen(&section, "127.0.0.1:8080", false);
    let expected = "an address such as https://desk.example.com, without a path, a question mark or a slash at the end";
    let given = section.parsed("public_url", expected, |text| is_origin(text).then(|| text.to_owned()));
    let trusted_proxies = networks(&section, "trusted_proxies");
    section.end();
    let public_url = given.unwrap_or_else(|| format!("http://{listen}"));
    Http { listen, public_url, trusted_proxies }
}

pub(crate) fn ops(section: Section<'_>) -> Ops {
    let listen = listen(&section, "127.0.0.1:9090", false);
    section.end();
    Ops { listen }
}

pub(crate) fn smtp(section: Section<'_>, public_url: &str) -> Smtp {
    let listen = listen(&section, "127.0.0.1:2525", true);
    let hostname = section
        .parsed("hostname", "a host name", |text| is_host(text).then(|| text.to_owned()))
        .unwrap_or_else(|| host_of(public_url));
    let certificate = section.path("tls_certificate_file");
    let key = section.secret("tls_key_file");
    let tls = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            if let Err(error) = std::fs::metadata(&certificate) {
                section.fault("tls_certificate_file", format!("{} cannot be read: {error}", certificate.display()));
            }
            Some(TlsFiles { certificate, key })
        }
        (Some(_), None) if !section.has("tls_key_file") => {
            section.fault("tls_certificate_file", "needs tls_key_file beside it");
            None
        }
        (None, Some(_)) => {
            section.fault("tls_key_file", "needs tls_certificate_file beside it");
            None
        }
        _ => None,
    };
    let check_senders = section.flag("check_senders", false);
    let dns = section.parsed("dns", "IP:PORT of a DNS server", |text| text.parse().ok());
    let trusted_authserv_id = section.text("trusted_authserv_id");
    let (trusted_networks, proxy_networks) =
        (networks(&section, "trusted_networks"), networks(&section, "proxy_networks"));
    let spam_mark =
        section.parsed("spam_header", "a field and how its value begins: X-Spam-Flag: YES", SpamMark::parse);
    let blocked_senders = senders(&section, "blocked_senders");
    section.end();
    Smtp {
        listen,
        hostname,
        tls,
        trusted_networks,
        proxy_networks,
        trusted_authserv_id,
        spam_mark,
        blocked_senders,
        check_senders,
        dns,
    }
}

/// Addresses and domains of senders.
pub(crate) fn senders(section: &Section<'_>, key: &'static str) -> SenderList {
    let mut senders = SenderList::default();
    for text in section.texts(key) {
        if !senders.add(&text) {
            section.fault(key, format!("{} is neither an address nor a domain such as @example.net", shown(&text)));
        }
    }
    senders
}

/// Networks such as `10.0.0.0/8`; an address alone is a network of one.
pub(crate) fn networks(section: &Section<'_>, key: &'static str) -> Vec<IpNet> {
    let read = |text: &String| {
        let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        if network.is_none() {
            section.fault(key, format!("{} is not a network such as 10.0.0.0/8", shown(text)));
        }
        network
    };
    section.texts(key).iter().filter_map(read).collect()
}

pub(crate) fn lmtp(section: Section<'_>) -> Lmtp {
    let listen = listen(&section, "127.0.0.1:2424", true);
    section.end();
    Lmtp { listen }
}

/// Whether `text` is a scheme with a host and perhaps a port, and nothing else (RFC 6454 §6.1).
pub(crate) fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let named = bracketed.map_or_else(|| is_host(name), |ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
        named && port.is_none_or(|port| port.parse::<u16>().is_ok())
    })
}

/// Whether `text` can name a host: letters, digits, dots and hyphens (RFC 1123 §2.1), or an IPv4 address.
pub(crate) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn host_of(origin: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if is_host(name) { name.to_owned() } else { "localhost".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_addresses_sockets_or_off() {
        for (text, shown) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("localhost:25", "127.0.0.1:25"),
            ("[::1]:25", "[::1]:25"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("off", "off"),
        ] {
            assert_eq!(Listen::parse(text).map(|listen| listen.to_string()).as_deref(), Some(shown), "{text}");
        }
        for bad in ["", "8080", ":8080", "127.0.0.1", "example.com:80", "unix:relative", "127.0.0.1:99999"] {
            assert_eq!(Listen::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        for good in ["https://desk.example.com", "http://127.0.0.1:8080", "http://[::1]:80", "http://localhost:0"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in
            ["", "desk.example.com", "https://", "https://a/", "https://a/b", "https://a?b", "ftp://a", "https://a b"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn our_name_is_the_host_of_the_public_address() {
        assert_eq!(host_of("https://desk.example.com:443"), "desk.example.com");
        assert_eq!(host_of("http://[::1]:80"), "localhost");
    }
}
