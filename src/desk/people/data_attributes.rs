//! Declared facts of contacts, companies and conversations (API-27, OBJ-36).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::tickets::Values;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::ListOption;
use crate::domain::attribute::OPTIONS_MAX;
use crate::domain::attribute::STRING_CHARS_MAX;
use crate::domain::attribute::Value;
use crate::domain::data_attribute::ATTRIBUTE_NAME_CHARS_MAX;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::data_attribute::DataKind;
use crate::domain::data_attribute::DataModel;
use crate::domain::id::DataAttributeId;
use crate::domain::id::TeamId;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::team::TEAMS_MAX;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;

/// What an attribute is to be.
#[derive(Clone, Debug)]
pub struct NewDataAttribute {
    /// What has it.
    pub model: DataModel,
    /// Its key.
    pub name: String,
    /// What it holds.
    pub kind: DataKind,
    /// The rest.
    pub facts: DataAttributeFacts,
}

/// What can be changed about an attribute; `None` leaves it alone.
#[derive(Clone, Debug, Default)]
pub struct DataAttributeFacts {
    /// For agents.
    pub description: Option<String>,
    /// The values it takes.
    pub options: Option<Vec<String>>,
    /// May be set from the messenger.
    pub messenger_writable: Option<bool>,
    /// Must be filled to close.
    pub required: Option<bool>,
    /// Takes no new values.
    pub archived: Option<bool>,
    /// Text of conversations: several lines.
    pub multiline: Option<bool>,
    /// Teams whose inboxes show it.
    pub teams: Option<Vec<TeamId>>,
}

/// A change of one option.
#[derive(Clone, Debug)]
pub enum OptionChange {
    /// A further one of that label.
    Add(String),
    /// The option of that id has another label; what has the old one keeps it.
    Rename(String, String),
    /// The option of that id is not to be chosen any more; what has it keeps it.
    Archive(String),
}

const READ: &[Scope] = &[Scope::ReadContacts, Scope::ReadConversations, Scope::Settings];

impl Desk {
    /// Every declared attribute, oldest first, archived ones included. Any scope that reads contacts or conversations.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn data_attributes(&self, caller: &Caller) -> Result<Vec<DataAttribute>> {
        require(caller, READ)?;
        Ok(self.inner.store.view(store::settings::data_attributes)?)
    }

    /// Declares an attribute. Scope `settings`.
    ///
    /// # Errors
    /// `parameter_invalid` for a name that is taken or none, for options that do not fit; `Conflict` at the limit.
    pub async fn add_data_attribute(&self, caller: &Caller, new: NewDataAttribute) -> Result<DataAttribute> {
        require(caller, &[Scope::Settings])?;
        check_name(&new.name)?;
        let (by, at) = (caller.agent, At::of(&self.inner.clock));
        let added = self.inner.store.update(move |tx| {
            if store::settings::data_attributes(tx)?.iter().any(|known| known.is(new.model, &new.name)) {
                let message = format!("there is an attribute '{}' of that model already", new.name);
                return Err(store::Error::Refused(Refusal::invalid("name", message)));
            }
            let mut attribute = DataAttribute {
                id: DataAttributeId(at.id()),
                model: new.model,
                name: new.name.clone(),
                description: String::new(),
                kind: new.kind,
                options: Vec::new(),
                multiline: false,
                teams: Vec::new(),
                messenger_writable: false,
                required: false,
                archived: false,
                created_by: by,
                created_at: at.now,
                updated_at: at.now,
            };
            apply(tx, &mut attribute, &new.facts, &at)?;
            store::settings::put_data_attribute(tx, &attribute)?;
            Ok(attribute)
        });
        Ok(added.await?)
    }

    /// One declared attribute. Scopes as for all of them.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn data_attribute(&self, caller: &Caller, id: DataAttributeId) -> Result<DataAttribute> {
        require(caller, READ)?;
        let found = self.inner.store.view(|tx| store::settings::data_attribute(tx, id))?;
        found.ok_or_else(|| missing("data_attribute").into())
    }

    /// Adds an option to a list, gives one another label, or archives one. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound` for attribute or option; `parameter_invalid` for what is no list, for a label that is taken or none.
    pub async fn change_option(
        &self,
        caller: &Caller,
        id: DataAttributeId,
        change: OptionChange,
    ) -> Result<DataAttribute> {
        require(caller, &[Scope::Settings])?;
        let changed = self.changed_attribute(id, move |_, attribute, at| {
            if attribute.options.is_empty() {
                return Err(store::Error::Refused(Refusal::invalid("options", "this attribute is no list")));
            }
            match &change {
                OptionChange::Add(label) => attribute.options.push(fresh(at, label)),
                OptionChange::Rename(option, label) => {
                    let known = attribute.options.iter_mut().find(|known| known.id == *option);
                    known.ok_or_else(|| missing("option"))?.label.clone_from(label);
                }
                OptionChange::Archive(option) => {
                    let known = attribute.options.iter_mut().find(|known| known.id == *option);
                    known.ok_or_else(|| missing("option"))?.removed = true;
                }
            }
            check_options(attribute.kind, &attribute.options).map_err(store::Error::Refused)
        });
        changed.await
    }

    /// Changes what may change about an attribute. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for options that do not fit.
    pub async fn change_data_attribute(
        &self,
        caller: &Caller,
        id: DataAttributeId,
        facts: DataAttributeFacts,
    ) -> Result<DataAttribute> {
        require(caller, &[Scope::Settings])?;
        self.changed_attribute(id, move |tx, attribute, at| apply(tx, attribute, &facts, at)).await
    }

    async fn changed_attribute(
        &self,
        id: DataAttributeId,
        change: impl Fn(&dyn ReadTx, &mut DataAttribute, &At) -> store::Result<()> + Send + 'static,
    ) -> Result<DataAttribute> {
        let at = At::of(&self.inner.clock);
        let changed = self.inner.store.update(move |tx| {
            let found = store::settings::data_attribute(tx, id)?;
            let mut attribute = found.ok_or_else(|| missing("data_attribute"))?;
            change(&*tx, &mut attribute, &at)?;
            attribute.updated_at = at.now;
            store::settings::put_data_attribute(tx, &attribute)?;
            Ok(attribute)
        });
        Ok(changed.await?)
    }
}

