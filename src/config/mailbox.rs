//! `[[mailbox]]`: mailboxes read by IMAP.

use crate::config::listen::is_host;
use crate::config::oauth::OAuth;
use crate::config::oauth::Table;
use crate::config::oauth::oauth;
use crate::config::reader::Section;
use crate::config::secret::Secret;
use crate::domain::address::Address;
use std::time::Duration;

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (RFC 8314 §3).
    Implicit,
    /// Begun by STARTTLS; without it there is no sign-in.
    StartTls,
    /// Not at all: only for a server on the same machine.
    None,
}

/// The words of [`Tls`].
pub(crate) const TLS_WORDS: [(&str, Tls); 3] =
    [("implicit", Tls::Implicit), ("starttls", Tls::StartTls), ("none", Tls::None)];

/// What becomes of a mail in the mailbox once it is stored here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Keep,
    /// It is marked as read.
    Seen,
    /// It is moved to this folder.
    Move(String),
    /// It is deleted.
    Delete,
}

/// What the user of a mailbox shows.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// A password.
    Password(Secret),
    /// Access tokens, after a person gave consent (EML-6).
    OAuth(Box<OAuth>),
}

impl SignIn {
    /// The secret that stood in a file, if there is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Password(password) => Some(password),
            Self::OAuth(oauth) => oauth.client_secret.as_ref(),
        }
    }
}

/// One mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Unique; progress is kept under it.
    pub name: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: Tls,
    /// Who signs in.
    pub user: String,
    /// With what.
    pub sign_in: SignIn,
    /// The folder that is read.
    pub folder: String,
    /// What becomes of read mail.
    pub after: After,
    /// For mail that names none of our addresses (EML-10).
    pub default_address: Option<Address>,
    /// Whether mail from before the first poll is taken, too.
    pub import_existing: bool,
    /// Where copies of agents' answers go, and from which support addresses.
    pub sent: Option<Sent>,
    /// How other daemons are kept from this mailbox; `None` where nobody asks whether there are others (EML-19).
    pub lease: Option<Lease>,
}

/// The lease of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The folder that keeps the claims.
    pub folder: String,
    /// A daemon that gives no sign of life for so long reads no longer.
    pub term: Duration,
}

/// The folder that keeps what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its name.
    pub folder: String,
    /// Support addresses that are this mailbox's: its default address, and its user.
    pub from: Vec<Address>,
}

impl Mailbox {
    /// Support addresses whose answers are copied here.
    pub fn sent_from(&self) -> impl Iterator<Item = &Address> {
        self.sent.iter().flat_map(|sent| &sent.from)
    }
}

pub(crate) fn mailboxes(sections: Vec<Section<'_>>, support: &[Address]) -> Vec<Mailbox> {
    let mut mailboxes: Vec<Mailbox> = Vec::new();
    for section in sections {
        let read = mailbox(&section, support);
        if let Some(mailbox) = read {
            if mailboxes.iter().any(|other| other.name == mailbox.name) {
                section.fault("name", format!("{:?} is the name of two mailboxes", mailbox.name));
            }
            if mailboxes.iter().any(|other| other.sent_from().any(|from| mailbox.sent_from().any(|it| it == from))) {
                section.fault("sent_folder", "another mailbox keeps what this address sends");
            }
            mailboxes.push(mailbox);
        }
        section.end();
    }
    mailboxes
}

