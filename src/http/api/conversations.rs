//! `/conversations`: threads and what is said in them (API-17, API-24, API-25).

use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::comments::Posted;
use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::thread::conversations::ThreadChange;
use crate::desk::thread::message::NewMessage;
use crate::desk::ticket::tickets::Conversion;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::thread::Priority;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::addressing::addressing;
use crate::http::api::message::Writer;
use crate::http::api::message::contact_ref;
use crate::http::api::message::message;
use crate::http::api::message::message_if_any;
use crate::http::api::message::quick_reply;
use crate::http::api::tickets::ticket_answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/conversations", get(list).post(create))
        .route("/conversations/{id}", get(one).put(update))
        .route("/conversations/{id}/reply", post(reply))
        .route("/conversations/{id}/parts", post(act))
        .route("/conversations/{id}/run_assignment_rules", post(run_assignment_rules))
        .route("/conversations/{id}/convert", post(convert))
}

async fn list(call: Call) -> Answer {
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let after = asked.after_pair().map(|(at, id)| (Millis(at), ThreadId(id)));
    let page = call.read(move |desk, caller| desk.conversations(caller, after, asked.per_page)).await?;
    let forms = call.wire().await?;
    let last = page.items.last().filter(|_| page.has_more);
    let last = last.map(|view| [view.thread.updated_at.0, view.thread.id.0]);
    let rows = page.items.iter().map(|view| forms.conversation(view, false)).collect();
    let page = json!({"total_count": page.total, "pages": asked.pages(page.total, last)});
    Ok(Json(wire::with(wire::listed("conversation.list", "conversations", rows), page)))
}

/// Written straight into bytes, off the threads that serve others: it may have 500 parts.
async fn one(call: Call) -> Result<Response> {
    let id: ThreadId = call.id("id", "conversation")?;
    if !call.wants_parts() {
        return Ok(conversation_answer(&call, id).await?.into_response());
    }
    let wire = call.wire().await?;
    let bytes = call.read_form(move |desk, caller| {
        let view = desk.folded_view(caller, id, true)?;
        wire.conversation_bytes(&view).map_err(|error| ApiError::internal(&error))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes.await?).into_response())
}

/// A conversation as it is now.
pub(crate) async fn conversation_answer(call: &Call, id: ThreadId) -> Answer {
    let with_parts = call.wants_parts();
    let view = call.read(move |desk, caller| desk.folded_view(caller, id, with_parts)).await?;
    Ok(Json(call.wire().await?.conversation(&view, with_parts)))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let from = fields.object("from")?.value().ok_or_else(|| ApiError::missing("from"))?;
    from.word("type", "'user', 'lead' or 'contact'", |word| matches!(word, "user" | "lead" | "contact").then_some(()))?;
    let contact = ContactRef::Id(from.required_id("id")?);
    let body = fields.required_text("body")?;
    let subject = fields.owned("subject")?.value().filter(|subject| !subject.trim().is_empty());
    let support_address = address_of_brand(&call, &fields).await?;
    let message = message(&call, &fields, Writer::Contact).await?;
    let message = NewMessage { title: subject.clone(), support_address, ..message };
    let posted = call.desk().comment_for_contact(&call.caller, &contact, None, message).await?;
    let created_at = fields.moment("created_at")?.value().unwrap_or_else(|| call.desk().clock().now()).seconds();
    let message = json!({
        "type": "user_message",
        "id": posted.part.to_string(),
        "created_at": created_at,
        "body": body,
        "message_type": "inapp",
        "conversation_id": posted.thread.to_string(),
    });
    Ok(Json(match subject {
        Some(subject) => wire::with(message, json!({"subject": subject})),
        None => message,
    }))
}

/// `brand_id`: the conversation is answered from the first address of that brand.
async fn address_of_brand(call: &Call, fields: &Fields<'_>) -> Result<Option<Address>> {
    let Some(id) = fields.id::<String>("brand_id")?.value() else { return Ok(None) };
    let workspace_id = call.wire().await?.workspace_id;
    let (settings, wrong) = (call.desk().settings(), |why| ApiError::field("parameter_invalid", "brand_id", why));
    let own = (id != workspace_id).then_some(id.as_str());
    if own.is_some_and(|id| !settings.brands.iter().any(|brand| brand.id == id)) {
        return Err(wrong("there is no brand with this id"));
    }
    let first = settings.first_address(own).ok_or_else(|| wrong("this brand has no support address"))?;
    Ok(Some(first.address.clone()))
}

async fn update(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    let fields = input.fields();
    let title = fields.owned("title")?;
    let read = fields.flag("read")?;
    let attributes = fields.values("custom_attributes")?;
    if read == Given::Some(false) {
        return Err(ApiError::field(
            "parameter_invalid",
            "read",
            "a conversation can be marked as read, not as unread",
        ));
    }
    let company = fields.id("company_id")?.change();
    let priority = priority(&fields)?;
    let change = ThreadChange { title: title.change(), read: read == Given::Some(true), company, priority, attributes };
    if change != ThreadChange::default() {
        call.desk().change_thread(&call.caller, id, change).await?;
    }
    conversation_answer(&call, id).await
}

/// Ours: how urgent it is, by the word of 2.16.
pub(crate) fn priority(fields: &Fields<'_>) -> Result<Option<Priority>> {
    Ok(fields.word("priority", "none, low, medium, high or urgent", Priority::parse)?.value())
}

