//! One request to one receiver (WHK-2, WHK-3).
//!
//! **Invariant:** names are resolved once, every address is judged by [`WebhookUrl::may_reach`], and the connection goes to
//! an address that passed: a name that means another machine a moment later leads nowhere. A request ends within
//! [`ANSWER_WITHIN`], and of an answer no more than [`ANSWER_BYTES_MAX`] is read.

use crate::channel::exchange::USER_AGENT;
use crate::channel::exchange::exchange;
use crate::channel::tls::client_config;
use crate::domain::webhook::Outcome;
use crate::domain::webhook_url::WebhookUrl;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A receiver answers within this time, resolving and connecting included (WHK-3).
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Of an answer's body so much is read, for the list of deliveries.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Longest `Retry-After` that is read.
const RETRY_AFTER_MAX_S: u64 = 24 * 3_600;

/// Where requests may go, and what their receivers are known by. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    allow_private: bool,
    extra_roots: Vec<CertificateDer<'static>>,
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
}

impl Targets {
    /// `allow_private` opens this machine and networks that are not public (`[webhooks] allow_private`).
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        Self { allow_private, ..Self::default() }
    }

    /// Trusts these roots beside the system's.
    #[must_use]
    pub fn trusting(mut self, roots: Vec<CertificateDer<'static>>) -> Self {
        self.extra_roots = roots;
        self
    }

    /// Looks whether anybody takes requests at a new address, with HEAD (WHK-2). Receivers that know only POST answer 404
    /// or 405, which will do; 410 and faults will not.
    ///
    /// # Errors
    /// What stood in the way, for people.
    pub async fn check(&self, url: &WebhookUrl) -> Result<(), String> {
        let outcome = self.send(url, Method::HEAD, Vec::new(), Vec::new()).await;
        match outcome.status {
            None => Err(outcome.answer),
            Some(410) => Err("the receiver says that it is gone (410)".to_owned()),
            Some(status @ 500..) => Err(format!("the receiver answers {status}")),
            Some(_) => Ok(()),
        }
    }

    /// Sends a body with further header fields.
    pub(crate) async fn post(&self, url: &WebhookUrl, fields: Vec<(&'static str, String)>, body: Vec<u8>) -> Outcome {
        self.send(url, Method::POST, fields, body).await
    }

    async fn send(
        &self,
        url: &WebhookUrl,
        method: Method,
        fields: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Outcome {
        let done = tokio::time::timeout(ANSWER_WITHIN, self.ask(url, method, fields, body)).await;
        let done = done.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())));
        done.unwrap_or_else(|fault| Outcome { status: None, answer: fault, retry_after: None })
    }

    async fn ask(
        &self,
        url: &WebhookUrl,
        method: Method,
        fields: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Outcome, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(&url.path)
            .header(header::HOST, url.authority())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let tcp = self.connect(url).await?;
        if !url.tls {
            return exchange(tcp, request, outcome).await;
        }
        exchange(self.secured(url, tcp).await?, request, outcome).await
    }

    /// TLS on a connection, for the name of the address.
    pub(super) async fn secured(&self, url: &WebhookUrl, tcp: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(url.host.clone()).map_err(|_| "no name for a certificate".to_owned())?;
        let config = self.tls.get_or_try_init(|| client_config(self.extra_roots.clone())).await?;
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
        tls.map_err(|error| format!("TLS: {error}"))
    }

    /// Connects to the first address behind the name that may be reached and answers.
    pub(super) async fn connect(&self, url: &WebhookUrl) -> Result<TcpStream, String> {
        let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|error| format!("{}: {error}", url.host))?.collect();
        let allowed = found.iter().filter(|address| url.may_reach(address.ip(), self.allow_private));
        let mut fault = format!("{} leads to no address that may be reached from here", url.host);
        for address in allowed.take(ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok(tcp),
                Err(error) => fault = format!("{address}: {error}"),
            }
        }
        Err(fault)
    }
}

/// The beginning of an answer.
async fn outcome(response: Response<Incoming>) -> Result<Outcome, String> {
    let (head, mut body) = response.into_parts();
    let seconds = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut read = Vec::new();
    // A body that breaks off changes nothing about the status.
    while let Some(Ok(frame)) = body.frame().await {
        read.extend(frame.into_data().unwrap_or_default());
        if read.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    read.truncate(ANSWER_BYTES_MAX);
    Ok(Outcome {
        status: Some(head.status.as_u16()),
        answer: crate::mail::clean::line(&String::from_utf8_lossy(&read), ANSWER_BYTES_MAX),
        retry_after: seconds.map(|seconds: u64| Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S))),
    })
}