fn mailbox(section: &Section<'_>, support: &[Address]) -> Option<Mailbox> {
    let name = section.required("name", "a name of your choice");
    let host = host(section);
    let tls = section.choice("tls", &TLS_WORDS, Tls::Implicit);
    let port = section.number("port", 1..=65_535, if tls == Tls::Implicit { 993 } else { 143 });
    let user = section.required("user", "who signs in, often the address");
    let sign_in = sign_in(section);
    let folder = section.text("folder").unwrap_or_else(|| "INBOX".to_owned());
    let after = section.parsed("after", "keep, seen, move:FOLDER or delete", after).unwrap_or(After::Keep);
    let default_address = section.parsed("default_address", "an email address", Address::parse);
    if default_address.as_ref().is_some_and(|address| !support.contains(address)) {
        section.fault("default_address", "is not the address of any [[support]]");
    }
    let import_existing = section.flag("import_existing", false);
    let sent = sent(section, &user, default_address.as_ref(), support);
    let lease = lease(section, &folder, sent.as_ref());
    Some(Mailbox {
        name,
        host,
        port: u16::try_from(port).unwrap_or(u16::MAX),
        tls,
        user,
        sign_in: sign_in?,
        folder,
        after,
        default_address,
        import_existing,
        sent,
        lease,
    })
}

fn lease(section: &Section<'_>, read: &str, sent: Option<&Sent>) -> Option<Lease> {
    let folder = section.text("lease_folder");
    // An empty name is one that is there.
    let by_default = if section.has("lease_folder") { "" } else { "Deskgate" };
    let folder = folder.unwrap_or_else(|| by_default.to_owned());
    let term = Duration::from_secs(section.number("lease_s", 4..=3_600, 120));
    if folder == read || sent.is_some_and(|sent| sent.folder == folder) {
        section.fault("lease_folder", "holds mail; the lease needs a folder of its own");
    }
    (!folder.is_empty()).then_some(Lease { folder, term })
}

fn sent(section: &Section<'_>, user: &str, default_address: Option<&Address>, support: &[Address]) -> Option<Sent> {
    let folder = section.text("sent_folder")?;
    let user = Address::parse(user);
    let is_ours = |address: &&Address| default_address == Some(*address) || user.as_ref() == Some(*address);
    let from: Vec<Address> = support.iter().filter(is_ours).cloned().collect();
    if folder.is_empty() || folder.chars().any(char::is_control) {
        section.fault("sent_folder", "expected the name of a folder");
    }
    if from.is_empty() {
        section.fault("sent_folder", "needs default_address: no [[support]] address is this mailbox's user");
    }
    Some(Sent { folder, from })
}

fn sign_in(section: &Section<'_>) -> Option<SignIn> {
    match oauth(section) {
        Table::None => password(section, true).map(SignIn::Password),
        Table::Faulty => None,
        Table::Sound(_) if section.has("password_file") => {
            section.fault("password_file", "stands beside oauth; one of them is enough");
            None
        }
        Table::Sound(oauth) => Some(SignIn::OAuth(oauth)),
    }
}

/// `host`, which must be there.
pub(crate) fn host(section: &Section<'_>) -> String {
    let host = section.required("host", "a host name");
    if !host.is_empty() && !is_host(&host) && host.parse::<std::net::IpAddr>().is_err() {
        section.fault("host", format!("{} is not a host name", crate::config::value::shown(&host)));
    }
    host
}

/// `password_file`, as text.
pub(crate) fn password(section: &Section<'_>, required: bool) -> Option<Secret> {
    if required && !section.has("password_file") {
        section.fault(
            "password_file",
            "is missing; expected a file with the password, or the name of a systemd credential",
        );
    }
    let secret = section.secret("password_file")?;
    if secret.reveal_text().is_none_or(|text| text.chars().any(char::is_control)) {
        section.fault("password_file", "the password must be one line of UTF-8");
    }
    Some(secret)
}

fn after(text: &str) -> Option<After> {
    match text {
        "keep" => Some(After::Keep),
        "seen" => Some(After::Seen),
        "delete" => Some(After::Delete),
        _ => {
            let folder = text.strip_prefix("move:")?.trim();
            (!folder.is_empty()).then(|| After::Move(folder.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_is_one_of_four() {
        assert_eq!(after("move:Done"), Some(After::Move("Done".to_owned())));
        assert_eq!((after("seen"), after("move:"), after("burn")), (Some(After::Seen), None, None));
    }
}
