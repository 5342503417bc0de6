//! `/tickets/{id}/linked_objects`, `/conversations/{id}/linked_objects`: links page by page (API-45).

use crate::desk::ticket::linked::Linked;
use crate::domain::id::ThreadId;
use crate::domain::ticket_type::Category;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::tickets::ticket_view;
use crate::http::api::wire::Wire;
use crate::http::api::wire::list;
use crate::http::api::wire::ticket_type::ticket_state;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/{id}/linked_objects", get(of_ticket))
        .route("/conversations/{id}/linked_objects", get(of_conversation))
}

async fn of_ticket(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    ticket_view(&call, id, false).await?;
    page(&call, id).await
}

async fn of_conversation(call: Call) -> Answer {
    page(&call, call.id("id", "conversation")?).await
}

async fn page(call: &Call, id: ThreadId) -> Answer {
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let after = asked.after_one().map(ThreadId);
    let page = call.read(move |desk, caller| desk.linked_objects(caller, id, after, asked.per_page)).await?;
    let forms = call.wire().await?;
    let rows = page.items.iter().map(|linked| row(&forms, linked)).collect();
    let pages = json!({"total_count": page.total, "pages": asked.pages(page.total, page.next.map(|next| [next.0, 0]))});
    Ok(Json(with(list(rows), pages)))
}

/// The compatible fields of a linked object, and what its other side needs to know (BKO-3).
fn row(forms: &Wire, linked: &Linked) -> Value {
    let thread = &linked.thread;
    let ticket = thread.ticket.as_ref();
    let note = linked.last_note.as_ref().map(|note| {
        let created_at = note.created_at.seconds();
        json!({"id": note.id.to_string(), "body": forms.body(note), "author": forms.author(&note.author), "created_at": created_at})
    });
    json!({
        "type": if ticket.is_some() { "ticket" } else { "conversation" },
        "id": thread.id.to_string(),
        "category": thread.category().map(Category::as_str),
        "deskgate": {
            "kind": linked.link.kind.as_str(),
            "linked_at": linked.link.created_at.seconds(),
            "linked_by": linked.link.created_by.map(|agent| agent.to_string()),
            "title": thread.title,
            "state": thread.state.as_str(),
            "admin_assignee_id": thread.admin_assignee.map(|agent| agent.to_string()),
            "team_assignee_id": thread.team_assignee.map(|team| team.to_string()),
            "ticket_id": ticket.map(|ticket| ticket.number.to_string()),
            "is_shared": ticket.map(|ticket| ticket.is_shared),
            "ticket_state": linked.ticket.as_ref().map(|view| ticket_state(&view.state)),
            "last_note": note,
        },
    })
}
