//! Broadcasts of Trackers and their ledger (API-46).

mod csv;
mod read;

use crate::desk::broadcasts::BroadcastChange;
use crate::desk::broadcasts::LedgerFilter;
use crate::desk::broadcasts::SettleAs;
use crate::desk::broadcasts::preview::Pick;
use crate::desk::broadcasts::survey::Reached;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::LedgerKey;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::message::attachments;
use crate::http::api::wire;
use crate::http::api::wire::broadcast::broadcast;
use crate::http::api::wire::broadcast::ledger_row;
use crate::http::api::wire::broadcast::preview;
use crate::http::api::wire::broadcast::reached;
use crate::http::api::wire::broadcast::survey;
use crate::http::api::wire::delivery::delivery;
use crate::http::api::wire::delivery::read_row_id;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use serde_json::json;

/// First number of a ledger cursor: which kind of row it stands on.
const ON_THREAD: u64 = 0;
const ON_EMAIL: u64 = 1;
const ON_MESSENGER: u64 = 2;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/{id}/broadcasts", get(of_tracker).post(create_on_tracker))
        .route("/broadcasts", get(of_all).post(create))
        .route("/broadcasts/{id}", get(one).put(change).delete(delete))
        .route("/broadcasts/{id}/preview", post(show))
        .route("/broadcasts/{id}/test", post(test))
        .route("/broadcasts/{id}/send", post(send))
        .route("/broadcasts/{id}/pause", post(pause))
        .route("/broadcasts/{id}/resume", post(resume))
        .route("/broadcasts/{id}/cancel", post(cancel))
        .route("/broadcasts/{id}/extend", post(extend))
        .route("/broadcasts/{id}/redact", post(redact))
        .route("/broadcasts/{id}/recipients", get(recipients))
        .route("/broadcasts/{id}/ledger", get(ledger))
        .route("/broadcasts/{id}/ledger.csv", get(csv::ledger))
        .route("/broadcasts/{id}/ledger/{row}/settle", post(settle))
}

async fn create_on_tracker(call: Call, input: Input) -> Answer {
    let tracker: ThreadId = call.id("id", "ticket")?;
    create_for(&call, tracker, &input.fields()).await
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let tracker = fields.required_id("tracker_id")?;
    create_for(&call, tracker, &fields).await
}

/// A draft; with `send` it is sent, or scheduled, in the same act.
async fn create_for(call: &Call, tracker: ThreadId, fields: &Fields<'_>) -> Answer {
    let defaults = call.read(move |desk, caller| desk.broadcast_defaults(caller, tracker)).await?;
    let new = read::new(fields, defaults)?;
    let made = if fields.flag("send")?.value().unwrap_or(false) {
        let confirmed = read::confirm_count(fields)?;
        call.desk().start_broadcast(&call.caller, tracker, new, confirmed).await?
    } else {
        call.desk().create_broadcast(&call.caller, tracker, new).await?
    };
    answer(call, made.id).await
}

async fn change(call: Call, input: Input) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let fields = input.fields();
    let known = call.read(move |desk, caller| desk.broadcast(caller, id)).await?;
    let change = BroadcastChange {
        subject: fields.owned("subject")?.value(),
        body: fields.owned("body")?.value(),
        attachments: fields.list("attachment_files")?.value().map(|_| attachments(&fields)).transpose()?,
        options: read::options(&fields, Some(&known.broadcast.options))?,
    };
    call.desk().change_broadcast(&call.caller, id, change).await?;
    answer(&call, id).await
}

async fn delete(call: Call) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    call.desk().delete_broadcast(&call.caller, id).await?;
    Ok(Json(json!({"type": "broadcast", "id": id.to_string(), "deleted": true})))
}

async fn one(call: Call) -> Answer {
    answer(&call, call.id("id", "broadcast")?).await
}

async fn answer(call: &Call, id: BroadcastId) -> Answer {
    let view = call.read(move |desk, caller| desk.broadcast(caller, id)).await?;
    Ok(Json(broadcast(&view)))
}

async fn moved(call: &Call, broadcast: Broadcast) -> Answer {
    answer(call, broadcast.id).await
}

async fn send(call: Call, input: Input) -> Answer {
    let confirmed = read::confirm_count(&input.fields())?;
    let id = call.id("id", "broadcast")?;
    moved(&call, call.desk().send_broadcast(&call.caller, id, confirmed).await?).await
}

async fn pause(call: Call) -> Answer {
    moved(&call, call.desk().pause_broadcast(&call.caller, call.id("id", "broadcast")?).await?).await
}

async fn resume(call: Call) -> Answer {
    moved(&call, call.desk().resume_broadcast(&call.caller, call.id("id", "broadcast")?).await?).await
}

async fn cancel(call: Call) -> Answer {
    moved(&call, call.desk().cancel_broadcast(&call.caller, call.id("id", "broadcast")?).await?).await
}

async fn extend(call: Call) -> Answer {
    moved(&call, call.desk().extend_broadcast(&call.caller, call.id("id", "broadcast")?).await?).await
}

