//! One request as handlers see it: the desk, the caller, path and query. Bodies are [`crate::http::input`]'s.

use crate::channel::dns::Dns;
use crate::channel::imap::OnDemand;
use crate::channel::messenger::Hub;
use crate::channel::smtp_out::ProbeRelays;
use crate::channel::webhook_out::Targets;
use crate::desk::Desk;
use crate::desk::Result as DeskResult;
use crate::desk::file_links::FileLinks;
use crate::desk::search::words::WordIndex;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::AgentId;
use crate::http::Api;
use crate::http::api::wire::Wire;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::ops::health::Health;
use crate::http::paging::NumberedPage;
use crate::http::paging::PageAsked;
use crate::http::shape::Shape;
use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::extract::RawPathParams;
use axum::http::request::Parts;
use std::str::FromStr;
use std::sync::Arc;

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) shape: Shape,
    api: Api,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Api {
    /// Runs something that reads the store on a thread that may wait for the disk.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Desk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let desk = self.desk.clone();
        let done = tokio::task::spawn_blocking(move || read(&desk)).await;
        done.unwrap_or_else(|fault| Err(ApiError::internal(&fault)))
    }
}

impl Call {
    /// The desk, for operations that write.
    pub(crate) fn desk(&self) -> &Desk {
        &self.api.desk
    }

    /// The API that was called, for what goes on after the answer has begun.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// Links to files.
    pub(crate) fn file_links(&self) -> &FileLinks {
        &self.api.shared.links
    }

    /// Relays of probe mails.
    pub(crate) fn dns(&self) -> Option<&Dns> {
        self.api.dns.as_ref()
    }

    pub(crate) fn probe_relays(&self) -> &ProbeRelays {
        &self.api.probe_relays
    }

    /// Where large mails are fetched from.
    pub(crate) fn large_mail(&self) -> Option<&OnDemand> {
        self.api.large_mail.as_ref()
    }

    /// The index of words.
    pub(crate) fn words(&self) -> Option<Arc<dyn WordIndex>> {
        self.api.words.clone()
    }

    /// The sockets of contacts, where this process has them.
    pub(crate) fn messenger(&self) -> Option<&Hub> {
        self.api.messenger.as_ref()
    }

    /// How mailboxes and relays are, if there is a daemon around.
    pub(crate) fn health(&self) -> Option<&Health> {
        self.api.health.as_ref()
    }

    /// Where webhooks may go.
    pub(crate) fn webhook_targets(&self) -> &Targets {
        &self.api.webhook_targets
    }

    /// Runs a reading operation as the caller.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Desk, &Caller) -> DeskResult<T> + Send + 'static,
    ) -> Result<T> {
        let caller = self.caller.clone();
        self.api.blocking(move |desk| Ok(read(desk, &caller)?)).await
    }

    /// Runs a reading operation as the caller and writes down what it gave, both where waiting and working harm nobody.
    pub(crate) async fn read_form<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Desk, &Caller) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let caller = self.caller.clone();
        self.api.blocking(move |desk| read(desk, &caller)).await
    }

    /// For what no operation of the desk asks about: people, reports, webhooks, how mail comes and goes.
    pub(crate) fn require(&self, scope: Scope) -> Result<()> {
        if self.caller.scopes.contains(&scope) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("the token lacks the scope {}", scope.as_str())))
    }

    /// The caller under the name of another agent (`admin_id` of the compatible API): what both may, no more.
    pub(crate) async fn acting_as(&self, agent: Option<AgentId>) -> Result<Caller> {
        let Some(id) = agent.filter(|id| *id != self.caller.agent) else {
            return Ok(self.caller.clone());
        };
        self.read(move |desk, caller| desk.acting_as(caller, id)).await
    }

    /// An id of the path; what cannot be an id is not found, like an id that is not there.
    pub(crate) fn id<T: FromStr>(&self, name: &str, what: &str) -> Result<T> {
        self.path_text(name).and_then(|text| text.parse().ok()).ok_or_else(|| ApiError::not_found(what))
    }

    /// A part of the path.
    pub(crate) fn path_text(&self, name: &str) -> Option<&str> {
        self.path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter; the first one counts.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether parts were asked for (API-10).
    pub(crate) fn wants_parts(&self) -> bool {
        self.query("parts") != Some("none")
    }

    /// The page asked for in the query (API-7).
    pub(crate) fn page(&self, per_page_default: usize) -> Result<PageAsked> {
        PageAsked::read(self.query("per_page"), self.query("starting_after"), per_page_default)
    }

    /// The page of a list that is asked for by number.
    pub(crate) fn numbered_page(&self, per_page_default: usize) -> Result<NumberedPage> {
        NumberedPage::read(self.query("page"), self.query("per_page"), per_page_default)
    }

    /// What wire forms need beside their objects.
    pub(crate) fn base(&self) -> &str {
        self.desk().settings().public_url.trim_end_matches('/')
    }

    pub(crate) async fn wire(&self) -> Result<Wire> {
        let plaintext = self.query("display_as") == Some("plaintext");
        let agents = self.read(|desk, _| desk.agents()).await?;
        let now = self.desk().clock().now();
        Ok(Wire::new(self.desk().settings(), &self.api.shared, agents, self.shape, plaintext, now))
    }
}

impl FromRequestParts<Api> for Call {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self> {
        let path = RawPathParams::from_request_parts(parts, api).await.map_err(|_| ApiError::not_found("object"))?;
        let path = path.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, api).await;
        let Query(query) = query.map_err(|_| ApiError::invalid("bad_request", "the query cannot be read"))?;
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(ApiError::unauthorized)?;
        let shape = parts.extensions.get::<Shape>().copied().unwrap_or_default();
        Ok(Self { caller, shape, api: api.clone(), path, query })
    }
}
