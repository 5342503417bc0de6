//! The journal of incoming mail, what could not be taken in, and the raw message of a part (API-49). For operators.

use crate::channel::imap::NotFetched;
use crate::desk::journal::ArrivalFilter;
use crate::domain::address::Address;
use crate::domain::agent::Scope;
use crate::domain::id::IntakeId;
use crate::domain::id::PartId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::conversations::conversation_answer;
use crate::http::api::wire;
use crate::http::api::wire::intake::row;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::read_moment_text;
use crate::http::files::download_headers;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_DEFAULT;
use crate::http::paging::PER_PAGE_MAX;
use crate::http::pictures;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/intake", get(arrivals))
        .route("/quarantine", get(list))
        .route("/quarantine/{id}/retry", post(retry))
        .route("/quarantine/{id}/file", get(file))
        .route("/parts/{id}/source", get(source))
        .route("/parts/{id}/body", get(pictures::body))
        .route("/parts/{id}/fetch", post(fetch))
        .route("/parts/{id}/reclass", post(reclass))
}

/// The journal of mail that came in, newest first, by `message_id`, `address`, `uid`, `since` and `until`.
async fn arrivals(call: Call) -> Answer {
    let page = call.page(PER_PAGE_DEFAULT)?;
    let filter = ArrivalFilter {
        message_id: call.query("message_id").map(|id| id.trim_start_matches('<').trim_end_matches('>').to_owned()),
        address: asked(&call, "address", "an email address", Address::parse)?,
        uid: asked(&call, "uid", "a number", |text| text.parse().ok())?,
        since: asked(&call, "since", MOMENT, read_moment_text)?,
        until: asked(&call, "until", MOMENT, read_moment_text)?,
    };
    let (before, limit) = (page.after_one().map(IntakeId), page.per_page);
    let (rows, has_more) = call.read(move |desk, caller| desk.arrivals(Some(caller), &filter, before, limit)).await?;
    let next = rows.last().filter(|_| has_more).map(|row| [row.id.0, 0]);
    let mut pages = page.pages(0, next);
    if let Some(pages) = pages.as_object_mut() {
        // How many there are in all is not counted.
        pages.remove("total_pages");
    }
    Ok(Json(wire::with(wire::list(rows.iter().map(row).collect()), json!({"pages": pages}))))
}

const MOMENT: &str = "Unix seconds or an ISO 8601 time with offset";

fn asked<T>(call: &Call, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let given = call.query(name).filter(|text| !text.is_empty());
    given.map(|text| read(text).ok_or_else(|| ApiError::wrong_type(name, expected))).transpose()
}

/// Another `delivery_class` for a mail: human, auto_reply, list or spam (EML-27).
async fn reclass(call: Call, input: Input) -> Answer {
    let id: PartId = call.id("id", "part")?;
    let word = input.fields().required_text("delivery_class")?;
    let class = word
        .parse()
        .map_err(|_| ApiError::field("parameter_invalid", "delivery_class", "use human, auto_reply, list or spam"))?;
    let part = call.desk().reclass(&call.caller, id, class).await?;
    conversation_answer(&call, part.thread).await
}

async fn list(call: Call) -> Answer {
    let limit = call.page(PER_PAGE_MAX)?.per_page;
    let rows = call.read(move |desk, caller| desk.quarantine(Some(caller), limit)).await?;
    Ok(Json(wire::list(rows.iter().map(row).collect())))
}

async fn retry(call: Call) -> Answer {
    let id: IntakeId = call.id("id", "quarantine")?;
    let settled = call.desk().retry_quarantined(Some(&call.caller), id).await?;
    Ok(Json(row(&settled)))
}

/// A mail that could not be taken in, byte for byte, as a download (EML-8).
async fn file(call: Call) -> Result<Response> {
    let id: IntakeId = call.id("id", "quarantine")?;
    let (_, raw) = call.read(move |desk, caller| desk.quarantined(Some(caller), id)).await?;
    Ok((download_headers("message/rfc822", &format!("quarantine-{id}.eml")), raw).into_response())
}

/// Fetches the mail that was too large to be taken in with the others (EML-9).
async fn fetch(call: Call) -> Answer {
    let id: PartId = call.id("id", "part")?;
    let (desk, caller) = (call.desk(), call.caller.clone());
    let left = desk.left_out(Some(&caller), id)?;
    let unavailable = |why: String| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", why);
    let mailboxes = call.large_mail().ok_or_else(|| unavailable("no mailbox is read here".to_owned()))?;
    let raw = mailboxes.fetch(&left.origin, &left.message_id).await.map_err(|why| match why {
        NotFetched::Gone | NotFetched::NoMailbox(_) => {
            ApiError::new(StatusCode::NOT_FOUND, "not_found", why.to_string())
        }
        NotFetched::Busy | NotFetched::Server(_) => unavailable(why.to_string()),
    })?;
    let bytes = raw.len();
    desk.complete(Some(&caller), id, raw).await?;
    Ok(Json(json!({"type": "part.fetched", "part_id": id.to_string(), "bytes": bytes})))
}

/// The mail a part came from, byte for byte, as a download. A part may stand in any thread, so both reading scopes are
/// needed.
async fn source(call: Call) -> Result<Response> {
    call.require(Scope::ReadConversations)?;
    call.require(Scope::ReadTickets)?;
    let id: PartId = call.id("id", "part")?;
    let raw = call.read(move |desk, _| desk.raw_of_part(id)).await?;
    Ok((download_headers("message/rfc822", &format!("part-{id}.eml")), raw).into_response())
}
