//! Whether a contact belongs to those a ticket type is offered to (TYP-20): a rule of the fields by which contacts are
//! searched, and of those of their companies behind `company.`.
//!
//! **Invariant:** a rule that cannot be understood any more offers nothing: it is never wider than it was meant.

use crate::desk::search::contact_fields::ContactField;
use crate::desk::search::fields::free_value;
use crate::desk::search::fields::number as decimal;
use crate::desk::search::fields::text;
use crate::domain::company::Company;
use crate::domain::contact::Contact;
use crate::domain::form;
use crate::domain::refusal::Refusal;
use crate::domain::search::Asked;
use crate::domain::search::Datum;
use crate::domain::search::Kind;
use crate::domain::search::Query;
use crate::domain::search::understand;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;

/// Companies of a contact that a rule looks at.
const COMPANIES_LOOKED_AT_MAX: usize = 100;

/// What a rule may ask of.
#[derive(Clone, Debug)]
enum Field {
    Contact(ContactField),
    Company(CompanyField),
}

#[derive(Clone, Debug)]
enum CompanyField {
    Id,
    Key,
    Name,
    Plan,
    Industry,
    Website,
    Size,
    MonthlySpend,
    Tags,
    Custom(String),
}

/// Whether forms of the type are offered to the contact (FRM-2).
pub(crate) fn is_offered(tx: &dyn ReadTx, ticket_type: &TicketType, contact: &Contact) -> store::Result<bool> {
    if !form::is_offered(ticket_type, contact.role) {
        return Ok(false);
    }
    let Some(rule) = &ticket_type.settings.audience_rule else { return Ok(true) };
    let Ok(rule) = understand(rule, true, &named) else { return Ok(false) };
    let mut companies = Vec::new();
    for id in contact.companies.iter().take(COMPANIES_LOOKED_AT_MAX) {
        companies.extend(store::companies::get(tx, *id)?.filter(|company| company.deleted_at.is_none()));
    }
    Ok(holds(&rule, contact, &companies))
}

/// Whether a rule asks of what there is, in ways that fit.
///
/// # Errors
/// `invalid_field`, `data_invalid`.
pub(crate) fn check_rule(rule: &Asked) -> Result<(), Refusal> {
    understand(rule, true, &named).map(drop)
}

fn named(name: &str) -> Option<(Field, Kind)> {
    let Some(of_company) = name.strip_prefix("company.") else {
        return ContactField::named(name).map(|(field, kind)| (Field::Contact(field), kind));
    };
    if let Some(name) = of_company.strip_prefix("custom_attributes.") {
        return Some((Field::Company(CompanyField::Custom(name.to_owned())), Kind::Free));
    }
    let (field, kind) = match of_company {
        "id" => (CompanyField::Id, Kind::Contact),
        "company_id" => (CompanyField::Key, Kind::Text),
        "name" => (CompanyField::Name, Kind::Text),
        "plan" => (CompanyField::Plan, Kind::Text),
        "industry" => (CompanyField::Industry, Kind::Text),
        "website" => (CompanyField::Website, Kind::Text),
        "size" => (CompanyField::Size, Kind::Number),
        "monthly_spend" => (CompanyField::MonthlySpend, Kind::Number),
        "tag_id" => (CompanyField::Tags, Kind::Id),
        _ => return None,
    };
    Some((Field::Company(field), kind))
}

/// One of several companies is enough for what must hold of a company; `!=` holds when none of them is that.
fn holds(rule: &Query<Field>, contact: &Contact, companies: &[Company]) -> bool {
    match rule {
        Query::All(parts) => parts.iter().all(|part| holds(part, contact, companies)),
        Query::Any(parts) => parts.iter().any(|part| holds(part, contact, companies)),
        Query::Is(condition) => condition.holds(&match &condition.field {
            Field::Contact(field) => field.of(contact),
            Field::Company(field) => companies.iter().flat_map(|company| field.of(company)).collect(),
        }),
    }
}

impl CompanyField {
    fn of(&self, company: &Company) -> Vec<Datum> {
        let number = |number: Option<u64>| number.map(|number| decimal(&number.to_string())).unwrap_or_default();
        match self {
            Self::Id => vec![Datum::Id(company.id.0)],
            Self::Key => text(company.key.as_deref()),
            Self::Name => text(company.name.as_deref()),
            Self::Plan => text(company.plan.as_deref()),
            Self::Industry => text(company.industry.as_deref()),
            Self::Website => text(company.website.as_deref()),
            Self::Size => number(company.size),
            Self::MonthlySpend => number(company.monthly_spend),
            Self::Tags => company.tags.iter().map(|tag| Datum::Id(tag.0)).collect(),
            Self::Custom(name) => company.custom_attributes.get(name).map(free_value).unwrap_or_default(),
        }
    }
}
