//! The wait for news between two looks: IDLE where it works, polling elsewhere (EML-2, EML-4).

use crate::channel::imap::client::Client;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::memory::Memory;
use crate::channel::imap::options::MailboxOptions;
use crate::domain::mailbox_cursor::ImapFeature;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Returns when there is reason to look again: news, a troublesome message that is due, or a long quiet.
pub(super) async fn wait_for_news(
    client: &mut Client,
    options: &MailboxOptions,
    memory: &mut Memory,
    drain: &CancellationToken,
) -> Result<(), ImapError> {
    let until_due = memory.next_due_at().map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
    if client.can("IDLE") && memory.may_use(ImapFeature::Idle) {
        match client.idle_begin().await {
            Ok(()) => {
                client.idle_wait(options.idle_renew().min(until_due)).await?;
                return client.idle_end(options.done_timeout()).await;
            }
            Err(error) if error.is_refusal() => {
                tracing::warn!(mailbox = options.name, %error, "polling from now on");
                memory.refuses(ImapFeature::Idle);
            }
            Err(error) => return Err(error),
        }
    }
    pause(options.poll_interval().min(until_due), drain).await?;
    client.simple("NOOP", "NOOP").await
}

/// Sleeps unless the daemon stops.
pub(super) async fn pause(wait: Duration, drain: &CancellationToken) -> Result<(), ImapError> {
    tokio::select! {
        biased;
        () = drain.cancelled() => Err(ImapError::Draining),
        () = sleep(wait) => Ok(()),
    }
}
