//! `/events_log`: the ordered log of everything that happened, to be polled (API-50).

use crate::domain::id::EventSeq;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::api::wire::event::entry;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::paging::PER_PAGE_MAX;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/events_log", get(after))
}

/// Entries behind `after` (from the beginning without it), in order. `next_after` is what to ask for next; when
/// `has_more` is false, ask again later.
async fn after(call: Call) -> Answer {
    let limit = call.page(PER_PAGE_MAX)?.per_page;
    let after = match call.query("after") {
        None | Some("") => EventSeq(0),
        Some(text) => text.parse().map_err(|_| ApiError::wrong_type("after", "a log_seq"))?,
    };
    let entries = call.read(move |desk, caller| desk.events_log(caller, after, limit.saturating_add(1))).await?;
    let has_more = entries.len() > limit;
    let page = entries.iter().take(limit);
    let next_after = page.clone().next_back().map_or(after, |entry| entry.seq);
    let list = wire::list(page.map(entry).collect());
    Ok(Json(wire::with(list, json!({"has_more": has_more, "next_after": next_after.0}))))
}
