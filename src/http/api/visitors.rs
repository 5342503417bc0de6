//! `/visitors` (OBJ-15, API-26). A visitor's generated `user_id` is its id.

use crate::desk::people::contacts::ContactFacts;
use crate::desk::people::contacts::ContactRef;
use crate::desk::people::visitors::Conversion;
use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::ContactId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::Wire;
use crate::http::api::wire::with;
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
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/visitors", get(one).put(update)).route("/visitors/convert", post(convert))
}

async fn one(call: Call) -> Answer {
    let id = call.query("user_id").or_else(|| call.query("id")).ok_or_else(|| ApiError::missing("user_id"))?;
    let id: ContactId = id.parse().map_err(|_| ApiError::not_found("visitor"))?;
    let visitor = call.read(move |desk, caller| desk.visitor(caller, id)).await?;
    Ok(Json(form(&call.wire().await?, &visitor)))
}

async fn update(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let facts = ContactFacts {
        name: fields.owned("name")?.change(),
        custom_attributes: fields.values("custom_attributes")?,
        ..ContactFacts::default()
    };
    let visitor = call.desk().update_visitor(&call.caller, visitor_id(&fields)?, facts).await?;
    Ok(Json(form(&call.wire().await?, &visitor)))
}

async fn convert(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let role = |word: &str| match word {
        "user" => Some(ContactRole::User),
        "lead" => Some(ContactRole::Lead),
        _ => None,
    };
    let role = fields.word("type", "'user' or 'lead'", role)?.value().ok_or_else(|| ApiError::missing("type"))?;
    let visitor = fields.object("visitor")?.value().ok_or_else(|| ApiError::missing("visitor"))?;
    let into = match fields.object("user")? {
        Given::Some(user) => target(&user)?,
        Given::Absent | Given::Null => None,
    };
    let id = visitor_id(&visitor)?;
    let contact = call.desk().convert_visitor(&call.caller, id, Conversion { role, into }).await?;
    Ok(Json(call.wire().await?.contact(&contact)))
}

fn visitor_id(fields: &Fields<'_>) -> Result<ContactId> {
    match fields.id("id")? {
        Given::Some(id) => Ok(id),
        Given::Absent | Given::Null => fields.required_id("user_id"),
    }
}

/// Whom a visitor goes into: by id, else by the caller's key, else by address.
fn target(user: &Fields<'_>) -> Result<Option<ContactRef>> {
    if let Given::Some(id) = user.id("id")? {
        return Ok(Some(ContactRef::Id(id)));
    }
    if let Given::Some(key) = user.owned("user_id")? {
        return Ok(Some(ContactRef::External(key)));
    }
    Ok(user.word("email", "an email address", Address::parse)?.value().map(ContactRef::Email))
}

fn form(wire: &Wire, visitor: &Contact) -> Value {
    let custom = wire.contact(visitor).get("custom_attributes").cloned().unwrap_or_default();
    let known = json!({
        "type": "visitor",
        "id": visitor.id.to_string(),
        "user_id": visitor.id.to_string(),
        "anonymous": true,
        "email": visitor.email.as_ref().map(ToString::to_string).unwrap_or_default(),
        "phone": visitor.phone,
        "name": visitor.name,
        "pseudonym": visitor.display_name(),
        "avatar": {"type": "avatar", "image_url": visitor.avatar},
        "app_id": wire.workspace_id,
        "created_at": visitor.created_at.seconds(),
        "updated_at": visitor.updated_at.seconds(),
        "signed_up_at": visitor.created_at.seconds(),
        "unsubscribed_from_emails": visitor.unsubscribed_from_emails,
        "marked_email_as_spam": visitor.marked_email_as_spam,
        "has_hard_bounced": visitor.has_hard_bounced,
        "custom_attributes": custom,
    });
    let empty = json!({
        "companies": {"type": "company.list", "companies": []},
        "tags": {"type": "tag.list", "tags": []},
        "segments": {"type": "segment.list", "segments": []},
        "social_profiles": {"type": "social_profile.list", "social_profiles": []},
    });
    with(known, empty)
}
