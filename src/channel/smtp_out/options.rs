//! How the relay is reached: the `[[relay]]` section after it was checked.

use crate::channel::oauth::TokenSource;
use lettre::transport::smtp::authentication::Credentials;
use rustls::pki_types::CertificateDer;
use std::time::Duration;

/// Longest wait for one step of connecting and signing in.
const CONNECT_STEP_MAX: Duration = Duration::from_secs(30);
/// Steps of connecting and signing in, the slowest way: TCP, TLS, greeting, EHLO, STARTTLS, EHLO again, three of AUTH.
const CONNECT_STEPS: u32 = 9;

/// Longest wait for an access token.
pub(crate) const TOKEN_WAIT: Duration = Duration::from_secs(60);

/// How the connection to the relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayTls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS (RFC 3207); a relay that does not offer it gets no mail.
    StartTls,
    /// In clear; with credentials only over loopback.
    None,
}

/// Whose access tokens a relay is shown: those of a mailbox, after a person gave consent (EML-6).
#[derive(Clone, Debug)]
pub struct RelayTokens {
    /// Who signs in.
    pub user: String,
    /// The tokens; shared with the mailbox, so that a rotation is known to both.
    pub source: TokenSource,
}

/// A relay and how much it may be asked for.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// Name in the configuration.
    pub name: String,
    /// Server's host name or address; its certificate must carry it.
    pub host: String,
    /// Server's port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: RelayTls,
    /// Who signs in; nobody where the relay knows us by address. Their `Debug` shows nothing.
    pub credentials: Option<Credentials>,
    /// Who signs in with access tokens instead (XOAUTH2).
    pub tokens: Option<RelayTokens>,
    /// Most connections at a time; 0 counts as 1.
    pub connections: usize,
    /// Most messages handed over in a minute; 0 counts as 1.
    pub rate_per_minute: u64,
    /// Longest wait for the answer to one command (RFC 5321 §4.5.3.2 wants minutes). Envelope and message together may
    /// take twice as long, and so may the answer after the final dot.
    pub timeout: Duration,
    /// Certificates trusted besides those of the system.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Our name in EHLO.
    pub hello_name: String,
}

impl RelayOptions {
    /// A relay without sign-in and with the defaults: 4 connections, 600 messages a minute, 5 minutes.
    #[must_use]
    pub fn new(name: &str, host: &str, port: u16, tls: RelayTls, hello_name: &str) -> Self {
        Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            tls,
            credentials: None,
            tokens: None,
            connections: 4,
            rate_per_minute: 600,
            timeout: Duration::from_secs(300),
            extra_roots: Vec::new(),
            hello_name: hello_name.to_owned(),
        }
    }

    /// Longest wait for one step of connecting.
    pub(crate) fn step_wait(&self) -> Duration {
        self.timeout.min(CONNECT_STEP_MAX)
    }

    /// Longest time for envelope and message, up to the final dot.
    pub(crate) fn text_wait(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    /// Longest wait for the answer after the final dot; giving up earlier makes duplicates (RFC 5321 §4.5.3.2.6).
    pub(crate) fn answer_wait(&self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    /// No attempt takes longer, whatever the relay does; one connection may turn out to be stale on the way.
    pub(crate) fn attempt_max(&self) -> Duration {
        let connecting = self.step_wait().saturating_mul(CONNECT_STEPS);
        // A token that is refused is asked for anew, and the relay is connected to again.
        let connecting = if self.tokens.is_some() {
            connecting.saturating_mul(2).saturating_add(TOKEN_WAIT * 2)
        } else {
            connecting
        };
        let stale = self.step_wait().saturating_add(self.text_wait());
        connecting.saturating_add(stale).saturating_add(self.text_wait()).saturating_add(self.answer_wait())
    }
}
