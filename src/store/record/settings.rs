//! Stored form of what people set up by the API: macros and declared attributes.

use crate::domain::attribute::ListOption;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::data_attribute::DataKind;
use crate::domain::data_attribute::DataModel;
use crate::domain::id::AgentId;
use crate::domain::id::DataAttributeId;
use crate::domain::id::MacroId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::macros::Macro;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredMacro {
    id: u64,
    name: String,
    body: String,
    body_text: String,
    teams: Vec<u64>,
    in_inbox: bool,
    in_messenger: bool,
    created_at: u64,
    updated_at: u64,
}

impl Record for Macro {
    const TABLE: Table = tables::MACROS;
    type Stored = StoredMacro;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredMacro {
        StoredMacro {
            id: self.id.0,
            name: self.name.clone(),
            body: self.body.clone(),
            body_text: self.body_text.clone(),
            teams: self.teams.iter().map(|team| team.0).collect(),
            in_inbox: self.in_inbox,
            in_messenger: self.in_messenger,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        }
    }

    fn from_stored(stored: StoredMacro) -> Restored<Self> {
        Ok(Self {
            id: MacroId(stored.id),
            name: stored.name,
            body: stored.body,
            body_text: stored.body_text,
            teams: stored.teams.into_iter().map(TeamId).collect(),
            in_inbox: stored.in_inbox,
            in_messenger: stored.in_messenger,
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as the domain's type")]
pub(crate) struct StoredDataAttribute {
    id: u64,
    model: u8,
    name: String,
    description: String,
    kind: u8,
    options: Vec<(String, String, bool)>,
    multiline: bool,
    teams: Vec<u64>,
    messenger_writable: bool,
    required: bool,
    archived: bool,
    created_by: u64,
    created_at: u64,
    updated_at: u64,
}

impl Record for DataAttribute {
    const TABLE: Table = tables::DATA_ATTRIBUTES;
    type Stored = StoredDataAttribute;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredDataAttribute {
        StoredDataAttribute {
            id: self.id.0,
            model: self.model.code(),
            name: self.name.clone(),
            description: self.description.clone(),
            kind: self.kind.code(),
            options: self.options.iter().map(|one| (one.id.clone(), one.label.clone(), one.removed)).collect(),
            multiline: self.multiline,
            teams: self.teams.iter().map(|team| team.0).collect(),
            messenger_writable: self.messenger_writable,
            required: self.required,
            archived: self.archived,
            created_by: self.created_by.0,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        }
    }

    fn from_stored(stored: StoredDataAttribute) -> Restored<Self> {
        Ok(Self {
            id: DataAttributeId(stored.id),
            model: DataModel::of(stored.model)?,
            name: stored.name,
            description: stored.description,
            kind: DataKind::of(stored.kind)?,
            options: stored.options.into_iter().map(|(id, label, removed)| ListOption { id, label, removed }).collect(),
            multiline: stored.multiline,
            teams: stored.teams.into_iter().map(TeamId).collect(),
            messenger_writable: stored.messenger_writable,
            required: stored.required,
            archived: stored.archived,
            created_by: AgentId(stored.created_by),
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
        })
    }
}
