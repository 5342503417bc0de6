//! What can be done: one function is one operation is one transaction.
//!
//! **Invariant:** channels and HTTP call this layer and never the store; this layer never knows HTTP, SMTP or sockets.
//! Everything is decided inside the transaction that writes it, and nothing leaves the process from here: what is owed
//! stands in the outbox.
//!
//! | room | operations |
//! |---|---|
//! | [`access`] | agents, tokens, who may call what |
//! | [`agents`] | agents at work: teams, hours, what they are told |
//! | [`people`] | contacts, companies, who a messenger is |
//! | [`thread`] | what is said in a conversation, who takes part, what readers see |
//! | [`ticket`] | types, states, forms, tickets and their links |
//! | [`mail`] | mail in and out |
//! | [`broadcasts`] | a Tracker's broadcast: written, run batch by batch, accounted for, unsubscribed from |
//! | [`search`] | tickets, conversations and contacts by their fields and by words |
//! | [`reports`], [`reporting_data`] | one metric over an interval; the rows behind it |
//! | [`webhooks`] | who is told of what happens, what is owed to them and what became of it |
//! | [`journal`] | trace, status, quarantine |
//! | [`retention`], [`upkeep`] | what is kept for how long; what is done every hour |
//! | [`requests`] | requests that come twice |
//! | [`workspace`], `file_links` | its id and the key of its file links; the links |

pub mod access;
pub mod agents;
pub mod broadcasts;
pub(crate) mod file_links;
pub mod journal;
pub mod mail;
pub mod people;
pub mod reporting_data;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod search;
pub mod thread;
pub mod ticket;
pub mod upkeep;
pub mod webhooks;
pub mod workspace;

#[cfg(test)]
mod tests;

use crate::clock::Clock;
use crate::domain::address::Address;
use crate::domain::id::ContactId;
use crate::domain::id::StateId;
use crate::domain::intake::MultiAddress;
use crate::domain::mail_limits::MailLimits;
use crate::domain::refusal::Refusal;
use crate::domain::retention::Retention;
use crate::domain::sender_list::SenderList;
use crate::domain::spam_mark::SpamMark;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket_rules::TicketRules;
use crate::domain::translation::Translations;
use crate::mail::message_id::Keys;
use crate::store;
use crate::store::Store;
use crate::store::attempts::Attempts;
use crate::store::blobs::Blobs;
use crate::store::engine::WriteTx;
use crate::store::sealing::Sealer;
use crate::template::TemplateSet;
use crate::template::signature::Signature;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Why an operation did not happen. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The desk refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot write or read now; try again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The disk is full; try again when there is space.
    #[error("out of storage space")]
    Full,
}

/// Result of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// A brand beside the workspace's own (OBJ-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// Its folder among the templates.
    pub id: String,
    /// Shown to contacts.
    pub name: String,
    /// Language of texts where the contact's is unknown; the workspace's without it (I18-1).
    pub default_locale: Option<String>,
}

/// A support address of the configuration.
#[derive(Clone, Debug)]
pub struct SupportAddress {
    /// Where customers write to.
    pub address: Address,
    /// Shown beside it.
    pub name: String,
    /// Id or name of the Customer type that new mail to it becomes a ticket of (TCK-10).
    pub new_mail_as: Option<String>,
    /// Id or name of the team that new mail to it is given to (OBJ-65).
    pub team: Option<String>,
    /// Id of its brand; the workspace's own without one.
    pub brand: Option<String>,
    /// Whose list mail counts as written by a person (EML-24).
    pub allowed_lists: SenderList,
    /// What stands below agents' mail from it, where they have no signature of their own (EML-61).
    pub signature: Option<Signature>,
    /// Whether a mail that begins a conversation is acknowledged (EML-74).
    pub auto_ack: bool,
}

impl SupportAddress {
    /// An address with a name and nothing else said of it.
    #[must_use]
    pub fn plain(address: Address, name: &str) -> Self {
        Self {
            address,
            name: name.to_owned(),
            new_mail_as: None,
            team: None,
            brand: None,
            allowed_lists: SenderList::default(),
            signature: None,
            auto_ack: false,
        }
    }
}

/// How a messenger proves who it is (MSG-10 to MSG-12).
#[derive(Clone, Debug, Default)]
pub struct IdentitySettings {
    /// Whether a session without proof is refused.
    pub enforced: bool,
    /// Secret of `user_hash` and of HS256 tokens; without one, no claim is provable.
    pub secret: Option<Vec<u8>>,
    /// Keys of tokens. With any of them, tokens count by these alone and the secret only for `user_hash` (MSG-11).
    pub keys: Vec<people::identity_keys::IdentityKey>,
}

