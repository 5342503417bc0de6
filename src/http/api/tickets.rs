//! `/tickets`: create, read, change, reply (API-15 to API-17, API-41).

use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::views::ThreadView;
use crate::desk::ticket::tickets::NewTicket;
use crate::desk::ticket::tickets::TicketChange;
use crate::desk::ticket::type_change::TypeChange;
use crate::domain::id::AgentId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::conversations::post_reply;
use crate::http::api::conversations::priority;
use crate::http::api::message::contact_ref;
use crate::http::api::ticket_list;
use crate::http::api::wire::job::of_ticket;
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

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets", get(ticket_list::list).post(create))
        .route("/tickets/enqueue", post(enqueue))
        .route("/tickets/{id}", get(one).put(update))
        .route("/tickets/{id}/reply", post(reply))
        .route("/tickets/{id}/change_type", post(change_type))
}

/// Reads a ticket; a thread that is none is not found here.
pub(crate) async fn ticket_view(call: &Call, id: ThreadId, with_parts: bool) -> Result<ThreadView> {
    let view = call.read(move |desk, caller| desk.folded_view(caller, id, with_parts)).await;
    match view {
        Ok(view) if view.ticket.is_some() => Ok(view),
        Ok(_) => Err(ApiError::not_found("ticket")),
        Err(error) if error.status == StatusCode::NOT_FOUND => Err(ApiError::not_found("ticket")),
        Err(error) => Err(error),
    }
}

/// A ticket as it is now.
pub(crate) async fn ticket_answer(call: &Call, id: ThreadId) -> Answer {
    let with_parts = call.wants_parts();
    let view = ticket_view(call, id, with_parts).await?;
    let ticket = call.wire().await?.ticket(&view, with_parts);
    ticket.map(Json).ok_or_else(|| ApiError::not_found("ticket"))
}

async fn one(call: Call) -> Answer {
    ticket_answer(&call, call.id("id", "ticket")?).await
}

async fn create(call: Call, input: Input) -> Answer {
    let new = new_ticket(&input)?;
    let id = call.desk().create_ticket(&call.caller, new).await?;
    ticket_answer(&call, id).await
}

/// Made at once; the job, whose id is the ticket's, has succeeded by the time it is told of.
async fn enqueue(call: Call, input: Input) -> Answer {
    let new = new_ticket(&input)?;
    Ok(Json(of_ticket(call.desk().enqueue_ticket(&call.caller, new).await?)))
}

fn new_ticket(input: &Input) -> Result<NewTicket> {
    let fields = input.fields();
    let contacts = fields.list("contacts")?.value().ok_or_else(|| ApiError::missing("contacts"))?;
    let contacts = contacts.iter().enumerate().map(|(at, one)| contact_at(one, &format!("contacts[{at}]")));
    let participants = fields.list("participants")?.value().unwrap_or_default();
    let participants = participants.iter().enumerate().map(|(at, one)| contact_at(one, &format!("participants[{at}]")));
    let assignment = match fields.object("assignment")?.value() {
        Some(to) => Assignment {
            agent: to.id("admin_assignee_id")?.change().map(|id| id.and_then(assignee).map(AgentId)),
            team: to.id("team_assignee_id")?.change().map(|id| id.and_then(assignee).map(TeamId)),
        },
        None => Assignment::default(),
    };
    Ok(NewTicket {
        ticket_type: fields.required_id("ticket_type_id")?,
        contacts: contacts.collect::<Result<_>>()?,
        participants: participants.collect::<Result<_>>()?,
        values: fields.values("ticket_attributes")?,
        state: fields.id("ticket_state_id")?.value(),
        link_to: fields.id("conversation_to_link_id")?.value(),
        assignment,
        company: fields.id("company_id")?.value(),
        created_at: fields.moment("created_at")?.value(),
        is_shared: fields.flag("is_shared")?.value().unwrap_or(false),
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
    })
}

/// A contact of a list, by any of its three keys (TCK-14).
fn contact_at(contact: &Value, path: &str) -> Result<ContactRef> {
    let named = contact_ref(&Fields::of(contact, path)?, "id", "external_id", "email")?;
    named.ok_or_else(|| ApiError::missing(path))
}

async fn change_type(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    let fields = input.fields();
    let change = TypeChange {
        ticket_type: fields.required_id("ticket_type_id")?,
        state: fields.required_id("ticket_state_id")?,
        values: fields.values("ticket_attributes")?,
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
    };
    let caller = call.acting_as(fields.id("admin_id")?.value()).await?;
    call.desk().change_ticket_type(&caller, id, change).await?;
    ticket_answer(&call, id).await
}

/// 0 is nobody (OBJ-32).
fn assignee(id: u64) -> Option<u64> {
    (id > 0).then_some(id)
}

async fn update(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    let fields = input.fields();
    let change = TicketChange {
        values: fields.values("ticket_attributes")?,
        state: fields.id("ticket_state_id")?.value(),
        open: fields.flag("open")?.value(),
        snoozed_until: fields.moment("snoozed_until")?.change(),
        is_shared: fields.flag("is_shared")?.value(),
        company: fields.id("company_id")?.change(),
        priority: priority(&fields)?,
        assignment: reassignment(&call, &fields).await?,
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
    };
    let caller = call.acting_as(fields.id("admin_id")?.value()).await?;
    call.desk().update_ticket(&caller, id, change).await?;
    ticket_answer(&call, id).await
}

/// `assignee_id` is an agent's or a team's; 0 and null remove both.
async fn reassignment(call: &Call, fields: &Fields<'_>) -> Result<Assignment> {
    let id: u64 = match fields.id("assignee_id")? {
        Given::Absent => return Ok(Assignment::default()),
        Given::Null | Given::Some(0) => return Ok(Assignment { agent: Some(None), team: Some(None) }),
        Given::Some(id) => id,
    };
    let known = call.read(move |desk, _| desk.agent(AgentId(id))).await;
    match known {
        Ok(_) => Ok(Assignment { agent: Some(Some(AgentId(id))), team: None }),
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            Ok(Assignment { agent: None, team: Some(Some(TeamId(id))) })
        }
        Err(error) => Err(error),
    }
}

async fn reply(call: Call, input: Input) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    ticket_view(&call, id, false).await?;
    let posted = post_reply(&call, id, &input.fields()).await?;
    let thread = posted.thread;
    let view = call.read(move |desk, caller| desk.thread_view(caller, thread, true)).await?;
    let part = view.parts.iter().find(|part| part.id == posted.part).ok_or_else(|| ApiError::not_found("part"))?;
    let ticket_type = view.ticket.as_ref().map(|facts| &facts.ticket_type);
    Ok(Json(call.wire().await?.ticket_part(part, ticket_type, &view.deliveries)))
}