fn check_name(name: &str) -> std::result::Result<(), Refusal> {
    let legal = |c: char| !c.is_control() && !matches!(c, '.' | '$');
    if name.trim().is_empty() || name.chars().count() > ATTRIBUTE_NAME_CHARS_MAX || !name.chars().all(legal) {
        let message =
            format!("'name' takes 1 to {ATTRIBUTE_NAME_CHARS_MAX} characters, no dot, dollar sign or control");
        return Err(Refusal::invalid("name", message));
    }
    Ok(())
}

fn fresh(at: &At, label: &str) -> ListOption {
    ListOption { id: at.id().to_string(), label: label.to_owned(), removed: false }
}

fn apply(tx: &dyn ReadTx, attribute: &mut DataAttribute, facts: &DataAttributeFacts, at: &At) -> store::Result<()> {
    check_facts(attribute, facts).map_err(store::Error::Refused)?;
    if let Some(description) = &facts.description {
        attribute.description.clone_from(description);
    }
    if let Some(labels) = &facts.options {
        let known = |label: &String| attribute.options.iter().find(|option| option.label == *label).cloned();
        attribute.options = labels.iter().map(|label| known(label).unwrap_or_else(|| fresh(at, label))).collect();
        check_options(attribute.kind, &attribute.options).map_err(store::Error::Refused)?;
    }
    for team in facts.teams.iter().flatten() {
        store::teams::get(tx, *team)?.filter(|team| !team.archived).ok_or_else(|| missing("team"))?;
    }
    attribute.teams = facts.teams.clone().unwrap_or_else(|| attribute.teams.clone());
    attribute.multiline = facts.multiline.unwrap_or(attribute.multiline);
    attribute.required = facts.required.unwrap_or(attribute.required);
    attribute.messenger_writable = facts.messenger_writable.unwrap_or(attribute.messenger_writable);
    attribute.archived = facts.archived.unwrap_or(attribute.archived);
    Ok(())
}