/// Whose word counts about who wrote a mail.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// The server whose Authentication-Results are believed (RFC 8601 §2.5).
    pub authserv_id: Option<String>,
    /// Support addresses where a stranger's answer begins a conversation of its own (EML-33).
    pub strict_senders: Vec<Address>,
}

/// How mail finds its conversation.
#[derive(Clone, Debug, Default)]
pub struct IntakeSettings {
    /// What becomes of one mail to several support addresses.
    pub multi_address: MultiAddress,
    /// Support addresses where a number or an equal subject is enough, from somebody who takes part (EML-32).
    pub subject_matching: Vec<Address>,
    /// By which the server in front of us marks spam (EML-26).
    pub spam_mark: Option<SpamMark>,
    /// Whose mail is spam.
    pub blocked_senders: SenderList,
}

/// What of the configuration the desk needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the workspace; also the brand.
    pub workspace_name: String,
    /// Language of texts where the contact's is unknown.
    pub default_locale: String,
    /// IANA zone of times in texts.
    pub time_zone: String,
    /// Base of links, without a slash at the end.
    pub public_url: String,
    /// Answers threads that came to no address of ours.
    pub main_address: SupportAddress,
    /// Every support address, the main one among them.
    pub support: Vec<SupportAddress>,
    /// Brands beside the workspace's own.
    pub brands: Vec<Brand>,
    /// A reply is mailed if not seen for so long (EML-71).
    pub unseen_delay: Duration,
    /// State mails wait so long for further changes (NTF-11).
    pub state_mail_settle: Duration,
    /// Whether contacts are mailed at all (NTF-13).
    pub mail_contacts: bool,
    /// Messenger identity.
    pub identity: IdentitySettings,
    /// Less free space than this counts as a full disk, in bytes.
    pub disk_reserve_bytes: u64,
    /// What the house decides for all threads and tickets.
    pub tickets: TicketRules,
    /// Whether a mail that the relay may have is left to an agent, instead of sent once more (EML-65).
    pub keep_uncertain: bool,
    /// Whose word counts about senders, and which addresses are strict.
    pub trust: TrustSettings,
    /// How mail finds its conversation.
    pub intake: IntakeSettings,
    /// How much automatic mail may go out (EML-86).
    pub mail_limits: MailLimits,
    /// Origins of the pages that carry the messenger, where they are named: mails lead back to no other (MSG-48).
    pub page_origins: Vec<String>,
    /// Support addresses of which a mailbox keeps the answers in its Sent folder.
    pub sent_from: Vec<Address>,
    /// Keys that sign outgoing mail (EML-66).
    pub signers: mail::signing::Signers,
    /// How broadcasts are bounded.
    pub broadcasts: broadcasts::BroadcastSettings,
    /// How long things are kept.
    pub retention: Retention,
}

/// Who is in a messenger now, as far as the desk needs it.
pub trait Presence: Send + Sync + fmt::Debug {
    /// Whether the contact has an open session.
    fn is_online(&self, contact: ContactId) -> bool;
}

/// What the desk keeps beside the store.
#[derive(Clone, Debug)]
pub struct Files {
    /// Raw messages and attachments.
    pub blobs: Blobs,
    /// Marks of messages being read.
    pub attempts: Attempts,
    /// Seals secrets of others.
    pub sealer: Sealer,
}

impl Files {
    /// The files of a data directory.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<Self> {
        let (blobs, attempts) = (Blobs::open(data_dir, clock)?, Attempts::open(data_dir)?);
        Ok(Self { blobs, attempts, sealer: Sealer::open(data_dir)? })
    }
}

/// The desk: the store with everything operations need beside it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    blobs: Blobs,
    clock: Clock,
    keys: Keys,
    form_links: ticket::form_links::FormLinks,
    file_links: file_links::FileLinks,
    /// Hashes erased addresses (DAT-3).
    erasure_key: [u8; 32],
    presence: OnceLock<Arc<dyn Presence>>,
    templates: TemplateSet,
    attempts: Attempts,
    sealer: Sealer,
    /// Automatic mails over a limit since the start (EML-87).
    rate_limited: AtomicU64,
    /// How far the log was read for agents, which may be further than the store says.
    notices_read_to: AtomicU64,
    /// How often office hours were set here since the start, so that what is set and taken back at once is seen, too.
    hours_set: AtomicU64,
    /// How often agents and teams were changed here since the start.
    people_set: AtomicU64,
    /// How far what ages was walked.
    walks: retention::Walks,
    clock_looked_at: upkeep::LastLook,
    settings: Settings,
}

