//! `/deliveries`: what is owed, and what became of it (API-48). For operators: scope `settings`.

use crate::domain::delivery::Delivery;
use crate::domain::id::DeliveryId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::api::wire::delivery::delivery;
use crate::http::call::Call;
use crate::http::paging::PER_PAGE_MAX;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;

/// Deliveries looked at to fill a filtered list.
const LOOKED_AT_MAX: usize = 1_000;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/deliveries", get(list))
        .route("/deliveries/{id}", get(one))
        .route("/deliveries/{id}/retry", post(retry))
}

/// What waits, by due time, then what failed or is uncertain, then all others; `?state=` keeps one state only.
async fn list(call: Call) -> Answer {
    let limit = call.page(PER_PAGE_MAX)?.per_page;
    let state = call.query("state").map(ToOwned::to_owned);
    let looked_at = if state.is_some() { LOOKED_AT_MAX } else { limit };
    let found = call.read(move |desk, caller| desk.all_deliveries(Some(caller), looked_at)).await?;
    let fits = |delivery: &&Delivery| state.as_deref().is_none_or(|state| delivery.state.as_str() == state);
    Ok(Json(wire::list(found.iter().filter(fits).take(limit).map(delivery).collect())))
}

async fn one(call: Call) -> Answer {
    let id: DeliveryId = call.id("id", "delivery")?;
    let found = call.read(move |desk, caller| desk.delivery(Some(caller), id)).await?;
    Ok(Json(delivery(&found)))
}

async fn retry(call: Call) -> Answer {
    let id: DeliveryId = call.id("id", "delivery")?;
    let retried = call.desk().retry_delivery(Some(&call.caller), id).await?;
    Ok(Json(delivery(&retried)))
}
