//! Claims as messages: looked for, written, kept alive, taken back, over a connection of their own.
//!
//! **Invariant:** what is believed of the claims was read after the folder was opened for it, so that no server's notion
//! of what it has told us already hides one.

use crate::channel::imap::client::Client;
use crate::channel::imap::client::Head;
use crate::channel::imap::connect::connect;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::lease::Keeper;
use crate::channel::imap::lease::Lease;
use crate::channel::imap::lease::Standing;
use crate::channel::imap::lease::rules::Beat;
use crate::channel::imap::lease::rules::Claim;
use crate::channel::imap::lease::rules::Judged;
use crate::channel::imap::lease::rules::Rules;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::proof::Proof;
use crate::clock::Clock;
use data_encoding::HEXLOWER;
use ring::digest;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The field of a claim: version, folder, holder, site.
const FIELD: &str = "X-Deskgate-Lease";
/// Looks in one round; each but the last did something about what it found.
const LOOKS_MAX: usize = 5;
/// Most messages in the folder of the claims; with more it is somebody's.
const MESSAGES_MAX: usize = 200;
/// Longest wait for the claim to be taken back.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);
/// A server that keeps no claims is asked again after so long.
const REFUSED_AGAIN: Duration = Duration::from_secs(600);
/// First and longest pause after any other fault.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Longest name of a daemon that is believed, in characters.
const SITE_CHARS_MAX: usize = 200;

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The server will have no claim.
    #[error("{0}")]
    Refused(String),
    /// The connection, or nothing lasting.
    #[error(transparent)]
    Imap(ImapError),
}

impl From<ImapError> for Fault {
    fn from(error: ImapError) -> Self {
        if error.is_refusal() && !error.is_sign_in_refused() {
            Self::Refused(error.to_string())
        } else {
            Self::Imap(error)
        }
    }
}

