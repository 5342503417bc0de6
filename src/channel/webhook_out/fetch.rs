//! A file that a caller names by its address (API-17), fetched under the rules of webhooks.
//!
//! **Invariant:** the connection goes only to an address that was judged; redirects are not followed; a file is never in
//! memory beyond the limit that was asked for.

use crate::channel::webhook_out::request::Targets;
use crate::channel::webhook_out::request::USER_AGENT;
use crate::domain::webhook_url::WebhookUrl;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

/// A file is there within this time.
const FETCHED_WITHIN: Duration = Duration::from_secs(20);
/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

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
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let tcp = self.connect(url).await?;
        if !url.tls {
            return take(tcp, request, bytes_max).await;
        }
        take(self.secured(url, tcp).await?, request, bytes_max).await
    }
}

async fn take<S>(stream: S, request: Request<Empty<Bytes>>, bytes_max: usize) -> Result<Fetched, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let opened = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        read(response, bytes_max).await
    };
    let mut exchange = std::pin::pin!(exchange);
    // The connection is driven for as long as the exchange takes. One that ends first may have brought everything.
    tokio::select! {
        done = &mut exchange => done,
        _ = connection => exchange.await,
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
