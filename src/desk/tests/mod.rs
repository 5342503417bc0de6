//! Whole operations over the memory engine: each test is a story, and every story ends with a store that verifies.

mod addresses;
mod addressing;
mod agent_notices;
mod bad_mail;
mod broadcast;
mod contact_acts;
mod content;
mod erasure;
mod forms;
mod forwarding;
mod languages;
mod links;
mod mail;
mod merging;
mod outbox;
mod promises;
mod propagation;
mod races;
mod retention;
mod sent_copies;
mod signatures;
mod spam_and_lists;
mod status_mails;
mod suppressions;
mod talk;
mod ticket;
mod trust;

use crate::clock::Clock;
use crate::desk::Desk;
use crate::desk::Files;
use crate::desk::IdentitySettings;
use crate::desk::Settings;
use crate::desk::SupportAddress;
use crate::desk::access::NewAgent;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::people::identity::Claim;
use crate::desk::thread::message::Body;
use crate::desk::thread::message::NewMessage;
use crate::desk::ticket::ticket_types::NewTicketType;
use crate::desk::ticket::tickets::NewTicket;
use crate::domain::address::Address;
use crate::domain::agent::AgentRole;
use crate::domain::agent::Caller;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::delivery::Verdict;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::ticket_rules::TicketRules;
use crate::domain::ticket_type::Category;
use crate::store::Store;
use crate::template::TemplateSet;
use crate::template::Templates;
use std::path::Path;
use std::time::Duration;

pub(super) const NOW: Millis = Millis(1_790_000_000_000);
pub(super) const SUPPORT: &str = "support@desk.example";

/// A desk with one agent, on a clock that stands still.
pub(super) struct Story {
    pub(super) desk: Desk,
    pub(super) agent: Caller,
    pub(super) dir: tempfile::TempDir,
}

pub(super) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

impl Story {
    pub(super) async fn begin() -> Self {
        Self::begin_with(|_| ()).await
    }

    /// The same with other settings of tickets.
    pub(super) async fn with(tickets: TicketRules) -> Self {
        Self::begin_with(move |settings| settings.tickets = tickets).await
    }

    /// The same with other settings.
    pub(super) async fn begin_with(set: impl Fn(&mut Settings)) -> Self {
        Self::over(|_| Store::in_memory().unwrap(), set).await
    }

    /// The same over a store in a file.
    pub(super) async fn on_disk() -> Self {
        Self::over(|dir| Store::open_or_create(&dir.join("store.redb")).unwrap(), |_| ()).await
    }

