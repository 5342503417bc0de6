//! Companies (OBJ-16).

use crate::domain::company::Company;
use crate::domain::id::CompanyId;
use crate::domain::refusal::Refusal;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::company::name_prefix;
use crate::store::tables;

/// Most companies of one name that are looked at.
pub const SAME_NAME_MAX: usize = 150;

/// The company of that id, unless it was deleted.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: CompanyId) -> Result<Option<Company>> {
    let found: Option<Company> = record::get(tx, &key::one(id.0))?;
    Ok(found.filter(|company| company.deleted_at.is_none()))
}

/// The company with that key of the caller's.
///
/// # Errors
/// `Corrupt`.
pub fn by_key(tx: &dyn ReadTx, own: &str) -> Result<Option<Company>> {
    let row = own.as_bytes().to_vec();
    let Some(at) = tx.get(tables::COMPANIES_BY_KEY, &row)? else { return Ok(None) };
    Ok(record::load(tx, tables::COMPANIES_BY_KEY, vec![(row, at)])?.pop())
}

/// Companies of that name, whatever its case, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn by_name(tx: &dyn ReadTx, name: &str) -> Result<Vec<Company>> {
    let prefix = name_prefix(name);
    let rows = tx.scan(tables::COMPANIES_BY_NAME, &prefix, &key::prefix_end(&prefix), SAME_NAME_MAX)?;
    let mut found: Vec<Company> = record::load(tx, tables::COMPANIES_BY_NAME, rows)?;
    let wanted = name.to_lowercase();
    found.retain(|company| company.name.as_ref().is_some_and(|name| name.to_lowercase() == wanted));
    Ok(found)
}

/// Companies, newest id first; `before` is the last one of the page before. Deleted ones are among them.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, before: Option<CompanyId>, limit: usize) -> Result<Vec<Company>> {
    let to = before.map_or_else(|| key::END.to_vec(), |id| key::one(id.0));
    record::list(tx.scan_back(tables::COMPANIES, &[], &to, limit)?)
}

/// How many companies there are, counted up to `up_to`, deleted ones left out.
///
/// # Errors
/// `Corrupt`.
pub fn count(tx: &dyn ReadTx, up_to: usize) -> Result<u64> {
    let all: Vec<Company> = record::list(tx.scan(tables::COMPANIES, &[], key::END, up_to)?)?;
    Ok(all.iter().filter(|company| company.deleted_at.is_none()).count() as u64)
}

/// Writes a company; a key that another one has is refused.
///
/// # Errors
/// `Refused`, `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, company: &Company) -> Result<()> {
    if let Some(own) = &company.key {
        let holder = tx.get(tables::COMPANIES_BY_KEY, own.as_bytes())?;
        if holder.is_some_and(|holder| holder != key::one(company.id.0)) {
            let message = format!("another company has the company_id '{own}'");
            return Err(Refusal::Conflict { message }.into());
        }
    }
    record::put(tx, company).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn obj_16_a_company_is_found_by_key_and_name_and_a_deleted_one_is_not() {
        let store = sample::store();
        let id = |found: Option<Company>| found.map(|company| company.id);
        assert_eq!(store.view(|tx| by_key(tx, "acme")).map(id), Ok(Some(sample::COMPANY)));
        let named = store.view(|tx| by_name(tx, "aCME")).unwrap();
        assert_eq!(named.into_iter().map(|company| company.id).collect::<Vec<_>>(), [sample::COMPANY]);
        let gone = |tx: &mut dyn WriteTx| {
            let company = get(&*tx, sample::COMPANY)?.unwrap();
            put(tx, &company.tombstone(company.created_at))
        };
        store.update_blocking(gone).unwrap();
        assert_eq!(store.view(|tx| get(tx, sample::COMPANY)), Ok(None));
        assert_eq!(store.view(|tx| by_key(tx, "acme")), Ok(None));
    }
}
