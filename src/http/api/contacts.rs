//! `/contacts`: people who write to the desk (API-26).

use crate::desk::people::contacts::ContactFacts;
use crate::desk::people::contacts::ContactRef;
use crate::domain::address::Address;
use crate::domain::contact::Contact;
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
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/contacts", get(list).post(create))
        .route("/contacts/find_by_external_id/{external_id}", get(by_external_id))
        .route("/contacts/{id}", get(one).put(update).delete(remove))
        .route("/contacts/merge", post(merge))
        .route("/contacts/{id}/archive", post(archive))
        .route("/contacts/{id}/unarchive", post(unarchive))
        .route("/contacts/{id}/block", post(block))
        .route("/contacts/{id}/unblock", post(unblock))
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

/// A contact as answered to what is done with it.
fn short(contact: &Contact, key: &str, value: bool) -> Answer {
    Ok(Json(wire::beside(wire::contact::reference(contact), key, json!(value))))
}

async fn remove(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    short(&call.desk().delete_contact(&call.caller, id).await?, "deleted", true)
}

async fn archive(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    short(&call.desk().archive_contact(&call.caller, id, true).await?, "archived", true)
}

async fn unarchive(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    short(&call.desk().archive_contact(&call.caller, id, false).await?, "archived", false)
}

async fn block(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    short(&call.desk().block_contact(&call.caller, id, true).await?, "blocked", true)
}

/// Ours: the compatible API has no way back.
async fn unblock(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    short(&call.desk().block_contact(&call.caller, id, false).await?, "blocked", false)
}

async fn merge(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let (from, into) = (fields.required_id("from")?, fields.required_id("into")?);
    let unchecked = fields.flag("skip_duplicate_validation")?.value().unwrap_or(false);
    let contact = call.desk().merge_contacts(&call.caller, from, into, unchecked).await?;
    Ok(Json(call.wire().await?.contact(&contact)))
}

/// The facts in a body.
pub(crate) fn facts(fields: &Fields<'_>) -> Result<ContactFacts> {
    let email = fields.word("email", "an email address", Address::parse)?;
    let email_verified = verified(fields, &email)?;
    let mut facts = ContactFacts {
        role: fields.word("role", "'user' or 'lead'", role)?.value(),
        external_id: fields.owned("external_id")?.change(),
        email: email.change(),
        name: fields.owned("name")?.change(),
        phone: fields.owned("phone")?.change(),
        avatar: avatar(fields)?.change(),
        custom_attributes: fields.values("custom_attributes")?,
        unsubscribed_from_emails: fields.flag("unsubscribed_from_emails")?.value(),
        language_override: fields.owned("language_override")?.change(),
        email_verified,
        other_emails: other_emails(fields)?,
        owner: fields.id("owner_id")?.change(),
        signed_up_at: fields.moment("signed_up_at")?.change(),
        last_seen_at: fields.moment("last_seen_at")?.change(),
        location: [None, None, None],
    };
    set_location(&mut facts, fields)?;
    Ok(facts)
}

/// `email_verified` comes only together with an email (OBJ-23).
fn verified(fields: &Fields<'_>, email: &Given<Address>) -> Result<Option<bool>> {
    let given = fields.flag("email_verified")?.value();
    if given.is_some() && !matches!(email, Given::Some(_)) {
        let message = "'email_verified' can be sent only together with 'email'";
        return Err(ApiError::field("parameter_invalid", "email_verified", message));
    }
    Ok(given)
}

fn other_emails(fields: &Fields<'_>) -> Result<Option<Vec<Address>>> {
    let Some(list) = fields.list("other_emails")?.value() else { return Ok(None) };
    let bad = || ApiError::field("parameter_invalid", "other_emails", "'other_emails' takes email addresses");
    let read = |one: &Value| one.as_str().and_then(Address::parse).ok_or_else(bad);
    list.iter().map(read).collect::<Result<_>>().map(Some)
}

/// Country, region and city, in the form they are answered in; null clears all of them.
fn set_location(facts: &mut ContactFacts, fields: &Fields<'_>) -> Result<()> {
    match fields.object("location")? {
        Given::Absent => {}
        Given::Null => facts.location = [Some(None), Some(None), Some(None)],
        Given::Some(place) => {
            for (fact, name) in facts.location.iter_mut().zip(["country", "region", "city"]) {
                *fact = place.owned(name)?.change();
            }
        }
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
