//! A store that holds many conversations already, made through the desk itself without a daemon.

use crate::program::SUPPORT;
use deskgate::clock::Clock;
use deskgate::desk::Desk;
use deskgate::desk::Files;
use deskgate::desk::IdentitySettings;
use deskgate::desk::Settings;
use deskgate::desk::SupportAddress;
use deskgate::desk::access::NewAgent;
use deskgate::desk::people::contacts::ContactFacts;
use deskgate::desk::thread::message::Body;
use deskgate::desk::thread::message::NewMessage;
use deskgate::desk::ticket::attributes::NewAttribute;
use deskgate::desk::ticket::ticket_types::NewTicketType;
use deskgate::desk::ticket::tickets::Conversion;
use deskgate::desk::ticket::tickets::NewTicket;
use deskgate::domain::address::Address;
use deskgate::domain::agent::AgentRole;
use deskgate::domain::agent::Caller;
use deskgate::domain::attribute::DataType;
use deskgate::domain::attribute::Value;
use deskgate::domain::channel_kind::ChannelKind;
use deskgate::domain::id::ContactId;
use deskgate::domain::id::ThreadId;
use deskgate::domain::id::TicketTypeId;
use deskgate::domain::retention::Retention;
use deskgate::domain::ticket_type::Category;
use deskgate::store::Store;
use deskgate::store::backup::STORE_FILE;
use deskgate::template::TemplateSet;
use deskgate::template::Templates;
use indicatif::ProgressBar;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Every so many conversations one is a ticket.
const TICKET_EVERY: usize = 10;
/// Conversations per contact.
const PER_CONTACT: usize = 20;
/// Operations under way at once; they share commits.
const AT_ONCE: usize = 256;
/// Parts of the long conversation.
pub const LONG_PARTS: usize = 500;
/// The attribute that tells tickets apart: the n-th has the value "serial n".
pub const ATTRIBUTE: &str = "Serial";

/// What a measure needs to know of the store.
#[derive(Clone, Debug)]
pub struct Stored {
    pub token: String,
    pub tickets: Vec<ThreadId>,
    pub long: ThreadId,
    pub contact: ContactId,
    pub attribute: String,
    pub ticket_type: TicketTypeId,
}

/// Fills `data_dir` with `count` conversations; every tenth is a ticket.
pub fn fill(data_dir: &Path, count: usize) -> Stored {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let desk = Arc::new(open(data_dir).await);
        let (admin, token) = admin(&desk).await;
        let (ticket_type, attribute) = ticket_type(&desk, &admin).await;
        let contacts = contacts(&desk, &admin, count.div_ceil(PER_CONTACT)).await;
        let admin = Arc::new(admin);
        let tickets = conversations(&desk, &admin, &contacts, ticket_type, count).await;
        let long = long(&desk, contacts[0]).await;
        Stored { token, tickets, long, contact: contacts[0], attribute, ticket_type }
    })
}

/// What a broadcast is told to.
#[derive(Clone, Debug)]
pub struct Reports {
    pub token: String,
    pub tracker: ThreadId,
    pub threads: Vec<ThreadId>,
}

/// Fills `data_dir` with `count` contacts, a conversation of each, and a Tracker that is not linked yet.
pub fn reports(data_dir: &Path, count: usize) -> Reports {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let desk = Arc::new(open(data_dir).await);
        let (admin, token) = admin(&desk).await;
        let contacts = contacts(&desk, &admin, count).await;
        let writers = Arc::clone(&desk);
        let threads = many(count, "conversations", move |n| {
            let (desk, contact) = (Arc::clone(&writers), contacts[n]);
            async move {
                let message = silent(format!("Order {n} did not arrive."));
                desk.contact_comment(contact, None, message, ChannelKind::Messenger).await.unwrap().thread
            }
        });
        let threads = threads.await;
        let new = NewTicketType::named("Incident", Category::Tracker);
        let ticket_type = desk.create_ticket_type(&admin, new).await.unwrap().id;
        let new = NewTicket { skip_notifications: true, ..NewTicket::of(ticket_type) };
        let tracker = desk.create_ticket(&admin, new).await.unwrap();
        Reports { token, tracker, threads }
    })
}

async fn open(data_dir: &Path) -> Desk {
    std::fs::create_dir_all(data_dir).unwrap();
    let clock = Clock::default();
    let store = Store::open_or_create(&data_dir.join(STORE_FILE)).unwrap();
    let main_address = SupportAddress::plain(Address::parse(SUPPORT).unwrap(), "Support");
    let settings = Settings {
        workspace_name: "Example".to_owned(),
        default_locale: "en".to_owned(),
        time_zone: "UTC".to_owned(),
        public_url: "https://desk.example.com".to_owned(),
        support: vec![main_address.clone()],
        brands: Vec::new(),
        main_address,
        unseen_delay: Duration::from_secs(120),
        state_mail_settle: Duration::from_secs(10),
        mail_contacts: true,
        signers: Default::default(),
        keep_uncertain: false,
        sent_from: Vec::new(),
        trust: Default::default(),
        intake: Default::default(),
        mail_limits: Default::default(),
        page_origins: Vec::new(),
        retention: Retention::default(),
        identity: IdentitySettings { enforced: false, secret: None, ..IdentitySettings::default() },
        disk_reserve_bytes: 0,
        broadcasts: deskgate::desk::broadcasts::BroadcastSettings::default(),
        tickets: Default::default(),
    };
    let files = Files::open(data_dir, clock.clone()).unwrap();
    Desk::open(store, files, clock, TemplateSet::new(Templates::load(None).unwrap()), settings).await.unwrap()
}

