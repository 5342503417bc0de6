//! The task of one mailbox: connect, read, wait, and begin again after any failure.
//!
//! **Invariant:** at most one connection (and one for the lease, where there is one), at most one connect per second, and
//! no failure ends the task but the drain.
//! **Invariant:** with a lease, nothing is read before it is held, and a session ends when it is held no longer (EML-19).

use crate::channel::imap::begin::begin;
use crate::channel::imap::client::Client;
use crate::channel::imap::connect::connect;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::lease;
use crate::channel::imap::lease::Admission;
use crate::channel::imap::lease::Gate;
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
use crate::desk::mail::arrival::MailDoor;
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
    let publisher = Publisher::new(state, clock.clone());
    match &options.lease {
        None => Box::pin(read(&options, &*door, &publisher, None, &drain)).await,
        Some(lease) => {
            let (gate, keeper) = lease::pair();
            let ended = CancellationToken::new();
            let reading = async {
                Box::pin(read(&options, &*door, &publisher, Some(gate), &drain)).await;
                ended.cancel();
            };
            tokio::join!(reading, keeper.keep(&options, lease, &clock, &ended));
        }
    }
    publisher.stopped();
}

/// Reads until the drain, through whatever happens.
async fn read<D: MailDoor>(
    options: &MailboxOptions,
    door: &D,
    publisher: &Publisher,
    mut gate: Option<Gate>,
    drain: &CancellationToken,
) {
    let mut memory = Memory::default();
    let mut failures = 0_u32;
    loop {
        let began_at = Instant::now();
        let stop = Box::pin(session(options, door, publisher, &mut memory, gate.as_mut(), drain)).await;
        if drain.is_cancelled() || matches!(stop, Stop::Imap(ImapError::Draining)) {
            break;
        }
        if matches!(stop, Stop::StoodBy) {
            failures = 0;
            if pause(CONNECT_GAP, drain).await.is_err() {
                break;
            }
            continue;
        }
        failures = if began_at.elapsed() >= LASTED { 1 } else { failures.saturating_add(1) };
        tracing::warn!(mailbox = options.name, failures, reason = %stop, "mailbox connection ended");
        match &stop {
            Stop::Imap(error) => publisher.failed(error, memory.unfetchable()),
            other => publisher.failed_with(&other.to_string(), false, memory.unfetchable()),
        }
        let needs_auth = matches!(&stop, Stop::Imap(error) if error.is_sign_in_refused());
        tokio::select! {
            paused = pause(back_off(failures, needs_auth, random_byte()), drain) => {
                if paused.is_err() {
                    break;
                }
            }
            () = renewed(options), if needs_auth => failures = 0,
        }
    }
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
    gate: Option<&mut Gate>,
    drain: &CancellationToken,
) -> Stop {
    let signed_in = async {
        let proof = Proof::of(options, drain).await?;
        connect(options, drain).await?.sign_in(options, &proof).await
    };
    let mut client = match signed_in.await {
        Ok(client) => client,
        Err(error) => {
            gate.inspect(|gate| gate.signed_in(false));
            return error.into();
        }
    };
    let Some(gate) = gate else {
        let stop = read_on(&mut client, options, door, publisher, memory, false, drain).await;
        client.close().await;
        return stop;
    };
    gate.signed_in(true);
    let admitted = tokio::select! {
        () = drain.cancelled() => return Stop::Imap(ImapError::Draining),
        admitted = gate.admission(options.verb_timeout()) => admitted,
    };
    let only_read = match &admitted {
        Admission::Held => None,
        Admission::OnlyRead(why) => Some(why.as_str()),
        Admission::Other(site) => {
            client.close().await;
            return stand_by(options, publisher, gate, &admitted, site, drain).await;
        }
        Admission::Unknown => {
            client.close().await;
            return Stop::Lease("nobody can tell yet which daemon reads this mailbox");
        }
    };
    tell_only_read(options, publisher, only_read);
    let stop = tokio::select! {
        stop = read_on(&mut client, options, door, publisher, memory, only_read.is_some(), drain) => stop,
        () = gate.ended(&admitted) => Stop::Lease("the lease of this mailbox changed"),
    };
    client.close().await;
    stop
}

/// Tells that a mailbox is only read, or no longer, where that is news.
fn tell_only_read(options: &MailboxOptions, publisher: &Publisher, why: Option<&str>) {
    let mailbox = &options.name;
    match (publisher.only_reads(why), why) {
        (true, Some(why)) => {
            tracing::warn!(
                mailbox,
                why,
                "the server keeps no lease: another daemon may read as well, so it is only read"
            );
        }
        (true, None) => tracing::info!(mailbox, "the server keeps a lease again"),
        (false, _) => {}
    }
}

/// Waits without a connection until another daemon's lease ends.
async fn stand_by(
    options: &MailboxOptions,
    publisher: &Publisher,
    gate: &mut Gate,
    admitted: &Admission,
    site: &str,
    drain: &CancellationToken,
) -> Stop {
    let why = format!("another Deskgate reads this mailbox: {site}");
    if publisher.stands_by(&why) {
        tracing::warn!(mailbox = options.name, site, "another Deskgate reads this mailbox; nothing is read here");
    }
    tokio::select! {
        () = drain.cancelled() => Stop::Imap(ImapError::Draining),
        () = gate.ended(admitted) => Stop::StoodBy,
    }
}

async fn read_on<D: MailDoor>(
    client: &mut Client,
    options: &MailboxOptions,
    door: &D,
    publisher: &Publisher,
    memory: &mut Memory,
    only_read: bool,
    drain: &CancellationToken,
) -> Stop {
    let read = async {
        let folder = client.open(&options.folder, only_read || !options.changes_folder()).await?;
        memory.folder_is(folder.uid_validity);
        let cursor = begin(client, folder, options, door).await?;
        tracing::info!(mailbox = options.name, uid_validity = folder.uid_validity, "mailbox open");
        let mut reader = Reader { options, door, publisher, memory, client, cursor, paid_unsaved: false, only_read };
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
