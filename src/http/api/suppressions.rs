//! `/suppressions`: addresses that get no mail (EML-82, EML-83). For operators: scope `settings`.

use crate::domain::address::Address;
use crate::domain::id::Millis;
use crate::domain::suppression::AddressStanding;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_MAX;
use axum::Router;
use axum::response::Json;
use axum::routing::delete;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/suppressions", get(list).post(add)).route("/suppressions/{address}", delete(lift))
}

/// In the order of addresses; `?after=` goes on behind one.
async fn list(call: Call) -> Answer {
    let limit = call.page(PER_PAGE_MAX)?.per_page;
    let after = call.query("after").map(str::to_lowercase);
    let found = call.read(move |desk, caller| desk.suppressions(Some(caller), after.as_deref(), limit)).await?;
    Ok(Json(wire::list(found.iter().map(shown).collect())))
}

async fn add(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let address = fields.word("address", "an email address", Address::parse)?.value();
    let address = address.ok_or_else(|| ApiError::missing("address"))?;
    let until = fields.moment("until")?.value();
    let words = fields.owned("reason")?.value().unwrap_or_default();
    let kept = call.desk().suppress(&call.caller, address, until, &words).await?;
    Ok(Json(shown(&kept)))
}

async fn lift(call: Call) -> Answer {
    let named = call.path_text("address").and_then(Address::parse);
    let address = named.ok_or_else(|| ApiError::not_found("suppression"))?;
    let lifted = call.desk().lift_suppression(Some(&call.caller), address).await?;
    Ok(Json(json!({"type": "suppression", "address": lifted.address.to_string(), "deleted": true})))
}

fn shown(standing: &AddressStanding) -> Value {
    let held = standing.suppression.as_ref();
    json!({
        "type": "suppression",
        "address": standing.address.to_string(),
        "cause": held.map(|held| held.by.as_str()),
        "reason": held.map(|held| held.words.clone()),
        "since": held.map(|held| held.since.seconds()),
        "until": held.and_then(|held| held.until).map(Millis::seconds),
        "failures": standing.failures.len(),
    })
}
