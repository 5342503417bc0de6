//! Stored form of what a part is.

use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::StateId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::link::LinkKind;
use crate::domain::part::LinkedEntity;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
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
    Assignment { agent: Option<u64>, team: Option<u64> },
    ParticipantAdded(u64),
    ConvertedToTicket { number: u64 },
    TicketStateUpdated { from: (u64, u8), to: (u64, u8), external_label: String },
    TicketAttributeUpdated { name: String, visible: bool },
    TicketShared,
    EntityLinked(StoredLinkedEntity),
    EntityUnlinked(StoredLinkedEntity),
    LinkedTicketStateUpdated { ticket: u64, number: u64, title: String, from_label: String, to_label: String },
    TicketTypeChanged { from: (u64, String), to: (u64, String), left: Vec<(String, StoredValue)> },
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
            PartKind::Assignment { agent, team } => {
                Self::Assignment { agent: agent.map(|id| id.0), team: team.map(|id| id.0) }
            }
            PartKind::ParticipantAdded(contact) => Self::ParticipantAdded(contact.0),
            PartKind::ConvertedToTicket { number } => Self::ConvertedToTicket { number: *number },
            PartKind::TicketStateUpdated { from, to, external_label } => Self::TicketStateUpdated {
                from: (from.0.0, from.1.code()),
                to: (to.0.0, to.1.code()),
                external_label: external_label.clone(),
            },
            PartKind::TicketAttributeUpdated { name, visible } => {
                Self::TicketAttributeUpdated { name: name.clone(), visible: *visible }
            }
            PartKind::TicketTypeChanged { from, to, left } => Self::TicketTypeChanged {
                from: (from.0.0, from.1.clone()),
                to: (to.0.0, to.1.clone()),
                left: left.iter().map(|(name, value)| (name.clone(), value.into())).collect(),
            },
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
            Self::Assignment { agent, team } => {
                PartKind::Assignment { agent: agent.map(AgentId), team: team.map(TeamId) }
            }
            Self::ParticipantAdded(contact) => PartKind::ParticipantAdded(ContactId(contact)),
            Self::ConvertedToTicket { number } => PartKind::ConvertedToTicket { number },
            Self::TicketStateUpdated { from, to, external_label } => {
                PartKind::TicketStateUpdated { from: state(from)?, to: state(to)?, external_label }
            }
            Self::TicketAttributeUpdated { name, visible } => PartKind::TicketAttributeUpdated { name, visible },
            Self::TicketTypeChanged { from, to, left } => PartKind::TicketTypeChanged {
                from: (TicketTypeId(from.0), from.1),
                to: (TicketTypeId(to.0), to.1),
                left: left.into_iter().map(|(name, value)| (name, value.into())).collect(),
            },
            Self::TicketShared => PartKind::TicketShared,
            Self::EntityLinked(entity) => PartKind::EntityLinked(entity.restore()?),
            Self::EntityUnlinked(entity) => PartKind::EntityUnlinked(entity.restore()?),
            Self::LinkedTicketStateUpdated { ticket, number, title, from_label, to_label } => {
                PartKind::LinkedTicketStateUpdated { ticket: ThreadId(ticket), number, title, from_label, to_label }
            }
        })
    }
}
