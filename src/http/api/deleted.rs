//! `/conversations/deleted`: which threads are no more (API-27, DAT-6).

use crate::domain::id::Millis;
use crate::domain::thread::Thread;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::listed;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

/// Most deleted threads that are looked through.
const LOOKED_AT_MAX: usize = 10_000;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/conversations/deleted", get(all))
}

/// Ids by the time they were deleted, the latest first unless `order=asc`; pages by number. Nothing else of them is left.
async fn all(call: Call) -> Answer {
    let asked = call.numbered_page(PER_PAGE_DEFAULT)?;
    let latest_first = match call.query("order") {
        None | Some("" | "desc") => true,
        Some("asc") => false,
        Some(_) => return Err(ApiError::field("parameter_invalid", "order", "'order' takes 'asc' or 'desc'")),
    };
    let gone = call.read(move |desk, caller| desk.deleted_threads(caller, latest_first, LOOKED_AT_MAX)).await?;
    let total = u64::try_from(gone.len()).unwrap_or(u64::MAX);
    let rows: Vec<Value> = asked.of(&gone).map(form).collect();
    let list = listed("conversations.list", "conversations", rows);
    Ok(Json(with(list, json!({"total_count": total, "pages": asked.pages(total)}))))
}

fn form(thread: &Thread) -> Value {
    json!({
        "type": "conversation",
        "id": thread.id.to_string(),
        "deleted_at": thread.deleted_at.map(Millis::seconds),
        "metrics_retained": false,
    })
}