impl Desk {
    /// Puts the desk on an opened store: makes its keys and the default ticket states on the first start, and takes
    /// the highest id of the store so that none is given twice.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(
        store: Store,
        files: Files,
        clock: Clock,
        templates: TemplateSet,
        settings: Settings,
    ) -> Result<Self> {
        store::migrate::run(&store)?;
        let fresh = random_bytes::<32>()?;
        let at = thread::draft::At::of(&clock);
        let (key, highest_id) = store.update(move |tx| first_start(tx, &fresh, &at)).await?;
        let fresh = random_bytes::<32>()?;
        let form_key = store.update(move |tx| kept_key(tx, FORM_KEY, &fresh)).await?;
        let form_links = ticket::form_links::FormLinks::new(&form_key);
        let fresh = random_bytes::<32>()?;
        let file_key = store.update(move |tx| kept_key(tx, workspace::FILE_KEY, &fresh)).await?;
        let fresh = random_bytes::<32>()?;
        let erasure_key = store.update(move |tx| kept_key(tx, ERASURE_KEY, &fresh)).await?;
        let file_links = file_links::FileLinks::new(&settings.public_url, &file_key);
        clock.ids_after(highest_id);
        let keys = Keys::new(1, &key);
        let Files { blobs, attempts, sealer } = files;
        let rate_limited = AtomicU64::default();
        let presence = OnceLock::new();
        let inner = Inner {
            store,
            blobs,
            clock,
            keys,
            form_links,
            file_links,
            erasure_key,
            presence,
            templates,
            attempts,
            sealer,
            rate_limited,
            notices_read_to: AtomicU64::default(),
            hours_set: AtomicU64::default(),
            people_set: AtomicU64::default(),
            walks: retention::Walks::default(),
            clock_looked_at: upkeep::LastLook::default(),
            settings,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The clock every operation takes its time from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// What of the configuration the desk uses.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The templates in use; swapped at a reload.
    #[must_use]
    pub fn templates(&self) -> &TemplateSet {
        &self.inner.templates
    }

    /// Says who is in a messenger now; the first one counts. Without it, nobody is known to be.
    pub fn see_presence(&self, presence: Arc<dyn Presence>) {
        // A second one would be a fault of whoever puts the house together, and harms nobody.
        drop(self.inner.presence.set(presence));
    }

    /// Changes after every commit. The value means nothing: wake up and read the store.
    #[must_use]
    pub fn committed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.store.committed()
    }
}

impl Inner {
    /// Whether the contact is in a messenger now.
    fn is_online(&self, contact: ContactId) -> bool {
        self.presence.get().is_some_and(|presence| presence.is_online(contact))
    }

    /// The address a thread is answered by: the one it came to, else the first one configured.
    fn support_address(&self, thread: &Thread) -> &SupportAddress {
        self.settings.answering(thread.support_address.as_ref())
    }

    /// The brand of the address that a thread is answered from.
    fn brand(&self, thread: &Thread) -> Option<&Brand> {
        self.settings.brand_of(thread.support_address.as_ref())
    }

    /// The name of that brand, else the workspace's.
    fn brand_name(&self, thread: &Thread) -> String {
        self.brand(thread).map_or(&self.settings.workspace_name, |brand| &brand.name).clone()
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Refused(refusal) => Self::Refused(refusal),
            store::Error::Full => Self::Full,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Name of the secret under which the first mail key is kept.
const MAIL_KEY: &str = "mail_key_1";

/// Name of the secret that signs links to hosted forms (FRM-7).
const FORM_KEY: &str = "form_key_1";

/// Name of the secret that hashes erased addresses (DAT-3).
const ERASURE_KEY: &str = "erasure_key_1";

/// The key of that name, made when it is asked for first.
fn kept_key(tx: &mut dyn WriteTx, name: &str, fresh: &[u8; 32]) -> store::Result<[u8; 32]> {
    if let Some(key) = store::meta::secret(tx, name)?.and_then(|key| key.try_into().ok()) {
        return Ok(key);
    }
    store::meta::put_secret(tx, name, fresh)?;
    Ok(*fresh)
}

/// Makes what every store needs, unless it is there: the mail key and the four default states (STA-5).
fn first_start(tx: &mut dyn WriteTx, fresh: &[u8; 32], at: &thread::draft::At) -> store::Result<([u8; 32], u64)> {
    let kept: Option<[u8; 32]> = store::meta::secret(tx, MAIL_KEY)?.and_then(|key| key.try_into().ok());
    if let Some(key) = kept {
        return Ok((key, store::meta::highest_id(tx)?));
    }
    store::meta::put_secret(tx, MAIL_KEY, fresh)?;
    for category in StateCategory::ALL {
        let (internal, external) = category.default_labels();
        let state = TicketState {
            id: StateId(at.id()),
            category,
            internal_label: internal.to_owned(),
            external_label: external.to_owned(),
            archived: false,
            translations: Translations::new(),
        };
        store::ticket_types::put_state(tx, &state)?;
    }
    Ok((*fresh, store::meta::highest_id(tx)?))
}

/// Bytes nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::Unavailable("the system gives no randomness".to_owned()))?;
    Ok(bytes)
}
