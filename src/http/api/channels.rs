//! How the ways mail comes and goes are, for administration (API-51). They are set in the configuration and shown here; no
//! secret of theirs is.

use crate::domain::agent::Scope;
use crate::domain::id::Millis;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::list;
use crate::http::call::Call;
use crate::http::error::Result;
use crate::http::ops;
use crate::http::ops::health::Health;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/mailboxes", get(mailboxes)).route("/relays", get(relays))
}

async fn mailboxes(call: Call) -> Answer {
    shown(&call, ops::mailboxes)
}

async fn relays(call: Call) -> Answer {
    shown(&call, ops::relays)
}

fn shown(call: &Call, rows: fn(&Health, Millis) -> Vec<Value>) -> Result<Json<Value>> {
    call.require(Scope::Settings)?;
    let now = call.desk().clock().now();
    Ok(Json(list(call.health().map_or_else(Vec::new, |health| rows(health, now)))))
}
