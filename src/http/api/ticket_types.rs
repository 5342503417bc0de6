//! `/ticket_types` and their attributes (API-22).

use crate::desk::ticket::attributes::AttributeChange;
use crate::desk::ticket::attributes::NewAttribute;
use crate::desk::ticket::attributes::OptionGiven;
use crate::desk::ticket::ticket_types::NewTicketType;
use crate::desk::ticket::ticket_types::TicketTypeChange;
use crate::desk::ticket::ticket_types::TypeDetails;
use crate::domain::attribute::DataType;
use crate::domain::id::AttributeId;
use crate::domain::id::TicketTypeId;
use crate::domain::ticket_type::Category;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::ticket_states::ids;
use crate::http::api::type_settings::settings;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use axum::routing::put;
use serde_json::Value;

const CATEGORIES: &str = "Customer, Back-office or Tracker";

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/ticket_types", get(list).post(create))
        .route("/ticket_types/{id}", get(one).put(update))
        .route("/ticket_types/{id}/attributes", post(add_attribute))
        .route("/ticket_types/{id}/attributes/{attribute_id}", put(update_attribute))
}

async fn list(call: Call) -> Answer {
    let types = call.read(|desk, caller| desk.ticket_types(caller)).await?;
    let states = call.read(|desk, caller| desk.ticket_states(caller)).await?;
    let wire = call.wire().await?;
    Ok(Json(wire::list(types.iter().map(|one| wire.ticket_type_in_full(one, &states)).collect())))
}

async fn one(call: Call) -> Answer {
    type_answer(&call, call.id("id", "ticket_type")?).await
}

/// A type as it is now, with its states.
pub(crate) async fn type_answer(call: &Call, id: TicketTypeId) -> Answer {
    let ticket_type = call.read(move |desk, caller| desk.ticket_type(caller, id)).await?;
    let states = call.read(|desk, caller| desk.ticket_states(caller)).await?;
    Ok(Json(call.wire().await?.ticket_type_in_full(&ticket_type, &states)))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let new = NewTicketType {
        name: fields.required_text("name")?.to_owned(),
        description: fields.owned("description")?.value().unwrap_or_default(),
        category: fields.word("category", CATEGORIES, Category::parse)?.value().unwrap_or(Category::Customer),
        icon: fields.owned("icon")?.value(),
        is_internal: fields.flag("is_internal")?.value().unwrap_or(false),
    };
    let details =
        TypeDetails { states: ids(&fields, "ticket_states")?.unwrap_or_default(), settings: settings(&fields)? };
    let made = call.desk().create_ticket_type_with(&call.caller, new, details).await?;
    type_answer(&call, made.id).await
}

async fn update(call: Call, input: Input) -> Answer {
    let id: TicketTypeId = call.id("id", "ticket_type")?;
    let fields = input.fields();
    let change = TicketTypeChange {
        name: fields.owned("name")?.value(),
        description: text_or_cleared(&fields, "description")?,
        category: fields.word("category", CATEGORIES, Category::parse)?.value(),
        icon: fields.owned("icon")?.value(),
        is_internal: fields.flag("is_internal")?.value(),
        archived: fields.flag("archived")?.value(),
        settings: settings(&fields)?,
    };
    call.desk().update_ticket_type(&call.caller, id, change).await?;
    type_answer(&call, id).await
}

/// A text that is empty rather than absent: null clears it (API-4).
fn text_or_cleared(fields: &Fields<'_>, name: &str) -> Result<Option<String>> {
    Ok(fields.owned(name)?.change().map(Option::unwrap_or_default))
}

async fn add_attribute(call: Call, input: Input) -> Answer {
    let id: TicketTypeId = call.id("id", "ticket_type")?;
    let fields = input.fields();
    let data_type =
        fields.word("data_type", "string, list, integer, decimal, boolean, datetime or files", DataType::parse)?;
    let flag = |name: &str, default: bool| Ok::<_, ApiError>(fields.flag(name)?.value().unwrap_or(default));
    let new = NewAttribute {
        name: fields.required_text("name")?.to_owned(),
        description: fields.owned("description")?.value().unwrap_or_default(),
        data_type: data_type.value().ok_or_else(|| ApiError::missing("data_type"))?,
        multiline: flag("multiline", false)?,
        list_options: options(&fields)?.unwrap_or_default().into_iter().map(|option| option.label).collect(),
        allow_multiple_values: flag("allow_multiple_values", false)?,
        required_to_create: flag("required_to_create", false)?,
        required_to_create_for_contacts: flag("required_to_create_for_contacts", false)?,
        required_to_close: flag("required_to_close", false)?,
        visible_on_create: flag("visible_on_create", true)?,
        visible_to_contacts: flag("visible_to_contacts", true)?,
        order: order(&fields)?,
    };
    let attribute = call.desk().add_attribute(&call.caller, id, new).await?;
    attribute_answer(&call, id, attribute.id).await
}

