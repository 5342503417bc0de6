//! A desk in memory with a hub, and sockets that need no network.

use crate::messenger::client::Client;
use deskgate::channel::messenger::Hub;
use deskgate::channel::messenger::hub::Options;
use deskgate::clock::Clock;
use deskgate::desk::Desk;
use deskgate::desk::Files;
use deskgate::desk::IdentitySettings;
use deskgate::desk::Settings;
use deskgate::desk::SupportAddress;
use deskgate::desk::access::NewAgent;
use deskgate::desk::people::identity_keys::IdentityKey;
use deskgate::desk::thread::message::Body;
use deskgate::desk::thread::message::NewMessage;
use deskgate::domain::address::Address;
use deskgate::domain::agent::AgentRole;
use deskgate::domain::agent::Caller;
use deskgate::domain::agent::Scope;
use deskgate::domain::contact::Contact;
use deskgate::domain::id::ContactId;
use deskgate::domain::id::ThreadId;
use deskgate::store::Store;
use deskgate::template::TemplateSet;
use deskgate::template::Templates;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;
use tokio_util::sync::DropGuard;

pub(crate) const SECRET: &[u8] = b"messenger secret of the tests";

pub(crate) struct Bench {
    pub(crate) desk: Desk,
    pub(crate) hub: Hub,
    pub(crate) caller: Caller,
    pub(crate) store: Store,
    _stop: DropGuard,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default(), false).await
    }

    pub(crate) async fn with(options: Options, enforced: bool) -> Self {
        Self::made(options, settings(enforced)).await
    }

    /// With these keys of tokens beside the secret.
    pub(crate) async fn with_keys(keys: Vec<IdentityKey>) -> Self {
        let settings = settings(false);
        let identity = IdentitySettings { keys, ..settings.identity };
        Self::made(Options::default(), Settings { identity, ..settings }).await
    }

    async fn made(options: Options, settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::in_memory().unwrap();
        let clock = Clock::default();
        let files = Files::open(dir.path(), clock.clone()).unwrap();
        let templates = TemplateSet::new(Templates::load(None).unwrap());
        let desk = Desk::open(store.clone(), files, clock, templates, settings).await.unwrap();
        let email = Address::parse("agent@example.com").unwrap();
        let agent = NewAgent { email, name: "Ivo Agent".to_owned(), role: AgentRole::Admin, password: None };
        let agent = desk.add_agent(agent).await.unwrap();
        let caller = Caller { agent: agent.id, name: agent.name, role: AgentRole::Admin, scopes: Scope::ALL.to_vec() };
        let hub = Hub::new(desk.clone(), options);
        let stop = CancellationToken::new();
        let (running, stopped) = (hub.clone(), stop.clone());
        tokio::spawn(async move { running.run(stopped).await });
        Self { desk, hub, caller, store, _stop: stop.drop_guard(), _dir: dir }
    }

    pub(crate) async fn connect(&self) -> Client<DuplexStream> {
        Client::on(self.raw(64 * 1_024)).await
    }

    /// A connection that holds so many bytes in each direction, before any frame.
    pub(crate) fn raw(&self, holds: usize) -> DuplexStream {
        self.raw_from(holds, None)
    }

    /// The same, from an address that is limited.
    pub(crate) fn raw_from(&self, holds: usize, from: Option<IpAddr>) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(holds);
        let place = self.hub.admit(from).unwrap();
        self.hub.spawn(place, async { Some(theirs) });
        ours
    }

    /// A contact's record.
    pub(crate) fn contact(&self, id: &Value) -> Contact {
        let id = id.as_str().unwrap();
        let id = id.parse::<ContactId>().unwrap();
        self.desk.own_record(id).unwrap().unwrap()
    }

    /// A client with a session, and the token by which it comes back.
    pub(crate) async fn visitor(&self) -> (Client<DuplexStream>, Value) {
        let mut client = self.connect().await;
        let welcome = client.hello(serde_json::json!({}), None).await;
        (client, serde_json::json!({"visitor": welcome["visitor"]}))
    }

    pub(crate) async fn agent_says(&self, conversation: &Value, text: &str) {
        let message = NewMessage::new(Body::Text(text.to_owned()));
        self.desk.agent_comment(&self.caller, thread(conversation), message).await.unwrap();
    }

    /// Waits until `holds`, 10 s at most.
    pub(crate) async fn until(&self, mut holds: impl FnMut(&Self) -> bool) {
        let limit = tokio::time::Instant::now() + Duration::from_secs(10);
        while !holds(self) {
            assert!(tokio::time::Instant::now() < limit, "it does not come true within 10 s");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn thread(conversation: &Value) -> ThreadId {
    conversation.as_str().unwrap().parse().unwrap()
}

fn settings(enforced: bool) -> Settings {
    let support = SupportAddress::plain(Address::parse("support@example.com").unwrap(), "Example Support");
    Settings {
        workspace_name: "Example".to_owned(),
        default_locale: "en".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        public_url: "https://desk.example.com".to_owned(),
        main_address: support.clone(),
        support: vec![support],
        brands: Vec::new(),
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
        identity: IdentitySettings { enforced, secret: Some(SECRET.to_vec()), ..IdentitySettings::default() },
        disk_reserve_bytes: 0,
        tickets: Default::default(),
    }
}
