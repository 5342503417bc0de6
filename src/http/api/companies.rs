//! `/companies`, and who belongs to them (API-27).

use crate::desk::people::companies::CompanyFacts;
use crate::desk::people::companies::CompanyRef;
use crate::domain::id::CompanyId;
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
use axum::routing::delete;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/companies", get(list).post(create))
        .route("/companies/list", post(numbered))
        .route("/companies/scroll", get(scroll))
        .route("/companies/{id}", get(one).put(update).delete(remove))
        .route("/companies/{id}/contacts", get(contacts))
        .route("/contacts/{id}/companies", get(of_contact).post(attach))
        .route("/contacts/{id}/companies/{company_id}", delete(detach))
}

/// All of them in pages; with `company_id` the one of that key, with `name` those of that name.
async fn list(call: Call) -> Answer {
    if let Some(own) = call.query("company_id").map(ToOwned::to_owned) {
        let view = call.read(move |desk, caller| desk.company(caller, &CompanyRef::Key(own))).await?;
        return Ok(Json(call.wire().await?.company(&view)));
    }
    let forms = call.wire().await?;
    if let Some(name) = call.query("name").map(ToOwned::to_owned) {
        let found = call.read(move |desk, caller| desk.companies_named(caller, &name)).await?;
        let rows: Vec<Value> = found.iter().map(|view| forms.company(view)).collect();
        let total = rows.len();
        return Ok(Json(wire::with(wire::list(rows), json!({"total_count": total}))));
    }
    let asked = call.page(PER_PAGE_CONTACTS)?;
    let after = asked.after_one().map(CompanyId);
    let page = call.read(move |desk, caller| desk.companies(caller, after, asked.per_page)).await?;
    let last = page.items.last().filter(|_| page.has_more).map(|view| [view.company.id.0, 0]);
    let rows = page.items.iter().map(|view| forms.company(view)).collect();
    let page = json!({"total_count": page.total, "pages": asked.pages(page.total, last)});
    Ok(Json(wire::with(wire::list(rows), page)))
}

/// Pages by their numbers, as older clients ask for them.
async fn numbered(call: Call) -> Answer {
    let asked = call.numbered_page(PER_PAGE_CONTACTS)?;
    let page = call.read(move |desk, caller| desk.companies(caller, None, asked.end())).await?;
    let forms = call.wire().await?;
    let rows = asked.of(&page.items).map(|view| forms.company(view)).collect();
    Ok(Json(wire::with(wire::list(rows), json!({"total_count": page.total, "pages": asked.pages(page.total)}))))
}

/// Companies of one answer when all of them are read.
const SCROLLED: usize = 100;

/// All of them, from answer to answer by `scroll_param`, which the last answer does not have.
async fn scroll(call: Call) -> Answer {
    let param = call.query("scroll_param").filter(|param| !param.is_empty());
    let after = match param {
        None => None,
        Some(text) => {
            let bad = || ApiError::field("client_error", "scroll_param", "'scroll_param' is not one of ours");
            Some(text.parse::<CompanyId>().map_err(|_| bad())?)
        }
    };
    let page = call.read(move |desk, caller| desk.companies(caller, after, SCROLLED)).await?;
    let forms = call.wire().await?;
    let next = page.items.last().filter(|_| page.has_more).map(|view| view.company.id.to_string());
    let rows = page.items.iter().map(|view| forms.company(view)).collect();
    let more = json!({"pages": null, "total_count": page.total, "scroll_param": next});
    Ok(Json(wire::with(wire::list(rows), more)))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let by = key(&fields)?.map(CompanyRef::Key);
    let view = call.desk().put_company(&call.caller, by, facts(&fields)?).await?;
    Ok(Json(call.wire().await?.company(&view)))
}

async fn one(call: Call) -> Answer {
    let id: CompanyId = call.id("id", "company")?;
    let view = call.read(move |desk, caller| desk.company(caller, &CompanyRef::Id(id))).await?;
    Ok(Json(call.wire().await?.company(&view)))
}

async fn update(call: Call, input: Input) -> Answer {
    let id: CompanyId = call.id("id", "company")?;
    let view = call.desk().put_company(&call.caller, Some(CompanyRef::Id(id)), facts(&input.fields())?).await?;
    Ok(Json(call.wire().await?.company(&view)))
}

async fn remove(call: Call) -> Answer {
    let id: CompanyId = call.id("id", "company")?;
    call.desk().delete_company(&call.caller, id).await?;
    Ok(Json(json!({"id": id.to_string(), "object": "company", "deleted": true})))
}

async fn contacts(call: Call) -> Answer {
    let id: CompanyId = call.id("id", "company")?;
    let per_page = call.page(PER_PAGE_CONTACTS)?.per_page;
    let found = call.read(move |desk, caller| desk.contacts_of_company(caller, id, per_page)).await?;
    let forms = call.wire().await?;
    let rows: Vec<Value> = found.iter().map(|contact| forms.contact(contact)).collect();
    let total = rows.len();
    Ok(Json(wire::with(wire::list(rows), json!({"total_count": total}))))
}

async fn of_contact(call: Call) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let found = call.read(move |desk, caller| desk.companies_of(caller, id)).await?;
    let asked = call.numbered_page(PER_PAGE_CONTACTS)?;
    let forms = call.wire().await?;
    let rows: Vec<Value> = asked.of(&found).map(|view| forms.company(view)).collect();
    let pages = wire::with(asked.pages(found.len() as u64), json!({"next": null}));
    Ok(Json(json!({"type": "list", "data": rows, "total_count": found.len(), "pages": pages})))
}

async fn attach(call: Call, input: Input) -> Answer {
    let contact: ContactId = call.id("id", "contact")?;
    let company: CompanyId = input.fields().required_id("id")?;
    let view = call.desk().belong(&call.caller, contact, company, true).await?;
    Ok(Json(call.wire().await?.company(&view)))
}

async fn detach(call: Call) -> Answer {
    let contact: ContactId = call.id("id", "contact")?;
    let company: CompanyId = call.id("company_id", "company")?;
    let view = call.desk().belong(&call.caller, contact, company, false).await?;
    Ok(Json(call.wire().await?.company(&view)))
}

/// The caller's key, as text or number.
fn key(fields: &Fields<'_>) -> Result<Option<String>> {
    match fields.any("company_id") {
        Given::Some(Value::Number(number)) => Ok(Some(number.to_string())),
        _ => Ok(fields.owned("company_id")?.value()),
    }
}

fn facts(fields: &Fields<'_>) -> Result<CompanyFacts> {
    Ok(CompanyFacts {
        name: fields.owned("name")?.change(),
        plan: fields.owned("plan")?.change(),
        website: fields.owned("website")?.change(),
        industry: fields.owned("industry")?.change(),
        size: fields.number("size")?.change(),
        monthly_spend: fields.number("monthly_spend")?.change(),
        remote_created_at: fields.moment("remote_created_at")?.change(),
        custom_attributes: fields.values("custom_attributes")?,
    })
}
