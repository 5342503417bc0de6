//! Merging, participants, redaction and deletion of threads (API-25, API-47, API-16, API-24).

use crate::desk::thread::redaction::Redacted;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::conversations::conversation_answer;
use crate::http::api::message::contact_ref;
use crate::http::api::tickets::ticket_view;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::delete;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/conversations/{id}/merge", post(merge))
        .route("/conversations/{id}/unmerge", post(unmerge))
        .route("/conversations/{id}/customers", post(add))
        .route("/conversations/{id}/customers/{contact_id}", delete(remove).put(change))
        .route("/conversations/redact", post(redact))
        .route("/conversations/{id}", delete(delete_conversation))
        .route("/tickets/{id}", delete(delete_ticket))
}

async fn merge(call: Call, input: Input) -> Answer {
    let secondary: ThreadId = call.id("id", "conversation")?;
    let fields = input.fields();
    let Ok(Given::Some(primary)) = fields.id("merge_into_conversation_id") else {
        let (field, message) = ("merge_into_conversation_id", "'merge_into_conversation_id' takes a conversation's id");
        return Err(ApiError::field("parameter_invalid", field, message));
    };
    let caller = call.acting_as(fields.id("admin_id")?.value()).await?;
    let primary = call.desk().merge(&caller, secondary, primary).await?;
    conversation_answer(&call, primary).await
}

async fn unmerge(call: Call, input: Input) -> Answer {
    let secondary: ThreadId = call.id("id", "conversation")?;
    let caller = call.acting_as(input.fields().id("admin_id")?.value()).await?;
    call.desk().unmerge(&caller, secondary).await?;
    conversation_answer(&call, secondary).await
}

async fn add(call: Call, input: Input) -> Answer {
    let thread: ThreadId = call.id("id", "conversation")?;
    let fields = input.fields();
    let customer = fields.object("customer")?.value().ok_or_else(|| ApiError::missing("customer"))?;
    let named = contact_ref(&customer, "intercom_user_id", "user_id", "email")?;
    let contact = named.ok_or_else(|| ApiError::missing("customer.intercom_user_id"))?;
    let from_now_on = fields.flag("from_now_on")?.value().unwrap_or(false);
    let caller = call.acting_as(fields.id("admin_id")?.value()).await?;
    call.desk().add_participant(&caller, thread, contact, from_now_on).await?;
    customers(&call, thread).await
}

async fn remove(call: Call, input: Input) -> Answer {
    let (thread, contact) = participant(&call)?;
    let caller = call.acting_as(input.fields().id("admin_id")?.value()).await?;
    call.desk().remove_participant(&caller, thread, contact).await?;
    customers(&call, thread).await
}

/// Ours: `{"primary": true}` makes a participant the one the messenger serves (PAR-2).
async fn change(call: Call, input: Input) -> Answer {
    let (thread, contact) = participant(&call)?;
    if input.fields().flag("primary")?.value() != Some(true) {
        return Err(ApiError::field("parameter_invalid", "primary", "'primary' takes true"));
    }
    call.desk().set_primary_participant(&call.caller, thread, contact).await?;
    customers(&call, thread).await
}

fn participant(call: &Call) -> Result<(ThreadId, ContactId)> {
    Ok((call.id("id", "conversation")?, call.id("contact_id", "contact")?))
}

/// Who takes part now, the primary one first.
async fn customers(call: &Call, thread: ThreadId) -> Answer {
    let view = call.read(move |desk, caller| desk.thread_view(caller, thread, false)).await?;
    let row = |contact: &crate::domain::contact::Contact| json!({"type": contact.role.as_str(), "id": contact.id.to_string()});
    let customers: Vec<Value> = view.contacts.iter().map(row).collect();
    Ok(Json(json!({"customers": customers})))
}

async fn redact(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let thread: ThreadId = fields.required_id("conversation_id")?;
    let what = match fields.required_text("type")? {
        "conversation_part" => Redacted::Part(fields.required_id::<PartId>("conversation_part_id")?),
        "source" => Redacted::Source(fields.required_id::<PartId>("source_id")?),
        _ => {
            let message = "'type' takes conversation_part or source";
            return Err(ApiError::field("parameter_invalid", "type", message));
        }
    };
    call.desk().redact(&call.caller, thread, what).await?;
    conversation_answer(&call, thread).await
}

async fn delete_conversation(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    call.desk().delete_thread(&call.caller, id).await?;
    Ok(Json(json!({"id": id.to_string(), "object": "conversation", "deleted": true})))
}

async fn delete_ticket(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    ticket_view(&call, id, false).await?;
    call.desk().delete_thread(&call.caller, id).await?;
    Ok(Json(json!({"id": id.to_string(), "object": "ticket", "deleted": true})))
}
