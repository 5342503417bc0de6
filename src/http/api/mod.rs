//! The routes below `/api`, one file per noun.
//!
//! **Invariant:** what is not listed here answers 404 `not_found` (API-11); a listed path answers other methods with 405.

mod addressing;
mod admins;
mod broadcasts;
mod channels;
mod companies;
mod contact_notes;
mod contacts;
mod conversation_attributes;
mod conversations;
mod data_attributes;
mod data_events;
mod data_rights;
mod deleted;
mod deliveries;
mod events;
mod forms;
mod house;
mod linked;
mod live;
mod live_stream;
mod macros;
mod merging;
mod message;
mod notifications;
mod office_hours;
mod outbound;
mod part_list;
mod propagation;
mod quarantine;
mod reporting_data;
mod reports;
mod search;
mod support_addresses;
mod suppressions;
mod tags;
mod teams;
mod templates;
mod ticket_links;
mod ticket_list;
mod ticket_states;
mod ticket_types;
mod tickets;
mod type_settings;
mod uploads;
mod visitors;
mod webhook_subscriptions;
pub(crate) mod wire;
mod word_search;

use crate::http::Api;
use crate::http::description;
use crate::http::frame;
use crate::http::idempotency;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// Longest time for one request, its body included.
const REQUEST_WITHIN: Duration = Duration::from_secs(120);

/// What a handler answers.
pub(crate) type Answer = crate::http::error::Result<Json<Value>>;

/// Every route of the API. Bodies have their limit in [`crate::http::input`], the only reader of bodies.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .merge(admins::routes())
        .merge(notifications::routes())
        .merge(office_hours::routes())
        .merge(broadcasts::routes())
        .merge(companies::routes())
        .merge(contact_notes::routes())
        .merge(contacts::routes())
        .merge(data_rights::routes())
        .merge(conversation_attributes::routes())
        .merge(conversations::routes())
        .merge(data_attributes::routes())
        .merge(data_events::routes())
        .merge(deleted::routes())
        .merge(deliveries::routes())
        .merge(events::routes())
        .merge(forms::routes())
        .merge(channels::routes())
        .merge(house::routes())
        .merge(linked::routes())
        .merge(live::routes())
        .merge(live_stream::routes())
        .merge(macros::routes())
        .merge(merging::routes())
        .merge(propagation::routes())
        .merge(tags::routes())
        .merge(teams::routes())
        .merge(outbound::routes())
        .merge(part_list::routes())
        .merge(quarantine::routes())
        .merge(reporting_data::routes())
        .merge(reports::routes())
        .merge(support_addresses::routes())
        .merge(suppressions::routes())
        .merge(search::routes())
        .merge(templates::routes())
        .merge(ticket_links::routes())
        .merge(ticket_states::routes())
        .merge(ticket_types::routes())
        .merge(tickets::routes())
        .merge(uploads::routes())
        .merge(visitors::routes())
        .merge(webhook_subscriptions::routes())
        .merge(word_search::routes())
        .route(description::PATH, get(description::answer))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(api.clone(), idempotency::around_posts))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_WITHIN))
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(middleware::from_fn_with_state(api.clone(), frame::around_api))
}
