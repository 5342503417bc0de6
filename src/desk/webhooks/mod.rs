//! Webhooks: who is told of what (API-51), what each event means to them, what is owed, and what became of it
//! (WHK-1 to WHK-14).
//!
//! | file | what |
//! |---|---|
//! | this one | subscriptions: make, change, take away, ping |
//! | `topics` | the topics of an event of the log |
//! | `feed` | the reader of the log that writes down what is owed |
//! | `owed` | what may go out now, with its objects; what came of it; lists and replay |
//! | `troubles` | what admins are told of them |
//!
//! | killed | what is in the store | at the next start |
//! |---|---|---|
//! | before the feed's commit | the events, and a cursor before them | they are read again |
//! | after it | notifications, with the cursor behind their events | they go out |
//! | between an answer and its commit | the notification, open | it goes out again with the same id |
//!
//! **Invariant:** a notification and the cursor behind its event are one commit, so none is missed and none is made
//! twice; an event is owed to those who were subscribed when it is read, within a moment of its commit.

pub mod feed;
pub mod owed;
mod people;
mod topics;
pub mod troubles;

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::random_bytes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::refusal::Refusal;
use crate::domain::webhook::Notification;
use crate::domain::webhook::RetryPolicy;
use crate::domain::webhook::SECRET_BYTES_MAX;
use crate::domain::webhook::SECRET_BYTES_MIN;
use crate::domain::webhook::SealedSecret;
use crate::domain::webhook::SigningSecret;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::WebhookState;
use crate::domain::webhook_topic::Topic;
use crate::domain::webhook_url::WebhookUrl;
use crate::store;
use crate::store::engine::ReadTx;
use data_encoding::HEXLOWER;

/// Rows taken away with a subscription in one commit.
const REMOVED_PER_COMMIT: usize = 200;

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Where notifications go; the caller has looked whether anybody is there (WHK-2).
    pub url: String,
    /// Names of topics, at least one.
    pub topics: Vec<String>,
    /// Signs every notification; made here if there is none.
    pub secret: Option<String>,
    /// Bodies as HTML.
    pub html: bool,
    /// What follows a failure.
    pub retry: RetryPolicy,
}

/// A change of a subscription; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where notifications go, those that wait already too.
    pub url: Option<String>,
    /// Names of topics, at least one.
    pub topics: Option<Vec<String>>,
    /// Bodies as HTML.
    pub html: Option<bool>,
    /// What follows a failure.
    pub retry: Option<RetryPolicy>,
    /// On, from now on; or off.
    pub active: Option<bool>,
    /// The secret that signs from now on; the one before it signs too until it is dropped (WHK-2).
    pub secret: Option<NewSecret>,
    /// The one before it signs no more.
    pub drop_previous_secret: bool,
}

/// A secret to come.
#[derive(Clone, Debug)]
pub enum NewSecret {
    /// Made here.
    Fresh,
    /// Chosen by the caller.
    Chosen(String),
}

