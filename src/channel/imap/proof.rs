//! What is shown at the sign-in, and by which mechanism.
//!
//! **Invariant:** a token is asked for before the connection is made, so that a slow token server costs no connection; one
//! that the mailbox's server refuses is asked for anew once before a person is.

use crate::channel::imap::error::ImapError;
use crate::channel::imap::options::Credentials;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::oauth::Bearer;
use crate::channel::oauth::NoToken;
use crate::channel::oauth::TokenSource;
use async_imap::Authenticator;
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// What is shown at one sign-in.
#[derive(Debug)]
pub(super) enum Proof<'a> {
    Password(&'a str),
    Token { source: &'a TokenSource, bearer: Bearer },
}

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Login,
    /// RFC 4616.
    Plain,
    /// Google's and Microsoft's.
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
}

impl Mechanism {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }
}

impl<'a> Proof<'a> {
    /// What `options` say is shown; asks for an access token where that is one.
    pub(super) async fn of(options: &'a MailboxOptions, drain: &CancellationToken) -> Result<Self, ImapError> {
        let source = match &options.credentials {
            Credentials::Password(password) => return Ok(Self::Password(password.reveal())),
            Credentials::OAuth(source) => source,
        };
        let asked = tokio::select! {
            biased;
            () = drain.cancelled() => return Err(ImapError::Draining),
            asked = source.bearer() => asked,
        };
        match asked {
            Ok(bearer) => Ok(Self::Token { source, bearer }),
            Err(NoToken::NeedsConsent(why)) => Err(ImapError::NeedsConsent(why)),
            Err(NoToken::Passing(why)) => Err(ImapError::NoToken(why)),
        }
    }

    /// The mechanism for a server with these capabilities.
    pub(super) fn mechanism(&self, user: &str, capabilities: &BTreeSet<String>) -> Result<Mechanism, ImapError> {
        let shown = match self {
            Self::Password(password) => *password,
            Self::Token { bearer, .. } => bearer.reveal(),
        };
        if user.chars().chain(shown.chars()).any(char::is_control) {
            return Err(ImapError::Unsafe("user or password holds control characters"));
        }
        let offers = |mechanism: &str| capabilities.contains(mechanism);
        match self {
            Self::Token { .. } if offers("AUTH=XOAUTH2") => Ok(Mechanism::XOAuth2),
            Self::Token { .. } if offers("AUTH=OAUTHBEARER") => Ok(Mechanism::OAuthBearer),
            Self::Token { .. } => Err(ImapError::Unsafe("the server offers no sign-in by token on this connection")),
            Self::Password(_) if !offers("LOGINDISABLED") && (user.is_ascii() && shown.is_ascii()) => {
                Ok(Mechanism::Login)
            }
            Self::Password(_) if offers("AUTH=PLAIN") => Ok(Mechanism::Plain),
            Self::Password(_) if offers("LOGINDISABLED") => {
                Err(ImapError::Unsafe("the server offers neither LOGIN nor AUTH=PLAIN on this connection"))
            }
            Self::Password(_) => Ok(Mechanism::Login),
        }
    }

    /// The answers to the server's challenges.
    pub(super) fn answers(&self, mechanism: Mechanism, options: &MailboxOptions) -> Answers {
        let MailboxOptions { user, host, port, .. } = options;
        let shown = match self {
            Self::Password(password) => *password,
            Self::Token { bearer, .. } => bearer.reveal(),
        };
        let (first, then) = match mechanism {
            Mechanism::Login | Mechanism::Plain => (format!("\0{user}\0{shown}"), None),
            Mechanism::XOAuth2 => (format!("user={user}\u{1}auth=Bearer {shown}\u{1}\u{1}"), Some(String::new())),
            Mechanism::OAuthBearer => {
                let user = user.replace('=', "=3D").replace(',', "=2C");
                let first = format!("n,a={user},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {shown}\u{1}\u{1}");
                (first, Some("\u{1}".to_owned()))
            }
        };
        Answers { next: first, then }
    }

    /// What a refused sign-in means: a token that was not fresh is asked for anew, without a person.
    pub(super) async fn judge(&self, refusal: ImapError) -> ImapError {
        let Self::Token { source, bearer } = self else { return refusal };
        if !refusal.is_sign_in_refused() || bearer.is_fresh {
            return refusal;
        }
        source.is_refused(bearer).await;
        ImapError::NoToken(format!("{refusal}; a new access token is asked for"))
    }
}

/// What is said to each challenge: the first answer, then the other one.
#[derive(Debug)]
pub(super) struct Answers {
    next: String,
    then: Option<String>,
}

impl Authenticator for Answers {
    type Response = Vec<u8>;

    fn process(&mut self, _challenge: &[u8]) -> Self::Response {
        let then = self.then.take();
        let said = match then {
            Some(then) => std::mem::replace(&mut self.next, then),
            None => self.next.clone(),
        };
        said.into_bytes()
    }
}
