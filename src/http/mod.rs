//! The HTTP side: the compatible API below `/api`, files below `/files`, the messenger's socket, and the operator's
//! listener.
//!
//! | file | what |
//! |---|---|
//! | [`serve`] | the accept loop: deadlines, limits, drain |
//! | `frame` | around every API answer: who calls, which shape, how much is left, one form of error |
//! | `description` | `/api/openapi.json` |
//! | `call`, `input`, `fields`, `multipart`, `paging` | reading a request: path and query, body, its fields, pages |
//! | `idempotency` | a POST with a key is carried out once |
//! | `error` | from refusals to status and code, in one place |
//! | `api` | one file per noun; `api::wire` holds the JSON forms |
//! | `live_streams` | agents' streams of the log: how many there are, and when they end |
//! | `files` | attachments by signed, expiring link |
//! | `avatars` | agents' pictures |
//! | `contact_files` | files that contacts send ahead of their messages |
//! | `forms`, `form_page` | forms by signed link, as a page without script |
//! | `html` | text made safe for pages |
//! | `hooks` | mail handed in as raw MIME |
//! | `unsubscribe` | where a broadcast's mail says how to stop |
//! | [`widget`] | the messenger's loader and page |
//! | [`messenger`] | from a page's request to a socket of [`crate::channel::messenger`] |
//! | `messenger_poll` | the same session by requests, where no socket gets through |
//! | `pictures` | bodies with their pictures, and remote pictures |
//! | [`dev_mail`] | captured mail, in development |
//! | `webhook_bodies` | what notifications hold, from the same forms |
//! | [`ops`] | health, readiness and metrics, on a listener of their own |
//!
//! **Invariant:** handlers decide nothing: they read the request, call one operation of [`crate::desk`] and write its
//! result down. Wire forms are made by hand here and nowhere else; no stored or domain type is serialised.

mod api;
mod avatars;
mod call;
mod contact_files;
mod csv;
mod description;
pub mod dev_mail;
mod error;
mod fields;
mod files;
mod form_page;
mod forms;
mod frame;
mod hooks;
mod html;
mod idempotency;
mod input;
mod live_streams;
pub mod messenger;
mod messenger_poll;
mod multipart;
pub mod ops;
mod paging;
mod pictures;
mod rate;
mod serve;
mod shape;
pub mod trusted_proxies;
mod unsubscribe;
mod webhook_bodies;
pub mod widget;

pub use rate::RateLimits;
pub use serve::serve;

use crate::channel::dns::Dns;
use crate::channel::imap::OnDemand;
use crate::channel::messenger::Hub;
use crate::channel::smtp_out::ProbeRelays;
use crate::channel::webhook_out::Targets;
use crate::desk::Desk;
use crate::desk::file_links::FileLinks;
use crate::desk::search::words::WordIndex;
use crate::desk::workspace::Workspace;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::http::live_streams::LiveStreams;
use crate::http::ops::health::Health;
use data_encoding::BASE32_NOPAD;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Request bodies that may be in memory at once, in KiB; more are turned away with 503.
const BODIES_KIB_MAX: usize = 256 * 1024;
/// Largest mail handed in over HTTP unless said otherwise (EML-9).
const MIME_BYTES_MAX: usize = 50 * 1024 * 1024;

/// What every request needs: the desk, the rate windows, the room for bodies. Each layer around a handler holds a clone and is
/// cloned itself for each request, so a clone is one count.
#[derive(Clone, Debug)]
pub struct Api(Arc<Served>);

/// What an [`Api`] leads to.
#[derive(Clone, Debug)]
pub struct Served {
    desk: Desk,
    shared: Arc<Shared>,
    webhook_targets: Targets,
    words: Option<Arc<dyn WordIndex>>,
    /// Largest mail handed in over HTTP, in bytes.
    mime_bytes_max: usize,
    /// How mailboxes and relays are, and where mails that were handed in are counted.
    health: Option<Health>,
    messenger: Option<Hub>,
    live: LiveStreams,
    /// Where mails are fetched from that were too large to be taken in.
    large_mail: Option<OnDemand>,
    probe_relays: ProbeRelays,
    dns: Option<Dns>,
}

#[derive(Debug)]
struct Shared {
    rates: rate::Rates,
    links: FileLinks,
    body_room: Arc<Semaphore>,
    running: idempotency::Running,
    random: SystemRandom,
    /// The workspace's id, as objects show it.
    workspace_id: String,
}