async fn update_attribute(call: Call, input: Input) -> Answer {
    let id: TicketTypeId = call.id("id", "ticket_type")?;
    let attribute: AttributeId = call.id("attribute_id", "ticket_type_attribute")?;
    let fields = input.fields();
    if matches!(fields.any("data_type"), Given::Some(_)) {
        let message = "the data type of an attribute is fixed once it is created";
        return Err(ApiError::field("parameter_invalid", "data_type", message));
    }
    let flag = |name: &str| Ok::<_, ApiError>(fields.flag(name)?.value());
    let change = AttributeChange {
        name: fields.owned("name")?.value(),
        description: text_or_cleared(&fields, "description")?,
        list_options: options(&fields)?,
        multiline: flag("multiline")?,
        allow_multiple_values: flag("allow_multiple_values")?,
        order: order(&fields)?,
        required_to_create: flag("required_to_create")?,
        required_to_create_for_contacts: flag("required_to_create_for_contacts")?,
        required_to_close: flag("required_to_close")?,
        visible_on_create: flag("visible_on_create")?,
        visible_to_contacts: flag("visible_to_contacts")?,
        archived: flag("archived")?,
    };
    call.desk().update_attribute(&call.caller, id, attribute, change).await?;
    attribute_answer(&call, id, attribute).await
}

async fn attribute_answer(call: &Call, id: TicketTypeId, attribute: AttributeId) -> Answer {
    let ticket_type = call.read(move |desk, caller| desk.ticket_type(caller, id)).await?;
    let found = ticket_type.attributes.iter().find(|one| one.id == attribute);
    let found = found.ok_or_else(|| ApiError::not_found("ticket_type_attribute"))?;
    Ok(Json(call.wire().await?.attribute(&ticket_type, found)))
}

fn order(fields: &Fields<'_>) -> Result<Option<u32>> {
    let Given::Some(value) = fields.any("order") else { return Ok(None) };
    let order = value.as_u64().and_then(|order| u32::try_from(order).ok());
    order.map(Some).ok_or_else(|| ApiError::wrong_type("order", "a whole number"))
}

/// Options of a list: `list_options` as they are answered, with ids of those that are kept, or `list_items`.
fn options(fields: &Fields<'_>) -> Result<Option<Vec<OptionGiven>>> {
    let Some(each) = fields.list("list_options")?.value() else {
        let labels = list_items(fields)?;
        return Ok(labels.map(|labels| labels.into_iter().map(|label| OptionGiven { id: None, label }).collect()));
    };
    let read = |(at, option): (usize, &Value)| {
        let option = Fields::of(option, &format!("list_options[{at}]"))?;
        Ok(OptionGiven {
            id: option.id::<String>("id")?.value(),
            label: option.required_text("label")?.trim().to_owned(),
        })
    };
    each.iter().enumerate().map(read).collect::<Result<_>>().map(Some)
}

/// Options of a list: comma separated as in the compatible API, or an array of labels.
fn list_items(fields: &Fields<'_>) -> Result<Option<Vec<String>>> {
    let labels: Vec<String> = match fields.any("list_items") {
        Given::Absent | Given::Null => return Ok(None),
        Given::Some(Value::String(text)) => text.split(',').map(|label| label.trim().to_owned()).collect(),
        Given::Some(Value::Array(each)) => {
            let label = |one: &Value| one.as_str().map(|label| label.trim().to_owned());
            let labels = each.iter().map(|one| label(one).ok_or_else(|| ApiError::wrong_type("list_items", "strings")));
            labels.collect::<Result<_>>()?
        }
        Given::Some(_) => return Err(ApiError::wrong_type("list_items", "a comma separated string")),
    };
    Ok(Some(labels.into_iter().filter(|label| !label.is_empty()).collect()))
}
