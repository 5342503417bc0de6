//! `GET /messenger/ws`: who may connect (`POST /messenger/poll` asks the same), and the handshake of a websocket (RFC 6455 §4.2).
//!
//! **Invariant:** everything is decided before the 101: origin (RFC 6454), pace and room cost a refused client one HTTP
//! answer. No extension is negotiated, so no compressed frame can grow in memory (RFC 7692).

use crate::channel::messenger::Hub;
use crate::channel::messenger::SUBPROTOCOL;
use crate::channel::messenger::hub::Refused;
use crate::http::messenger_poll::Lines;
use crate::http::messenger_poll::poll;
use crate::http::trusted_proxies::TrustedProxies;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use data_encoding::BASE64;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The only version there is (RFC 6455 §4.4).
const VERSION: &str = "13";
/// Octets of a decoded `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;

/// Pages that may connect (MSG-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// Scheme, host and port as browsers send them; empty for every page.
    listed: Arc<[String]>,
}

impl AllowedOrigins {
    /// Pages of these origins; of every origin when there is none in the list.
    #[must_use]
    pub fn new(listed: &[String]) -> Self {
        Self { listed: listed.iter().map(|origin| normal(origin)).collect() }
    }

    /// Who may frame the messenger's page, as a policy says it (CSP 3 §6.4.2).
    pub(crate) fn frame_ancestors(&self) -> String {
        if self.listed.is_empty() { "*".to_owned() } else { self.listed.join(" ") }
    }

    /// Whether a request with these `Origin` fields may connect. A browser sends exactly one. The messenger's own frame
    /// is a page of this host; who may frame it is said in its policy.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        if self.listed.is_empty() {
            return true;
        }
        let mut sent = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (sent.next(), sent.next()) else { return false };
        origin.to_str().is_ok_and(|origin| self.listed.contains(&normal(origin)) || is_of_host(origin, headers))
    }
}

/// Whether the origin is a page of the host that was asked.
fn is_of_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let of_origin = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    matches!((of_origin, host), (Some((_, named)), Some(host)) if named.eq_ignore_ascii_case(host))
}

/// Lower case and without a port that goes without saying (RFC 6454 §6.2).
fn normal(origin: &str) -> String {
    let lower = origin.to_ascii_lowercase();
    let bare = match lower.split_once("://") {
        Some(("https", rest)) => rest.strip_suffix(":443").map(|host| format!("https://{host}")),
        Some(("http", rest)) => rest.strip_suffix(":80").map(|host| format!("http://{host}")),
        _ => None,
    };
    bare.unwrap_or(lower)
}

/// What both ways in need.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) hub: Hub,
    pub(crate) origins: AllowedOrigins,
    pub(crate) proxies: TrustedProxies,
    pub(crate) lines: Lines,
}

/// The routes, to be merged into the router of the HTTP listener.
pub fn route(hub: Hub, origins: AllowedOrigins, proxies: TrustedProxies) -> Router {
    Router::new().route("/messenger/ws", get(upgrade)).route("/messenger/poll", post(poll)).with_state(Door {
        hub,
        origins,
        proxies,
        lines: Lines::default(),
    })
}

async fn upgrade(State(door): State<Door>, mut request: Request) -> Response {
    if !door.origins.allow(request.headers()) {
        return said(StatusCode::FORBIDDEN, "this page may not connect");
    }
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(refusal) => return refusal,
    };
    let place = match door.hub.admit(door.proxies.client_address(&request)) {
        Ok(place) => place,
        Err(refused) => return turned_away(refused),
    };
    let with_subprotocol = offers_subprotocol(request.headers());
    let upgraded = hyper::upgrade::on(&mut request);
    door.hub.spawn(place, async move { upgraded.await.ok().map(TokioIo::new) });
    switching(&accept, with_subprotocol)
}

