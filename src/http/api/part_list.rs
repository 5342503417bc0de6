//! `GET /tickets/{id}/parts` and `/conversations/{id}/parts`: all parts by `seq`, in either order (API-42); and
//! `GET /tickets/{id}/statistics` (API-44).

use crate::desk::thread::thread_history::FoldedPartsAsked;
use crate::desk::thread::thread_history::PartsAsked;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::tickets::ticket_view;
use crate::http::api::wire;
use crate::http::api::wire::part::seen_in;
use crate::http::api::wire::part::standing_in;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::paging::PER_PAGE_DEFAULT;
use crate::http::paging::PageAsked;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/{id}/parts", get(of_ticket))
        .route("/tickets/{id}/statistics", get(statistics))
        .route("/conversations/{id}/parts", get(of_conversation))
}

async fn of_ticket(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    ticket_view(&call, id, false).await?;
    list(&call, id, true).await
}

async fn of_conversation(call: Call) -> Answer {
    list(&call, call.id("id", "conversation")?, false).await
}

async fn list(call: &Call, id: ThreadId, as_ticket: bool) -> Answer {
    let page = call.page(PER_PAGE_DEFAULT)?;
    let after_seq = match page.after_one() {
        Some(seq) => Some(seq),
        None => after_seq(call)?,
    };
    let descending = match call.query("order") {
        None | Some("ascending" | "asc") => false,
        Some("descending" | "desc") => true,
        Some(_) => {
            return Err(ApiError::field("invalid_sort_order", "order", "'order' takes ascending or descending"));
        }
    };
    if call.query("merged") == Some("true") {
        return folded(call, id, as_ticket, page, descending).await;
    }
    let asked = PartsAsked { after_seq, descending, limit: page.per_page.saturating_add(1) };
    let (view, mut parts) = call.read(move |desk, caller| desk.parts_of(caller, id, asked)).await?;
    let has_more = parts.len() > page.per_page;
    parts.truncate(page.per_page);
    let last = parts.last().filter(|_| has_more).map(|part| [part.seq, 0]);
    let forms = call.wire().await?;
    let ticket_type = view.ticket.as_ref().map(|facts| &facts.ticket_type);
    let rows = parts.iter().map(|part| {
        let row = match as_ticket {
            true => forms.ticket_part(part, ticket_type, &view.deliveries),
            false => forms.conversation_part(part, &view.deliveries),
        };
        seen_in(row, &view.thread, part)
    });
    let total = view.thread.last_seq;
    let pages = json!({"total_count": total, "pages": page.pages(total, last)});
    Ok(Json(wire::with(wire::list(rows.collect()), pages)))
}

/// Parts of the thread and of those merged into it, in the order of time (MRG-2); each says where it stands.
async fn folded(call: &Call, id: ThreadId, as_ticket: bool, page: PageAsked, descending: bool) -> Answer {
    let after = page.after_one().map(PartId);
    let asked = FoldedPartsAsked { after, descending, limit: page.per_page.saturating_add(1) };
    let (view, mut parts, total) = call.read(move |desk, caller| desk.folded_parts_of(caller, id, asked)).await?;
    let has_more = parts.len() > page.per_page;
    parts.truncate(page.per_page);
    let last = parts.last().filter(|_| has_more).map(|part| [part.id.0, 0]);
    let forms = call.wire().await?;
    let ticket_type = view.ticket.as_ref().map(|facts| &facts.ticket_type);
    let rows = parts.iter().map(|part| {
        let row = match as_ticket {
            true => forms.ticket_part(part, ticket_type, &[]),
            false => forms.conversation_part(part, &[]),
        };
        standing_in(row, part.thread)
    });
    let pages = json!({"total_count": total, "pages": page.pages(total, last)});
    Ok(Json(wire::with(wire::list(rows.collect()), pages)))
}

fn after_seq(call: &Call) -> Result<Option<u64>> {
    let read = |text: &str| text.parse().map_err(|_| ApiError::wrong_type("after_seq", "the seq of a part"));
    call.query("after_seq").map(read).transpose()
}

async fn statistics(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    let view = ticket_view(&call, id, true).await?;
    let forms = call.wire().await?;
    Ok(Json(wire::with(forms.statistics(&view), json!({"type": "ticket_statistics", "ticket_id": id.to_string()}))))
}
