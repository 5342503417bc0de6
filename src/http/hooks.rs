//! `/hooks/in/mime`: one raw mail by POST, for relays and providers that deliver over HTTP (INTERFACES §4).
//!
//! The body is the message as it is (RFC 5322); `recipient`, once for each, and `sender` in the query are its envelope.
//! Without recipients its headers say where it belongs (EML-10). What came before is answered as a duplicate, so that a
//! sender who missed the answer may simply send again.
//!
//! **Invariant:** 2xx is answered only after the commit that holds the message (EML-1); our own faults are 503 or 507,
//! policy is 4xx. A token needs the scope `intake`.

use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::NotAccepted;
use crate::desk::mail::arrival::result_word;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::frame;
use crate::http::input::SILENCE_MAX;
use crate::http::input::read_body_of;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Extension;
use axum::extract::Query;
use axum::extract::Request;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Json;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

/// Recipients of one mail, as at the listeners.
const RECIPIENTS_MAX: usize = 100;
/// Longest reverse-path that is kept (RFC 5321 §4.5.3.1.3).
const SENDER_BYTES_MAX: usize = 256;

/// The routes below `/hooks/in`.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/mime", post(take_mime))
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(middleware::from_fn_with_state(api.clone(), frame::around_api))
}

async fn take_mime(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    query: Query<Vec<(String, String)>>,
    request: Request,
) -> Result<Json<Value>> {
    if !caller.scopes.contains(&Scope::Intake) {
        return Err(ApiError::forbidden("the token lacks the scope intake"));
    }
    let (recipients, reverse_path) = envelope(&api, &query)?;
    let (raw, room) = read_body_of(&api.shared.body_room, request.into_body(), SILENCE_MAX, api.mime_bytes_max)
        .await
        .map_err(|error| match error.status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(error.status, "client_error", "the mail is too large"),
        _ => error,
    })?;
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::invalid("bad_request", "the body must be a mail as it was received (RFC 5322)"));
    }
    let source = ArrivalSource::Http { caller: caller.name.clone() };
    let accepted = api.desk.accept(Arrival { source, reverse_path, recipients, raw }).await;
    drop(room);
    if let Some(health) = &api.health {
        health.took_in("http", result_word(&accepted));
    }
    accepted.map(|accepted| Json(taken(&accepted))).map_err(refused)
}

/// Recipients and reverse-path of the query.
fn envelope(api: &Api, Query(query): &Query<Vec<(String, String)>>) -> Result<(Vec<Address>, Option<String>)> {
    let (mut recipients, mut sender) = (Vec::new(), None);
    for (name, value) in query {
        match name.as_str() {
            "recipient" => {
                let address = Address::parse(value).ok_or_else(|| {
                    ApiError::field("parameter_invalid", "recipient", "'recipient' takes an email address")
                })?;
                if !api.desk.knows_recipient(&address) {
                    return Err(ApiError::field(
                        "parameter_invalid",
                        "recipient",
                        format!("no such address here: {address}"),
                    ));
                }
                if !recipients.contains(&address) {
                    recipients.push(address);
                }
            }
            "sender" if value.len() <= SENDER_BYTES_MAX && !value.chars().any(char::is_control) => {
                sender = Some(value.trim_start_matches('<').trim_end_matches('>').to_owned());
            }
            "sender" => return Err(ApiError::field("parameter_invalid", "sender", "'sender' takes an email address")),
            _ => {}
        }
    }
    if recipients.len() > RECIPIENTS_MAX {
        let message = format!("at most {RECIPIENTS_MAX} recipients; send the rest in another request");
        return Err(ApiError::field("parameter_invalid", "recipient", message));
    }
    Ok((recipients, sender))
}

fn taken(accepted: &Accepted) -> Value {
    let (conversation, part) = match accepted {
        Accepted::Part { thread, part, .. } => (Some(thread.to_string()), Some(part.to_string())),
        Accepted::Duplicate(thread) => (Some(thread.to_string()), None),
        Accepted::Own | Accepted::Tombstoned | Accepted::Quarantined(_) => (None, None),
    };
    let quarantine = match accepted {
        Accepted::Quarantined(intake) => Some(intake.to_string()),
        _ => None,
    };
    json!({
        "type": "intake",
        "result": accepted.as_str(),
        "conversation_id": conversation,
        "part_id": part,
        "quarantine_id": quarantine,
    })
}

fn refused(why: NotAccepted) -> ApiError {
    match why {
        NotAccepted::TryAgain(reason) => {
            tracing::warn!(reason, "a mail handed in over HTTP was not stored");
            ApiError::unavailable("the mail could not be stored now; try again")
        }
        NotAccepted::Full => {
            let full = StatusCode::INSUFFICIENT_STORAGE;
            ApiError { retry_after_s: Some(60), ..ApiError::new(full, "service_unavailable", "out of storage space") }
        }
        NotAccepted::Policy(text) => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "parameter_invalid", text),
    }
}
