//! `[[relay]]` and `[[dkim]]`: how mail goes out.

use crate::config::listen::is_host;
use crate::config::mailbox::Mailbox;
use crate::config::mailbox::SignIn;
use crate::config::mailbox::TLS_WORDS;
use crate::config::mailbox::Tls;
use crate::config::mailbox::host;
use crate::config::mailbox::password;
use crate::config::reader::Section;
use crate::config::secret::Secret;

/// A smarthost that takes our mail.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Unique.
    pub name: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: Tls,
    /// Who signs in; nobody where the relay knows us by address.
    pub sign_in: Option<(String, Secret)>,
    /// The mailbox by whose user and access tokens we sign in instead (XOAUTH2).
    pub mailbox: Option<String>,
    /// Most messages handed over in a minute.
    pub rate_per_minute: u64,
    /// Most connections at a time.
    pub connections: usize,
}

/// A key that signs mail of a domain (RFC 6376).
#[derive(Clone, Debug)]
pub struct Dkim {
    /// The domain.
    pub domain: String,
    /// Where its public key stands in the DNS: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key, PEM.
    pub key: Secret,
}

pub(crate) fn relays(sections: Vec<Section<'_>>) -> Vec<Relay> {
    let mut relays: Vec<Relay> = Vec::new();
    for section in sections {
        let relay = relay(&section);
        if relays.iter().any(|other| other.name == relay.name) {
            section.fault("name", format!("{:?} is the name of two relays", relay.name));
        }
        relays.push(relay);
        section.end();
    }
    relays
}

fn relay(section: &Section<'_>) -> Relay {
    let name = section.text("name").unwrap_or_else(|| "default".to_owned());
    let host = host(section);
    let tls = section.choice("tls", &TLS_WORDS, Tls::StartTls);
    let port = section.number("port", 1..=65_535, if tls == Tls::Implicit { 465 } else { 587 });
    let user = section.text("user");
    let password = password(section, user.is_some());
    if password.is_some() && user.is_none() {
        section.fault("password_file", "needs user beside it");
    }
    let mailbox = section.text("mailbox");
    if mailbox.is_some() && (user.is_some() || password.is_some()) {
        section.fault("mailbox", "stands beside user or password_file; one way to sign in is enough");
    }
    let rate_per_minute = section.number("rate_per_minute", 1..=1_000_000, 600);
    let connections = section.number("connections", 1..=50, 4);
    Relay {
        name,
        host,
        port: u16::try_from(port).unwrap_or(u16::MAX),
        tls,
        sign_in: user.zip(password),
        mailbox,
        rate_per_minute,
        connections: usize::try_from(connections).unwrap_or(1),
    }
}

/// Lets mailboxes ask for tokens that relays are shown as well.
pub(crate) fn share_tokens(sections: &[Section<'_>], mailboxes: &mut [Mailbox]) {
    for section in sections {
        let Some(name) = section.text("mailbox") else { continue };
        let found = mailboxes.iter_mut().find(|mailbox| mailbox.name == name);
        match found.map(|mailbox| &mut mailbox.sign_in) {
            Some(SignIn::OAuth(oauth)) => oauth.also_send(),
            Some(SignIn::Password(_)) => section.fault("mailbox", format!("{name:?} has no [mailbox.oauth]")),
            None => section.fault("mailbox", format!("no [[mailbox]] is named {name:?}")),
        }
    }
}

pub(crate) fn dkim(sections: Vec<Section<'_>>) -> Vec<Dkim> {
    let mut keys = Vec::new();
    for section in sections {
        let domain = section.required("domain", "the domain of the sender's address");
        let selector = section.required("selector", "the name of the key in the DNS");
        for (key, text) in [("domain", &domain), ("selector", &selector)] {
            if !text.is_empty() && !is_host(text) {
                section.fault(key, "is not a domain name");
            }
        }
        if !section.has("key_file") {
            section.fault("key_file", "is missing; expected a file with a private key (PEM)");
        }
        if let Some(key) = section.secret("key_file") {
            if !key.reveal().starts_with(b"-----BEGIN ") {
                section.fault("key_file", "does not begin like a private key (PEM)");
            }
            keys.push(Dkim { domain, selector, key });
        }
        section.end();
    }
    keys
}