impl Deref for Api {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

impl Api {
    /// The API on a desk.
    ///
    /// # Errors
    /// When the store cannot be read or, at the first start, written.
    pub async fn open(desk: Desk, limits: RateLimits) -> crate::desk::Result<Self> {
        let Workspace { id, file_key } = desk.workspace().await?;
        let shared = Shared {
            rates: rate::Rates::new(limits),
            links: FileLinks::new(&desk.settings().public_url, &file_key),
            body_room: Arc::new(Semaphore::new(BODIES_KIB_MAX)),
            running: idempotency::Running::default(),
            random: SystemRandom::new(),
            workspace_id: id,
        };
        Ok(Self(Arc::new(Served {
            desk,
            shared: Arc::new(shared),
            webhook_targets: Targets::default(),
            words: None,
            mime_bytes_max: MIME_BYTES_MAX,
            health: None,
            messenger: None,
            live: LiveStreams::default(),
            large_mail: None,
            probe_relays: ProbeRelays::default(),
            dns: None,
        })))
    }

    /// With something of it set, before it is shared.
    fn with(mut self, set: impl FnOnce(&mut Served)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }

    /// Takes mails of up to `bytes_max` bytes in over HTTP and counts them in `health`, of which it shows mailboxes and relays.
    #[must_use]
    pub fn with_intake(self, bytes_max: u64, health: Health) -> Self {
        self.with(|served| {
            served.mime_bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
            served.health = Some(health);
        })
    }

    /// Fetches mails that were too large to be taken in from there; without it they stay in their mailboxes.
    #[must_use]
    pub fn with_large_mail(self, mailboxes: OnDemand) -> Self {
        self.with(|served| served.large_mail = Some(mailboxes))
    }

    /// Sends probe mails by these relays; without them none is sent.
    #[must_use]
    pub fn with_probe_relays(self, relays: ProbeRelays) -> Self {
        self.with(|served| served.probe_relays = relays)
    }

    /// Looks there for what the DNS says of our domains; without it nothing is known of that.
    #[must_use]
    pub fn with_dns(self, dns: Dns) -> Self {
        self.with(|served| served.dns = Some(dns))
    }

    /// Answers searches by words from this index; without one there are none.
    #[must_use]
    pub fn with_words(self, index: Arc<dyn WordIndex>) -> Self {
        self.with(|served| served.words = Some(index))
    }

    /// Shows contacts in these sockets what agents do at the moment.
    #[must_use]
    pub fn with_messenger(self, hub: Hub) -> Self {
        self.with(|served| served.messenger = Some(hub))
    }

    /// Ends agents' streams when this is cancelled, so that a drain need not wait for them.
    #[must_use]
    pub fn with_drain(self, drain: CancellationToken) -> Self {
        self.with(|served| served.live = LiveStreams::until(drain))
    }

    /// Looks at new addresses of webhooks with these targets; without them nothing but public machines is let in.
    #[must_use]
    pub fn with_webhook_targets(self, targets: Targets) -> Self {
        self.with(|served| served.webhook_targets = targets)
    }

    /// The address under which a file of a part can be fetched for an hour (OBJ-44).
    #[must_use]
    pub fn file_link(&self, part: PartId, attachment: AttachmentId) -> String {
        self.shared.links.link(part, attachment, self.desk.clock().now())
    }

    /// A pass with which a contact may send files ahead for an hour (MSG-60).
    #[must_use]
    pub fn upload_pass(&self, contact: ContactId) -> String {
        self.shared.links.pass(contact, self.desk.clock().now())
    }

    /// The workspace's id, by which pages name their messenger (MSG-1).
    #[must_use]
    pub fn app_id(&self) -> &str {
        &self.shared.workspace_id
    }

    /// An id for one request, to find it in the log; empty if the system gives no randomness.
    fn request_id(&self) -> String {
        let mut bytes = [0; 10];
        match self.shared.random.fill(&mut bytes) {
            Ok(()) => BASE32_NOPAD.encode(&bytes).to_lowercase(),
            Err(_) => String::new(),
        }
    }
}

/// Everything below `/api`, `/files`, `/forms` and `/unsubscribe`. Paths that are not listed there are left to whatever it is
/// merged with.
pub fn router(api: Api) -> axum::Router {
    axum::Router::new()
        .nest("/api", api::routes(&api))
        .nest("/avatars", avatars::routes(&api))
        .nest("/files", files::routes(&api))
        .nest("/forms", forms::routes())
        .nest("/hooks/in", hooks::routes(&api))
        .nest("/messenger/files", contact_files::routes(&api))
        .nest("/unsubscribe", unsubscribe::routes())
        .with_state(api)
}

#[cfg(test)]
mod tests;
