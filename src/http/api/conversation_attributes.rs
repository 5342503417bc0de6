//! `/conversations/attributes`: declared facts of conversations, in the form the compatible API has for them (OBJ-36).
//!
//! They are those of `/data_attributes?model=conversation`, under the words of ATT-1. Files and relations are not among them.

use crate::desk::people::data_attributes::DataAttributeFacts;
use crate::desk::people::data_attributes::NewDataAttribute;
use crate::desk::people::data_attributes::OptionChange;
use crate::domain::attribute::ListOption;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::data_attribute::DataKind;
use crate::domain::data_attribute::DataModel;
use crate::domain::id::DataAttributeId;
use crate::domain::id::TeamId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::list;
use crate::http::api::wire::with;
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
use axum::routing::post;
use axum::routing::put;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/conversations/attributes", get(all).post(create))
        .route("/conversations/attributes/{id}", get(one).put(update).delete(archive))
        .route("/conversations/attributes/{id}/options", post(add_option))
        .route("/conversations/attributes/{id}/options/{option_id}", put(rename_option).delete(archive_option))
}

/// The word of ATT-1; text with options is a list.
fn data_type(attribute: &DataAttribute) -> &'static str {
    match attribute.kind {
        DataKind::String if attribute.options.is_empty() => "string",
        DataKind::String => "list",
        DataKind::Integer => "integer",
        DataKind::Float => "decimal",
        DataKind::Boolean => "boolean",
        DataKind::Datetime | DataKind::Date => "datetime",
    }
}

fn form(attribute: &DataAttribute) -> Value {
    let data_type = data_type(attribute);
    let common = json!({
        "type": "conversation_attribute",
        "id": attribute.id.0,
        "name": attribute.name,
        "description": attribute.description,
        "data_type": data_type,
        "required": attribute.required,
        "visible_to_team_ids": attribute.teams.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "archived": attribute.archived,
        "created_at": attribute.created_at.seconds(),
        "updated_at": attribute.updated_at.seconds(),
        "admin_id": attribute.created_by.to_string(),
    });
    let option = |one: &ListOption| json!({"id": one.id, "label": one.label, "archived": one.removed});
    match data_type {
        "string" => with(common, json!({"multiline": attribute.multiline})),
        "list" => with(common, json!({"options": attribute.options.iter().map(option).collect::<Vec<_>>()})),
        _ => common,
    }
}

async fn all(call: Call) -> Answer {
    let archived_too = call.query("include_archived") == Some("true");
    let declared = call.read(|desk, caller| desk.data_attributes(caller)).await?;
    let wanted = |one: &&DataAttribute| one.model == DataModel::Conversation && (archived_too || !one.archived);
    Ok(Json(list(declared.iter().filter(wanted).map(form).collect())))
}

/// The attribute of the path, which is one of conversations.
async fn known(call: &Call) -> Result<DataAttribute> {
    let id: DataAttributeId = call.id("id", "conversation_attribute")?;
    let found = call.read(move |desk, caller| desk.data_attribute(caller, id)).await?;
    if found.model == DataModel::Conversation { Ok(found) } else { Err(ApiError::not_found("conversation_attribute")) }
}

async fn one(call: Call) -> Answer {
    Ok(Json(form(&known(&call).await?)))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let kind = |word: &str| match word {
        "string" | "list" => Some(DataKind::String),
        "integer" => Some(DataKind::Integer),
        "decimal" => Some(DataKind::Float),
        "boolean" => Some(DataKind::Boolean),
        "datetime" => Some(DataKind::Datetime),
        _ => None,
    };
    let expected = "'string', 'list', 'integer', 'decimal', 'boolean' or 'datetime'";
    let kind = fields.word("data_type", expected, kind)?.value().ok_or_else(|| ApiError::missing("data_type"))?;
    let mut facts = facts(&fields)?;
    if fields.text("data_type")?.value() == Some("list") {
        let options = fields.list("options")?.value().ok_or_else(|| ApiError::missing("options"))?;
        facts.options = Some(options.iter().map(label).collect::<Result<_>>()?);
    }
    let name = fields.required_text("name")?.to_owned();
    let new = NewDataAttribute { model: DataModel::Conversation, name, kind, facts };
    Ok(Json(form(&call.desk().add_data_attribute(&call.caller, new).await?)))
}

async fn update(call: Call, input: Input) -> Answer {
    let (known, fields) = (known(&call).await?, input.fields());
    if fields.text("name")?.value().is_some_and(|name| name != known.name) {
        return Err(ApiError::field("parameter_invalid", "name", "an attribute keeps its name"));
    }
    Ok(Json(form(&call.desk().change_data_attribute(&call.caller, known.id, facts(&fields)?).await?)))
}

/// Archives it: what has a value keeps it.
async fn archive(call: Call) -> Answer {
    let facts = DataAttributeFacts { archived: Some(true), ..DataAttributeFacts::default() };
    let known = known(&call).await?;
    Ok(Json(form(&call.desk().change_data_attribute(&call.caller, known.id, facts).await?)))
}

async fn add_option(call: Call, input: Input) -> Answer {
    let change = OptionChange::Add(input.fields().required_text("label")?.to_owned());
    let known = known(&call).await?;
    Ok(Json(form(&call.desk().change_option(&call.caller, known.id, change).await?)))
}

async fn rename_option(call: Call, input: Input) -> Answer {
    let label = input.fields().required_text("label")?.to_owned();
    let option = call.path_text("option_id").unwrap_or_default().to_owned();
    let known = known(&call).await?;
    let change = OptionChange::Rename(option, label);
    Ok(Json(form(&call.desk().change_option(&call.caller, known.id, change).await?)))
}

async fn archive_option(call: Call) -> Answer {
    let change = OptionChange::Archive(call.path_text("option_id").unwrap_or_default().to_owned());
    let known = known(&call).await?;
    Ok(Json(form(&call.desk().change_option(&call.caller, known.id, change).await?)))
}

fn label(value: &Value) -> Result<String> {
    Ok(Fields::of(value, "options")?.required_text("label")?.to_owned())
}

fn facts(fields: &Fields<'_>) -> Result<DataAttributeFacts> {
    let teams = match fields.list("visible_to_team_ids")? {
        Given::Some(ids) => {
            let read = |id: &Value| read_id(id, "visible_to_team_ids");
            Some(ids.iter().map(read).collect::<Result<Vec<TeamId>>>()?)
        }
        _ => None,
    };
    Ok(DataAttributeFacts {
        description: fields.owned("description")?.value(),
        required: fields.flag("required")?.value(),
        multiline: fields.flag("multiline")?.value(),
        teams,
        ..DataAttributeFacts::default()
    })
}
