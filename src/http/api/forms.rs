//! Forms in conversations: which can be sent, send, submit, withdraw (API-47, FRM rules).

use crate::desk::ticket::form_submission::FormSource;
use crate::desk::ticket::form_submission::Submission;
use crate::desk::ticket::forms::NewForm;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::message::contact_ref;
use crate::http::api::tickets::ticket_answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/conversations/{id}/forms", get(sendable).post(send))
        .route("/forms/{id}/submit", post(submit))
        .route("/forms/{id}/withdraw", post(withdraw))
}

/// Types whose forms can be sent into the conversation now (FRM-2).
async fn sendable(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    let types = call.read(move |desk, caller| desk.sendable_forms(caller, id)).await?;
    let wire = call.wire().await?;
    Ok(Json(wire::list(types.iter().map(|one| wire.ticket_type(one)).collect())))
}

async fn send(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    let fields = input.fields();
    let new = NewForm {
        ticket_type: fields.required_id("ticket_type_id")?,
        values: fields.values("ticket_attributes")?,
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
    };
    let caller = call.acting_as(fields.id("admin_id")?.value()).await?;
    let part = call.desk().send_form(&caller, id, new).await?;
    Ok(Json(call.wire().await?.conversation_part(&part, &[])))
}

/// A program submits for a contact: the primary one of the conversation unless it names another. The answer is the
/// ticket.
async fn submit(call: Call, input: Input) -> Answer {
    let form: PartId = call.id("id", "form")?;
    let fields = input.fields();
    let primary = call.read(move |desk, caller| desk.form_contact(caller, form)).await?;
    let contact = match fields.object("contact")?.value() {
        Some(named) => named_contact(&call, &named).await?,
        None => primary,
    };
    let submission = Submission {
        form: FormSource::Card(form),
        values: fields.values("ticket_attributes")?,
        client_id: client_id(&fields)?,
        channel: ChannelKind::Api,
    };
    let submitted = call.desk().submit_form(contact, submission).await?;
    ticket_answer(&call, submitted.ticket).await
}

async fn named_contact(call: &Call, named: &Fields<'_>) -> Result<ContactId> {
    let by = contact_ref(named, "id", "external_id", "email")?.ok_or_else(|| ApiError::missing("contact.id"))?;
    Ok(call.read(move |desk, caller| desk.find_contact(caller, &by)).await?.id)
}

/// The key of a repeatable submission, as the messenger sends it.
fn client_id(fields: &Fields<'_>) -> Result<Option<String>> {
    const BYTES_MAX: usize = 64;
    let Some(key) = fields.text("client_id")?.value() else { return Ok(None) };
    let fits = (1..=BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(Some(key.to_owned()));
    }
    let message = format!("'client_id' takes 1 to {BYTES_MAX} visible ASCII characters");
    Err(ApiError::field("parameter_invalid", "client_id", message))
}

async fn withdraw(call: Call, input: Input) -> Answer {
    let form: PartId = call.id("id", "form")?;
    let caller = call.acting_as(input.fields().id("admin_id")?.value()).await?;
    let part = call.desk().withdraw_form(&caller, form).await?;
    Ok(Json(call.wire().await?.conversation_part(&part, &[])))
}
