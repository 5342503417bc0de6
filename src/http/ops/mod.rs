//! The operations listener: `/healthz`, `/readyz`, `/metrics` (OPS-6).
//!
//! **Invariant:** never served on the public listener; shows no content and no secret.

pub mod health;
mod metrics;

use crate::channel::imap::MailboxState;
use crate::desk::Desk;
use crate::domain::id::Millis;
use crate::http::ops::health::Health;
use crate::http::ops::health::phase_word;
use crate::http::ops::health::relay_words;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

/// Content type of OpenMetrics text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener reads from.
#[derive(Clone, Debug)]
pub struct Ops {
    /// How the process is.
    pub health: Health,
    /// The desk's figures.
    pub desk: Desk,
}

/// The routes.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

/// The process answers; whether it takes work is `/readyz`.
async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let reasons = ops.health.not_ready_because();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let now = ops.desk.clock().now();
    let ready = reasons.is_empty();
    let (mailboxes, relays) = (mailboxes(&ops.health, now), relays(&ops.health, now));
    let body = json!({ "ready": ready, "reasons": reasons, "mailboxes": mailboxes, "relays": relays });
    (status, Json(body)).into_response()
}

/// How the mailboxes are, by name.
pub(crate) fn mailboxes(health: &Health, now: Millis) -> Vec<Value> {
    let form = |(name, state): (String, MailboxState)| {
        json!({
            "name": name,
            "phase": phase_word(state.phase),
            "last_success_s": state.last_success_at.map(|at| now.since(at).as_secs()),
            "waiting": state.lag,
            "unfetchable": state.unfetchable,
            "unaccounted": state.unaccounted,
            "last_error": state.last_error,
        })
    };
    health.mailboxes().into_iter().map(form).collect()
}

/// How the relays are, by name.
pub(crate) fn relays(health: &Health, now: Millis) -> Vec<Value> {
    let form = |(name, relay)| json!({ "name": name, "state": relay_words(&relay, now) });
    health.relays().into_iter().map(form).collect()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let desk = ops.desk.clone();
    let status = tokio::task::spawn_blocking(move || desk.status()).await;
    let page = match status {
        Ok(Ok(status)) => {
            metrics::page(&ops.health, &status, ops.desk.clock().now()).map_err(|error| error.to_string())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match page {
        Ok(page) => ([(CONTENT_TYPE, OPENMETRICS)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, "metrics cannot be read\n").into_response()
        }
    }
}
