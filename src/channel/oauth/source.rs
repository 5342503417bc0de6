//! Access tokens for one mailbox, refreshed when they age.

use crate::channel::oauth::answer::Denied;
use crate::channel::oauth::answer::Tokens;
use crate::channel::oauth::answer::ask_for_tokens;
use crate::channel::oauth::app::App;
use crate::channel::oauth::vault::Kept;
use crate::channel::oauth::vault::Vault;
use crate::clock::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use tokio::sync::Mutex;

/// An access token is renewed so long before it ends, in milliseconds.
const RENEW_BEFORE_MS: u64 = 60_000;
/// How often the file is looked at while a person is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// Only a person can help: there is no consent, or it is worth nothing any more.
    #[error("{0}")]
    NeedsConsent(String),
    /// The token server or the disk; passes.
    #[error("{0}")]
    Passing(String),
}

/// An access token, shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer {
    token: String,
    /// Whether the token server gave it just now: a mail server that refuses it will refuse the next one as well.
    pub is_fresh: bool,
}

impl Bearer {
    /// The token itself, for the mailbox's server.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("is_fresh", &self.is_fresh).finish_non_exhaustive()
    }
}

/// Access tokens of one mailbox. Clones share what they know.
#[derive(Clone, Debug)]
pub struct TokenSource {
    mailbox: String,
    app: Arc<App>,
    vault: Vault,
    clock: Clock,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Tokens that a server gave and the disk did not take yet.
    unsaved: Option<Kept>,
    /// An access token that the mailbox's server refused.
    refused: Option<String>,
    /// The file as it was when a person was asked for.
    asked_at: Option<SystemTime>,
}

impl TokenSource {
    /// Tokens for `mailbox` out of `vault`.
    #[must_use]
    pub fn new(mailbox: &str, app: App, vault: Vault, clock: Clock) -> Self {
        Self { mailbox: mailbox.to_owned(), app: Arc::new(app), vault, clock, memory: Arc::default() }
    }

    /// An access token that is good for a minute at least.
    ///
    /// # Errors
    /// [`NoToken`].
    pub async fn bearer(&self) -> Result<Bearer, NoToken> {
        let mut memory = self.memory.lock().await;
        let _lock = self.vault.lock().await.map_err(NoToken::Passing)?;
        memory.asked_at = self.vault.written_at();
        if let Some(unsaved) = memory.unsaved.take() {
            self.save(unsaved, &mut memory)?;
        }
        let kept = self.vault.read().map_err(NoToken::NeedsConsent)?;
        let kept = kept.filter(|kept| kept.client_id == self.app.client_id);
        let kept = kept.ok_or_else(|| NoToken::NeedsConsent(format!("no consent yet; {}", self.remedy())))?;
        let is_good = kept.access_until_ms > self.clock.now().0.saturating_add(RENEW_BEFORE_MS);
        if is_good && memory.refused.as_ref() != Some(&kept.access_token) {
            return Ok(Bearer { token: kept.access_token, is_fresh: false });
        }
        let renewed = self.refreshed(&kept).await?;
        let token = renewed.access_token.clone();
        self.save(renewed, &mut memory)?;
        Ok(Bearer { token, is_fresh: true })
    }

    fn remedy(&self) -> String {
        format!("run: deskgate mailbox authorize {}", self.mailbox)
    }

    /// The mailbox's server refused this access token; the next one is asked for anew.
    pub async fn is_refused(&self, bearer: &Bearer) {
        self.memory.lock().await.refused = Some(bearer.token.clone());
    }

    /// Returns when a person gave consent since the last access token was asked for.
    pub async fn renewed(&self) {
        let asked_at = self.memory.lock().await.asked_at;
        while self.vault.written_at() == asked_at {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tokens in return for the refresh token, or for the one before it where that one was never taken.
    async fn refreshed(&self, kept: &Kept) -> Result<Kept, NoToken> {
        let mut denied = match self.refresh(&kept.refresh_token).await {
            Ok(tokens) => return Ok(self.kept(tokens, Some(&kept.refresh_token))),
            Err(denied) => denied,
        };
        if denied.is_for_people()
            && let Some(previous) = &kept.previous_refresh_token
        {
            match self.refresh(previous).await {
                Ok(tokens) => return Ok(self.kept(tokens, Some(previous))),
                Err(again) => denied = again,
            }
        }
        let words = denied.words();
        Err(match denied.is_for_people() {
            true => NoToken::NeedsConsent(format!("the consent is no longer good ({words}); {}", self.remedy())),
            false => NoToken::Passing(format!("no access token: {words}")),
        })
    }

    async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Denied> {
        let fields = vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh_token.to_owned()),
            ("scope", self.app.scope.clone()),
        ];
        ask_for_tokens(&self.app, fields).await
    }

    /// What is kept of `tokens`; a server that gives no new refresh token lets the `used` one live on.
    fn kept(&self, tokens: Tokens, used: Option<&String>) -> Kept {
        let lives_ms = tokens.lives_s().saturating_mul(1_000);
        let previous = used.filter(|used| tokens.refresh_token.as_ref().is_some_and(|new| new != *used)).cloned();
        Kept {
            client_id: self.app.client_id.clone(),
            refresh_token: tokens.refresh_token.or_else(|| used.cloned()).unwrap_or_default(),
            previous_refresh_token: previous,
            access_token: tokens.access_token,
            access_until_ms: self.clock.now().0.saturating_add(lives_ms),
        }
    }

    /// Keeps the tokens; those that the disk refuses are kept in memory and tried again first thing.
    fn save(&self, kept: Kept, memory: &mut Memory) -> Result<(), NoToken> {
        match self.vault.write(&kept) {
            Ok(()) => {
                memory.asked_at = self.vault.written_at();
                Ok(())
            }
            Err(why) => {
                memory.unsaved = Some(kept);
                Err(NoToken::Passing(why))
            }
        }
    }

    /// Keeps the tokens of a consent given just now.
    ///
    /// # Errors
    /// In words, when the provider gave no refresh token, or the file cannot be written.
    pub(super) async fn consented(&self, tokens: Tokens) -> Result<(), String> {
        if tokens.refresh_token.is_none() {
            return Err("the provider gave no refresh token; the scope must ask for offline access".to_owned());
        }
        let _lock = self.vault.lock().await?;
        self.vault.write(&self.kept(tokens, None))
    }

    pub(super) fn app(&self) -> &App {
        &self.app
    }
}
