//! Stored forms of ticket types and ticket states.

use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::ListOption;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::id::AgentId;
use crate::domain::id::AttributeId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::TeamId;
use crate::domain::id::TicketTypeId;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Priority;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::domain::type_settings::FormAudience;
use crate::domain::type_settings::NotificationPolicy;
use crate::domain::type_settings::OnCustomerReply;
use crate::domain::type_settings::ReplyTarget;
use crate::domain::type_settings::TypeSettings;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::audience_rule::StoredRule;
use crate::store::record::code::Code;
use crate::store::record::translations::StoredTexts;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTicketType {
    id: u64,
    name: String,
    description: String,
    category: u8,
    icon: String,
    is_internal: bool,
    archived: bool,
    attributes: Vec<StoredAttribute>,
    states: Vec<u64>,
    created_at: u64,
    updated_at: u64,
    settings: StoredSettings,
}

/// Targets stand in the order of the categories, mails in that of the policy's fields.
#[derive(Serialize, Deserialize)]
struct StoredSettings {
    on_customer_reply: [StoredTarget; 4],
    mails: [u8; 4],
    same_category: bool,
    default_agent: Option<u64>,
    default_team: Option<u64>,
    default_priority: u8,
    audience: u8,
    submitted_message: String,
    broadcast_email: u8,
    broadcast_rate_per_minute: Option<u32>,
    audience_rule: Option<StoredRule>,
    translations: Vec<(String, StoredTexts)>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredTarget {
    Stay,
    InProgress,
    State(u64),
}

impl From<&TypeSettings> for StoredSettings {
    fn from(settings: &TypeSettings) -> Self {
        let target = |category| match settings.on_customer_reply.of(category) {
            ReplyTarget::Stay => StoredTarget::Stay,
            ReplyTarget::InProgress => StoredTarget::InProgress,
            ReplyTarget::State(id) => StoredTarget::State(id.0),
        };
        let NotificationPolicy { submitted, reply, state_changed, form_sent, same_category } = settings.notify;
        Self {
            on_customer_reply: StateCategory::ALL.map(target),
            mails: [submitted, reply, state_changed, form_sent].map(Code::code),
            same_category,
            default_agent: settings.default_agent.map(|id| id.0),
            default_team: settings.default_team.map(|id| id.0),
            default_priority: settings.default_priority.code(),
            audience: settings.audience.code(),
            submitted_message: settings.submitted_message.clone(),
            broadcast_email: settings.broadcast_email.code(),
            broadcast_rate_per_minute: settings.broadcast_rate_per_minute,
            audience_rule: settings.audience_rule.as_ref().map(StoredRule::from),
            translations: settings.translations.iter().map(|(tag, texts)| (tag.clone(), texts.into())).collect(),
        }
    }
}

impl StoredSettings {
    fn restore(self) -> Restored<TypeSettings> {
        let mut on_customer_reply = OnCustomerReply::default();
        for (category, target) in StateCategory::ALL.into_iter().zip(self.on_customer_reply) {
            let target = match target {
                StoredTarget::Stay => ReplyTarget::Stay,
                StoredTarget::InProgress => ReplyTarget::InProgress,
                StoredTarget::State(id) => ReplyTarget::State(StateId(id)),
            };
            on_customer_reply.set(category, target);
        }
        let [submitted, reply, state_changed, form_sent] = self.mails;
        let notify = NotificationPolicy {
            submitted: EmailPolicy::of(submitted)?,
            reply: EmailPolicy::of(reply)?,
            state_changed: EmailPolicy::of(state_changed)?,
            form_sent: EmailPolicy::of(form_sent)?,
            same_category: self.same_category,
        };
        Ok(TypeSettings {
            on_customer_reply,
            notify,
            default_agent: self.default_agent.map(AgentId),
            default_team: self.default_team.map(TeamId),
            default_priority: Priority::of(self.default_priority)?,
            audience: FormAudience::of(self.audience)?,
            submitted_message: self.submitted_message,
            broadcast_email: EmailPolicy::of(self.broadcast_email)?,
            broadcast_rate_per_minute: self.broadcast_rate_per_minute,
            audience_rule: self.audience_rule.map(StoredRule::restore).transpose()?,
            translations: self.translations.into_iter().map(|(tag, texts)| (tag, texts.restore())).collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as the domain's type")]
pub(crate) struct StoredAttribute {
    id: u64,
    name: String,
    description: String,
    data_type: u8,
    multiline: bool,
    options: Vec<(String, String, bool)>,
    allow_multiple_values: bool,
    required_to_create: bool,
    required_to_create_for_contacts: bool,
    required_to_close: bool,
    visible_on_create: bool,
    visible_to_contacts: bool,
    order: u32,
    default: bool,
    archived: bool,
}

impl From<&Attribute> for StoredAttribute {
    fn from(attribute: &Attribute) -> Self {
        let options = attribute.options.iter();
        Self {
            id: attribute.id.0,
            name: attribute.name.clone(),
            description: attribute.description.clone(),
            data_type: attribute.data_type.code(),
            multiline: attribute.multiline,
            options: options.map(|option| (option.id.clone(), option.label.clone(), option.removed)).collect(),
            allow_multiple_values: attribute.allow_multiple_values,
            required_to_create: attribute.required_to_create,
            required_to_create_for_contacts: attribute.required_to_create_for_contacts,
            required_to_close: attribute.required_to_close,
            visible_on_create: attribute.visible_on_create,
            visible_to_contacts: attribute.visible_to_contacts,
            order: attribute.order,
            default: attribute.default,
            archived: attribute.archived,
        }
    }
}

impl StoredAttribute {
    fn restore(self) -> Restored<Attribute> {
        let option = |(id, label, removed)| ListOption { id, label, removed };
        Ok(Attribute {
            id: AttributeId(self.id),
            name: self.name,
            label: None,
            description: self.description,
            data_type: DataType::of(self.data_type)?,
            multiline: self.multiline,
            options: self.options.into_iter().map(option).collect(),
            allow_multiple_values: self.allow_multiple_values,
            required_to_create: self.required_to_create,
            required_to_create_for_contacts: self.required_to_create_for_contacts,
            required_to_close: self.required_to_close,
            visible_on_create: self.visible_on_create,
            visible_to_contacts: self.visible_to_contacts,
            order: self.order,
            default: self.default,
            archived: self.archived,
        })
    }
}

impl Record for TicketType {
    const TABLE: Table = tables::TICKET_TYPES;
    type Stored = StoredTicketType;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.attributes.iter().map(|attribute| attribute.id.0).fold(self.id.0, u64::max)
    }

    fn to_stored(&self) -> StoredTicketType {
        StoredTicketType {
            id: self.id.0,
            name: self.name.clone(),
            description: self.description.clone(),
            category: self.category.code(),
            icon: self.icon.clone(),
            is_internal: self.is_internal,
            archived: self.archived,
            attributes: self.attributes.iter().map(StoredAttribute::from).collect(),
            states: self.states.iter().map(|id| id.0).collect(),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            settings: StoredSettings::from(&self.settings),
        }
    }

    fn from_stored(stored: StoredTicketType) -> Restored<Self> {
        Ok(Self {
            id: TicketTypeId(stored.id),
            name: stored.name,
            description: stored.description,
            category: Category::of(stored.category)?,
            icon: stored.icon,
            is_internal: stored.is_internal,
            archived: stored.archived,
            attributes: stored.attributes.into_iter().map(StoredAttribute::restore).collect::<Restored<_>>()?,
            states: stored.states.into_iter().map(StateId).collect(),
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            settings: stored.settings.restore()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTicketState {
    id: u64,
    category: u8,
    internal_label: String,
    external_label: String,
    archived: bool,
    translations: Vec<(String, String)>,
}

impl Record for TicketState {
    const TABLE: Table = tables::TICKET_STATES;
    type Stored = StoredTicketState;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredTicketState {
        StoredTicketState {
            id: self.id.0,
            category: self.category.code(),
            internal_label: self.internal_label.clone(),
            external_label: self.external_label.clone(),
            archived: self.archived,
            translations: self.translations.clone().into_iter().collect(),
        }
    }

    fn from_stored(stored: StoredTicketState) -> Restored<Self> {
        Ok(Self {
            id: StateId(stored.id),
            category: StateCategory::of(stored.category)?,
            internal_label: stored.internal_label,
            external_label: stored.external_label,
            archived: stored.archived,
            translations: stored.translations.into_iter().collect(),
        })
    }
}
