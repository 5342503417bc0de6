//! `/webhook_subscriptions`: who is told of what happens, and what became of it (API-51, WHK-2, WHK-3).

use crate::desk::webhooks::NewSecret;
use crate::desk::webhooks::NewWebhook;
use crate::desk::webhooks::WebhookChange;
use crate::desk::webhooks::check_url;
use crate::desk::webhooks::owed::LISTED_MAX;
use crate::desk::webhooks::owed::REPLAYED_MAX;
use crate::desk::webhooks::owed::Replay;
use crate::domain::agent::Scope;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook::NotificationState;
use crate::domain::webhook::RetryPolicy;
use crate::domain::webhook::SigningSecret;
use crate::domain::webhook::Webhook;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::ticket_states::ids;
use crate::http::api::wire;
use crate::http::api::wire::webhook::webhook;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

const NOUN: &str = "webhook_subscription";

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/webhook_subscriptions", get(list).post(create))
        .route("/webhook_subscriptions/{id}", get(one).put(update).delete(delete))
        .route("/webhook_subscriptions/{id}/ping", post(ping))
        .route("/webhook_subscriptions/{id}/deliveries", get(deliveries))
        .route("/webhook_subscriptions/{id}/replay", post(replay))
}

async fn list(call: Call) -> Answer {
    let all = call.read(|desk, caller| desk.webhooks(caller)).await?;
    Ok(Json(wire::list(all.iter().map(|one| form(&call, one, None)).collect())))
}

async fn one(call: Call) -> Answer {
    let id = call.id("id", NOUN)?;
    let found = call.read(move |desk, caller| desk.webhook(caller, id)).await?;
    Ok(Json(form(&call, &found, None)))
}

async fn create(call: Call, input: Input) -> Answer {
    call.require(Scope::Settings)?;
    let fields = input.fields();
    let new = NewWebhook {
        url: fields.required_text("url")?.to_owned(),
        topics: topics(&fields)?.ok_or_else(|| ApiError::missing("topics"))?,
        secret: fields.owned("secret")?.value(),
        html: fields.flag("html")?.value().unwrap_or_default(),
        retry: fields.word("retry", "compat or durable", RetryPolicy::parse)?.value().unwrap_or_default(),
    };
    check(&call, &new.url).await?;
    let (made, secret) = call.desk().create_webhook(&call.caller, new).await?;
    Ok(Json(form(&call, &made, Some(&secret))))
}

async fn update(call: Call, input: Input) -> Answer {
    call.require(Scope::Settings)?;
    let id: WebhookId = call.id("id", NOUN)?;
    let fields = input.fields();
    let is_active = |word: &str| match word {
        "active" => Some(true),
        "disabled" => Some(false),
        _ => None,
    };
    let change = WebhookChange {
        url: fields.owned("url")?.value(),
        topics: topics(&fields)?,
        html: fields.flag("html")?.value(),
        retry: fields.word("retry", "compat or durable", RetryPolicy::parse)?.value(),
        active: fields.word("state", "active or disabled", is_active)?.value(),
        secret: new_secret(&fields)?,
        drop_previous_secret: matches!(fields.any("previous_secret"), Given::Null),
    };
    let before = call.read(move |desk, caller| desk.webhook(caller, id)).await?;
    if let Some(url) = change.url.as_deref().filter(|url| *url != before.url) {
        check(&call, url).await?;
    }
    let (changed, secret) = call.desk().update_webhook(&call.caller, id, change).await?;
    Ok(Json(form(&call, &changed, secret.as_ref())))
}

async fn delete(call: Call) -> Answer {
    let id: WebhookId = call.id("id", NOUN)?;
    call.desk().delete_webhook(&call.caller, id).await?;
    Ok(Json(json!({"type": NOUN, "id": id.to_string(), "object": NOUN, "deleted": true})))
}

async fn ping(call: Call) -> Answer {
    let id: WebhookId = call.id("id", NOUN)?;
    let owed = call.desk().ping_webhook(&call.caller, id).await?;
    Ok(Json(call.wire().await?.notification(&owed)))
}

/// Newest first; `before` is `next_before` of the page before.
async fn deliveries(call: Call) -> Answer {
    let id: WebhookId = call.id("id", NOUN)?;
    let limit = call.page(PER_PAGE_DEFAULT)?.per_page.min(LISTED_MAX);
    let before: Option<NotificationId> = match call.query("before") {
        None | Some("") => None,
        Some(text) => Some(text.parse().map_err(|_| ApiError::wrong_type("before", "an id"))?),
    };
    let state = match call.query("state") {
        None | Some("") => None,
        Some(word) => Some(
            NotificationState::parse(word)
                .ok_or_else(|| ApiError::field("parameter_invalid", "state", "'state' takes queued, sent or failed"))?,
        ),
    };
    let read = call.read(move |desk, caller| desk.notifications(caller, id, state, before, limit)).await;
    let (found, has_more) = read?;
    let wire = call.wire().await?;
    let next = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let list = wire::list(found.iter().map(|owed| wire.notification(owed)).collect());
    Ok(Json(wire::with(list, json!({"has_more": has_more, "next_before": next}))))
}

/// `delivery_ids`, or `since` for those that failed since then, with `all` for those that were taken too.
async fn replay(call: Call, input: Input) -> Answer {
    let id: WebhookId = call.id("id", NOUN)?;
    let fields = input.fields();
    let which = match (ids::<NotificationId>(&fields, "delivery_ids")?, fields.moment("since")?.value()) {
        (Some(ids), _) if ids.len() > REPLAYED_MAX => {
            let message = format!("'delivery_ids' takes at most {REPLAYED_MAX} ids");
            return Err(ApiError::field("parameter_invalid", "delivery_ids", message));
        }
        (Some(ids), _) => Replay::These(ids),
        (None, Some(from)) => Replay::Since { from, sent_too: fields.flag("all")?.value().unwrap_or_default() },
        (None, None) => return Err(ApiError::missing("delivery_ids")),
    };
    let replayed = call.desk().replay_notifications(&call.caller, id, which).await?;
    let ids: Vec<String> = replayed.iter().map(ToString::to_string).collect();
    Ok(Json(json!({"type": "list", "replayed": ids.len(), "delivery_ids": ids})))
}

fn form(call: &Call, one: &Webhook, secret: Option<&SigningSecret>) -> Value {
    webhook(one, call.desk().clock().now(), secret)
}

fn topics(fields: &Fields<'_>) -> Result<Option<Vec<String>>> {
    let Some(each) = fields.list("topics")?.value() else { return Ok(None) };
    let name = |(at, one): (usize, &Value)| {
        let name = one.as_str().map(ToOwned::to_owned);
        name.ok_or_else(|| ApiError::wrong_type(&format!("topics[{at}]"), "the name of a topic"))
    };
    each.iter().enumerate().map(name).collect::<Result<_>>().map(Some)
}

fn new_secret(fields: &Fields<'_>) -> Result<Option<NewSecret>> {
    if let Some(text) = fields.owned("secret")?.value() {
        return Ok(Some(NewSecret::Chosen(text)));
    }
    Ok(fields.flag("rotate_secret")?.value().filter(|yes| *yes).map(|_| NewSecret::Fresh))
}

/// Nothing is subscribed where nobody answers (WHK-2).
async fn check(call: &Call, url: &str) -> Result<()> {
    let url = check_url(url)?;
    let looked = call.webhook_targets().check(&url).await;
    looked.map_err(|why| ApiError::field("parameter_invalid", "url", format!("'url' cannot be used: {why}")))
}
