//! OAuth 2.0 for mailboxes: consent once by a person, access tokens after that (EML-6).
//!
//! | file | what |
//! |---|---|
//! | `app` | which application asks at which provider, as configured |
//! | `request` | one form posted to a provider |
//! | `answer` | what a token endpoint answers: tokens, a refusal for people, a fault that passes |
//! | `vault` | the file that holds the tokens of one mailbox |
//! | `source` | access tokens out of the file, refreshed when they age |
//! | `consent` | the two ways a person says yes: device code (RFC 8628), authorisation code with PKCE (RFC 6749, 7636, 8252) |
//!
//! | killed … | what is left | what happens next |
//! |---|---|---|
//! | before the token server was asked | the tokens as they were | asked again |
//! | after it rotated, before its answer was stored | the old refresh token | a server that forgives a repeat gives a new one; of another a person is asked again (`needs_auth`) |
//! | after the new tokens were stored | new and, until the next rotation, old refresh token | the new one is used |
//!
//! **Invariant:** a refresh token that a server gave is durable before anything is done with its access token, and the
//! one before it is kept until the next rotation.
//! **Invariant:** tokens stand in files that their owner alone may read, go to the token endpoint and the mailbox's
//! server alone, and appear in no log, state or error.

mod answer;
mod app;
mod consent;
#[cfg(test)]
pub(crate) mod fake;
mod request;
mod source;
#[cfg(test)]
mod tests;
mod vault;

pub use crate::channel::oauth::app::App;
pub use crate::channel::oauth::consent::CodeConsent;
pub use crate::channel::oauth::consent::DeviceConsent;
pub use crate::channel::oauth::source::Bearer;
pub use crate::channel::oauth::source::NoToken;
pub use crate::channel::oauth::source::TokenSource;
pub use crate::channel::oauth::vault::Vault;
