//! Which application asks at which provider: the `oauth` table of a mailbox after it was checked.

use crate::domain::webhook_url::WebhookUrl;
use rustls::pki_types::CertificateDer;
use std::fmt;

/// An application as its provider knows it, and where the provider is asked.
#[derive(Clone)]
pub struct App {
    /// `client_id` (RFC 6749 §2.2).
    pub client_id: String,
    /// `client_secret`, where the provider gave one; shown nowhere.
    pub client_secret: Option<String>,
    /// What is asked for.
    pub scope: String,
    /// Where a person says yes in a browser; with a query or without.
    pub authorize_url: String,
    /// Where tokens are given.
    pub token_url: WebhookUrl,
    /// Where device codes are given (RFC 8628); not every provider has that.
    pub device_url: Option<WebhookUrl>,
    /// Certificates trusted besides those of the system.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl fmt::Debug for App {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.client_id)
            .field("token_url", &self.token_url)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Fields that name the application, for every request of tokens.
    pub(super) fn named(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("client_id", self.client_id.clone())];
        fields.extend(self.client_secret.clone().map(|secret| ("client_secret", secret)));
        fields
    }
}
