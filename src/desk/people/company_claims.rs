//! Companies that somebody says they belong to when they open the messenger (MSG-1, MSG-11).
//!
//! **Invariant:** only a proved session gets here (MSG-13); what cannot be taken is left out and never keeps anybody from
//! their session.

use crate::desk::people::companies::CompanyFacts;
use crate::desk::people::companies::apply;
use crate::desk::people::companies::check;
use crate::desk::people::companies::check_text;
use crate::desk::people::companies::prune;
use crate::desk::people::companies::said;
use crate::desk::people::contacts::updated;
use crate::desk::thread::draft::At;
use crate::domain::company::COMPANIES_PER_CONTACT_MAX;
use crate::domain::company::Company;
use crate::domain::contact::Contact;
use crate::domain::event::CompanyAct;
use crate::domain::id::CompanyId;
use crate::domain::id::Millis;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::save;
use serde_json::Value as Json;

/// Companies of one session that are taken.
pub const CLAIMS_MAX: usize = 10;

/// A company by the product's own key, with what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyClaim {
    key: String,
    name: Option<String>,
    plan: Option<String>,
    website: Option<String>,
    industry: Option<String>,
    size: Option<u64>,
    monthly_spend: Option<u64>,
    created_at: Option<Millis>,
}

impl CompanyClaim {
    /// The companies in `company` and `companies` of a page's settings or of a token.
    #[must_use]
    pub fn all(company: Option<&Json>, companies: Option<&Json>) -> Vec<Self> {
        let listed = companies.and_then(Json::as_array).into_iter().flatten();
        company.into_iter().chain(listed).filter_map(Self::of).take(CLAIMS_MAX).collect()
    }

    fn of(given: &Json) -> Option<Self> {
        let text = |name: &str| match given.get(name)? {
            Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let number = |name: &str| given.get(name)?.as_u64();
        let claim = Self {
            key: text("company_id").or_else(|| text("id"))?,
            name: text("name"),
            plan: text("plan"),
            website: text("website"),
            industry: text("industry"),
            size: number("size"),
            monthly_spend: number("monthly_spend"),
            created_at: number("created_at").map(|seconds| Millis(seconds.saturating_mul(1_000))),
        };
        (check_text("company_id", &claim.key).is_ok() && check(&claim.facts()).is_ok()).then_some(claim)
    }

    /// What is not said stays as it is.
    fn facts(&self) -> CompanyFacts {
        CompanyFacts {
            name: self.name.clone().map(Some),
            plan: self.plan.clone().map(Some),
            website: self.website.clone().map(Some),
            industry: self.industry.clone().map(Some),
            size: self.size.map(Some),
            monthly_spend: self.monthly_spend.map(Some),
            remote_created_at: self.created_at.map(Some),
            custom_attributes: Vec::new(),
        }
    }
}

/// Makes or changes the companies and puts the contact in them. Writes nothing where all is so already. Events
/// `CompanyChanged`, `ContactUpdated`.
pub(crate) fn join(
    tx: &mut dyn WriteTx,
    mut contact: Contact,
    claims: &[CompanyClaim],
    at: &At,
) -> store::Result<Contact> {
    let mut joined = Vec::new();
    for claim in claims {
        let company = put(tx, claim, at)?;
        if !contact.companies.contains(&company) && prune(&*tx, &mut contact)? < COMPANIES_PER_CONTACT_MAX {
            contact.companies.push(company);
            joined.push(company);
        }
    }
    if joined.is_empty() {
        return Ok(contact);
    }
    contact.updated_at = at.now;
    let mut change = updated(contact.clone(), at);
    for company in joined {
        change.events.extend(said(company, CompanyAct::Attached, Some(contact.id), at).events);
    }
    save(tx, &change)?;
    Ok(contact)
}

fn put(tx: &mut dyn WriteTx, claim: &CompanyClaim, at: &At) -> store::Result<CompanyId> {
    let found = store::companies::by_key(&*tx, &claim.key)?;
    let act = if found.is_some() { CompanyAct::Updated } else { CompanyAct::Created };
    let mut company = found.clone().unwrap_or_else(|| Company::new(CompanyId(at.id()), at.now));
    company.key = Some(claim.key.clone());
    apply(&mut company, &claim.facts());
    if found.as_ref() != Some(&company) {
        company.updated_at = at.now;
        store::companies::put(tx, &company)?;
        save(tx, &said(company.id, act, None, at))?;
    }
    Ok(company.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn msg_1_companies_are_read_from_either_place_and_nonsense_is_left_out() {
        let keys = |company: Json, companies: Json| {
            let claims = CompanyClaim::all(Some(&company), Some(&companies));
            claims.into_iter().map(|claim| (claim.key, claim.name)).collect::<Vec<_>>()
        };
        let named = |key: &str, name: Option<&str>| (key.to_owned(), name.map(ToOwned::to_owned));
        let listed = json!([{"id": 7, "name": "Seven"}, {"name": "no key"}, "x", null, {"company_id": ""}]);
        assert_eq!(
            keys(json!({"company_id": "a", "size": "many"}), listed),
            [named("a", None), named("7", Some("Seven"))]
        );
        assert_eq!(keys(json!(null), json!({"id": "a"})), []);
        let many: Vec<_> = (0..100).map(|id| json!({"id": id})).collect();
        assert_eq!(keys(json!(null), json!(many)).len(), CLAIMS_MAX);
        assert_eq!(keys(json!({"id": "a", "name": "x".repeat(100_000)}), json!(null)), []);
    }
}
