//! `/dev/mail`: the mail that was captured instead of sent, for development (INTERFACES §3).
//!
//! **Invariant:** only mounted where there is no configuration file, and so no customer. The page runs no script and
//! shows the messages as text.

use crate::desk::Desk;
use crate::desk::journal::shown_time;
use crate::domain::id::DeliveryId;
use crate::http::html::escaped;
use axum::Router;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use std::fmt::Write;

/// Messages on the page.
const LISTED_MAX: usize = 200;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color-scheme:light dark}table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.4rem .6rem;\
border-bottom:1px solid #8884;vertical-align:top}th{font-weight:600}td:first-child{white-space:nowrap}";

/// The routes of the page.
pub fn routes(desk: Desk) -> Router {
    Router::new().route("/dev/mail", get(list)).route("/dev/mail/{id}", get(show)).with_state(desk)
}

async fn list(State(desk): State<Desk>) -> Response {
    let listed = tokio::task::spawn_blocking(move || desk.captured(LISTED_MAX)).await;
    let Ok(Ok(captured)) = listed else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read").into_response();
    };
    let mut rows = String::new();
    for (delivery, message) in captured {
        let to = delivery.address.as_ref().map(ToString::to_string).unwrap_or_default();
        let row = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td><a href=\"/dev/mail/{}\">{}</a></td><td>{}</td></tr>",
            escaped(&shown_time(delivery.created_at)),
            escaped(&to),
            delivery.id,
            escaped(&subject(&message)),
            delivery.kind.as_str(),
        );
        if row.is_err() {
            break;
        }
    }
    let empty = if rows.is_empty() { "<p>Nothing was captured yet.</p>" } else { "" };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>Captured mail</title><style>{STYLE}</style>\
         <h1>Captured mail</h1><p>No relay is configured, so outgoing mail is kept here instead of being sent.</p>\
         {empty}<table><thead><tr><th>Owed</th><th>To</th><th>Subject</th><th>Kind</th></tr></thead>\
         <tbody>{rows}</tbody></table></html>"
    );
    let mut response = Html(page).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<DeliveryId>() else {
        return (StatusCode::NOT_FOUND, "no such message").into_response();
    };
    let found = tokio::task::spawn_blocking(move || desk.captured_bytes(id)).await;
    match found {
        Ok(Ok(Some(message))) => {
            let plain =
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (plain, message).into_response()
        }
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, "no such message").into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read").into_response(),
    }
}

fn subject(message: &[u8]) -> String {
    let subject = crate::mail::message::read(message).subject;
    if subject.is_empty() { "(no subject)".to_owned() } else { subject }
}
