//! `POST /tickets/search`, `/conversations/search` and `/contacts/search` (API-21, API-30): from the body to a search, from
//! what was found to a list.

use crate::desk::search::Found;
use crate::desk::search::Sort;
use crate::desk::search::SortBy;
use crate::desk::search::threads::Search;
use crate::domain::search::Asked;
use crate::domain::search::AskedCondition;
use crate::domain::search::CONDITIONS_MAX;
use crate::domain::search::LEVELS_MAX;
use crate::domain::search::Operator;
use crate::domain::search::Scalar;
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
use crate::http::paging::PER_PAGE_DEFAULT;
use crate::http::paging::PageAsked;
use axum::Router;
use axum::response::Json;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/search", post(tickets))
        .route("/conversations/search", post(conversations))
        .route("/contacts/search", post(contacts))
}

/// Parts ride along unless `?parts=none` (API-10).
async fn tickets(call: Call, input: Input) -> Answer {
    let (asked, mut search) = read(&input.fields(), PER_PAGE_DEFAULT)?;
    (search.with_parts, search.words) = (call.wants_parts(), call.words());
    let with_parts = search.with_parts;
    let found = call.read(move |desk, caller| desk.search_tickets(caller, &search)).await?;
    let forms = call.wire().await?;
    let rows = found.items.iter().filter_map(|view| forms.ticket(view, with_parts)).collect();
    Ok(Json(page(wire::listed("ticket.list", "tickets", rows), &asked, &found)))
}

async fn conversations(call: Call, input: Input) -> Answer {
    let (asked, mut search) = read(&input.fields(), PER_PAGE_DEFAULT)?;
    search.words = call.words();
    let found = call.read(move |desk, caller| desk.search_conversations(caller, &search)).await?;
    let forms = call.wire().await?;
    let rows = found.items.iter().map(|view| forms.conversation(view, false)).collect();
    Ok(Json(page(wire::listed("conversation.list", "conversations", rows), &asked, &found)))
}

async fn contacts(call: Call, input: Input) -> Answer {
    let (asked, search) = read(&input.fields(), PER_PAGE_CONTACTS)?;
    let found = call.read(move |desk, caller| desk.search_contacts(caller, &search)).await?;
    let forms = call.wire().await?;
    let rows = found.items.iter().map(|contact| forms.contact(contact)).collect();
    Ok(Json(page(wire::listed("list", "data", rows), &asked, &found)))
}

/// A list with its pages. A total that was not counted to the end says so.
pub(crate) fn page<T>(list: Value, asked: &PageAsked, found: &Found<T>) -> Value {
    let next = found.next.map(|(first, second)| [first, second]);
    let list = wire::with(list, json!({"total_count": found.total, "pages": asked.pages(found.total, next)}));
    if found.total_is_exact { list } else { wire::with(list, json!({"deskgate": {"total_is_exact": false}})) }
}

fn read(fields: &Fields<'_>, per_page_default: usize) -> Result<(PageAsked, Search)> {
    let query = fields.object("query")?.value().ok_or_else(|| ApiError::missing("query"))?;
    let query = read_query(&query, 0)?;
    let asked = page_asked(fields, per_page_default)?;
    let exact = fields.word("precision", "'day' or 'exact'", |word| match word {
        "exact" => Some(true),
        "day" => Some(false),
        _ => None,
    })?;
    let search = Search {
        query: Some(query),
        exact: exact.value().unwrap_or(false),
        sort: sort(fields)?,
        after: asked.after_pair(),
        limit: asked.per_page,
        with_parts: false,
        words: None,
    };
    Ok((asked, search))
}

/// The page of a search stands in its body.
fn page_asked(fields: &Fields<'_>, per_page_default: usize) -> Result<PageAsked> {
    let Some(pagination) = fields.object("pagination")?.value() else {
        return PageAsked::read(None, None, per_page_default);
    };
    let per_page = match pagination.any("per_page") {
        Given::Some(Value::String(text)) => Some(text.clone()),
        Given::Some(number) => Some(number.to_string()),
        Given::Absent | Given::Null => None,
    };
    PageAsked::read(per_page.as_deref(), pagination.text("starting_after")?.value(), per_page_default)
}

