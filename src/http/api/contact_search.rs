//! `POST /contacts/search`: contacts by id, external id or address (API-30, as far as the desk can look them up).

use crate::desk::contacts::ContactRef;
use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::id::ContactId;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use crate::http::paging::PER_PAGE_CONTACTS;
use crate::http::paging::PageAsked;
use axum::http::StatusCode;
use axum::response::Json;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Levels of AND and OR (API-30).
const LEVELS_MAX: usize = 2;
/// Conditions of one AND or OR (API-30).
const CONDITIONS_MAX: usize = 15;
/// Values of one IN.
const VALUES_MAX: usize = 50;

/// A query as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Query {
    /// One of these contacts.
    AnyOf(Vec<ContactRef>),
    All(Vec<Query>),
    Any(Vec<Query>),
}

type Found = BTreeMap<ContactId, Contact>;

pub(crate) async fn search(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let query = fields.object("query")?.value().ok_or_else(|| ApiError::missing("query"))?;
    let query = read_query(&query, 0)?;
    let asked = page(&fields)?;
    let found = find(&call, &query).await?;
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let newest_first = found.into_values().rev();
    let behind = newest_first.skip_while(|contact| asked.after_one().is_some_and(|after| contact.id.0 >= after));
    let mut rows: Vec<Contact> = behind.take(asked.per_page.saturating_add(1)).collect();
    let has_more = rows.len() > asked.per_page;
    rows.truncate(asked.per_page);
    let last = rows.last().filter(|_| has_more).map(|contact| [contact.id.0, 0]);
    let forms = call.wire().await?;
    let rows = rows.iter().map(|contact| forms.contact(contact)).collect();
    let page = json!({"total_count": total, "pages": asked.pages(total, last)});
    Ok(Json(wire::with(wire::listed("list", "data", rows), page)))
}

/// The page of a search stands in its body.
fn page(fields: &Fields<'_>) -> Result<PageAsked> {
    let Some(pagination) = fields.object("pagination")?.value() else {
        return PageAsked::read(None, None, PER_PAGE_CONTACTS);
    };
    let per_page = match pagination.any("per_page") {
        Given::Some(Value::String(text)) => Some(text.clone()),
        Given::Some(number) => Some(number.to_string()),
        Given::Absent | Given::Null => None,
    };
    PageAsked::read(per_page.as_deref(), pagination.text("starting_after")?.value(), PER_PAGE_CONTACTS)
}

fn read_query(fields: &Fields<'_>, level: usize) -> Result<Query> {
    let operator = fields.required_text("operator")?;
    if !matches!(operator, "AND" | "OR") {
        return condition(fields, operator);
    }
    let parts = fields.list("value")?.value().ok_or_else(|| ApiError::missing(&fields.named("value")))?;
    if level >= LEVELS_MAX || parts.len() > CONDITIONS_MAX || parts.is_empty() {
        let message = format!("at most {LEVELS_MAX} levels of 1 to {CONDITIONS_MAX} conditions each");
        return Err(ApiError::field("data_invalid", &fields.named("value"), message));
    }
    let each = parts.iter().enumerate().map(|(at, part)| {
        let path = format!("{}[{at}]", fields.named("value"));
        read_query(&Fields::of(part, &path)?, level + 1)
    });
    let each = each.collect::<Result<Vec<_>>>()?;
    Ok(if operator == "AND" { Query::All(each) } else { Query::Any(each) })
}

fn condition(fields: &Fields<'_>, operator: &str) -> Result<Query> {
    let field = fields.required_text("field")?;
    let value = fields.any("value").value().ok_or_else(|| ApiError::missing(&fields.named("value")))?;
    let read: fn(&str) -> Option<ContactRef> = match field {
        "id" => |text| text.parse().ok().map(ContactRef::Id),
        "external_id" => |text| Some(ContactRef::External(text.to_owned())),
        "email" => |text| Address::parse(text).map(ContactRef::Email),
        _ => {
            let message = format!("contacts cannot be searched by '{field}'; use id, external_id or email");
            return Err(ApiError::field("invalid_field", field, message));
        }
    };
    let values = match (operator, value) {
        ("=", Value::String(text)) => vec![text.as_str()],
        ("IN", Value::Array(each)) if each.len() <= VALUES_MAX => {
            let texts = each.iter().map(|one| one.as_str().ok_or_else(|| ApiError::wrong_type(field, "strings")));
            texts.collect::<Result<_>>()?
        }
        _ => {
            let message = format!("'{field}' takes '=' with a string or 'IN' with up to {VALUES_MAX} strings");
            return Err(ApiError::field("data_invalid", field, message));
        }
    };
    // What cannot be an id or an address names nobody.
    Ok(Query::AnyOf(values.into_iter().filter_map(read).collect()))
}

async fn find(call: &Call, query: &Query) -> Result<Found> {
    let by = match query {
        Query::AnyOf(by) => by.clone(),
        Query::All(each) => {
            let mut common: Option<Found> = None;
            for part in each {
                let found = Box::pin(find(call, part)).await?;
                common = Some(match common {
                    None => found,
                    Some(before) => before.into_iter().filter(|(id, _)| found.contains_key(id)).collect(),
                });
            }
            return Ok(common.unwrap_or_default());
        }
        Query::Any(each) => {
            let mut all = Found::new();
            for part in each {
                all.extend(Box::pin(find(call, part)).await?);
            }
            return Ok(all);
        }
    };
    let mut found = Found::new();
    for one in by {
        found.extend(named(call, one).await?.into_iter().map(|contact| (contact.id, contact)));
    }
    Ok(found)
}

/// Everybody a condition names; an address may name several (OBJ-21).
async fn named(call: &Call, by: ContactRef) -> Result<Vec<Contact>> {
    if let ContactRef::Email(address) = by {
        return call.read(move |desk, caller| desk.contacts_with_email(caller, &address)).await;
    }
    match call.read(move |desk, caller| desk.find_contact(caller, &by)).await {
        Ok(contact) => Ok(vec![contact]),
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
