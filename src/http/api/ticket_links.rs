//! Links of tickets: the compatible endpoint for Trackers, ours for every allowed pair (API-19, API-45, LNK rules).

use crate::domain::id::ThreadId;
use crate::domain::ticket_type::Category;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::conversations::conversation_answer;
use crate::http::api::tickets::ticket_answer;
use crate::http::api::tickets::ticket_view;
use crate::http::api::wire::list;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Given;
use crate::http::fields::read_id;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::delete;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

/// Threads linked by one request.
const BULK_MAX: usize = 1_000;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/{id}/linked_conversations", post(link_conversation))
        .route("/tickets/{id}/linked_conversations/{thread_id}", delete(unlink_conversation))
        .route("/tickets/{id}/links", post(link))
        .route("/tickets/{id}/links/{thread_id}", delete(unlink))
}

/// The compatible endpoint serves Trackers only (LNK-4).
async fn tracker(call: &Call) -> Result<ThreadId> {
    let id: ThreadId = call.id("id", "ticket")?;
    match ticket_view(call, id, false).await?.thread.category() {
        Some(Category::Tracker) => Ok(id),
        _ => Err(ApiError::invalid("invalid_ticket_type", "only Tracker tickets are linked here")),
    }
}

async fn link_conversation(call: Call, input: Input) -> Answer {
    let tracker = tracker(&call).await?;
    let conversation: ThreadId = input.fields().required_id("conversation_id")?;
    call.desk().link(&call.caller, tracker, conversation).await?;
    conversation_answer(&call, conversation).await
}

async fn unlink_conversation(call: Call) -> Answer {
    let tracker = tracker(&call).await?;
    let conversation: ThreadId = call.id("thread_id", "conversation")?;
    call.desk().unlink(&call.caller, tracker, conversation).await?;
    conversation_answer(&call, conversation).await
}

/// One thread answers with the ticket, several with what became of each.
async fn link(call: Call, input: Input) -> Answer {
    let ticket: ThreadId = call.id("id", "ticket")?;
    let fields = input.fields();
    let Given::Some(threads) = fields.list("thread_ids")? else {
        let thread: ThreadId = fields.required_id("thread_id")?;
        call.desk().link(&call.caller, ticket, thread).await?;
        return ticket_answer(&call, ticket).await;
    };
    if threads.len() > BULK_MAX {
        let message = format!("at most {BULK_MAX} threads at once");
        return Err(ApiError::field("parameter_invalid", "thread_ids", message));
    }
    let threads = threads.iter().map(|id| read_id(id, "thread_ids")).collect::<Result<Vec<ThreadId>>>()?;
    ticket_view(&call, ticket, false).await?;
    let mut results = Vec::with_capacity(threads.len());
    for thread in threads {
        let linked = call.desk().link(&call.caller, ticket, thread).await;
        results.push(item(thread, linked.map_err(ApiError::from)));
    }
    Ok(Json(list(results)))
}

fn item(thread: ThreadId, linked: Result<()>) -> Value {
    match linked {
        Ok(()) => json!({"type": "link", "thread_id": thread.to_string(), "linked": true}),
        Err(error) => {
            json!({"type": "link", "thread_id": thread.to_string(), "linked": false, "error": error.entry()})
        }
    }
}

async fn unlink(call: Call) -> Answer {
    let ticket: ThreadId = call.id("id", "ticket")?;
    let thread: ThreadId = call.id("thread_id", "conversation")?;
    call.desk().unlink(&call.caller, ticket, thread).await?;
    ticket_answer(&call, ticket).await
}