impl Keeper {
    /// Keeps the lease until the reader has `ended`, then takes the claim back.
    pub(in crate::channel::imap) async fn keep(
        mut self,
        options: &MailboxOptions,
        lease: &Lease,
        clock: &Clock,
        ended: &CancellationToken,
    ) {
        let mut rules = Rules::new(&lease.holder, lease.term);
        let mut pause = PAUSE_MIN;
        while !ended.is_cancelled() {
            let begun = tokio::select! {
                () = ended.cancelled() => break,
                begun = self.signed_in.wait_for(|is| *is) => begun.is_ok(),
            };
            if !begun {
                break;
            }
            let kept_from = Instant::now();
            let fault = Box::pin(self.rounds(options, lease, clock, &mut rules, ended)).await;
            pause = match fault {
                // Who had one is not refused for good: it lapses unless it is renewed.
                Fault::Refused(why) if !rules.owns() => {
                    self.standing.send_replace(Standing::Refused(why));
                    REFUSED_AGAIN
                }
                fault => {
                    tracing::info!(mailbox = options.name, %fault, "the lease is not renewed");
                    let lasted = kept_from.elapsed() > PAUSE_MAX;
                    if lasted { PAUSE_MIN } else { pause.saturating_mul(2).min(PAUSE_MAX) }
                }
            };
            tokio::select! {
                () = ended.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        // Who took over and still waits leaves its claim: it keeps the next one waiting as well.
        if rules.owns() && matches!(*self.standing.borrow(), Standing::Held(_)) {
            release(options, lease).await;
        }
    }

    /// Rounds over one connection, until it fails or the reader has ended.
    async fn rounds(
        &self,
        options: &MailboxOptions,
        lease: &Lease,
        clock: &Clock,
        rules: &mut Rules,
        ended: &CancellationToken,
    ) -> Fault {
        let mut client = match signed_in(options, ended).await {
            Ok(client) => client,
            Err(error) => return Fault::Imap(error),
        };
        let fault = loop {
            if let Err(fault) = self.round(&mut client, options, lease, clock, rules).await {
                break fault;
            }
            tokio::select! {
                () = ended.cancelled() => break Fault::Imap(ImapError::Draining),
                () = sleep(lease.beat_every()) => {}
            }
        };
        client.close().await;
        fault
    }

    /// Looks who holds, and does what is to be done about it.
    async fn round(
        &self,
        client: &mut Client,
        options: &MailboxOptions,
        lease: &Lease,
        clock: &Clock,
        rules: &mut Rules,
    ) -> Result<(), Fault> {
        for _ in 0..LOOKS_MAX {
            let began = Instant::now();
            let (uid_validity, claims) = look(client, options, lease).await?;
            rules.folder_is(uid_validity);
            match rules.judge(&claims, Instant::now()) {
                Judged::Claim => {
                    self.standing.send_replace(Standing::Unknown);
                    client.append(&lease.folder, written(options, lease, clock).as_bytes()).await?;
                }
                Judged::Other { site, remove } => {
                    self.standing.send_replace(Standing::Other(site));
                    return Ok(client.remove(&remove).await?);
                }
                Judged::Ours { uid, beat, remove } if remove.is_empty() => {
                    client.simple("sign of life", &format!("UID STORE {uid} {}", beat.next())).await?;
                    let standing = match rules.holds_until(began) {
                        Some(until) => Standing::Held(until),
                        None => Standing::Other("a daemon that fell silent".to_owned()),
                    };
                    self.standing.send_replace(standing);
                    return Ok(());
                }
                Judged::Ours { uid, remove, .. } => {
                    client.remove(&remove).await?;
                    rules.removed(remove.iter().copied().min().unwrap_or(uid), uid, Instant::now());
                }
            }
        }
        Err(Fault::Imap(ImapError::Garbled { step: "lease", text: "claims come and go".to_owned() }))
    }
}

async fn signed_in(options: &MailboxOptions, ended: &CancellationToken) -> Result<Client, ImapError> {
    let proof = Proof::of(options, ended).await?;
    connect(options, ended).await?.sign_in(options, &proof).await
}

/// Takes our claims back, so that the next daemon need not wait for them to die.
async fn release(options: &MailboxOptions, lease: &Lease) {
    let taken_back = async {
        let never = CancellationToken::new();
        let mut client = signed_in(options, &never).await?;
        let claims = look(&mut client, options, lease).await;
        let ours = claims.map(|(_, claims)| {
            claims.into_iter().filter(|claim| claim.holder == lease.holder).map(|claim| claim.uid).collect::<Vec<_>>()
        });
        let removed = match ours {
            Ok(ours) => client.remove(&ours).await.map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        client.close().await;
        removed
    };
    match timeout(RELEASE_WITHIN, taken_back).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tracing::info!(mailbox = options.name, %fault, "the lease is left behind"),
        Err(_) => tracing::info!(mailbox = options.name, "the lease is left behind: the server does not answer"),
    }
}

/// UIDVALIDITY of the folder of claims, and the claims of the folder that is read.
async fn look(client: &mut Client, options: &MailboxOptions, lease: &Lease) -> Result<(u32, Vec<Claim>), Fault> {
    let folder = match client.open(&lease.folder, false).await {
        Err(ImapError::No { .. }) => {
            client.make_folder(&lease.folder).await?;
            client.open(&lease.folder, false).await?
        }
        opened => opened?,
    };
    let heads = client.heads().await?;
    if heads.len() > MESSAGES_MAX {
        return Err(Fault::Refused(format!("the folder {:?} holds other mail", lease.folder)));
    }
    let read = folder_word(&options.folder);
    let claims = heads.iter().filter(|head| !head.is_deleted).filter_map(|head| claim(head, &read));
    Ok((folder.uid_validity, claims.collect()))
}

/// The folder that is read, as one word.
fn folder_word(folder: &str) -> String {
    let folder = if folder.eq_ignore_ascii_case("INBOX") { "INBOX" } else { folder };
    let hash = digest::digest(&digest::SHA256, folder.as_bytes());
    HEXLOWER.encode(hash.as_ref().get(..16).unwrap_or_default())
}

fn claim(head: &Head, folder: &str) -> Option<Claim> {
    let text = String::from_utf8_lossy(&head.header);
    let value = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(FIELD).then(|| value.trim().to_owned())
    })?;
    let mut words = value.split_ascii_whitespace();
    let (version, of, holder) = (words.next()?, words.next()?, words.next()?);
    let site = words.next().unwrap_or("another daemon").chars().filter(|c| !c.is_control()).take(SITE_CHARS_MAX);
    let beat = Beat { flagged: head.is_flagged, answered: head.is_answered };
    (version == "1" && of == folder).then(|| Claim {
        uid: head.uid,
        holder: holder.to_owned(),
        site: site.collect(),
        beat,
    })
}

/// A claim as a message that says to people what it is.
fn written(options: &MailboxOptions, lease: &Lease, clock: &Clock) -> String {
    let now = i64::try_from(clock.now().0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let zoned = now.unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let date = jiff::fmt::rfc2822::to_string(&zoned).unwrap_or_default();
    let word = folder_word(&options.folder);
    let plain = |text: &str| text.chars().filter(|c| c.is_ascii_graphic()).collect::<String>();
    let (holder, site) = (plain(&lease.holder), plain(&lease.site));
    format!(
        "From: Deskgate <deskgate@lease.invalid>\r\nSubject: Deskgate reads this mailbox\r\nDate: {date}\r\n\
         Message-ID: <{holder}.{word}@lease.invalid>\r\n{FIELD}: 1 {word} {holder} {site}\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         This message keeps other Deskgate daemons from reading the same mailbox as\r\n{site}\r\n\
         Please leave it here. Without it another one is written.\r\n"
    )
}
