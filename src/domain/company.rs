//! Companies that contacts belong to (OBJ-16).

use crate::domain::attribute::Value;
use crate::domain::id::CompanyId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;
use crate::domain::id::TagId;
use std::collections::BTreeMap;

/// Most companies of one contact (OBJ-14).
pub const COMPANIES_PER_CONTACT_MAX: usize = 1_000;

/// A company.
#[derive(Clone, Debug, PartialEq)]
pub struct Company {
    /// Never changes.
    pub id: CompanyId,
    /// The caller's key; unique.
    pub key: Option<String>,
    /// Shown name; at most 256 characters.
    pub name: Option<String>,
    /// What it pays for.
    pub plan: Option<String>,
    /// Address of its site.
    pub website: Option<String>,
    /// What it does.
    pub industry: Option<String>,
    /// People who work there.
    pub size: Option<u64>,
    /// What it spends in a month, in whole units of the caller's currency.
    pub monthly_spend: Option<u64>,
    /// When the caller made it.
    pub remote_created_at: Option<Millis>,
    /// Free facts, by name.
    pub custom_attributes: BTreeMap<String, Value>,
    /// Put on by agents (OBJ-18).
    pub tags: Vec<TagId>,
    /// Notes on it, oldest first (OBJ-18).
    pub notes: Vec<NoteId>,
    /// When it was made here.
    pub created_at: Millis,
    /// Last change of the record.
    pub updated_at: Millis,
    /// Deleted since then: only the id is left, for what still names it.
    pub deleted_at: Option<Millis>,
}

impl Company {
    /// A company of which only the id is known.
    #[must_use]
    pub fn new(id: CompanyId, now: Millis) -> Self {
        Self {
            id,
            key: None,
            name: None,
            plan: None,
            website: None,
            industry: None,
            size: None,
            monthly_spend: None,
            remote_created_at: None,
            custom_attributes: BTreeMap::new(),
            tags: Vec::new(),
            notes: Vec::new(),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }

    /// What stays of a deleted company.
    #[must_use]
    pub fn tombstone(&self, now: Millis) -> Self {
        let bare = Self::new(self.id, self.created_at);
        Self { updated_at: now, deleted_at: Some(now), ..bare }
    }
}
