//! Stored form of companies.

use crate::domain::company::Company;
use crate::domain::id::CompanyId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;
use crate::domain::id::TagId;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::value::StoredValue;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCompany {
    id: u64,
    key: Option<String>,
    name: Option<String>,
    plan: Option<String>,
    website: Option<String>,
    industry: Option<String>,
    size: Option<u64>,
    monthly_spend: Option<u64>,
    remote_created_at: Option<u64>,
    custom_attributes: BTreeMap<String, StoredValue>,
    tags: Vec<u64>,
    notes: Vec<u64>,
    created_at: u64,
    updated_at: u64,
    deleted_at: Option<u64>,
}

/// Beginning of the rows of [`tables::COMPANIES_BY_NAME`] of one name, whatever its case.
pub(crate) fn name_prefix(name: &str) -> Vec<u8> {
    key::hash16(&name.to_lowercase()).to_vec()
}

impl Record for Company {
    const TABLE: Table = tables::COMPANIES;
    const INDEXES: &'static [Table] = &[tables::COMPANIES_BY_KEY, tables::COMPANIES_BY_NAME, tables::COMPANIES_BY_TAG];
    type Stored = StoredCompany;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let own = self.key.as_ref().map(|key| (tables::COMPANIES_BY_KEY, key.as_bytes().to_vec()));
        let name = self.name.as_ref().map(|name| {
            let row = key::joined(&[&name_prefix(name), &key::one(self.id.0)]);
            (tables::COMPANIES_BY_NAME, row)
        });
        let tags = self.tags.iter().map(|tag| (tables::COMPANIES_BY_TAG, key::two(tag.0, self.id.0)));
        own.into_iter().chain(name).chain(tags).collect()
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredCompany {
        let custom = self.custom_attributes.iter();
        StoredCompany {
            id: self.id.0,
            key: self.key.clone(),
            name: self.name.clone(),
            plan: self.plan.clone(),
            website: self.website.clone(),
            industry: self.industry.clone(),
            size: self.size,
            monthly_spend: self.monthly_spend,
            remote_created_at: self.remote_created_at.map(|at| at.0),
            custom_attributes: custom.map(|(name, value)| (name.clone(), value.into())).collect(),
            tags: self.tags.iter().map(|tag| tag.0).collect(),
            notes: self.notes.iter().map(|id| id.0).collect(),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            deleted_at: self.deleted_at.map(|at| at.0),
        }
    }

    fn from_stored(stored: StoredCompany) -> Restored<Self> {
        Ok(Self {
            id: CompanyId(stored.id),
            key: stored.key,
            name: stored.name,
            plan: stored.plan,
            website: stored.website,
            industry: stored.industry,
            size: stored.size,
            monthly_spend: stored.monthly_spend,
            remote_created_at: stored.remote_created_at.map(Millis),
            custom_attributes: stored.custom_attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
            tags: stored.tags.into_iter().map(TagId).collect(),
            notes: stored.notes.into_iter().map(NoteId).collect(),
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            deleted_at: stored.deleted_at.map(Millis),
        })
    }
}