impl Desk {
    /// Every subscription, by id. Scope `settings`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn webhooks(&self, caller: &Caller) -> Result<Vec<Webhook>> {
        require(caller, &[Scope::Settings])?;
        Ok(self.inner.store.view(store::webhooks::all)?)
    }

    /// One subscription. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        require(caller, &[Scope::Settings])?;
        Ok(self.inner.store.view(|tx| known(tx, id))?)
    }

    /// Makes a subscription; it is told of what happens from now on. Scope `settings`.
    ///
    /// # Errors
    /// `Invalid` for address, topics or secret; `Conflict` when there are too many; `Forbidden`.
    pub async fn create_webhook(&self, caller: &Caller, new: NewWebhook) -> Result<(Webhook, SigningSecret)> {
        require(caller, &[Scope::Settings])?;
        check_url(&new.url)?;
        let topics = topics_of(&new.topics)?;
        let plain = secret_of(new.secret.clone().map_or(NewSecret::Fresh, NewSecret::Chosen))?;
        let secret = self.inner.sealed(&plain)?;
        let (at, agent) = (At::of(&self.inner.clock), caller.agent);
        let made = self.inner.store.update(move |tx| {
            let webhook = Webhook {
                id: WebhookId(at.id()),
                url: new.url.clone(),
                topics: topics.clone(),
                secret: secret.clone(),
                previous_secret: None,
                html: new.html,
                retry: new.retry,
                state: WebhookState::Active,
                created_by: agent,
                created_at: at.now,
                updated_at: at.now,
                cursor: store::events::last_seq(&*tx)?,
                failures_in_row: 0,
                slowed: 0,
                paused_until: None,
                last_success_at: None,
            };
            store::webhooks::put(tx, &webhook)?;
            Ok(webhook)
        });
        Ok((made.await?, plain))
    }

    /// Changes a subscription. Turned on again, it is told of what happens from then on, and of what waited when it went
    /// off and is not a week old. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Forbidden`.
    pub async fn update_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<(Webhook, Option<SigningSecret>)> {
        require(caller, &[Scope::Settings])?;
        change.url.as_deref().map(check_url).transpose()?;
        let topics = change.topics.as_deref().map(topics_of).transpose()?;
        let plain = change.secret.clone().map(secret_of).transpose()?;
        let secret = plain.as_ref().map(|plain| self.inner.sealed(plain)).transpose()?;
        let now = self.inner.clock.now();
        let changed = self.inner.store.update(move |tx| {
            let mut webhook = known(&*tx, id)?;
            webhook.url = change.url.clone().unwrap_or(webhook.url);
            webhook.topics = topics.clone().unwrap_or(webhook.topics);
            webhook.html = change.html.unwrap_or(webhook.html);
            webhook.retry = change.retry.unwrap_or(webhook.retry);
            if change.drop_previous_secret {
                webhook.previous_secret = None;
            }
            if let Some(secret) = &secret {
                webhook.previous_secret = Some(std::mem::replace(&mut webhook.secret, secret.clone()));
            }
            match change.active {
                Some(true) => turn_on(&*tx, &mut webhook)?,
                Some(false) => webhook.state = WebhookState::Disabled,
                None => {}
            }
            webhook.updated_at = now;
            store::webhooks::put(tx, &webhook)?;
            Ok(webhook)
        });
        Ok((changed.await?, plain))
    }

    /// Takes a subscription away with everything that is owed to it; killed in between, it is off, and can be taken away
    /// again. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<()> {
        require(caller, &[Scope::Settings])?;
        let off = WebhookChange { active: Some(false), ..WebhookChange::default() };
        self.update_webhook(caller, id, off).await?;
        loop {
            let gone = self.inner.store.update(move |tx| {
                let Some(webhook) = store::webhooks::get(&*tx, id)? else { return Ok(true) };
                store::webhooks::remove(tx, &webhook, REMOVED_PER_COMMIT)
            });
            if gone.await? {
                return Ok(());
            }
        }
    }

    /// Owes the subscription a `ping`. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Conflict` when it is off.
    pub async fn ping_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Notification> {
        require(caller, &[Scope::Settings])?;
        let at = At::of(&self.inner.clock);
        let owed = self.inner.store.update(move |tx| {
            let webhook = known(&*tx, id)?;
            if webhook.state != WebhookState::Active {
                let message = format!("the subscription is {}; make it active first", webhook.state.as_str());
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            let ping = Notification::new(NotificationId(at.id()), id, Topic::PING, None, at.now);
            store::webhooks::put_notification(tx, &ping)?;
            Ok(ping)
        });
        Ok(owed.await?)
    }
}

/// What happened while it was off is not told.
fn turn_on(tx: &dyn ReadTx, webhook: &mut Webhook) -> store::Result<()> {
    if webhook.state != WebhookState::Active {
        webhook.state = WebhookState::Active;
        webhook.cursor = store::events::last_seq(tx)?;
    }
    (webhook.failures_in_row, webhook.slowed, webhook.paused_until) = (0, 0, None);
    Ok(())
}

fn known(tx: &dyn ReadTx, id: WebhookId) -> store::Result<Webhook> {
    store::webhooks::get(tx, id)?.ok_or_else(|| missing("webhook_subscription"))
}

fn refuse(field: &str, message: impl Into<String>) -> Error {
    Error::Refused(Refusal::invalid(field, message))
}

/// Refuses an address that nothing may be sent to.
///
/// # Errors
/// `parameter_invalid` for `url`.
pub fn check_url(url: &str) -> Result<WebhookUrl> {
    WebhookUrl::parse(url).map_err(|why| refuse("url", format!("'url' {why}")))
}

fn topics_of(names: &[String]) -> Result<Vec<Topic>> {
    let mut topics = Vec::new();
    for name in names {
        let topic = Topic::parse(name).ok_or_else(|| refuse("topics", format!("there is no topic '{name}'")))?;
        if let Some(why) = topic.never_fires() {
            return Err(refuse("topics", format!("'{name}' would never fire: {why}")));
        }
        topics.push(topic);
    }
    topics.sort_unstable();
    topics.dedup();
    if topics.is_empty() {
        return Err(refuse("topics", "'topics' needs at least one topic"));
    }
    Ok(topics)
}

/// What sealed secrets of subscriptions are for.
const PURPOSE: &str = "webhook";

impl Inner {
    fn sealed(&self, plain: &SigningSecret) -> Result<SealedSecret> {
        Ok(SealedSecret(self.sealer.seal(PURPOSE, &plain.0)?))
    }

    /// The secrets that sign, the newest first; none when the newest cannot be opened.
    fn signing_secrets(&self, webhook: &Webhook) -> Vec<SigningSecret> {
        let open = |sealed: &SealedSecret| self.sealer.unseal(PURPOSE, &sealed.0).map(SigningSecret);
        let Some(newest) = open(&webhook.secret) else { return Vec::new() };
        std::iter::once(newest).chain(webhook.previous_secret.as_ref().and_then(open)).collect()
    }
}

fn secret_of(new: NewSecret) -> Result<SigningSecret> {
    match new {
        NewSecret::Fresh => Ok(SigningSecret(HEXLOWER.encode(&random_bytes::<32>()?))),
        NewSecret::Chosen(text) if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len()) => {
            Ok(SigningSecret(text))
        }
        NewSecret::Chosen(_) => {
            Err(refuse("secret", format!("'secret' takes {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")))
        }
    }
}