/// What proves to the client that its handshake was read.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Response> {
    if !has_token(headers, header::CONNECTION, "upgrade") || !has_token(headers, header::UPGRADE, "websocket") {
        let mut refusal = said(StatusCode::UPGRADE_REQUIRED, "this is a websocket");
        refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        refusal.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(refusal);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        let mut refusal = said(StatusCode::UPGRADE_REQUIRED, "only version 13 is spoken");
        refusal.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        return Err(refusal);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if !BASE64.decode(key).is_ok_and(|nonce| nonce.len() == KEY_BYTES) {
        return Err(said(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not a nonce"));
    }
    let accept = HeaderValue::from_str(&derive_accept_key(key));
    accept.map_err(|_| said(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not a nonce"))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|word| word.trim().eq_ignore_ascii_case(token)))
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|word| word.trim() == SUBPROTOCOL))
}

pub(crate) fn turned_away(refused: Refused) -> Response {
    let (status, wait_s) = match refused {
        Refused::Draining => (StatusCode::SERVICE_UNAVAILABLE, 5),
        Refused::Blocked => return said(StatusCode::FORBIDDEN, "you cannot write here"),
        Refused::Full => (StatusCode::SERVICE_UNAVAILABLE, 30),
        Refused::TooOften(wait_s) => (StatusCode::TOO_MANY_REQUESTS, wait_s),
    };
    let mut response = said(status, "try again later");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    response
}

fn switching(accept: &HeaderValue, with_subprotocol: bool) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept.clone());
    if with_subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

pub(crate) fn said(status: StatusCode, why: &'static str) -> Response {
    (status, why).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn msg_4_only_listed_pages_connect_and_tricks_do_not() {
        let origins =
            AllowedOrigins::new(&["https://www.example.com".to_owned(), "http://shop.example.com:8080".to_owned()]);
        let cases = [
            ("https://www.example.com", true),
            ("https://WWW.example.com:443", true),
            ("http://shop.example.com:8080", true),
            ("http://www.example.com", false),
            ("http://shop.example.com", false),
            ("https://www.example.com:8443", false),
            ("https://www.example.com.evil.example", false),
            ("https://evil.example/https://www.example.com", false),
            ("https://xwww.example.com", false),
            ("https://www.example.com/", false),
            ("null", false),
            ("", false),
        ];
        for (origin, allowed) in cases {
            assert_eq!(origins.allow(&headers(&[("origin", origin)])), allowed, "{origin}");
        }
        assert!(!origins.allow(&headers(&[])), "a page always has an origin");
        let own = |origin| headers(&[("origin", origin), ("host", "desk.example.com")]);
        assert!(origins.allow(&own("https://desk.example.com")), "the messenger's own frame");
        assert!(!origins.allow(&own("https://desk.example.com.evil.example")) && !origins.allow(&own("null")));
        let two = headers(&[("origin", "https://www.example.com"), ("origin", "https://evil.example")]);
        assert!(!origins.allow(&two));
        let any = AllowedOrigins::new(&[]);
        assert!(any.allow(&headers(&[])) && any.allow(&headers(&[("origin", "null")])));
    }

    #[test]
    fn a_handshake_must_be_whole() {
        const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let whole =
            [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket"), ("sec-websocket-version", "13"), KEY];
        // The example of RFC 6455 §1.3.
        let accepted = accept_key(&headers(&whole)).map_err(|refusal| refusal.status());
        assert_eq!(accepted, Ok(HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        let cases = [
            (0, ("connection", "keep-alive"), 426),
            (1, ("upgrade", "h2c"), 426),
            (2, ("sec-websocket-version", "8"), 426),
            (3, ("sec-websocket-key", "short"), 400),
            (3, ("sec-websocket-key", ""), 400),
        ];
        for (at, field, status) in cases {
            let mut fields = whole;
            fields[at] = field;
            let refused = accept_key(&headers(&fields)).map_err(|refusal| refusal.status().as_u16());
            assert_eq!(refused, Err(status), "{field:?}");
        }
    }
}
