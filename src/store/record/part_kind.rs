//! Stored form of what a part is.

use crate::domain::attribute::Value;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::AgentId;
use crate::domain::id::AttributeId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::PartId;
use crate::domain::id::StateId;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::link::LinkKind;
use crate::domain::part::LinkedEntity;
use crate::domain::part::PartKind;
use crate::domain::part::QuickAnswer;
use crate::domain::part::SharedCard;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::ticket_type::Category;
use crate::store::record::Restored;
use crate::store::record::code;
use crate::store::record::code::Code;
use crate::store::record::value::StoredValue;
use serde::Deserialize;
use serde::Serialize;

/// Append only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredPartKind {
    Comment,
    Note,
    AutomaticEmail,
    Open,
    Close,
    Snoozed,
    Unsnoozed,
    Assignment { agent: Option<u64>, team: Option<u64>, before: (Option<u64>, Option<u64>) },
    ParticipantAdded(u64),
    ConvertedToTicket { number: u64 },
    TicketStateUpdated { from: (u64, u8), to: (u64, u8), external_label: String },
    TicketAttributeUpdated { name: String, visible: bool, value: Option<StoredValue> },
    TicketShared,
    EntityLinked(StoredLinkedEntity),
    EntityUnlinked(StoredLinkedEntity),
    LinkedTicketStateUpdated { ticket: u64, number: u64, title: String, from_label: String, to_label: String },
    TicketTypeChanged { from: (u64, String), to: (u64, String), left: Vec<(String, StoredValue)> },
    TicketFormSent(StoredForm),
    TicketFormSubmitted { form: Option<u64>, ticket: u64, number: u64 },
    TicketFormWithdrawn { form: u64 },
    TagsUpdated { added: Vec<(u64, String)>, removed: Vec<(u64, String)> },
    ParticipantRemoved(u64),
    MergedPrimary { secondary: u64 },
    MergedSecondary { primary: u64 },
    Unmerged { other: u64 },
    SharedTicket(StoredCard),
    StatePropagated { label: String, counts: StoredCounts },
    QuickReply(Vec<(String, String)>),
    DeliveryFailed { delivery: u64, address: Option<String>, reason: String },
    ConversationAttributeUpdated { name: String, value: Option<StoredValue> },
    PriorityChanged { from: u8, to: u8 },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredForm {
    ticket_type: u64,
    type_name: String,
    state: StoredFormState,
    prefill: Vec<(u64, StoredValue)>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredFormState {
    Open,
    Submitted { ticket: u64, number: u64 },
    Withdrawn,
}

impl From<&FormCard> for StoredForm {
    fn from(card: &FormCard) -> Self {
        Self {
            ticket_type: card.ticket_type.0,
            type_name: card.type_name.clone(),
            state: match card.state {
                FormState::Open => StoredFormState::Open,
                FormState::Submitted { ticket, number } => StoredFormState::Submitted { ticket: ticket.0, number },
                FormState::Withdrawn => StoredFormState::Withdrawn,
            },
            prefill: card.prefill.iter().map(|(id, value)| (id.0, value.into())).collect(),
        }
    }
}

impl From<StoredForm> for FormCard {
    fn from(stored: StoredForm) -> Self {
        Self {
            ticket_type: TicketTypeId(stored.ticket_type),
            type_name: stored.type_name,
            state: match stored.state {
                StoredFormState::Open => FormState::Open,
                StoredFormState::Submitted { ticket, number } => {
                    FormState::Submitted { ticket: ThreadId(ticket), number }
                }
                StoredFormState::Withdrawn => FormState::Withdrawn,
            },
            prefill: stored.prefill.into_iter().map(|(id, value)| (AttributeId(id), value.into())).collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCard {
    ticket: u64,
    number: u64,
    type_name: String,
    from: u8,
    category: u8,
    external_label: String,
    first: bool,
}

impl From<&SharedCard> for StoredCard {
    fn from(card: &SharedCard) -> Self {
        Self {
            ticket: card.ticket.0,
            number: card.number,
            type_name: card.type_name.clone(),
            from: card.from.code(),
            category: card.category.code(),
            external_label: card.external_label.clone(),
            first: card.first,
        }
    }
}

impl StoredCard {
    fn restore(self) -> Restored<SharedCard> {
        Ok(SharedCard {
            ticket: ThreadId(self.ticket),
            number: self.number,
            type_name: self.type_name,
            from: StateCategory::of(self.from)?,
            category: StateCategory::of(self.category)?,
            external_label: self.external_label,
            first: self.first,
        })
    }
}

/// Changed, matched, left out, lacking an attribute, without such a state.
pub(crate) type StoredCounts = (u64, u64, u64, u64, u64);

pub(crate) fn stored_counts(counts: PropagationCounts) -> StoredCounts {
    (counts.changed, counts.matched, counts.left_out, counts.required_to_close, counts.no_state)
}

pub(crate) fn counts((changed, matched, left_out, required_to_close, no_state): StoredCounts) -> PropagationCounts {
    PropagationCounts { changed, matched, left_out, required_to_close, no_state }
}

fn stored_tags(tags: &[(TagId, String)]) -> Vec<(u64, String)> {
    tags.iter().map(|(id, name)| (id.0, name.clone())).collect()
}

fn tags(stored: Vec<(u64, String)>) -> Vec<(TagId, String)> {
    stored.into_iter().map(|(id, name)| (TagId(id), name)).collect()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredLinkedEntity {
    thread: u64,
    category: Option<u8>,
    number: Option<u64>,
    kind: u8,
}

impl From<&LinkedEntity> for StoredLinkedEntity {
    fn from(entity: &LinkedEntity) -> Self {
        Self {
            thread: entity.thread.0,
            category: entity.category.map(Code::code),
            number: entity.number,
            kind: entity.kind.code(),
        }
    }
}

impl StoredLinkedEntity {
    fn restore(self) -> Restored<LinkedEntity> {
        Ok(LinkedEntity {
            thread: ThreadId(self.thread),
            category: code::of_optional::<Category>(self.category)?,
            number: self.number,
            kind: LinkKind::of(self.kind)?,
        })
    }
}

impl From<&PartKind> for StoredPartKind {
    fn from(kind: &PartKind) -> Self {
        match kind {
            PartKind::Comment => Self::Comment,
            PartKind::Note => Self::Note,
            PartKind::AutomaticEmail => Self::AutomaticEmail,
            PartKind::Open => Self::Open,
            PartKind::Close => Self::Close,
            PartKind::Snoozed => Self::Snoozed,
            PartKind::Unsnoozed => Self::Unsnoozed,
            PartKind::Assignment { agent, team, before } => Self::Assignment {
                agent: agent.map(|id| id.0),
                team: team.map(|id| id.0),
                before: (before.0.map(|id| id.0), before.1.map(|id| id.0)),
            },
            PartKind::ParticipantAdded(contact) => Self::ParticipantAdded(contact.0),
            PartKind::ConvertedToTicket { number } => Self::ConvertedToTicket { number: *number },
            PartKind::TicketStateUpdated { from, to, external_label } => Self::TicketStateUpdated {
                from: (from.0.0, from.1.code()),
                to: (to.0.0, to.1.code()),
                external_label: external_label.clone(),
            },
            PartKind::TicketAttributeUpdated { name, visible, value } => Self::TicketAttributeUpdated {
                name: name.clone(),
                visible: *visible,
                value: value.as_ref().map(StoredValue::from),
            },
            PartKind::ConversationAttributeUpdated { name, value } => {
                Self::ConversationAttributeUpdated { name: name.clone(), value: value.as_ref().map(StoredValue::from) }
            }
            PartKind::TicketTypeChanged { from, to, left } => Self::TicketTypeChanged {
                from: (from.0.0, from.1.clone()),
                to: (to.0.0, to.1.clone()),
                left: left.iter().map(|(name, value)| (name.clone(), value.into())).collect(),
            },
            PartKind::TicketFormSent(card) => Self::TicketFormSent(card.into()),
            PartKind::TicketFormSubmitted { form, ticket, number } => {
                Self::TicketFormSubmitted { form: form.map(|part| part.0), ticket: ticket.0, number: *number }
            }
            PartKind::TicketFormWithdrawn { form } => Self::TicketFormWithdrawn { form: form.0 },
            PartKind::TicketShared => Self::TicketShared,
            PartKind::EntityLinked(entity) => Self::EntityLinked(entity.into()),
            PartKind::EntityUnlinked(entity) => Self::EntityUnlinked(entity.into()),
            PartKind::LinkedTicketStateUpdated { ticket, number, title, from_label, to_label } => {
                Self::LinkedTicketStateUpdated {
                    ticket: ticket.0,
                    number: *number,
                    title: title.clone(),
                    from_label: from_label.clone(),
                    to_label: to_label.clone(),
                }
            }
            PartKind::TagsUpdated { added, removed } => {
                Self::TagsUpdated { added: stored_tags(added), removed: stored_tags(removed) }
            }
            PartKind::ParticipantRemoved(contact) => Self::ParticipantRemoved(contact.0),
            PartKind::MergedPrimary { secondary } => Self::MergedPrimary { secondary: secondary.0 },
            PartKind::MergedSecondary { primary } => Self::MergedSecondary { primary: primary.0 },
            PartKind::Unmerged { other } => Self::Unmerged { other: other.0 },
            PartKind::SharedTicket(card) => Self::SharedTicket(card.into()),
            PartKind::QuickReply(answers) => {
                Self::QuickReply(answers.iter().map(|one| (one.text.clone(), one.uuid.clone())).collect())
            }
            PartKind::StatePropagated { label, counts } => {
                Self::StatePropagated { label: label.clone(), counts: stored_counts(*counts) }
            }
            PartKind::DeliveryFailed { delivery, address, reason } => {
                Self::DeliveryFailed { delivery: delivery.0, address: address.clone(), reason: reason.clone() }
            }
            PartKind::PriorityChanged { from, to } => Self::PriorityChanged { from: from.code(), to: to.code() },
        }
    }
}

impl StoredPartKind {
    pub(crate) fn restore(self) -> Restored<PartKind> {
        let state = |(id, category)| -> Restored<_> { Ok((StateId(id), StateCategory::of(category)?)) };
        Ok(match self {
            Self::Comment => PartKind::Comment,
            Self::Note => PartKind::Note,
            Self::AutomaticEmail => PartKind::AutomaticEmail,
            Self::Open => PartKind::Open,
            Self::Close => PartKind::Close,
            Self::Snoozed => PartKind::Snoozed,
            Self::Unsnoozed => PartKind::Unsnoozed,
            Self::Assignment { agent, team, before } => PartKind::Assignment {
                agent: agent.map(AgentId),
                team: team.map(TeamId),
                before: (before.0.map(AgentId), before.1.map(TeamId)),
            },
            Self::ParticipantAdded(contact) => PartKind::ParticipantAdded(ContactId(contact)),
            Self::ConvertedToTicket { number } => PartKind::ConvertedToTicket { number },
            Self::TicketStateUpdated { from, to, external_label } => {
                PartKind::TicketStateUpdated { from: state(from)?, to: state(to)?, external_label }
            }
            Self::TicketAttributeUpdated { name, visible, value } => {
                PartKind::TicketAttributeUpdated { name, visible, value: value.map(Value::from) }
            }
            Self::ConversationAttributeUpdated { name, value } => {
                PartKind::ConversationAttributeUpdated { name, value: value.map(Value::from) }
            }
            Self::TicketTypeChanged { from, to, left } => PartKind::TicketTypeChanged {
                from: (TicketTypeId(from.0), from.1),
                to: (TicketTypeId(to.0), to.1),
                left: left.into_iter().map(|(name, value)| (name, value.into())).collect(),
            },
            Self::TicketFormSent(card) => PartKind::TicketFormSent(card.into()),
            Self::TicketFormSubmitted { form, ticket, number } => {
                PartKind::TicketFormSubmitted { form: form.map(PartId), ticket: ThreadId(ticket), number }
            }
            Self::TicketFormWithdrawn { form } => PartKind::TicketFormWithdrawn { form: PartId(form) },
            Self::TicketShared => PartKind::TicketShared,
            Self::EntityLinked(entity) => PartKind::EntityLinked(entity.restore()?),
            Self::EntityUnlinked(entity) => PartKind::EntityUnlinked(entity.restore()?),
            Self::LinkedTicketStateUpdated { ticket, number, title, from_label, to_label } => {
                PartKind::LinkedTicketStateUpdated { ticket: ThreadId(ticket), number, title, from_label, to_label }
            }
            Self::TagsUpdated { added, removed } => {
                PartKind::TagsUpdated { added: tags(added), removed: tags(removed) }
            }
            Self::ParticipantRemoved(contact) => PartKind::ParticipantRemoved(ContactId(contact)),
            Self::MergedPrimary { secondary } => PartKind::MergedPrimary { secondary: ThreadId(secondary) },
            Self::MergedSecondary { primary } => PartKind::MergedSecondary { primary: ThreadId(primary) },
            Self::Unmerged { other } => PartKind::Unmerged { other: ThreadId(other) },
            Self::SharedTicket(card) => PartKind::SharedTicket(card.restore()?),
            Self::QuickReply(answers) => {
                let answer = |(text, uuid)| QuickAnswer { text, uuid };
                PartKind::QuickReply(answers.into_iter().map(answer).collect())
            }
            Self::StatePropagated { label, counts: stored } => {
                PartKind::StatePropagated { label, counts: counts(stored) }
            }
            Self::DeliveryFailed { delivery, address, reason } => {
                PartKind::DeliveryFailed { delivery: DeliveryId(delivery), address, reason }
            }
            Self::PriorityChanged { from, to } => {
                PartKind::PriorityChanged { from: Priority::of(from)?, to: Priority::of(to)? }
            }
        })
    }
}
