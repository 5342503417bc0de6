//! `/tags`, and tags on conversations, tickets, parts and contacts (API-18, API-27, OBJ-18).

use crate::desk::people::companies::CompanyRef;
use crate::desk::thread::tags::Tagged;
use crate::domain::agent::Caller;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::tag::Tag;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::addressing::contact;
use crate::http::api::tickets::ticket_view;
use crate::http::api::wire::list;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::delete;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tags", get(all).post(put))
        .route("/tags/{tag_id}", get(one).delete(remove))
        .route("/conversations/{id}/tags", post(tag_conversation))
        .route("/conversations/{id}/tags/{tag_id}", delete(untag_conversation))
        .route("/tickets/{id}/tags", post(tag_ticket))
        .route("/tickets/{id}/tags/{tag_id}", delete(untag_ticket))
        .route("/conversations/{id}/parts/{part_id}/tags", post(tag_part))
        .route("/conversations/{id}/parts/{part_id}/tags/{tag_id}", delete(untag_part))
        .route("/contacts/{id}/tags", get(of_contact).post(tag_contact))
        .route("/contacts/{id}/tags/{tag_id}", delete(untag_contact))
}

/// A tag by itself.
pub(crate) fn form(tag: &Tag) -> Value {
    json!({"type": "tag", "id": tag.id.to_string(), "name": tag.name})
}

async fn all(call: Call) -> Answer {
    let tags = call.read(|desk, caller| desk.tags(caller)).await?;
    Ok(Json(list(tags.iter().map(form).collect())))
}

async fn one(call: Call) -> Answer {
    let id: TagId = call.id("tag_id", "tag")?;
    let tags = call.read(|desk, caller| desk.tags(caller)).await?;
    let tag = tags.iter().find(|tag| tag.id == id).ok_or_else(|| ApiError::not_found("tag"))?;
    Ok(Json(form(tag)))
}

/// Makes a tag or, with an `id`, renames it; with `companies` or `users`, puts it on them, or with `untag` takes it off.
async fn put(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let (id, name) = (fields.id("id")?.value(), fields.required_text("name")?);
    let mut all = tagged(&fields, "companies")?;
    all.extend(tagged(&fields, "users")?);
    if id.is_none() && !all.is_empty() {
        return Ok(Json(form(&call.desk().tag_many(&call.caller, name, all).await?)));
    }
    Ok(Json(form(&call.desk().put_tag(&call.caller, id, name).await?)))
}

/// Companies by `id` or `company_id`, contacts by `id`, `user_id` or `email`.
fn tagged(fields: &Fields<'_>, list: &str) -> Result<Vec<(Tagged, bool)>> {
    let one = |(at, value): (usize, &Value)| {
        let fields = Fields::of(value, &format!("{list}[{at}]"))?;
        let on = !fields.flag("untag")?.value().unwrap_or(false);
        let what =
            if list == "companies" { Tagged::Company(company(&fields)?) } else { Tagged::Contact(contact(&fields)?) };
        Ok((what, on))
    };
    fields.list(list)?.value().unwrap_or_default().iter().enumerate().map(one).collect()
}

fn company(fields: &Fields<'_>) -> Result<CompanyRef> {
    if let Given::Some(id) = fields.id("id")? {
        return Ok(CompanyRef::Id(id));
    }
    Ok(CompanyRef::Key(fields.required_text("company_id")?.to_owned()))
}

async fn remove(call: Call) -> Answer {
    let id: TagId = call.id("tag_id", "tag")?;
    call.desk().delete_tag(&call.caller, id).await?;
    Ok(Json(json!({"id": id.to_string(), "object": "tag", "deleted": true})))
}

/// The agent of `admin_id`, which these calls must name (API-18).
async fn tagging(call: &Call, input: &Input) -> Result<Caller> {
    let agent: AgentId = input.fields().required_id("admin_id")?;
    call.acting_as(Some(agent)).await
}

/// The answer to tagging: when and by whom.
fn applied(call: &Call, by: &Caller, tag: &Tag) -> Answer {
    let now = call.desk().clock().now().seconds();
    let by = json!({"type": "admin", "id": by.agent.to_string()});
    Ok(Json(with(form(tag), json!({"applied_at": now, "applied_by": by}))))
}

async fn tag_conversation(call: Call, input: Input) -> Answer {
    let thread: ThreadId = call.id("id", "conversation")?;
    let (tag, by) = (input.fields().required_id("id")?, tagging(&call, &input).await?);
    applied(&call, &by, &call.desk().tag_thread(&by, thread, tag, true).await?)
}

async fn untag_conversation(call: Call, input: Input) -> Answer {
    let thread: ThreadId = call.id("id", "conversation")?;
    let (tag, by) = (call.id("tag_id", "tag")?, tagging(&call, &input).await?);
    applied(&call, &by, &call.desk().tag_thread(&by, thread, tag, false).await?)
}

async fn tag_ticket(call: Call, input: Input) -> Answer {
    let thread: ThreadId = call.id("id", "ticket")?;
    ticket_view(&call, thread, false).await?;
    let (tag, by) = (input.fields().required_id("id")?, tagging(&call, &input).await?);
    applied(&call, &by, &call.desk().tag_thread(&by, thread, tag, true).await?)
}

async fn untag_ticket(call: Call, input: Input) -> Answer {
    let thread: ThreadId = call.id("id", "ticket")?;
    ticket_view(&call, thread, false).await?;
    let (tag, by) = (call.id("tag_id", "tag")?, tagging(&call, &input).await?);
    applied(&call, &by, &call.desk().tag_thread(&by, thread, tag, false).await?)
}

fn part(call: &Call) -> Result<(ThreadId, PartId)> {
    Ok((call.id("id", "conversation")?, call.id("part_id", "part")?))
}

async fn tag_part(call: Call, input: Input) -> Answer {
    let (thread, part) = part(&call)?;
    let (tag, by) = (input.fields().required_id("id")?, tagging(&call, &input).await?);
    applied(&call, &by, &call.desk().tag_part(&by, thread, part, tag, true).await?)
}

async fn untag_part(call: Call, input: Input) -> Answer {
    let (thread, part) = part(&call)?;
    let (tag, by) = (call.id("tag_id", "tag")?, tagging(&call, &input).await?);
    applied(&call, &by, &call.desk().tag_part(&by, thread, part, tag, false).await?)
}

async fn of_contact(call: Call) -> Answer {
    let contact: ContactId = call.id("id", "contact")?;
    let tags = call.read(move |desk, caller| desk.tags_of_contact(caller, contact)).await?;
    Ok(Json(list(tags.iter().map(form).collect())))
}

async fn tag_contact(call: Call, input: Input) -> Answer {
    let contact: ContactId = call.id("id", "contact")?;
    let tag: TagId = input.fields().required_id("id")?;
    Ok(Json(form(&call.desk().tag_contact(&call.caller, contact, tag, true).await?)))
}

async fn untag_contact(call: Call) -> Answer {
    let contact: ContactId = call.id("id", "contact")?;
    let tag: TagId = call.id("tag_id", "tag")?;
    Ok(Json(form(&call.desk().tag_contact(&call.caller, contact, tag, false).await?)))
}