async fn redact(call: Call) -> Answer {
    moved(&call, call.desk().redact_broadcast(&call.caller, call.id("id", "broadcast")?).await?).await
}

async fn show(call: Call, input: Input) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let pick = pick(&input.fields())?;
    let shown = call.read(move |desk, caller| desk.preview_broadcast(caller, id, pick)).await?;
    Ok(Json(preview(&shown)))
}

async fn test(call: Call, input: Input) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let pick = pick(&input.fields())?;
    let owed = call.desk().test_broadcast(&call.caller, id, pick).await?;
    Ok(Json(delivery(&owed)))
}

/// `thread_id` with or without `contact_id`, or `pick` of `first`, `longest`, `emptiest`.
fn pick(fields: &Fields<'_>) -> Result<Pick> {
    if let Some(thread) = fields.id("thread_id")?.value() {
        return Ok(Pick::Of(thread, fields.id("contact_id")?.value()));
    }
    let named = |word: &str| match word {
        "first" => Some(Pick::First),
        "longest" => Some(Pick::Longest),
        "emptiest" => Some(Pick::Emptiest),
        _ => None,
    };
    Ok(fields.word("pick", "first, longest or emptiest", named)?.value().unwrap_or(Pick::First))
}

async fn of_tracker(call: Call) -> Answer {
    let tracker: ThreadId = call.id("id", "ticket")?;
    list(&call, Some(tracker)).await
}

async fn of_all(call: Call) -> Answer {
    list(&call, None).await
}

async fn list(call: &Call, tracker: Option<ThreadId>) -> Answer {
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let before = asked.after_one().map(BroadcastId);
    let limit = asked.per_page.saturating_add(1);
    let mut views = call.read(move |desk, caller| desk.broadcasts_of(caller, tracker, before, limit)).await?;
    let has_more = views.len() > asked.per_page;
    views.truncate(asked.per_page);
    let last = views.last().filter(|_| has_more).map(|view| [view.broadcast.id.0, 0]);
    let known = u64::try_from(views.len()).unwrap_or(u64::MAX);
    let page = json!({"pages": asked.pages(known, last)});
    Ok(Json(wire::with(wire::listed("list", "data", views.iter().map(broadcast).collect()), page)))
}

/// The set in figures with the first page, then its threads one by one (BRC-11).
async fn recipients(call: Call) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let after = asked.after_one().map(ThreadId);
    let limit = asked.per_page.saturating_add(1);
    let read = call.read(move |desk, caller| {
        let figures = if after.is_none() { Some(desk.survey(caller, id)?) } else { None };
        Ok((figures, desk.reached(caller, id, after, limit)?))
    });
    let (figures, mut rows) = read.await?;
    let has_more = rows.len() > asked.per_page;
    rows.truncate(asked.per_page);
    let last = rows.last().filter(|_| has_more).map(|row: &Reached| [row.thread.0, 0]);
    let total = figures.as_ref().map_or(0, |figures| figures.threads);
    let page = json!({"summary": figures.as_ref().map(survey), "pages": asked.pages(total, last)});
    Ok(Json(wire::with(wire::listed("list", "data", rows.iter().map(reached).collect()), page)))
}

async fn ledger(call: Call) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let after = match asked.after_pair() {
        None => None,
        Some((ON_THREAD, thread)) => Some(LedgerKey::Thread(ThreadId(thread))),
        Some((ON_EMAIL, contact)) => Some(LedgerKey::Email(ContactId(contact))),
        Some((ON_MESSENGER, contact)) => Some(LedgerKey::Messenger(ContactId(contact))),
        Some(_) => {
            let message = "'starting_after' is not a cursor of a ledger";
            return Err(ApiError::field("client_error", "starting_after", message));
        }
    };
    let filter: LedgerFilter = read::filter(&call)?;
    let per_page = asked.per_page;
    let page = call.read(move |desk, caller| desk.ledger(caller, id, &filter, after, per_page)).await?;
    let next = page.next.map(|key| match key {
        LedgerKey::Thread(thread) => [ON_THREAD, thread.0],
        LedgerKey::Email(contact) => [ON_EMAIL, contact.0],
        LedgerKey::Messenger(contact) => [ON_MESSENGER, contact.0],
    });
    let known = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
    let rows = page.rows.iter().map(|row| ledger_row(id, row)).collect();
    let more = json!({"total_count": page.total, "pages": asked.pages(page.total.unwrap_or(known), next)});
    Ok(Json(wire::with(wire::listed("list", "data", rows), more)))
}

async fn settle(call: Call, input: Input) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let row = call.path_text("row").and_then(read_row_id).ok_or_else(|| ApiError::not_found("ledger_row"))?;
    let named = |word: &str| match word {
        "resend" => Some(SettleAs::Resend),
        "sent" => Some(SettleAs::Sent),
        _ => None,
    };
    let fields = input.fields();
    let settle_as = fields.word("as", "resend or sent", named)?.value();
    let settle_as = settle_as.ok_or_else(|| ApiError::missing("as"))?;
    let settled = call.desk().settle_row(&call.caller, id, row, settle_as).await?;
    Ok(Json(ledger_row(id, &settled)))
}