fn sort(fields: &Fields<'_>) -> Result<Sort> {
    let Some(sort) = fields.object("sort")?.value() else { return Ok(Sort::default()) };
    sort_of(sort.text("field")?.value(), sort.text("order")?.value())
}

/// A sort of its two words; descending by `updated_at` where nothing is said (API-32).
pub(crate) fn sort_of(field: Option<&str>, order: Option<&str>) -> Result<Sort> {
    let by = match field {
        None | Some("updated_at") => SortBy::UpdatedAt,
        Some("created_at" | "id") => SortBy::CreatedAt,
        Some(_) => {
            let message = "lists are sorted by updated_at, created_at or id";
            return Err(ApiError::field("invalid_sort_order", "sort.field", message));
        }
    };
    let ascending = match order {
        None | Some("descending" | "desc") => false,
        Some("ascending" | "asc") => true,
        Some(_) => {
            return Err(ApiError::field("invalid_sort_order", "sort.order", "'order' takes ascending or descending"));
        }
    };
    Ok(Sort { by, ascending })
}

/// A condition, or groups of them.
pub(crate) fn read_query(fields: &Fields<'_>, level: usize) -> Result<Asked> {
    let operator = fields.required_text("operator")?;
    if !matches!(operator, "AND" | "OR") {
        return condition(fields, operator).map(Asked::Is);
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
    Ok(if operator == "AND" { Asked::All(each) } else { Asked::Any(each) })
}

/// A search in the form it is asked in.
pub(crate) fn written(asked: &Asked) -> Value {
    let group = |operator: &str, parts: &[Asked]| json!({"operator": operator, "value": parts.iter().map(written).collect::<Vec<_>>()});
    let scalar = |value: &Scalar| match value {
        Scalar::Null => Value::Null,
        Scalar::Flag(yes) => json!(yes),
        Scalar::Number(number) => serde_json::from_str(number).unwrap_or_else(|_| json!(number)),
        Scalar::Text(text) => json!(text),
    };
    match asked {
        Asked::All(parts) => group("AND", parts),
        Asked::Any(parts) => group("OR", parts),
        Asked::Is(AskedCondition { field, operator, values }) => {
            let value = match (operator, values.as_slice()) {
                (Operator::In | Operator::NotIn, values) => values.iter().map(scalar).collect(),
                (_, [only]) => scalar(only),
                (_, several) => several.iter().map(scalar).collect(),
            };
            json!({"field": field, "operator": operator.as_str(), "value": value})
        }
    }
}

fn condition(fields: &Fields<'_>, operator: &str) -> Result<AskedCondition> {
    let field = fields.required_text("field")?;
    let operator = Operator::parse(operator).ok_or_else(|| {
        ApiError::field("data_invalid", &fields.named("operator"), "operators are = != IN NIN > < >= <= ~ !~ ^ $")
    })?;
    let values = match fields.any("value") {
        Given::Absent => return Err(ApiError::missing(&fields.named("value"))),
        Given::Null => vec![Scalar::Null],
        Given::Some(Value::Array(each)) => each.iter().map(|one| scalar(field, one)).collect::<Result<_>>()?,
        Given::Some(one) => vec![scalar(field, one)?],
    };
    Ok(AskedCondition { field: field.to_owned(), operator, values })
}

fn scalar(field: &str, value: &Value) -> Result<Scalar> {
    match value {
        Value::Null => Ok(Scalar::Null),
        Value::Bool(yes) => Ok(Scalar::Flag(*yes)),
        Value::Number(number) => Ok(Scalar::Number(number.to_string())),
        Value::String(text) => Ok(Scalar::Text(text.clone())),
        Value::Array(_) | Value::Object(_) => {
            Err(ApiError::field("data_invalid", field, format!("'{field}' takes single values")))
        }
    }
}