async fn admin(desk: &Desk) -> (Caller, String) {
    let email = Address::parse("ana@example.com").unwrap();
    let new = NewAgent { email: email.clone(), name: "Ana".to_owned(), role: AgentRole::Admin, password: None };
    desk.add_agent(new).await.unwrap();
    let (_, secret) = desk.create_token(&email, "bench", Vec::new(), None).await.unwrap();
    (desk.authenticate(&secret).unwrap(), secret)
}

async fn ticket_type(desk: &Desk, admin: &Caller) -> (TicketTypeId, String) {
    let new = NewTicketType::named("Order", Category::Customer);
    let id = desk.create_ticket_type(admin, new).await.unwrap().id;
    let attribute = NewAttribute::named(ATTRIBUTE, DataType::String);
    (id, desk.add_attribute(admin, id, attribute).await.unwrap().id.to_string())
}

/// The key of the n-th contact.
pub fn external_id(n: usize) -> String {
    format!("customer-{n}")
}

async fn contacts(desk: &Arc<Desk>, admin: &Caller, count: usize) -> Vec<ContactId> {
    let (desk, admin) = (Arc::clone(desk), Arc::new(admin.clone()));
    many(count, "contacts", move |n| {
        let (desk, admin) = (Arc::clone(&desk), Arc::clone(&admin));
        async move {
            let email = Address::parse(&format!("customer-{n}@example.org"));
            let facts = ContactFacts {
                external_id: Some(Some(external_id(n))),
                email: Some(email),
                name: Some(Some(format!("Customer {n}"))),
                ..<_>::default()
            };
            desk.create_contact(&admin, facts).await.unwrap().id
        }
    })
    .await
}

async fn conversations(
    desk: &Arc<Desk>,
    admin: &Arc<Caller>,
    contacts: &[ContactId],
    ticket_type: TicketTypeId,
    count: usize,
) -> Vec<ThreadId> {
    let (desk, admin, contacts) = (Arc::clone(desk), Arc::clone(admin), contacts.to_vec());
    let threads = many(count, "conversations", move |n| {
        let (desk, admin, contact) = (Arc::clone(&desk), Arc::clone(&admin), contacts[n % contacts.len()]);
        async move {
            let text = format!("Order {n} did not arrive. It should have been here last week; where is it now?");
            let message = silent(text);
            let posted = desk.contact_comment(contact, None, message, ChannelKind::Messenger).await.unwrap();
            if n % TICKET_EVERY > 0 {
                return None;
            }
            let values = vec![(ATTRIBUTE.to_owned(), Some(Value::Text(format!("serial {}", n / TICKET_EVERY))))];
            let conversion = Conversion { ticket_type, state: None, values, skip_notifications: true };
            desk.convert(&admin, posted.thread, conversion).await.unwrap();
            Some(posted.thread)
        }
    });
    threads.await.into_iter().flatten().collect()
}

/// A message that nobody is notified of: mails to agents are not what is measured.
fn silent(text: String) -> NewMessage {
    NewMessage { skip_notifications: true, ..NewMessage::new(Body::Text(text)) }
}

async fn long(desk: &Desk, contact: ContactId) -> ThreadId {
    let mut thread = None;
    for n in 0..LONG_PARTS {
        let message = silent(format!("Part {n} of a long story, which goes on for some words."));
        let posted = desk.contact_comment(contact, thread, message, ChannelKind::Messenger).await.unwrap();
        thread = Some(posted.thread);
    }
    thread.unwrap()
}

/// The results of so many operations, in their order.
async fn many<T, F>(count: usize, what: &'static str, mut begin: impl FnMut(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let progress = ProgressBar::new(u64::try_from(count).unwrap()).with_message(what);
    let mut running = JoinSet::new();
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for n in 0..count {
        if running.len() >= AT_ONCE {
            let (at, result) = running.join_next().await.unwrap().unwrap();
            results[at] = Some(result);
            progress.inc(1);
        }
        let operation = begin(n);
        running.spawn(async move { (n, operation.await) });
    }
    while let Some(ended) = running.join_next().await {
        let (at, result) = ended.unwrap();
        results[at] = Some(result);
    }
    progress.finish_and_clear();
    results.into_iter().flatten().collect()
}
