//! What every step works with: addresses of the doors, the API as the agent, and waiting for mail.

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::list;
use crate::cli::demo::answer::parts;
use crate::cli::demo::answer::text;
use crate::cli::demo::ground::Ground;
use crate::cli::demo::http::Http;
use crate::clock;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::mail::message;
use crate::mail::message::Message;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest wait for something that happens by itself.
const WITHIN: Duration = Duration::from_secs(20);
/// Pause before asking again.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// The doors of the daemon.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) http: SocketAddr,
    pub(super) ops: SocketAddr,
    pub(super) smtp: SocketAddr,
    pub(super) lmtp: SocketAddr,
    /// Where customers write to.
    pub(super) support: String,
    /// Of messenger users.
    pub(super) secret: Vec<u8>,
    /// The API, as the agent once there is one.
    pub(super) api: Http,
    /// The operations listener.
    pub(super) operations: Http,
}

impl Stage {
    /// The doors as they are bound.
    pub(super) fn new(ground: &Ground, bound: &[(&'static str, String)]) -> Result<Self, Failure> {
        let address = |wanted: &str| {
            let found = bound.iter().find(|(name, _)| *name == wanted).and_then(|(_, address)| address.parse().ok());
            found.ok_or_else(|| Failure::new(Exit::Failed, format!("{wanted} does not listen")))
        };
        let support = ground.config.support.first().map(|support| support.address.to_string()).unwrap_or_default();
        let (http, ops) = (address("http")?, address("ops")?);
        Ok(Self {
            http,
            ops,
            smtp: address("smtp")?,
            lmtp: address("lmtp")?,
            support,
            secret: ground.secret.clone(),
            api: Http::new(http, None),
            operations: Http::new(ops, None),
        })
    }

    /// The same, with the API called as the token's agent.
    pub(super) fn signed_in(self, token: &str) -> Self {
        Self { api: Http::new(self.http, Some(token)), ..self }
    }

    /// A conversation with its parts.
    pub(super) async fn conversation(&self, id: &str) -> Result<Value> {
        self.api.get(&format!("/api/conversations/{id}")).await
    }

    /// An agent's comment; the id of its part.
    pub(super) async fn comment(&self, conversation: &str, body: &str) -> Result<String> {
        let comment = serde_json::json!({"type": "admin", "message_type": "comment", "body": body});
        let answer = self.api.post(&format!("/api/conversations/{conversation}/reply"), &comment).await?;
        Ok(text(crate::cli::demo::answer::last_part(&answer, "comment")?, "/id")?.to_owned())
    }

    /// What is owed for a part, once nothing more will happen to it; at least one delivery.
    pub(super) async fn settled(&self, thread: &str, part: &str) -> Result<Vec<Value>> {
        let until = clock::instant() + WITHIN;
        loop {
            let conversation = self.conversation(thread).await?;
            let found = parts(&conversation)?.iter().find(|one| is(one, "/id", part));
            let found = found.with_context(|| format!("part {part} is not in conversation {thread}"))?;
            let owed = list(found, "/deskgate/deliveries")?;
            if !owed.is_empty() && owed.iter().all(is_settled) {
                return Ok(owed.to_vec());
            }
            ensure!(clock::instant() < until, "the mail for part {part} did not go out: {owed:?}");
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Asks `path` until `is_done` is content with the answer.
    pub(super) async fn until(&self, path: &str, is_done: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = clock::instant() + WITHIN;
        loop {
            let answer = self.api.get(path).await?;
            if is_done(&answer) {
                return Ok(answer);
            }
            let shown = crate::cli::demo::answer::shown(&answer);
            ensure!(clock::instant() < until, "{path} did not come to an end: {shown}");
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// The mail that was captured for a delivery.
    pub(super) async fn captured(&self, delivery: &str) -> Result<Message> {
        Ok(message::read(&self.api.bytes(&format!("/dev/mail/{delivery}")).await?))
    }

    /// The one mail captured for a part.
    pub(super) async fn mail_of(&self, thread: &str, part: &str) -> Result<Message> {
        let owed = self.settled(thread, part).await?;
        let [only] = owed.as_slice() else { anyhow::bail!("one mail was expected for part {part}: {owed:?}") };
        ensure!(is(only, "/state", "sent"), "the mail for part {part} did not go out: {only}");
        self.captured(text(only, "/id")?).await
    }
}

/// Whether nothing more happens to a delivery by itself.
fn is_settled(delivery: &Value) -> bool {
    ["sent", "skipped", "failed", "uncertain"].iter().any(|state| is(delivery, "/state", state))
}
