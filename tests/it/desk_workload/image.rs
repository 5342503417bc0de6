//! The workspace every simulation begins with: made once, then copied from disk to disk.

use crate::disk::Disk;
use crate::workload::open;
use deskgate::clock::Clock;
use deskgate::desk::Desk;
use deskgate::desk::Files;
use deskgate::desk::IdentitySettings;
use deskgate::desk::Result;
use deskgate::desk::Settings;
use deskgate::desk::SupportAddress;
use deskgate::desk::access::NewAgent;
use deskgate::desk::mail::arrival::MailDoor;
use deskgate::desk::mail::arrival::MailboxCursor;
use deskgate::desk::people::contacts::ContactFacts;
use deskgate::desk::thread::message::Body;
use deskgate::desk::thread::message::NewMessage;
use deskgate::desk::ticket::ticket_types::NewTicketType;
use deskgate::desk::ticket::tickets::NewTicket;
use deskgate::domain::address::Address;
use deskgate::domain::agent::AgentRole;
use deskgate::domain::agent::Caller;
use deskgate::domain::attribute::TITLE;
use deskgate::domain::attribute::Value;
use deskgate::domain::channel_kind::ChannelKind;
use deskgate::domain::id::ContactId;
use deskgate::domain::id::Millis;
use deskgate::domain::id::StateId;
use deskgate::domain::id::ThreadId;
use deskgate::domain::id::TicketTypeId;
use deskgate::domain::ticket_type::Category;
use deskgate::store::Store;
use deskgate::template::TemplateSet;
use deskgate::template::Templates;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

pub const BEGUN_AT: Millis = Millis(1_790_000_000_000);
pub const SUPPORT: &str = "support@desk.example";
pub const MAILBOX: &str = "support";
pub const UID_VALIDITY: u32 = 7;

/// Conversations linked to the Tracker: more than one batch of a broadcast or a cross-post serves.
const REPORTS: usize = 21;

/// A workspace with an agent, a ticket type of each category, and a Tracker with its reports.
pub struct Image {
    disk: Disk,
    pub agent: Caller,
    pub customer_type: TicketTypeId,
    pub back_office_type: TicketTypeId,
    pub tracker: ThreadId,
    pub states: Vec<StateId>,
    /// Conversations by messenger, each of another contact with an address.
    pub reports: Vec<(ThreadId, ContactId, String)>,
}

impl Image {
    /// The one of this process.
    pub fn get() -> &'static Self {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        IMAGE.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(Self::make()).unwrap()
        })
    }

    /// A disk of its own that holds the workspace.
    pub fn disk(&self) -> Disk {
        self.disk.durable_copy()
    }

    async fn make() -> Result<Self> {
        let disk = Disk::default();
        let dir = tempfile::tempdir().unwrap();
        let store = open(&disk)?;
        let desk = desk(store.clone(), dir.path(), BEGUN_AT).await?;
        let agent = add_agent(&desk).await?;
        let customer_type = add_type(&desk, &agent, "Request", Category::Customer).await?;
        let back_office_type = add_type(&desk, &agent, "Bug", Category::BackOffice).await?;
        let tracker_type = add_type(&desk, &agent, "Incident", Category::Tracker).await?;
        let tracker = desk.create_ticket(&agent, ticket(tracker_type, "Login is down", None)).await?;
        let mut reports = Vec::new();
        for n in 0..REPORTS {
            let report = report(&desk, &agent, n).await?;
            desk.link(&agent, tracker, report.0).await?;
            reports.push(report);
        }
        let states = desk.ticket_states(&agent)?.into_iter().map(|state| state.id).collect();
        let cursor = MailboxCursor { uid_validity: UID_VALIDITY, ..MailboxCursor::default() };
        desk.set_mailbox_cursor(MAILBOX, cursor).await.unwrap();
        assert_eq!(desk.verify()?, Vec::<String>::new());
        store.close();
        drop((desk, store));
        disk.settle();
        Ok(Self { disk, agent, customer_type, back_office_type, tracker, states, reports })
    }
}

/// A desk on a store, with its files in `dir` and a clock that stands at `now`.
pub async fn desk(store: Store, dir: &Path, now: Millis) -> Result<Desk> {
    static TEMPLATES: OnceLock<TemplateSet> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| TemplateSet::new(Templates::load(None).unwrap()));
    let clock = Clock::standing_at(now);
    let files = Files::open(dir, clock.clone())?;
    let main_address = SupportAddress::plain(address(SUPPORT), "Desk Support");
    let settings = Settings {
        workspace_name: "Desk".to_owned(),
        default_locale: "en".to_owned(),
        time_zone: "UTC".to_owned(),
        public_url: "https://desk.example".to_owned(),
        support: vec![main_address.clone()],
        brands: Vec::new(),
        main_address,
        unseen_delay: Duration::from_secs(120),
        state_mail_settle: Duration::from_secs(10),
        mail_contacts: true,
        broadcasts: deskgate::desk::broadcasts::BroadcastSettings::default(),
        signers: Default::default(),
        keep_uncertain: false,
        sent_from: Vec::new(),
        trust: Default::default(),
        intake: Default::default(),
        mail_limits: Default::default(),
        page_origins: Vec::new(),
        retention: Default::default(),
        identity: IdentitySettings::default(),
        disk_reserve_bytes: 0,
        tickets: Default::default(),
    };
    Desk::open(store, files, clock, templates.clone(), settings).await
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn text(body: String) -> NewMessage {
    NewMessage::new(Body::Text(body))
}

pub fn ticket(ticket_type: TicketTypeId, title: &str, link_to: Option<ThreadId>) -> NewTicket {
    NewTicket {
        values: vec![(TITLE.to_owned(), Some(Value::Text(title.to_owned())))],
        link_to,
        ..NewTicket::of(ticket_type)
    }
}

async fn add_agent(desk: &Desk) -> Result<Caller> {
    let email = address("maria@desk.example");
    let (name, role) = ("Maria Agent".to_owned(), AgentRole::Admin);
    desk.add_agent(NewAgent { email: email.clone(), name, role, password: None }).await?;
    let (_, secret) = desk.create_token(&email, "tests", Vec::new(), None).await?;
    Ok(desk.authenticate(&secret).unwrap())
}

async fn add_type(desk: &Desk, agent: &Caller, name: &str, category: Category) -> Result<TicketTypeId> {
    let new = NewTicketType::named(name, category);
    Ok(desk.create_ticket_type(agent, new).await?.id)
}

async fn report(desk: &Desk, agent: &Caller, n: usize) -> Result<(ThreadId, ContactId, String)> {
    let email = format!("user{n}@example.com");
    let facts = ContactFacts {
        external_id: Some(Some(format!("u{n}"))),
        email: Some(Some(address(&email))),
        name: Some(Some(format!("User{n} Example"))),
        ..ContactFacts::default()
    };
    let contact = desk.create_contact(agent, facts).await?.id;
    let said = text("I cannot sign in.".to_owned());
    let thread = desk.contact_comment(contact, None, said, ChannelKind::Messenger).await?.thread;
    Ok((thread, contact, email))
}
