//! Broadcasts of Trackers and their ledger (API-46).

use crate::desk::broadcasts::NewBroadcast;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::LedgerKey;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::api::wire::broadcast::broadcast;
use crate::http::api::wire::broadcast::ledger_row;
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

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/{id}/broadcasts", get(of_tracker).post(start_on_tracker))
        .route("/broadcasts", post(start))
        .route("/broadcasts/{id}", get(one))
        .route("/broadcasts/{id}/ledger", get(ledger))
}

async fn start_on_tracker(call: Call, input: Input) -> Answer {
    let tracker: ThreadId = call.id("id", "ticket")?;
    start_from(&call, tracker, &input.fields()).await
}

async fn start(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let tracker = fields.required_id("tracker_id")?;
    start_from(&call, tracker, &fields).await
}

async fn start_from(call: &Call, tracker: ThreadId, fields: &Fields<'_>) -> Answer {
    let new = NewBroadcast {
        subject: fields.owned("subject")?.value().unwrap_or_default(),
        body: fields.required_text("body")?.to_owned(),
        email: email_policy(fields)?,
    };
    let started = call.desk().start_broadcast(&call.caller, tracker, new).await?;
    answer(call, started.id).await
}

/// `email`, on its own or among `options` as it is answered.
fn email_policy(fields: &Fields<'_>) -> Result<EmailPolicy> {
    let read = |fields: &Fields<'_>| fields.word("email", "when_unseen, always or never", EmailPolicy::parse);
    let own = read(fields)?.value();
    let among = fields.object("options")?.value().map(|options| read(&options)).transpose()?;
    Ok(own.or(among.and_then(crate::http::fields::Given::value)).unwrap_or_default())
}

async fn one(call: Call) -> Answer {
    answer(&call, call.id("id", "broadcast")?).await
}

async fn answer(call: &Call, id: BroadcastId) -> Answer {
    let view = call.read(move |desk, caller| desk.broadcast(caller, id)).await?;
    Ok(Json(broadcast(&view)))
}

async fn of_tracker(call: Call) -> Answer {
    let tracker: ThreadId = call.id("id", "ticket")?;
    let views = call.read(move |desk, caller| desk.broadcasts_of(caller, tracker)).await?;
    Ok(Json(wire::list(views.iter().map(broadcast).collect())))
}

async fn ledger(call: Call) -> Answer {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let after = match asked.after_pair() {
        None => None,
        Some((ON_THREAD, thread)) => Some(LedgerKey::Thread(ThreadId(thread))),
        Some((ON_EMAIL, contact)) => Some(LedgerKey::Email(ContactId(contact))),
        Some(_) => {
            let message = "'starting_after' is not a cursor of a ledger";
            return Err(ApiError::field("client_error", "starting_after", message));
        }
    };
    let limit = asked.per_page.saturating_add(1);
    let mut rows = call.read(move |desk, caller| desk.ledger(caller, id, after, limit)).await?;
    let has_more = rows.len() > asked.per_page;
    rows.truncate(asked.per_page);
    let last = rows.last().filter(|_| has_more).map(|row| match row.key {
        LedgerKey::Thread(thread) => [ON_THREAD, thread.0],
        LedgerKey::Email(contact) => [ON_EMAIL, contact.0],
    });
    let view = call.read(move |desk, caller| desk.broadcast(caller, id)).await?;
    // A row per thread, and one per contact whose mail was decided on.
    let total = view.threads.values().sum::<u64>().saturating_add(view.email.values().sum());
    let rows = rows.iter().map(|row| ledger_row(id, row)).collect();
    let page = json!({"total_count": total, "pages": asked.pages(total, last)});
    Ok(Json(wire::with(wire::listed("list", "data", rows), page)))
}
