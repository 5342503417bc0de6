//! `/contacts`: people who write to the desk (API-26).

use crate::desk::contacts::ContactFacts;
use crate::desk::contacts::ContactRef;
use crate::domain::address::Address;
use crate::domain::contact::ContactRole;
use crate::domain::id::ContactId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_CONTACTS;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/contacts", get(list).post(create))
        .route("/contacts/find_by_external_id/{external_id}", get(by_external_id))
        .route("/contacts/{id}", get(one).put(update))
}

async fn list(call: Call) -> Answer {
    let asked = call.page(PER_PAGE_CONTACTS)?;
    let after = asked.after_one().map(ContactId);
    let page = call.read(move |desk, caller| desk.contacts(caller, after, asked.per_page)).await?;
    let forms = call.wire().await?;
    let last = page.items.last().filter(|_| page.has_more).map(|contact| [contact.id.0, 0]);
    let rows = page.items.iter().map(|contact| forms.contact(contact)).collect();
    let page = json!({"total_count": page.total, "pages": asked.pages(page.total, last)});
    Ok(Json(wire::with(wire::listed("list", "data", rows), page)))
}

async fn create(call: Call, input: Input) -> Answer {
    let facts = facts(&input.fields())?;
    let contact = call.desk().create_contact(&call.caller, facts).await?;
    Ok(Json(call.wire().await?.contact(&contact)))
}

async fn one(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let contact = call.read(move |desk, caller| desk.contact(caller, id)).await?;
    Ok(Json(call.wire().await?.contact(&contact)))
}

async fn by_external_id(call: Call) -> Answer {
    let by = ContactRef::External(call.path_text("external_id").unwrap_or_default().to_owned());
    let contact = call.read(move |desk, caller| desk.find_contact(caller, &by)).await?;
    Ok(Json(call.wire().await?.contact(&contact)))
}

async fn update(call: Call, input: Input) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let facts = facts(&input.fields())?;
    let contact = call.desk().update_contact(&call.caller, id, facts).await?;
    Ok(Json(call.wire().await?.contact(&contact)))
}

fn facts(fields: &Fields<'_>) -> Result<ContactFacts> {
    let email = fields.word("email", "an email address", Address::parse)?;
    check_verified(fields, &email)?;
    Ok(ContactFacts {
        role: fields.word("role", "'user' or 'lead'", role)?.value(),
        external_id: fields.owned("external_id")?.change(),
        email: email.change(),
        name: fields.owned("name")?.change(),
        phone: fields.owned("phone")?.change(),
        avatar: avatar(fields)?.change(),
        custom_attributes: fields.values("custom_attributes")?,
        unsubscribed_from_emails: fields.flag("unsubscribed_from_emails")?.value(),
        language_override: fields.owned("language_override")?.change(),
    })
}

/// The compatible API takes `email_verified` only together with an email (OBJ-23). It proves nothing here: an address is
/// verified by incoming mail or a signed token.
fn check_verified(fields: &Fields<'_>, email: &Given<Address>) -> Result<()> {
    let given = matches!(fields.flag("email_verified")?, Given::Some(_));
    if given && !matches!(email, Given::Some(_)) {
        let message = "'email_verified' can be sent only together with 'email'";
        return Err(ApiError::field("parameter_invalid", "email_verified", message));
    }
    Ok(())
}

/// A picture's address, plain or in the form it is answered in.
fn avatar(fields: &Fields<'_>) -> Result<Given<String>> {
    match fields.any("avatar") {
        Given::Some(value) if value.is_object() => Fields::of(value, "avatar")?.owned("image_url"),
        _ => fields.owned("avatar"),
    }
}

fn role(word: &str) -> Option<ContactRole> {
    match word {
        "user" => Some(ContactRole::User),
        "lead" => Some(ContactRole::Lead),
        _ => None,
    }
}
