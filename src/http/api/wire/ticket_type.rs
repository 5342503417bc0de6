//! Ticket types, their attributes and states (SHP-3).

use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::ticket_type::TicketType;
use crate::domain::translation::TypeTexts;
use crate::domain::type_settings::MailEvent;
use crate::domain::type_settings::ReplyTarget;
use crate::domain::type_settings::TypeSettings;
use crate::http::api::search::written;
use crate::http::api::wire::Wire;
use crate::http::api::wire::list;
use crate::http::api::wire::with;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

impl Wire {
    /// A type as it stands inside a ticket: without its states.
    pub(crate) fn ticket_type(&self, ticket_type: &TicketType) -> Value {
        let mut attributes: Vec<&Attribute> = ticket_type.attributes.iter().collect();
        attributes.sort_by_key(|attribute| attribute.order);
        let attributes = attributes.into_iter().map(|one| self.attribute(ticket_type, one)).collect::<Vec<_>>();
        let own = json!({
            "workspace_id": self.workspace_id,
            "created_at": ticket_type.created_at.seconds(),
            "updated_at": ticket_type.updated_at.seconds(),
            "ticket_type_attributes": list(attributes),
        });
        with(short(ticket_type), own)
    }

    /// A type with its states in order, as the type endpoints answer it.
    pub(crate) fn ticket_type_in_full(&self, ticket_type: &TicketType, states: &[TicketState]) -> Value {
        let own = ticket_type.states.iter().filter_map(|id| states.iter().find(|state| state.id == *id));
        let own = own.map(|state| with(ticket_state(state), json!({"archived": state.archived}))).collect();
        let more = json!({"ticket_states": list(own), "deskgate": settings(&ticket_type.settings)});
        with(self.ticket_type(ticket_type), more)
    }

    /// An attribute of a type.
    pub(crate) fn attribute(&self, ticket_type: &TicketType, attribute: &Attribute) -> Value {
        json!({
            "type": "ticket_type_attribute",
            "id": attribute.id.to_string(),
            "workspace_id": self.workspace_id,
            "name": attribute.name,
            "description": attribute.description,
            "data_type": attribute.data_type.as_str(),
            "input_options": input_options(attribute),
            "order": attribute.order,
            "required_to_create": attribute.required_to_create,
            "required_to_create_for_contacts": attribute.required_to_create_for_contacts,
            "visible_on_create": attribute.visible_on_create,
            "visible_to_contacts": attribute.visible_to_contacts,
            "default": attribute.default,
            "ticket_type_id": ticket_type.id.0,
            "archived": attribute.archived,
            "created_at": ticket_type.created_at.seconds(),
            "updated_at": ticket_type.updated_at.seconds(),
            "deskgate": {"required_to_close": attribute.required_to_close},
        })
    }
}

/// Our additions to a type (TYP-20).
fn settings(settings: &TypeSettings) -> Value {
    let target = |category: StateCategory| match settings.on_customer_reply.of(category) {
        ReplyTarget::Stay => Value::Null,
        ReplyTarget::InProgress => json!(StateCategory::InProgress.as_str()),
        ReplyTarget::State(id) => json!(id.to_string()),
    };
    let targets = StateCategory::ALL.map(|category| (category.as_str().to_owned(), target(category)));
    let mails = MailEvent::ALL.map(|event| (event.as_str().to_owned(), json!(settings.notify.of(event).as_str())));
    let same_category = ("same_category".to_owned(), json!(settings.notify.same_category));
    json!({
        "on_customer_reply": targets.into_iter().collect::<Map<_, _>>(),
        "notifications": mails.into_iter().chain([same_category]).collect::<Map<_, _>>(),
        "default_admin_assignee_id": settings.default_agent.map_or(0, |agent| agent.0),
        "default_team_assignee_id": settings.default_team.map_or(0, |team| team.0),
        "default_priority": settings.default_priority.as_str(),
        "audience": settings.audience.as_str(),
        "submitted_message": settings.submitted_message,
        "broadcast_email": settings.broadcast_email.as_str(),
        "broadcast_rate_per_minute": settings.broadcast_rate_per_minute,
        "audience_rule": settings.audience_rule.as_ref().map(written),
        "translations": settings.translations.iter().map(|(tag, texts)| (tag.clone(), type_texts(texts))).collect::<Map<_, _>>(),
    })
}

/// A type's texts in one language, by ids.
fn type_texts(texts: &TypeTexts) -> Value {
    let mut attributes: BTreeMap<String, (Option<&str>, Map<String, Value>)> = BTreeMap::new();
    for (id, label) in &texts.attributes {
        attributes.entry(id.to_string()).or_default().0 = Some(label);
    }
    for ((id, option), label) in &texts.options {
        attributes.entry(id.to_string()).or_default().1.insert(option.clone(), json!(label));
    }
    let shown = |(id, (label, options))| (id, json!({"label": label, "options": Value::Object(options)}));
    let attributes = attributes.into_iter().map(shown).collect::<Map<_, _>>();
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "name": text(&texts.name),
        "submitted_message": text(&texts.submitted_message),
        "attributes": attributes,
    })
}

fn input_options(attribute: &Attribute) -> Value {
    let mut options = Map::new();
    match attribute.data_type {
        DataType::String => {
            options.insert("multiline".to_owned(), json!(attribute.multiline));
        }
        DataType::List => {
            let current = attribute.options.iter().filter(|option| !option.removed);
            let listed = current.map(|option| json!({"id": option.id, "label": option.label})).collect::<Vec<_>>();
            options.insert("list_options".to_owned(), json!(listed));
        }
        DataType::Files => {
            options.insert("allow_multiple_values".to_owned(), json!(attribute.allow_multiple_values));
        }
        DataType::Integer | DataType::Decimal | DataType::Boolean | DataType::Datetime => {}
    }
    Value::Object(options)
}

/// What every form of a type has.
fn short(ticket_type: &TicketType) -> Value {
    json!({
        "type": "ticket_type",
        "id": ticket_type.id.to_string(),
        "name": ticket_type.name,
        "description": ticket_type.description,
        "icon": ticket_type.icon,
        "category": ticket_type.category.as_str(),
        "is_internal": ticket_type.is_internal,
        "archived": ticket_type.archived,
    })
}

/// A state as it stands inside a ticket.
pub(crate) fn ticket_state(state: &TicketState) -> Value {
    json!({
        "type": "ticket_state",
        "id": state.id.to_string(),
        "category": state.category.as_str(),
        "internal_label": state.internal_label,
        "external_label": state.external_label,
    })
}

/// A state with the types it serves.
pub(crate) fn ticket_state_in_full(state: &TicketState, types: &[TicketType]) -> Value {
    let serves = types.iter().filter(|ticket_type| ticket_type.states.contains(&state.id)).map(short).collect();
    let more = json!({
        "archived": state.archived,
        "ticket_types": list(serves),
        "deskgate": {"translations": state.translations},
    });
    with(ticket_state(state), more)
}
