//! `/data_attributes`: facts that contacts, companies and conversations can have (API-27).

use crate::desk::people::data_attributes::DataAttributeFacts;
use crate::desk::people::data_attributes::NewDataAttribute;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::data_attribute::DataKind;
use crate::domain::data_attribute::DataModel;
use crate::domain::id::DataAttributeId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::list;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::put;
use serde_json::Value;
use serde_json::json;

/// Facts that every object of a model has: model, name, where it stands in the object, label, type, whether the API sets it.
const BUILT_IN: &[(DataModel, &str, &str, &str, &str, bool)] = &[
    (DataModel::Contact, "name", "name", "Name", "string", true),
    (DataModel::Contact, "email", "email", "Email", "string", true),
    (DataModel::Contact, "phone", "phone", "Phone", "string", true),
    (DataModel::Contact, "external_id", "external_id", "User ID", "string", true),
    (DataModel::Contact, "signed_up_at", "signed_up_at", "Signed up", "date", true),
    (DataModel::Contact, "last_seen_at", "last_seen_at", "Last seen", "date", true),
    (DataModel::Contact, "last_contacted_at", "last_contacted_at", "Last contacted", "date", false),
    (DataModel::Contact, "last_replied_at", "last_replied_at", "Last heard from", "date", false),
    (DataModel::Contact, "language_override", "language_override", "Language override", "string", true),
    (DataModel::Contact, "unsubscribed_from_emails", "unsubscribed_from_emails", "Unsubscribed", "boolean", true),
    (DataModel::Contact, "has_hard_bounced", "has_hard_bounced", "Address bounces", "boolean", false),
    (DataModel::Contact, "country", "location.country", "Country", "string", true),
    (DataModel::Contact, "region", "location.region", "Region", "string", true),
    (DataModel::Contact, "city", "location.city", "City", "string", true),
    (DataModel::Company, "company_id", "company_id", "Company ID", "string", true),
    (DataModel::Company, "name", "name", "Company name", "string", true),
    (DataModel::Company, "name", "plan.name", "Plan", "string", true),
    (DataModel::Company, "website", "website", "Website", "string", true),
    (DataModel::Company, "industry", "industry", "Industry", "string", true),
    (DataModel::Company, "size", "size", "Size", "integer", true),
    (DataModel::Company, "monthly_spend", "monthly_spend", "Monthly spend", "integer", true),
    (DataModel::Company, "remote_created_at", "remote_created_at", "Created", "date", true),
    (DataModel::Company, "user_count", "user_count", "People", "integer", false),
];

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/data_attributes", get(all).post(create)).route("/data_attributes/{id}", put(update))
}

fn form(attribute: &DataAttribute) -> Value {
    json!({
        "type": "data_attribute",
        "id": attribute.id.0,
        "model": attribute.model.as_str(),
        "name": attribute.name,
        "full_name": format!("custom_attributes.{}", attribute.name),
        "label": attribute.name,
        "description": attribute.description,
        "data_type": attribute.kind.as_str(),
        "options": attribute.options.iter().map(|option| option.label.as_str()).collect::<Vec<_>>(),
        "api_writable": true,
        "messenger_writable": attribute.messenger_writable,
        "ui_writable": true,
        "custom": true,
        "archived": attribute.archived,
        "admin_id": attribute.created_by.to_string(),
        "created_at": attribute.created_at.seconds(),
        "updated_at": attribute.updated_at.seconds(),
        "deskgate": {"required": attribute.required},
    })
}

fn built_in(model: Option<DataModel>) -> impl Iterator<Item = Value> {
    let wanted = BUILT_IN.iter().filter(move |row| model.is_none_or(|model| model == row.0));
    wanted.map(|(model, name, full_name, label, data_type, api_writable)| {
        json!({
            "type": "data_attribute",
            "model": model.as_str(),
            "name": name,
            "full_name": full_name,
            "label": label,
            "description": "",
            "data_type": data_type,
            "api_writable": api_writable,
            "messenger_writable": false,
            "ui_writable": api_writable,
            "custom": false,
            "archived": false,
        })
    })
}

/// Built-in ones first; `model` asks for those of one, `include_archived` for archived ones too.
async fn all(call: Call) -> Answer {
    let model = match call.query("model") {
        None | Some("") => None,
        Some(word) => Some(DataModel::parse(word).ok_or_else(|| {
            ApiError::field("parameter_invalid", "model", "'model' takes 'contact', 'company' or 'conversation'")
        })?),
    };
    listed(&call, model, built_in(model).collect()).await
}

async fn listed(call: &Call, model: Option<DataModel>, mut rows: Vec<Value>) -> Answer {
    let archived_too = call.query("include_archived") == Some("true");
    let declared = call.read(|desk, caller| desk.data_attributes(caller)).await?;
    let wanted = |one: &&DataAttribute| model.is_none_or(|model| model == one.model) && (archived_too || !one.archived);
    rows.extend(declared.iter().filter(wanted).map(form));
    Ok(Json(list(rows)))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let model = fields.word("model", "'contact', 'company' or 'conversation'", DataModel::parse)?.value();
    let model = model.ok_or_else(|| ApiError::missing("model"))?;
    let name = fields.required_text("name")?.to_owned();
    let options = options(&fields)?;
    // A list is text with options; the compatible API has a word of its own for it.
    let kind = |word: &str| if word == "options" { Some(DataKind::String) } else { DataKind::parse(word) };
    let kind =
        fields.word("data_type", "'string', 'integer', 'float', 'boolean', 'datetime', 'date' or 'options'", kind)?;
    let kind = kind.value().or_else(|| options.as_ref().map(|_| DataKind::String));
    let kind = kind.ok_or_else(|| ApiError::missing("data_type"))?;
    let new = NewDataAttribute { model, name, kind, facts: facts(&fields, options)? };
    Ok(Json(form(&call.desk().add_data_attribute(&call.caller, new).await?)))
}

async fn update(call: Call, input: Input) -> Answer {
    let id: DataAttributeId = call.id("id", "data_attribute")?;
    let fields = input.fields();
    let facts = facts(&fields, options(&fields)?)?;
    Ok(Json(form(&call.desk().change_data_attribute(&call.caller, id, facts).await?)))
}

/// Options as `{"value"}` objects, as the compatible API sends them, or plain.
fn options(fields: &Fields<'_>) -> Result<Option<Vec<String>>> {
    let Given::Some(given) = fields.list("options")? else { return Ok(None) };
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => Ok(Fields::of(other, "options")?.required_text("value")?.to_owned()),
    };
    given.iter().map(one).collect::<Result<_>>().map(Some)
}

fn facts(fields: &Fields<'_>, options: Option<Vec<String>>) -> Result<DataAttributeFacts> {
    Ok(DataAttributeFacts {
        description: fields.owned("description")?.value(),
        options,
        messenger_writable: fields.flag("messenger_writable")?.value(),
        required: fields.flag("required")?.value(),
        archived: fields.flag("archived")?.value(),
        ..DataAttributeFacts::default()
    })
}