async fn reply(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let to = match call.path_text("id") {
        Some("last") => last_of(&call, &fields).await?,
        _ => call.id("id", "conversation")?,
    };
    let posted = post_reply(&call, to, &fields).await?;
    conversation_answer(&call, posted.thread).await
}

/// `/conversations/last`: the contact's latest conversation.
async fn last_of(call: &Call, fields: &Fields<'_>) -> Result<ThreadId> {
    let by = writing_contact(fields)?;
    let contact = call.read(move |desk, caller| desk.find_contact(caller, &by)).await?.id;
    let snapshot = call.read(move |desk, _| desk.snapshot(contact)).await?;
    let last = snapshot.conversations.iter().max_by_key(|card| (card.thread.updated_at, card.thread.id));
    last.map(|card| card.thread.id).ok_or_else(|| ApiError::not_found("conversation"))
}

/// A reply in both forms: as a contact, or as an agent (API-17).
pub(crate) async fn post_reply(call: &Call, thread: ThreadId, fields: &Fields<'_>) -> Result<Posted> {
    let writer = fields.word("type", "'admin' or 'user'", |word| match word {
        "admin" => Some(Writer::Agent),
        "user" | "lead" | "contact" => Some(Writer::Contact),
        _ => None,
    })?;
    let message_type = fields.required_text("message_type")?;
    match (writer.value().ok_or_else(|| ApiError::missing("type"))?, message_type) {
        (Writer::Contact, "comment") => {
            let contact = writing_contact(fields)?;
            let message = message(call, fields, Writer::Contact).await?;
            Ok(call.desk().comment_for_contact(&call.caller, &contact, Some(thread), message).await?)
        }
        (Writer::Agent, "comment") => {
            let caller = writing_agent(call, fields).await?;
            Ok(call.desk().agent_comment(&caller, thread, addressed(call, fields).await?).await?)
        }
        (Writer::Agent, "note") => {
            let caller = writing_agent(call, fields).await?;
            Ok(call.desk().agent_note(&caller, thread, addressed(call, fields).await?).await?)
        }
        (Writer::Agent, "quick_reply") => {
            let caller = writing_agent(call, fields).await?;
            Ok(call.desk().agent_comment(&caller, thread, quick_reply(fields)?).await?)
        }
        (Writer::Contact, _) => Err(ApiError::field("parameter_invalid", "message_type", "contacts write 'comment'")),
        (Writer::Agent, _) => {
            Err(ApiError::field("parameter_invalid", "message_type", "agents write 'comment', 'note' or 'quick_reply'"))
        }
    }
}

/// What an agent writes, with the envelope of its mail (EML-60).
async fn addressed(call: &Call, fields: &Fields<'_>) -> Result<NewMessage> {
    Ok(NewMessage { addressing: addressing(fields)?, ..message(call, fields, Writer::Agent).await? })
}

fn writing_contact(fields: &Fields<'_>) -> Result<ContactRef> {
    let contact = contact_ref(fields, "intercom_user_id", "user_id", "email")?;
    contact.ok_or_else(|| ApiError::missing("intercom_user_id"))
}

/// `admin_id` names the author; without it the token's agent writes.
async fn writing_agent(call: &Call, fields: &Fields<'_>) -> Result<Caller> {
    call.acting_as(fields.id("admin_id")?.value()).await
}

async fn act(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    let fields = input.fields();
    let caller = writing_agent(&call, &fields).await?;
    let message = message_if_any(&call, &fields).await?;
    let act = match fields.required_text("message_type")? {
        "open" => ThreadAct::Open,
        "close" => ThreadAct::Close,
        "snoozed" => match fields.moment("snoozed_until")? {
            Given::Some(until) => ThreadAct::Snooze(Some(until)),
            Given::Null => ThreadAct::Snooze(None),
            Given::Absent => return Err(ApiError::missing("snoozed_until")),
        },
        "assignment" => {
            call.desk().assign(&caller, id, assignment(&fields)?, message).await?;
            return conversation_answer(&call, id).await;
        }
        _ => {
            let message = "'message_type' takes open, close, snoozed or assignment";
            return Err(ApiError::field("parameter_invalid", "message_type", message));
        }
    };
    call.desk().act_on_thread(&caller, id, act, message).await?;
    conversation_answer(&call, id).await
}

/// The team of the conversation chooses anew (API-25).
async fn run_assignment_rules(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    call.desk().run_assignment_rules(&call.caller, id).await?;
    conversation_answer(&call, id).await
}

/// `assignee_id` with `type` team or admin; 0 removes.
fn assignment(fields: &Fields<'_>) -> Result<Assignment> {
    let id: u64 = fields.required_id("assignee_id")?;
    let to_team = fields.text("type")?.value() == Some("team");
    Ok(match (to_team, id) {
        (true, id) => Assignment { agent: None, team: Some((id > 0).then_some(TeamId(id))) },
        (false, 0) => Assignment { agent: Some(None), team: Some(None) },
        (false, id) => Assignment { agent: Some(Some(AgentId(id))), team: None },
    })
}

async fn convert(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "conversation")?;
    let fields = input.fields();
    let conversion = Conversion {
        ticket_type: fields.required_id("ticket_type_id")?,
        state: fields.id("ticket_state_id")?.value(),
        values: fields.values("attributes")?,
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
    };
    call.desk().convert(&call.caller, id, conversion).await?;
    ticket_answer(&call, id).await
}
