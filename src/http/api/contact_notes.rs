//! Notes on contacts and companies, and what contacts subscribe to (API-26, API-27).

use crate::desk::people::contacts::ContactFacts;
use crate::domain::contact::Contact;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::NoteId;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::message::written_by_agent;
use crate::http::api::wire::list;
use crate::http::api::wire::people::note as note_form;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::delete;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

/// The one kind of mail that contacts can be without: broadcasts and other bulk mail (NTF-14).
const BULK_MAIL: &str = "1";

/// Notes of a page where nothing is said.
const PER_PAGE_NOTES: usize = 15;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/notes/{id}", get(one))
        .route("/contacts/{id}/notes", get(of_contact).post(on_contact))
        .route("/companies/{id}/notes", get(of_company).post(on_company))
        .route("/subscription_types", get(subscription_types))
        .route("/contacts/{id}/subscriptions", get(subscriptions).post(subscribe))
        .route("/contacts/{id}/subscriptions/{subscription_id}", delete(unsubscribe))
}

async fn one(call: Call) -> Answer {
    let id: NoteId = call.id("id", "note")?;
    let note = call.read(move |desk, caller| desk.note(caller, id)).await?;
    let (agents, teams) = call.read(|desk, _| Ok((desk.agents()?, desk.every_team()?))).await?;
    Ok(Json(note_form(&note, &agents, &teams, call.base())))
}

async fn of_contact(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    listed(&call, NoteOn::Contact(id)).await
}

async fn of_company(call: Call) -> Answer {
    let id: CompanyId = call.id("id", "company")?;
    listed(&call, NoteOn::Company(id)).await
}

async fn listed(call: &Call, on: NoteOn) -> Answer {
    let asked = call.numbered_page(PER_PAGE_NOTES)?;
    let notes = call.read(move |desk, caller| desk.notes_on(caller, on)).await?;
    let (agents, teams) = call.read(|desk, _| Ok((desk.agents()?, desk.every_team()?))).await?;
    let rows = asked.of(&notes).map(|note| note_form(note, &agents, &teams, call.base())).collect();
    Ok(Json(with(list(rows), json!({"total_count": notes.len(), "pages": asked.pages(notes.len() as u64)}))))
}

async fn on_contact(call: Call, input: Input) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    written(&call, &input, NoteOn::Contact(id)).await
}

async fn on_company(call: Call, input: Input) -> Answer {
    let id: CompanyId = call.id("id", "company")?;
    written(&call, &input, NoteOn::Company(id)).await
}

async fn written(call: &Call, input: &Input, on: NoteOn) -> Answer {
    let fields = input.fields();
    let body = written_by_agent(fields.required_text("body")?);
    let by = call.acting_as(fields.id("admin_id")?.value()).await?;
    let note: Note = call.desk().add_note(&by, on, body).await?;
    let (agents, teams) = call.read(|desk, _| Ok((desk.agents()?, desk.every_team()?))).await?;
    Ok(Json(note_form(&note, &agents, &teams, call.base())))
}

fn bulk_mail() -> Value {
    let words = json!({
        "name": "Announcements", "description": "News that many get at once; answers and own tickets come anyway",
        "locale": "en",
    });
    json!({
        "type": "subscription", "id": BULK_MAIL, "state": "live", "consent_type": "opt_out", "content_types": ["email"],
        "default_translation": words, "translations": [words],
    })
}

async fn subscription_types(_call: Call) -> Answer {
    Ok(Json(list(vec![bulk_mail()])))
}

fn subscribed(contact: &Contact) -> Vec<Value> {
    if contact.unsubscribed_from_emails { Vec::new() } else { vec![bulk_mail()] }
}

async fn subscriptions(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let contact = call.read(move |desk, caller| desk.contact(caller, id)).await?;
    Ok(Json(list(subscribed(&contact))))
}

async fn subscribe(call: Call, input: Input) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let fields = input.fields();
    let wanted: u64 = fields.required_id("id")?;
    let word = |word: &str| match word {
        "opt_in" => Some(false),
        "opt_out" => Some(true),
        _ => None,
    };
    let out = fields.word("consent_type", "'opt_in' or 'opt_out'", word)?;
    let out = out.value().ok_or_else(|| ApiError::missing("consent_type"))?;
    set(&call, id, &wanted.to_string(), out).await
}

async fn unsubscribe(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let wanted = call.path_text("subscription_id").unwrap_or_default().to_owned();
    set(&call, id, &wanted, true).await
}

async fn set(call: &Call, contact: ContactId, wanted: &str, out: bool) -> Answer {
    known(wanted)?;
    let facts = ContactFacts { unsubscribed_from_emails: Some(out), ..ContactFacts::default() };
    call.desk().update_contact(&call.caller, contact, facts).await?;
    Ok(Json(bulk_mail()))
}

fn known(wanted: &str) -> Result<()> {
    if wanted == BULK_MAIL { Ok(()) } else { Err(ApiError::not_found("subscription")) }
}
