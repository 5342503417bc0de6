//! What a mailbox is read with: the `[[mailbox]]` section after it was checked.

use crate::channel::imap::lease::Lease;
use crate::channel::oauth::TokenSource;
use crate::domain::address::Address;
use crate::domain::id::Millis;
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::time::Duration;

/// Longest IDLE before it is renewed, in seconds. EML-2 asks for 25 minutes; routers and load balancers forget a quiet
/// connection after five, and then nothing announces new mail.
const IDLE_RENEW_S_MAX: u64 = 300;
/// Longest wait for the answer to `DONE`, in seconds.
const DONE_TIMEOUT_S_MAX: u64 = 15;
/// Longest wait for a connection and for its TLS handshake, in seconds each.
const CONNECT_TIMEOUT_S_MAX: u64 = 30;

/// One mailbox and how it is read.
#[derive(Clone, Debug)]
pub struct MailboxOptions {
    /// Name in the configuration: key of the cursor, shown in status and journal.
    pub name: String,
    /// Server's host name or address; the certificate must carry it.
    pub host: String,
    /// Server's port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// User name as the server knows it.
    pub user: String,
    /// What that user shows.
    pub credentials: Credentials,
    /// Folder that is read, in plain Unicode; usually `INBOX`.
    pub folder: String,
    /// What becomes of a message in the folder after it was taken in (EML-5).
    pub after: After,
    /// Support address for mail that names none of ours (EML-10).
    pub default_address: Option<Address>,
    /// Seconds between looks where the server has no IDLE; 60 unless told.
    pub poll_interval_s: u64,
    /// Seconds after which IDLE is renewed; more than 300 is taken as 300.
    pub idle_renew_s: u64,
    /// Seconds without a byte after which a verb has failed; 60 unless told (EML-4).
    pub verb_timeout_s: u64,
    /// Largest message that is taken in whole, in bytes (EML-9).
    pub message_bytes_max: u64,
    /// Whether a new mailbox gives all the mail it holds, not only what arrives from now on.
    pub import_existing: bool,
    /// The moment the mailbox was added (EML-3), for what the server received earlier stays out, also after a changed
    /// UIDVALIDITY. `None`: a new mailbox gives what arrives after the first successful look, and after a changed
    /// UIDVALIDITY the whole folder is read again.
    pub import_since: Option<Millis>,
    /// Certificates trusted besides those of the system.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// How other daemons are kept from the same folder; without one nobody asks whether there are others (EML-19).
    pub lease: Option<Lease>,
}

impl MailboxOptions {
    /// Options for a server with implicit TLS on port 993 and the defaults of PRODUCT (EML-2, EML-5, EML-9).
    #[must_use]
    pub fn new(name: &str, host: &str, user: &str, credentials: impl Into<Credentials>) -> Self {
        Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port: 993,
            tls: TlsMode::Implicit,
            user: user.to_owned(),
            credentials: credentials.into(),
            folder: "INBOX".to_owned(),
            after: After::Keep,
            default_address: None,
            poll_interval_s: 60,
            idle_renew_s: 1_500,
            verb_timeout_s: 60,
            message_bytes_max: 50 * 1024 * 1024,
            import_existing: false,
            import_since: None,
            extra_roots: Vec::new(),
            lease: None,
        }
    }

    /// Whether anything in the folder is changed: a move into the folder itself would bring the same mail for ever.
    pub(super) fn changes_folder(&self) -> bool {
        match &self.after {
            After::Keep => false,
            After::Seen | After::Delete => true,
            After::Move(folder) => !folder.eq_ignore_ascii_case(&self.folder),
        }
    }

    pub(super) fn poll_interval(&self) -> Duration {
        Duration::from_secs(self.poll_interval_s.max(1))
    }

    pub(super) fn idle_renew(&self) -> Duration {
        Duration::from_secs(self.idle_renew_s.clamp(1, IDLE_RENEW_S_MAX))
    }

    pub(super) fn verb_timeout(&self) -> Duration {
        Duration::from_secs(self.verb_timeout_s.max(1))
    }

    pub(super) fn done_timeout(&self) -> Duration {
        Duration::from_secs(self.verb_timeout_s.clamp(1, DONE_TIMEOUT_S_MAX))
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.verb_timeout_s.clamp(1, CONNECT_TIMEOUT_S_MAX))
    }
}

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (port 993).
    Implicit,
    /// Clear greeting, then STARTTLS before anything else (RFC 2595).
    StartTls,
    /// No protection, credentials in clear; only where the configuration says so.
    None,
}

/// What becomes of a message in the folder after the commit that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing; the folder is opened read-only.
    Keep,
    /// It is flagged as seen.
    Seen,
    /// It moves to this folder, which is made when the server says it is missing. The folder that is read means `Keep`.
    Move(String),
    /// It is removed. Without UIDPLUS it is only flagged as deleted, since a plain EXPUNGE would remove what others flagged.
    Delete,
}

/// What a user shows to be let in.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A password.
    Password(Password),
    /// Access tokens, which age and are renewed (EML-6).
    OAuth(TokenSource),
}

impl From<Password> for Credentials {
    fn from(password: Password) -> Self {
        Self::Password(password)
    }
}

impl From<TokenSource> for Credentials {
    fn from(tokens: TokenSource) -> Self {
        Self::OAuth(tokens)
    }
}

/// A password, shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps `text` as a password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_2_idle_is_renewed_within_five_minutes() {
        let mut options = MailboxOptions::new("a", "mail.example.com", "u", Password::new("p"));
        assert_eq!(options.idle_renew(), Duration::from_secs(300));
        options.idle_renew_s = 120;
        assert_eq!(options.idle_renew(), Duration::from_secs(120));
    }

    #[test]
    fn a_password_is_never_shown() {
        let options = MailboxOptions::new("a", "mail.example.com", "u", Password::new("swordfish"));
        assert!(!format!("{options:?}").contains("swordfish"));
    }
}