    async fn over(store: impl FnOnce(&Path) -> Store, set: impl Fn(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let clock = Clock::standing_at(NOW);
        let files = Files::open(dir.path(), clock.clone()).unwrap();
        let new_mail_as = Some("Inbox".to_owned());
        let main_address = SupportAddress { new_mail_as, ..SupportAddress::plain(address(SUPPORT), "Desk Support") };
        let mut settings = Settings {
            workspace_name: "Desk".to_owned(),
            default_locale: "en".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            public_url: "https://desk.example".to_owned(),
            support: vec![main_address.clone()],
            brands: Vec::new(),
            main_address,
            unseen_delay: Duration::from_secs(120),
            state_mail_settle: Duration::from_secs(10),
            mail_contacts: true,
            broadcasts: crate::desk::broadcasts::BroadcastSettings::default(),
            identity: IdentitySettings {
                enforced: false,
                secret: Some(b"secret".to_vec()),
                ..IdentitySettings::default()
            },
            disk_reserve_bytes: 0,
            tickets: TicketRules::default(),
            signers: Default::default(),
            keep_uncertain: false,
            sent_from: Vec::new(),
            trust: Default::default(),
            intake: Default::default(),
            mail_limits: Default::default(),
            page_origins: vec!["https://shop.example".to_owned()],
            retention: Default::default(),
        };
        set(&mut settings);
        let templates = TemplateSet::new(Templates::load(None).unwrap());
        let desk = Desk::open(store, files, clock, templates, settings).await.unwrap();
        let email = address("maria@desk.example");
        let new =
            NewAgent { email: email.clone(), name: "Maria Agent".to_owned(), role: AgentRole::Admin, password: None };
        desk.add_agent(new).await.unwrap();
        let (_, secret) = desk.create_token(&email, "tests", Vec::new(), None).await.unwrap();
        let agent = desk.authenticate(&secret).unwrap();
        Self { desk, agent, dir }
    }

    /// Moves the clock on.
    pub(super) fn wait(&self, by: Duration) {
        self.desk.clock().set(self.desk.clock().now().plus(by));
    }

    /// Takes a mail in by LMTP; `headers` without To and blank line.
    pub(super) async fn mail(&self, headers: &str, body: &str) -> Accepted {
        self.mail_to(SUPPORT, headers, body).await
    }

    pub(super) async fn mail_to(&self, to: &str, headers: &str, body: &str) -> Accepted {
        let raw = format!("To: {to}\n{headers}\n\n{body}\n").replace('\n', "\r\n").into_bytes();
        self.desk.accept(arrival(to, raw)).await.unwrap()
    }

    pub(super) async fn visitor(&self) -> Contact {
        self.desk.open_session(Claim::NewVisitor).await.unwrap().contact
    }

    pub(super) async fn ticket_type(&self, name: &str, category: Category) -> TicketTypeId {
        let new = NewTicketType::named(name, category);
        self.desk.create_ticket_type(&self.agent, new).await.unwrap().id
    }

    pub(super) async fn ticket(&self, ticket_type: TicketTypeId, title: &str, link_to: Option<ThreadId>) -> ThreadId {
        let new = NewTicket {
            values: vec![(TITLE.to_owned(), Some(Value::Text(title.to_owned())))],
            link_to,
            ..NewTicket::of(ticket_type)
        };
        self.desk.create_ticket(&self.agent, new).await.unwrap()
    }

    pub(super) fn state(&self, category: StateCategory) -> StateId {
        let states = self.desk.ticket_states(&self.agent).unwrap();
        states.iter().find(|state| state.category == category).unwrap().id
    }

    pub(super) fn parts(&self, thread: ThreadId) -> Vec<Part> {
        self.desk.thread_view(&self.agent, thread, true).unwrap().parts
    }

    /// The words of a thread's parts, in order.
    pub(super) fn words(&self, thread: ThreadId) -> Vec<&'static str> {
        self.parts(thread).iter().map(|part| part.kind.as_str(&part.author)).collect()
    }

    pub(super) fn count(&self, thread: ThreadId, kind: fn(&PartKind) -> bool) -> usize {
        self.parts(thread).iter().filter(|part| kind(&part.kind)).count()
    }

    /// Sends everything due as a relay that takes it would; the mails as text.
    pub(super) async fn send_due(&self) -> Vec<String> {
        let mut sent = Vec::new();
        for delivery in self.desk.lease_due(50, Duration::from_secs(60)).await.unwrap() {
            match self.desk.prepare(&delivery).unwrap() {
                crate::desk::mail::outbox::Prepared::Send(mail) => {
                    sent.push(String::from_utf8(mail.bytes).unwrap());
                    self.desk.mark_past_dot(vec![delivery.id]).await.unwrap();
                    let verdict = Verdict::Delivered { answer: "250 ok".to_owned() };
                    self.desk.settle(delivery.id, verdict).await.unwrap();
                }
                crate::desk::mail::outbox::Prepared::Settle(verdict) => {
                    self.desk.settle(delivery.id, verdict).await.unwrap();
                }
            }
        }
        sent
    }

    /// Every invariant of the store holds.
    pub(super) fn end(&self) {
        assert_eq!(self.desk.verify().unwrap(), Vec::<String>::new());
    }
}

pub(super) fn arrival(to: &str, raw: Vec<u8>) -> Arrival {
    Arrival {
        source: ArrivalSource::Lmtp { peer: "127.0.0.1:1 test".to_owned() },
        reverse_path: Some("ana@example.com".to_owned()),
        recipients: vec![address(to)],
        raw,
    }
}

pub(super) fn text(body: &str) -> NewMessage {
    NewMessage::new(Body::Text(body.to_owned()))
}

/// The thread of a mail that became a part.
pub(super) fn thread_of(accepted: &Accepted) -> ThreadId {
    match accepted {
        Accepted::Part { thread, .. } => *thread,
        other => panic!("not a part: {other:?}"),
    }
}

/// The value of a header field in a composed mail.
pub(super) fn field<'m>(mail: &'m str, name: &str) -> &'m str {
    let start = format!("{name}: ");
    mail.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or_default()
}
