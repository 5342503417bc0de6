//! The JSON forms of the compatible API (Appendix A of the product rules), made by hand.
//!
//! **Invariant:** fields of the compatible shapes keep their names, types and nullability in both versions; everything
//! of ours stands in one key `deskgate` (API-40), except on objects that are ours altogether.

pub(crate) mod broadcast;
pub(crate) mod company;
pub(crate) mod contact;
pub(crate) mod conversation;
pub(crate) mod data_event;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod intake;
pub(crate) mod job;
pub(crate) mod moment;
pub(crate) mod part;
pub(crate) mod people;
pub(crate) mod statistics;
pub(crate) mod ticket;
pub(crate) mod ticket_type;
pub(crate) mod webhook;

#[cfg(test)]
mod tests;

use crate::desk::Settings;
use crate::desk::SupportAddress;
use crate::desk::file_links::NO_PART;
use crate::domain::address::Address;
use crate::domain::agent::Agent;
use crate::domain::attachment::Attachment;
use crate::domain::attribute::Value as Kept;
use crate::domain::id::AgentId;
use crate::domain::id::AttachmentId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::thread::Thread;
use crate::domain::upload::Upload;
use crate::http::Shared;
use crate::http::shape::Shape;
use serde_json::Value;
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What forms need beside the object they are made of.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) shape: Shape,
    /// Bodies as text instead of HTML (`display_as=plaintext`).
    pub(crate) plaintext: bool,
    pub(crate) workspace_id: String,
    pub(crate) workspace_name: String,
    pub(crate) time_zone: String,
    /// Where this server is.
    pub(crate) base: String,
    /// Ids of brands by their support addresses; empty where there is the workspace's own alone.
    brands: BTreeMap<Address, String>,
    /// The brand of what came to none of them.
    main_brand: String,
    shared: Arc<Shared>,
    agents: BTreeMap<AgentId, Agent>,
    now: Millis,
}

impl Wire {
    pub(crate) fn new(
        settings: &Settings,
        shared: &Arc<Shared>,
        agents: Vec<Agent>,
        shape: Shape,
        plaintext: bool,
        now: Millis,
    ) -> Self {
        let id_of = |support: &SupportAddress| support.brand.as_ref().unwrap_or(&shared.workspace_id).clone();
        let addresses = settings.support.iter().filter(|_| !settings.brands.is_empty());
        Self {
            shape,
            plaintext,
            brands: addresses.map(|support| (support.address.clone(), id_of(support))).collect(),
            main_brand: id_of(&settings.main_address),
            workspace_id: shared.workspace_id.clone(),
            workspace_name: settings.workspace_name.clone(),
            time_zone: settings.time_zone.clone(),
            base: settings.public_url.trim_end_matches('/').to_owned(),
            shared: Arc::clone(shared),
            agents: agents.into_iter().map(|agent| (agent.id, agent)).collect(),
            now,
        }
    }

    /// The id of a thread's brand, as `/brands` lists it (OBJ-37).
    pub(crate) fn brand_id(&self, thread: &Thread) -> &str {
        thread.support_address.as_ref().and_then(|address| self.brands.get(address)).unwrap_or(&self.main_brand)
    }

    /// An agent's address, for authors.
    fn agent_email(&self, id: AgentId) -> Cow<'_, str> {
        self.agents.get(&id).map_or(Cow::Borrowed(""), |agent| Cow::Owned(agent.email.to_string()))
    }

    /// A file on its own, with a link that is good for an hour.
    pub(crate) fn upload(&self, upload: &Upload) -> Value {
        self.attachment(NO_PART, &upload.attachment())
    }

    fn file_link(&self, part: PartId, file: AttachmentId) -> String {
        self.shared.links.link(part, file, self.now)
    }

    /// A file of a part, with a link that is good for an hour (OBJ-44).
    fn attachment(&self, part: PartId, file: &Attachment) -> Value {
        json!({
            "type": "upload",
            "id": file.id.to_string(),
            "name": file.name,
            "url": self.file_link(part, file.id),
            "content_type": file.content_type,
            "filesize": file.size,
        })
    }
}

/// Lists that are not one of the named ones (API-9).
pub(crate) fn list(data: Vec<Value>) -> Value {
    listed("list", "data", data)
}

/// A list with its own type word and key (API-9).
pub(crate) fn listed(type_word: &str, key: &str, data: Vec<Value>) -> Value {
    beside(json!({"type": type_word}), key, Value::Array(data))
}

/// Puts one field beside those of `object`; moves it, since lists can be long.
pub(crate) fn beside(mut object: Value, key: &str, value: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
    object
}

/// Puts the fields of `more` beside those of `object`.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// Unix seconds of a moment that may not have been (API-3).
pub(crate) fn seconds(at: Option<Millis>) -> Option<u64> {
    at.map(Millis::seconds)
}

/// A value as JSON. Decimals have at most 15 significant digits (ATT-3), which a double holds exactly.
fn value(kept: &Kept) -> Value {
    match kept {
        Kept::Text(text) => json!(text),
        Kept::Integer(number) => json!(number),
        Kept::Decimal(text) => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
        Kept::Boolean(yes) => json!(yes),
        Kept::Files(ids) => json!(ids),
    }
}
