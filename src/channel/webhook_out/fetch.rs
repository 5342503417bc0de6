//! A file that a caller names by its address (API-17), fetched under the rules of webhooks.
//!
//! **Invariant:** the connection goes only to an address that was judged; redirects are not followed; a file is never in
//! memory beyond the limit that was asked for.

use crate::channel::exchange::USER_AGENT;
use crate::channel::exchange::exchange;
use crate::channel::webhook_out::request::Targets;
use crate::domain::webhook_url::WebhookUrl;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use std::time::Duration;

/// A file is there within this time.
const FETCHED_WITHIN: Duration = Duration::from_secs(20);

/// A file as its host gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: Option<String>,
}

impl Targets {
    /// Fetches a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// What stood in the way, for people.
    pub(crate) async fn fetch(&self, url: &WebhookUrl, bytes_max: usize) -> Result<Fetched, String> {
        let done = tokio::time::timeout(FETCHED_WITHIN, self.get(url, bytes_max)).await;
        done.unwrap_or_else(|_| Err(format!("not there within {} s", FETCHED_WITHIN.as_secs())))
    }

    async fn get(&self, url: &WebhookUrl, bytes_max: usize) -> Result<Fetched, String> {
        let request = Request::get(&url.path)
            .header(header::HOST, url.authority())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT_ENCODING, "identity");
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let tcp = self.connect(url).await?;
        if !url.tls {
            return exchange(tcp, request, async |response| read(response, bytes_max).await).await;
        }
        let tls = self.secured(url, tcp).await?;
        exchange(tls, request, async |response| read(response, bytes_max).await).await
    }
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Fetched, String> {
    let (head, mut body) = response.into_parts();
    if !head.status.is_success() {
        return Err(format!("its host answers {}", head.status.as_u16()));
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map(ToOwned::to_owned);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("it broke off: {error}"))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len().saturating_add(data.len()) > bytes_max {
            return Err(format!("it is larger than {bytes_max} bytes"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Fetched { bytes, content_type })
}
