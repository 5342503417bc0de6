//! The task of one mailbox: connect, read, wait, and begin again after any failure.
//!
//! **Invariant:** at most one connection, at most one connect per second, and no failure ends the task but the drain.

use crate::channel::imap::begin::begin;
use crate::channel::imap::client::Client;
use crate::channel::imap::connect::connect;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::memory::Memory;
use crate::channel::imap::options::Credentials;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::proof::Proof;
use crate::channel::imap::round::Reader;
use crate::channel::imap::round::Stop;
use crate::channel::imap::state::MailboxState;
use crate::channel::imap::state::Publisher;
use crate::channel::imap::wait::pause;
use crate::channel::imap::wait::wait_for_news;
use crate::clock::Clock;
use crate::desk::arrival::MailDoor;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Shortest time between two connects.
const CONNECT_GAP: Duration = Duration::from_secs(1);
/// Shortest time between a look that found nothing and the next.
const LOOK_GAP: Duration = Duration::from_secs(1);
/// Longest wait before the next connect.
const BACK_OFF_LONGEST: Duration = Duration::from_secs(300);
/// Shortest wait after refused credentials: servers lock accounts that knock too often.
const AFTER_REFUSED_SIGN_IN: Duration = Duration::from_secs(60);
/// A connection that lasted this long was no failure.
const LASTED: Duration = Duration::from_secs(60);

/// Reads the mailbox until `drain` is cancelled; publishes how it is doing through `state`.
pub async fn run<D: MailDoor>(
    options: MailboxOptions,
    door: Arc<D>,
    clock: Clock,
    drain: CancellationToken,
    state: watch::Sender<MailboxState>,
) {
    let publisher = Publisher::new(state, clock);
    let mut memory = Memory::default();
    let mut failures = 0_u32;
    loop {
        let began_at = Instant::now();
        let stop = Box::pin(session(&options, &*door, &publisher, &mut memory, &drain)).await;
        if drain.is_cancelled() || matches!(stop, Stop::Imap(ImapError::Draining)) {
            break;
        }
        failures = if began_at.elapsed() >= LASTED { 1 } else { failures.saturating_add(1) };
        tracing::warn!(mailbox = options.name, failures, reason = %stop, "mailbox connection ended");
        match &stop {
            Stop::Imap(error) => publisher.failed(error, memory.unfetchable()),
            Stop::Door(reason) => publisher.failed_with(&reason.to_string(), false, memory.unfetchable()),
        }
        let needs_auth = matches!(&stop, Stop::Imap(error) if error.is_sign_in_refused());
        tokio::select! {
            paused = pause(back_off(failures, needs_auth, random_byte()), &drain) => {
                if paused.is_err() {
                    break;
                }
            }
            () = renewed(&options), if needs_auth => failures = 0,
        }
    }
    publisher.stopped();
}

/// Returns when a person gave consent anew.
async fn renewed(options: &MailboxOptions) {
    match &options.credentials {
        Credentials::Password(_) => std::future::pending().await,
        Credentials::OAuth(source) => source.renewed().await,
    }
}

/// One connection from beginning to end.
async fn session<D: MailDoor>(
    options: &MailboxOptions,
    door: &D,
    publisher: &Publisher,
    memory: &mut Memory,
    drain: &CancellationToken,
) -> Stop {
    let signed_in = async {
        let proof = Proof::of(options, drain).await?;
        connect(options, drain).await?.sign_in(options, &proof).await
    };
    let mut client = match signed_in.await {
        Ok(client) => client,
        Err(error) => return error.into(),
    };
    let stop = read_on(&mut client, options, door, publisher, memory, drain).await;
    client.close().await;
    stop
}

async fn read_on<D: MailDoor>(
    client: &mut Client,
    options: &MailboxOptions,
    door: &D,
    publisher: &Publisher,
    memory: &mut Memory,
    drain: &CancellationToken,
) -> Stop {
    let read = async {
        let folder = client.open(&options.folder, !options.changes_folder()).await?;
        memory.folder_is(folder.uid_validity);
        let cursor = begin(client, folder, options, door).await?;
        tracing::info!(mailbox = options.name, uid_validity = folder.uid_validity, "mailbox open");
        let mut reader = Reader { options, door, publisher, memory, client, cursor, paid_unsaved: false };
        loop {
            let looked = reader.look().await?;
            let looked_at = Instant::now();
            if !looked.more {
                wait_for_news(reader.client, options, reader.memory, drain).await?;
            }
            if looked.taken == 0 {
                // News that bring nothing must not keep us busy.
                pause(LOOK_GAP.saturating_sub(looked_at.elapsed()), drain).await?;
            }
        }
    };
    let ended: Result<std::convert::Infallible, Stop> = read.await;
    match ended {
        Err(stop) => stop,
        Ok(never) => match never {},
    }
}

/// The wait before the next connect: 1 s after the first failure, twice as long after each further one, at most five
/// minutes, shortened by up to half so that many mailboxes do not knock together.
fn back_off(failures: u32, needs_auth: bool, random: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let mut longest = CONNECT_GAP * 2_u32.pow(doublings);
    if needs_auth {
        longest = longest.max(AFTER_REFUSED_SIGN_IN * 2);
    }
    let longest = longest.min(BACK_OFF_LONGEST);
    (longest - longest / 512 * u32::from(random)).max(CONNECT_GAP)
}

/// A byte to spread waits with; nothing depends on it being unpredictable.
fn random_byte() -> u8 {
    let mut byte = [0_u8];
    if SystemRandom::new().fill(&mut byte).is_err() {
        tracing::debug!("no randomness, waiting in full");
    }
    let [byte] = byte;
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_4_back_off_grows_from_one_second_to_five_minutes() {
        for (failures, needs_auth, random, ms) in [
            (1, false, 0, 1_000),
            (1, false, 255, 1_000),
            (4, false, 0, 8_000),
            (4, false, 128, 6_000),
            (99, false, 0, 300_000),
            (1, true, 0, 120_000),
            (99, true, 0, 300_000),
        ] {
            assert_eq!(back_off(failures, needs_auth, random).as_millis(), ms, "{failures} {needs_auth} {random}");
        }
        assert!(back_off(1, true, 255) >= AFTER_REFUSED_SIGN_IN);
    }
}
