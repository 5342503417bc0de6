//! Requests against a desk on the memory engine, through the whole router.

mod avatars;
mod brands;
mod broadcasts;
mod companies;
mod contact_files;
mod contacts;
mod conversations;
mod data_rights;
mod forms;
mod frame;
mod history;
mod hooks;
mod idempotency;
mod live;
mod office_hours;
mod operators;
mod outbound;
mod people;
mod pictures;
mod promises;
mod records;
mod reports;
mod rights;
mod search;
mod serve;
mod shapes;
mod teams;
mod templates;
mod threads;
mod ticket_types;
mod tickets;
mod uploads;
mod webhook_topics;
mod webhooks;
mod words;

use crate::clock::Clock;
use crate::desk::Desk;
use crate::desk::Files;
use crate::desk::IdentitySettings;
use crate::desk::Settings;
use crate::desk::SupportAddress;
use crate::desk::access::NewAgent;
use crate::domain::address::Address;
use crate::domain::agent::AgentRole;
use crate::domain::agent::Scope;
use crate::domain::id::Millis;
use crate::domain::ticket_rules::TicketRules;
use crate::http::Api;
use crate::http::RateLimits;
use crate::http::router;
use crate::store::Store;
use crate::template::TemplateSet;
use crate::template::Templates;
use axum::Router;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::Request;
use axum::http::StatusCode;
use axum::http::header;
use http_body_util::BodyExt;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// 2026-01-01 00:00:00 UTC.
const START: Millis = Millis(1_767_225_600_000);

/// A desk with one agent, and a client that calls it with that agent's token.
struct House {
    desk: Desk,
    api: Api,
    clock: Clock,
    router: Router,
    token: String,
    agent: String,
    _dir: TempDir,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a success.
    #[track_caller]
    fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Status, code and field of an error, whose form is checked (TST-112).
    #[track_caller]
    fn error(&self) -> (u16, String, Option<String>) {
        let body = self.json();
        assert_eq!(body["type"], "error.list", "{body}");
        assert!(!body["request_id"].as_str().unwrap().is_empty());
        let entry = &body["errors"][0];
        assert!(!entry["message"].as_str().unwrap().is_empty());
        let text = |key: &str| entry[key].as_str().map(ToOwned::to_owned);
        (self.status.as_u16(), text("code").unwrap(), text("field"))
    }

    /// The body of a success that is text.
    #[track_caller]
    fn whole_text(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.bytes));
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn settings() -> Settings {
    let support = SupportAddress::plain(address("support@example.com"), "Support");
    Settings {
        workspace_name: "Example".to_owned(),
        default_locale: "en".to_owned(),
        time_zone: "UTC".to_owned(),
        public_url: "https://desk.example.com".to_owned(),
        main_address: support.clone(),
        support: vec![support],
        brands: Vec::new(),
        unseen_delay: Duration::from_secs(120),
        state_mail_settle: Duration::from_secs(10),
        mail_contacts: true,
        broadcasts: crate::desk::broadcasts::BroadcastSettings::default(),
        signers: Default::default(),
        keep_uncertain: false,
        sent_from: Vec::new(),
        trust: Default::default(),
        intake: Default::default(),
        mail_limits: Default::default(),
        page_origins: vec!["https://shop.example".to_owned()],
        retention: Default::default(),
        identity: IdentitySettings::default(),
        disk_reserve_bytes: 0,
        tickets: TicketRules::default(),
    }
}

impl House {
    async fn new() -> Self {
        Self::with(settings()).await
    }

    async fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::standing_at(START);
        let files = Files::open(dir.path(), clock.clone()).unwrap();
        let templates = TemplateSet::new(Templates::build(&BTreeMap::new()).unwrap());
        let desk = Desk::open(Store::in_memory().unwrap(), files, clock.clone(), templates, settings).await.unwrap();
        let agent = NewAgent {
            email: address("bo@example.com"),
            name: "Bo Example".to_owned(),
            role: AgentRole::Admin,
            password: None,
        };
        let agent = desk.add_agent(agent).await.unwrap().id.to_string();
        let (_, token) = desk.create_token(&address("bo@example.com"), "test", Vec::new(), None).await.unwrap();
        let api = Api::open(desk.clone(), RateLimits::default()).await.unwrap();
        let router = router(api.clone());
        Self { desk, api, clock, router, token, agent, _dir: dir }
    }

    /// A token that may do only this.
    async fn token_for(&self, scopes: &[Scope]) -> String {
        self.desk.create_token(&address("bo@example.com"), "narrow", scopes.to_vec(), None).await.unwrap().1
    }

    /// Sends a request; its answer must fit the schema of its operation, if there is one.
    async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let reply = Reply { status: head.status, headers: head.headers, bytes };
        if let Ok(body) = serde_json::from_slice(&reply.bytes) {
            let faults = shapes::faults(&method, &path, reply.header("intercom-version"), reply.status, &body);
            assert!(faults.is_empty(), "{method} {path}: {faults:#?} in {body}");
            let faults = shapes::own_faults(&method, &path, reply.status, &body);
            assert!(faults.is_empty(), "{method} {path}, as described: {faults:#?} in {body}");
        }
        reply
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let bearer = format!("Bearer {}", self.token);
        Request::builder().method(method).uri(path).header(header::AUTHORIZATION, bearer)
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    async fn get_as(&self, version: &str, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).header("Intercom-Version", version).body(Body::empty()).unwrap())
            .await
    }

    /// A request as a browser makes it, without a token: status and text.
    async fn plain(&self, method: &str, path: &str, form: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let reply = self.send(request.body(Body::from(form.to_owned())).unwrap()).await;
        (reply.status.as_u16(), String::from_utf8(reply.bytes).unwrap())
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    async fn with_body(&self, method: Method, path: &str, body: &Value) -> Reply {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.with_body(Method::POST, path, &body).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.with_body(Method::PUT, path, &body).await
    }

    /// A contact with that address; its id.
    async fn contact(&self, email: &str) -> String {
        let made = self.post("/api/contacts", json!({"email": email, "name": "Ana", "external_id": email})).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }

    /// A conversation begun by a contact; its id.
    async fn conversation(&self, contact: &str, body: &str) -> String {
        let from = json!({"type": "user", "id": contact});
        let made = self.post("/api/conversations", json!({"from": from, "body": body})).await.ok();
        made["conversation_id"].as_str().unwrap().to_owned()
    }

    /// A ticket type of that category; its answer.
    async fn ticket_type(&self, category: &str) -> Value {
        self.post("/api/ticket_types", json!({"name": format!("{category} type"), "category": category})).await.ok()
    }
}

/// The id of an object.
fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}")).to_owned()
}
