//! `/events`: what contacts did in the customer's own product (API-27).

use crate::desk::people::contacts::ContactRef;
use crate::desk::people::data_events::CountedEvent;
use crate::desk::people::data_events::NewDataEvent;
use crate::domain::address::Address;
use crate::domain::data_event::METADATA_KEYS_MAX;
use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::id::Millis;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::data_event::data_event;
use crate::http::api::wire::data_event::summary;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

/// Events of a page where nothing is said.
const PER_PAGE_EVENTS: usize = 15;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/events", get(all).post(submit)).route("/events/summaries", post(set_counts))
}

/// Answers 202, as the compatible API does; with an empty object, so that a repeated key finds an answer (API-8).
async fn submit(call: Call, input: Input) -> Result<(StatusCode, Json<Value>)> {
    let fields = input.fields();
    let by = whose(&fields)?;
    let name = fields.required_text("event_name")?.to_owned();
    let at = fields.moment("created_at")?.value().ok_or_else(|| ApiError::missing("created_at"))?;
    let new = NewDataEvent { name, at: Some(at), metadata: metadata(&fields)? };
    call.desk().note_data_event(&call.caller, by, new).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

/// Sets how often things were done, for what was counted before.
async fn set_counts(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let by = whose(&fields)?;
    let counted = match fields.any("event_summaries") {
        Given::Some(Value::Array(all)) => all.iter().map(counted).collect::<Result<_>>()?,
        Given::Some(one) => vec![counted(one)?],
        _ => return Err(ApiError::missing("event_summaries")),
    };
    call.desk().set_data_event_counts(&call.caller, by, counted).await?;
    Ok(Json(json!({})))
}

fn counted(value: &Value) -> Result<CountedEvent> {
    let fields = Fields::of(value, "event_summaries")?;
    let missing = |name: &str| ApiError::missing(&fields.named(name));
    let moment = |name: &str| -> Result<Millis> { fields.moment(name)?.value().ok_or_else(|| missing(name)) };
    Ok(CountedEvent {
        name: fields.required_text("event_name")?.to_owned(),
        count: fields.number("count")?.value().ok_or_else(|| missing("count"))?,
        first_at: moment("first")?,
        last_at: moment("last")?,
    })
}

/// Single events of a contact, or with `summary=true` how often each was done.
async fn all(call: Call) -> Answer {
    if call.query("type") != Some("user") {
        return Err(ApiError::field("parameter_invalid", "type", "'type' takes 'user'"));
    }
    let by = whose_query(&call)?;
    if call.query("summary") == Some("true") {
        let (contact, counts) = call.read(move |desk, caller| desk.data_event_summaries(caller, &by)).await?;
        return Ok(Json(summary(&contact, &counts)));
    }
    let limit = call.page(PER_PAGE_EVENTS)?.per_page;
    let before: Option<DataEventId> = match call.query("before") {
        None | Some("") => None,
        Some(text) => Some(text.parse().map_err(|_| ApiError::wrong_type("before", "the id of an event"))?),
    };
    let asked =
        move |desk: &crate::desk::Desk, caller: &_| desk.data_events(caller, &by, before, limit.saturating_add(1));
    let (contact, mut events) = call.read(asked).await?;
    let more = events.len() > limit;
    events.truncate(limit);
    let base = &call.desk().settings().public_url;
    let next = events.last().filter(|_| more).map(|last| {
        let contact = contact.id;
        format!("{base}/api/events?type=user&intercom_user_id={contact}&per_page={limit}&before={}", last.id)
    });
    let rows: Vec<Value> = events.iter().map(|event| data_event(event, &contact)).collect();
    Ok(Json(json!({"type": "event.list", "events": rows, "pages": {"next": next}})))
}

/// The contact of a body: by its own id, by the caller's key, or by address.
fn whose(fields: &Fields<'_>) -> Result<ContactRef> {
    for name in ["intercom_user_id", "id"] {
        if let Given::Some(id) = fields.owned(name)? {
            return Ok(by_id(id));
        }
    }
    if let Given::Some(key) = fields.owned("user_id")? {
        return Ok(ContactRef::External(key));
    }
    let address = fields.word("email", "an email address", Address::parse)?.value();
    address.map(ContactRef::Email).ok_or_else(|| ApiError::missing("user_id"))
}

/// `id` is ours or the caller's key: the compatible API takes both there.
fn by_id(id: String) -> ContactRef {
    id.parse::<ContactId>().map_or(ContactRef::External(id), ContactRef::Id)
}

fn whose_query(call: &Call) -> Result<ContactRef> {
    if let Some(id) = call.query("intercom_user_id") {
        return Ok(ContactRef::Id(id.parse().map_err(|_| ApiError::not_found("contact"))?));
    }
    if let Some(key) = call.query("user_id") {
        return Ok(ContactRef::External(key.to_owned()));
    }
    let address = call.query("email").ok_or_else(|| ApiError::missing("user_id"))?;
    let address = Address::parse(address).ok_or_else(|| ApiError::wrong_type("email", "an email address"))?;
    Ok(ContactRef::Email(address))
}

fn metadata(fields: &Fields<'_>) -> Result<String> {
    match fields.any("metadata") {
        Given::Absent | Given::Null => Ok("{}".to_owned()),
        Given::Some(value) => {
            let object = value.as_object().ok_or_else(|| ApiError::wrong_type("metadata", "an object"))?;
            if object.len() > METADATA_KEYS_MAX {
                let message = format!("metadata takes at most {METADATA_KEYS_MAX} keys");
                return Err(ApiError::field("parameter_invalid", "metadata", message));
            }
            Ok(value.to_string())
        }
    }
}
