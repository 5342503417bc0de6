//! What can go wrong between us and an IMAP server.

use std::io;

/// A step that failed, with what the server said (shortened, without control characters).
#[derive(Debug, thiserror::Error)]
pub(super) enum ImapError {
    /// No connection, or it broke.
    #[error("{step}: {source}")]
    Io {
        step: &'static str,
        #[source]
        source: io::Error,
    },
    /// No byte within the deadline, or an answer that takes for ever.
    #[error("{step}: no answer within {after_s} s")]
    Silent { step: &'static str, after_s: u64 },
    /// The server ended the connection.
    #[error("{step}: the server closed the connection{}", said(.text))]
    Closed { step: &'static str, text: String },
    /// `NO`: understood and refused.
    #[error("{step}: refused{}", said(.text))]
    No { step: &'static str, code: Option<String>, text: String },
    /// `BAD`: not understood.
    #[error("{step}: not understood by the server{}", said(.text))]
    Bad { step: &'static str, text: String },
    /// An answer that is no IMAP.
    #[error("{step}: an answer that is not IMAP{}", said(.text))]
    Garbled { step: &'static str, text: String },
    /// A literal, line or flood of lines above the limit.
    #[error("{step}: the server announced {bytes} bytes, {bytes_max} are the limit")]
    TooLarge { step: &'static str, bytes: u64, bytes_max: u64 },
    /// Certificates, handshake, or something slipped in around STARTTLS.
    #[error("TLS: {0}")]
    Tls(String),
    /// There is no access token, and only a person can change that.
    #[error("{0}")]
    NeedsConsent(String),
    /// There is no access token now.
    #[error("{0}")]
    NoToken(String),
    /// What we were told to do cannot be done safely.
    #[error("{0}")]
    Unsafe(&'static str),
    /// The daemon is stopping.
    #[error("stopping")]
    Draining,
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

impl ImapError {
    /// Whether only a person can mend it: the user or password is refused (EML-6). A `NO` that names a passing reason
    /// (RFC 5530) is not of that kind.
    pub(super) fn is_sign_in_refused(&self) -> bool {
        if matches!(self, Self::NeedsConsent(_)) {
            return true;
        }
        let Self::No { step, code, .. } = self else { return false };
        let passing = ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN", "OVERQUOTA"];
        let code = code.as_deref().unwrap_or_default().to_ascii_uppercase();
        *step == SIGN_IN && !passing.iter().any(|passing| code.starts_with(passing))
    }

    /// Whether the connection is still in step after this: the server answered and said no.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::No { .. } | Self::Bad { .. })
    }
}

/// The step of signing in; its refusal asks for new credentials.
pub(super) const SIGN_IN: &str = "sign in";

/// Text of a server as it may be shown: one line, no controls, at most 200 characters.
pub(super) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_6_only_refused_credentials_ask_for_a_person() {
        let no = |step, code: Option<&str>| ImapError::No { step, code: code.map(str::to_owned), text: String::new() };
        assert!(no(SIGN_IN, Some("AUTHENTICATIONFAILED")).is_sign_in_refused());
        assert!(no(SIGN_IN, None).is_sign_in_refused());
        assert!(!no(SIGN_IN, Some("UNAVAILABLE")).is_sign_in_refused());
        assert!(!no("open folder", None).is_sign_in_refused());
    }

    #[test]
    fn a_servers_text_is_shown_on_one_line_whatever_it_holds() {
        assert_eq!(shown(b"a\r\n\0b\xb5"), "ab\u{fffd}");
        assert_eq!(shown(&[b'x'; 999]).len(), 200);
    }
}
