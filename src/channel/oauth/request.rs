//! One form posted to a provider, and its answer.
//!
//! **Invariant:** plain HTTP goes to this machine alone ([`WebhookUrl`]); an exchange ends within [`ANSWER_WITHIN`], and no
//! more than [`ANSWER_BYTES_MAX`] of an answer is read; redirects are not followed.

use crate::channel::exchange::USER_AGENT;
use crate::channel::exchange::exchange;
use crate::channel::tls::client_config;
use crate::domain::webhook_url::WebhookUrl;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A provider answers within this time, resolving and connecting included.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest answer; tokens of large directories have some kilobytes.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// Status and body of an answer.
pub(super) type Answered = (u16, Vec<u8>);

/// Posts `fields` as a form.
///
/// # Errors
/// What stood in the way, in words without any of the fields.
pub(super) async fn post_form(
    url: &WebhookUrl,
    fields: &[(&'static str, String)],
    extra_roots: &[CertificateDer<'static>],
) -> Result<Answered, String> {
    let done = tokio::time::timeout(ANSWER_WITHIN, ask(url, form(fields), extra_roots)).await;
    done.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())))
        .map_err(|why| format!("{}: {why}", url.host))
}

async fn ask(url: &WebhookUrl, body: String, extra_roots: &[CertificateDer<'static>]) -> Result<Answered, String> {
    let request = Request::builder()
        .method(hyper::Method::POST)
        .uri(&url.path)
        .header(header::HOST, url.authority())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let tcp = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(|error| error.to_string())?;
    if !url.tls {
        return exchange(tcp, request, read).await;
    }
    let name = ServerName::try_from(url.host.clone()).map_err(|_| "no name for a certificate".to_owned())?;
    let config = client_config(extra_roots.to_vec()).await?;
    let tls = TlsConnector::from(config).connect(name, tcp).await;
    exchange(tls.map_err(|error| format!("TLS: {error}"))?, request, read).await
}

async fn read(response: Response<Incoming>) -> Result<Answered, String> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
    Ok((head.status.as_u16(), body.to_bytes().to_vec()))
}

/// `application/x-www-form-urlencoded`.
pub(super) fn form(fields: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// Percent-encoded but for the unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _: std::fmt::Result = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The value of `name` in a query, decoded.
pub(super) fn query_value(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    let mut bytes = pair?.1.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let fields = [("scope", "https://a.example/ x+y&z=\u{fc}%".to_owned()), ("state", "s".to_owned())];
        let written = form(&fields);
        assert_eq!(written, "scope=https%3A%2F%2Fa.example%2F%20x%2By%26z%3D%C3%BC%25&state=s");
        assert_eq!(query_value(&written, "scope").as_ref(), Some(&fields[0].1));
        assert_eq!(query_value("a=b+c&code=%zz", "code"), None);
        assert_eq!(query_value("a=b+c", "a").as_deref(), Some("b c"));
    }
}
