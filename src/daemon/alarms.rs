//! Watches mailboxes and webhooks for what only people can mend, and tells the admins by mail, once per spell (EML-6).

use crate::channel::imap::MailboxPhase;
use crate::channel::smtp_out::RelayHealth;
use crate::channel::smtp_out::RelayOptions;
use crate::channel::smtp_out::send_single;
use crate::desk;
use crate::desk::Desk;
use crate::desk::webhooks::troubles::ALARM_PREFIX;
use crate::domain::alarm::Alarm;
use crate::domain::delivery::Verdict;
use crate::domain::event::MailboxStanding;
use crate::http::ops::health::Health;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two looks at the mailboxes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two tries to tell, where the relay takes nothing.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What the watch needs.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) desk: Desk,
    pub(crate) health: Health,
    /// By which mail goes to admins, the first that is not down; without one the log alone tells.
    pub(crate) relays: Vec<RelayOptions>,
    pub(crate) drain: CancellationToken,
}

/// Watches until the daemon drains.
pub(crate) async fn watch(watch: Watch) {
    let mut tell_at = Instant::now();
    while !watch.drain.is_cancelled() {
        watch.health.beat("alarms");
        let noted = note(&watch).await;
        let told = if tell_at <= Instant::now() { tell(&watch).await } else { Ok(true) };
        match noted.and(told) {
            Ok(true) => {}
            Ok(false) => tell_at = Instant::now() + TELL_AGAIN_AFTER,
            Err(error) => tracing::warn!(%error, "alarms wait for the store"),
        }
        tokio::select! {
            () = watch.drain.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Notes what began and what ended.
async fn note(watch: &Watch) -> desk::Result<()> {
    for (mailbox, state) in watch.health.mailboxes() {
        let standing = match state.phase {
            MailboxPhase::NeedsAuth => MailboxStanding::NeedsAuth,
            MailboxPhase::Degraded => MailboxStanding::Degraded,
            MailboxPhase::Connected => MailboxStanding::Connected,
            MailboxPhase::Standby => {
                let words = state.last_error.as_deref().unwrap_or_default();
                watch.desk.raise_alarm(&standby_alarm(&mailbox), words).await?;
                continue;
            }
            MailboxPhase::Connecting | MailboxPhase::Disabled => continue,
        };
        if standing == MailboxStanding::Connected {
            watch.desk.end_alarm(&standby_alarm(&mailbox)).await?;
        }
        let words = state.last_error.as_deref().unwrap_or("no mail came from it for 15 minutes");
        let is_news = watch.desk.note_mailbox(&mailbox, standing, words).await?;
        if is_news && standing != MailboxStanding::Connected {
            tracing::error!(mailbox, state = standing.as_str(), why = words, "only people can mend this");
        }
    }
    for (relay, health) in watch.health.relays() {
        let needs_auth = format!("relay {relay} needs a new sign-in");
        match health {
            RelayHealth::Down { needs_auth: true, last_error, .. } => {
                if watch.desk.raise_alarm(&needs_auth, &last_error).await? {
                    tracing::error!(alarm = needs_auth, why = last_error, "only people can mend this");
                }
            }
            RelayHealth::Up => watch.desk.end_alarm(&needs_auth).await?,
            RelayHealth::Capturing | RelayHealth::Untried | RelayHealth::Down { .. } => {}
        }
    }
    note_webhooks(watch).await
}

/// The spell in which a mailbox is read by another daemon (EML-19).
fn standby_alarm(mailbox: &str) -> String {
    format!("mailbox {mailbox} is read by another Deskgate")
}

/// A webhook's spell ends when it is no trouble any more, or gone.
async fn note_webhooks(watch: &Watch) -> desk::Result<()> {
    let troubles = watch.desk.webhook_troubles()?;
    for (name, url) in &troubles {
        if watch.desk.raise_alarm(name, url).await? {
            tracing::error!(alarm = name, url, "only people can mend this");
        }
    }
    let lasts = watch.desk.alarms()?.into_iter().map(|alarm| alarm.name);
    for name in lasts.filter(|name| name.starts_with(ALARM_PREFIX)) {
        if troubles.iter().all(|(trouble, _)| *trouble != name) {
            watch.desk.end_alarm(&name).await?;
        }
    }
    Ok(())
}

/// Tells what was not told yet; `false` when the relay took nothing, and it is to be tried again.
async fn tell(watch: &Watch) -> desk::Result<bool> {
    let mut all_told = true;
    for alarm in watch.desk.alarms()?.iter().filter(|alarm| alarm.told_at.is_none()) {
        if is_told(watch, alarm).await? {
            watch.desk.alarm_was_told(alarm).await?;
        } else {
            all_told = false;
        }
    }
    Ok(all_told)
}

/// Whether at least one admin has the mail, or nobody can ever get it.
async fn is_told(watch: &Watch, alarm: &Alarm) -> desk::Result<bool> {
    let known = watch.health.relays();
    let is_down = |relay: &&RelayOptions| matches!(known.get(&relay.name), Some(RelayHealth::Down { .. }));
    let Some(relay) = watch.relays.iter().find(|relay| !is_down(relay)).or(watch.relays.first()) else {
        tracing::warn!(alarm = alarm.name, "nobody is told by mail: there is no relay");
        return Ok(true);
    };
    let (mut taken, mut later) = (0_u32, 0_u32);
    for mail in watch.desk.alarm_mails(alarm)? {
        match send_single(relay, &mail).await.1 {
            Verdict::Delivered { .. } | Verdict::Uncertain { .. } => taken += 1,
            Verdict::Deferred { reason, .. } => {
                tracing::warn!(alarm = alarm.name, reason, "an admin is told later");
                later += 1;
            }
            Verdict::Failed { reason } => tracing::warn!(alarm = alarm.name, reason, "an admin cannot be told"),
            Verdict::Skipped(_) | Verdict::Held | Verdict::Postponed { .. } => {}
        }
    }
    Ok(taken > 0 || later == 0)
}
