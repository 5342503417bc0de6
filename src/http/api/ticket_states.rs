//! `/ticket_states` and a type's states in order (API-23, API-43).

use crate::desk::ticket::ticket_states::NewTicketState;
use crate::desk::ticket::ticket_states::TicketStateChange;
use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::state::StateCategory;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::ticket_types::type_answer;
use crate::http::api::type_settings::labels;
use crate::http::api::wire;
use crate::http::api::wire::ticket_type::ticket_state_in_full;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::fields::read_id;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::put;
use std::str::FromStr;

const CATEGORIES: &str = "submitted, in_progress, waiting_on_customer or resolved";

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/ticket_states", get(list).post(create))
        .route("/ticket_states/{id}", put(update))
        .route("/ticket_types/{id}/states", put(order))
}

async fn list(call: Call) -> Answer {
    let states = call.read(|desk, caller| desk.ticket_states(caller)).await?;
    let types = call.read(|desk, caller| desk.ticket_types(caller)).await?;
    Ok(Json(wire::list(states.iter().map(|state| ticket_state_in_full(state, &types)).collect())))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let category = fields.word("category", CATEGORIES, StateCategory::parse)?.value();
    let new = NewTicketState {
        category: category.ok_or_else(|| ApiError::missing("category"))?,
        internal_label: fields.required_text("internal_label")?.to_owned(),
        external_label: fields.owned("external_label")?.value(),
        types: ids(&fields, "ticket_type_ids")?.unwrap_or_default(),
        translations: labels(&fields)?,
    };
    let made = call.desk().create_ticket_state(&call.caller, new).await?;
    answer(&call, made.id).await
}

async fn update(call: Call, input: Input) -> Answer {
    let id: StateId = call.id("id", "ticket_state")?;
    let fields = input.fields();
    if matches!(fields.any("category"), Given::Some(_)) {
        let message = "the category of a state is fixed once it is created";
        return Err(ApiError::field("parameter_invalid", "category", message));
    }
    let change = TicketStateChange {
        internal_label: fields.owned("internal_label")?.value(),
        external_label: fields.owned("external_label")?.value(),
        archived: fields.flag("archived")?.value(),
        types: ids(&fields, "ticket_type_ids")?,
        translations: labels(&fields)?,
    };
    call.desk().update_ticket_state(&call.caller, id, change).await?;
    answer(&call, id).await
}

async fn order(call: Call, input: Input) -> Answer {
    let id: TicketTypeId = call.id("id", "ticket_type")?;
    let order = ids(&input.fields(), "order")?.ok_or_else(|| ApiError::missing("order"))?;
    call.desk().set_type_states(&call.caller, id, order).await?;
    type_answer(&call, id).await
}

async fn answer(call: &Call, id: StateId) -> Answer {
    let states = call.read(|desk, caller| desk.ticket_states(caller)).await?;
    let types = call.read(|desk, caller| desk.ticket_types(caller)).await?;
    let state = states.iter().find(|state| state.id == id).ok_or_else(|| ApiError::not_found("ticket_state"))?;
    Ok(Json(ticket_state_in_full(state, &types)))
}

/// An array of ids.
pub(crate) fn ids<T: FromStr>(fields: &Fields<'_>, name: &str) -> Result<Option<Vec<T>>> {
    let Some(each) = fields.list(name)?.value() else { return Ok(None) };
    let read = |(at, id)| read_id(id, &format!("{}[{at}]", fields.named(name)));
    each.iter().enumerate().map(read).collect::<Result<_>>().map(Some)
}