fn check_facts(attribute: &DataAttribute, facts: &DataAttributeFacts) -> std::result::Result<(), Refusal> {
    if facts.description.as_ref().is_some_and(|text| text.chars().count() > STRING_CHARS_MAX) {
        return Err(Refusal::invalid("description", format!("at most {STRING_CHARS_MAX} characters")));
    }
    if facts.teams.as_ref().is_some_and(|teams| teams.len() > TEAMS_MAX) {
        return Err(Refusal::invalid("visible_to_team_ids", format!("at most {TEAMS_MAX} teams")));
    }
    let of_conversations = attribute.model == DataModel::Conversation;
    if facts.required == Some(true) && !of_conversations {
        return Err(Refusal::invalid("required", "only attributes of conversations can be required"));
    }
    if facts.multiline == Some(true) && !(of_conversations && attribute.kind == DataKind::String) {
        return Err(Refusal::invalid("multiline", "only texts of conversations have several lines"));
    }
    Ok(())
}

fn check_options(kind: DataKind, options: &[ListOption]) -> std::result::Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::invalid("options", message));
    if kind != DataKind::String && !options.is_empty() {
        return refuse("only attributes of type string have options".to_owned());
    }
    if options.len() == 1 || options.len() > OPTIONS_MAX {
        return refuse(format!("a list takes 2 to {OPTIONS_MAX} options"));
    }
    let mut labels: Vec<&str> = options.iter().map(|option| option.label.as_str()).collect();
    let legal = |label: &&str| !label.trim().is_empty() && label.chars().count() <= STRING_CHARS_MAX;
    if !labels.iter().all(legal) {
        return refuse(format!("an option takes 1 to {STRING_CHARS_MAX} characters"));
    }
    labels.sort_unstable();
    labels.dedup();
    if labels.len() < options.len() {
        return refuse("an option stands there twice".to_owned());
    }
    Ok(())
}

/// Facts in kept form: declared ones are held to their type, the others stay as they are (API-27).
pub(crate) fn accepted(tx: &dyn ReadTx, model: DataModel, facts: &Values) -> store::Result<Values> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let declared = store::settings::data_attributes(tx)?;
    let checked = |(name, value): &(String, Option<Value>)| {
        let known = declared.iter().find(|attribute| attribute.model == model && attribute.name == *name);
        let kept = match (known, value) {
            (Some(attribute), Some(value)) => Some(attribute.accept(value.clone())?),
            (_, value) => value.clone(),
        };
        Ok((name.clone(), kept))
    };
    facts.iter().map(checked).collect::<std::result::Result<_, _>>().map_err(store::Error::Refused)
}

/// Sets attributes of a conversation: one part for each that is news (OBJ-45). Names that nobody declared are refused.
pub(crate) fn set_of_thread(tx: &dyn ReadTx, draft: &mut Draft, values: &Values, caller: &Caller) -> store::Result<()> {
    let declared = store::settings::data_attributes(tx)?;
    for (name, value) in values {
        let known =
            declared.iter().find(|attribute| attribute.model == DataModel::Conversation && attribute.name == *name);
        let Some(attribute) = known else {
            let message = format!("conversations have no attribute '{name}'");
            return Err(store::Error::Refused(Refusal::invalid("custom_attributes", message)));
        };
        let kept = value.clone().map(|value| attribute.accept(value)).transpose().map_err(store::Error::Refused)?;
        if draft.thread.custom_attributes.get(name) == kept.as_ref() {
            continue;
        }
        match &kept {
            Some(kept) => draft.thread.custom_attributes.insert(name.clone(), kept.clone()),
            None => draft.thread.custom_attributes.remove(name),
        };
        let kind = PartKind::ConversationAttributeUpdated { name: name.clone(), value: kept };
        draft.add(NewPart::event(kind, author(caller), None));
    }
    Ok(())
}

/// Refuses to close a conversation while an attribute that must be filled is not (OBJ-36).
pub(crate) fn refuse_unfilled(tx: &dyn ReadTx, thread: &Thread) -> store::Result<()> {
    if thread.ticket.is_some() {
        return Ok(());
    }
    let unfilled = |attribute: &DataAttribute| {
        let wanted = attribute.model == DataModel::Conversation && attribute.required && !attribute.archived;
        wanted && !thread.custom_attributes.contains_key(&attribute.name)
    };
    let all = store::settings::data_attributes(tx)?;
    let names: Vec<&str> = all.iter().filter(|one| unfilled(one)).map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let message = format!("fill in first: {}", names.join(", "));
    Err(store::Error::Refused(Refusal::invalid("custom_attributes", message)))
}
