//! Fields by which tickets and conversations are searched (API-31): their names, and what they hold.

use crate::desk::search::fields::free_value;
use crate::desk::search::fields::number;
use crate::desk::search::fields::text;
use crate::desk::search::source_fields::SourceField;
use crate::desk::search::statistic_fields::Statistic;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::DataType;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::id::AttributeId;
use crate::domain::id::Millis;
use crate::domain::search::Datum;
use crate::domain::search::Kind;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket::Ticket;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;

/// A field of a ticket or a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ThreadField {
    Id,
    TicketNumber,
    CreatedAt,
    UpdatedAt,
    Title,
    Description,
    Category,
    TicketType,
    TicketState,
    Contacts,
    Teammates,
    Agent,
    Team,
    Open,
    /// The thread's own axis, and the ticket's: their words differ (OBJ-4).
    State,
    SnoozedUntil,
    IsShared,
    LinkedTo,
    Attribute(Box<Attribute>),
    Read,
    WaitingSince,
    InitialChannel,
    Priority,
    Source(SourceField),
    Company,
    Tags,
    Statistic(Statistic),
    /// Ratings are not asked for yet, so nothing has one.
    Rating,
}

/// Fields that tickets and conversations share.
fn shared(name: &str) -> Option<(ThreadField, Kind)> {
    Some(match name {
        "id" => (ThreadField::Id, Kind::Id),
        "created_at" => (ThreadField::CreatedAt, Kind::Moment),
        "updated_at" => (ThreadField::UpdatedAt, Kind::Moment),
        "contact_ids" => (ThreadField::Contacts, Kind::Contact),
        "teammate_ids" => (ThreadField::Teammates, Kind::Id),
        "admin_assignee_id" => (ThreadField::Agent, Kind::Id),
        "team_assignee_id" => (ThreadField::Team, Kind::Id),
        "open" => (ThreadField::Open, Kind::Flag),
        "state" => (ThreadField::State, Kind::Word),
        "snoozed_until" => (ThreadField::SnoozedUntil, Kind::Moment),
        "linked_to" => (ThreadField::LinkedTo, Kind::Id),
        "company_id" => (ThreadField::Company, Kind::Contact),
        "tag_ids" => (ThreadField::Tags, Kind::Id),
        _ => return None,
    })
}

/// Fields of tickets.
pub(super) fn of_tickets(name: &str, types: &[TicketType]) -> Option<(ThreadField, Kind)> {
    if let Some(id) = name.strip_prefix("ticket_attribute.") {
        let id: AttributeId = id.parse().ok()?;
        let attribute = types.iter().flat_map(|one| &one.attributes).find(|attribute| attribute.id == id)?;
        return Some((ThreadField::Attribute(Box::new(attribute.clone())), kind_of(attribute)));
    }
    if let Some(known) = shared(name) {
        return Some(known);
    }
    Some(match name {
        "ticket_id" => (ThreadField::TicketNumber, Kind::Id),
        "title" => (ThreadField::Title, Kind::Text),
        "description" => (ThreadField::Description, Kind::Text),
        "category" => (ThreadField::Category, Kind::Word),
        "ticket_type_id" => (ThreadField::TicketType, Kind::Id),
        "ticket_state_id" => (ThreadField::TicketState, Kind::Id),
        "is_shared" => (ThreadField::IsShared, Kind::Flag),
        _ => return None,
    })
}

/// Fields of conversations.
pub(super) fn of_conversations(name: &str) -> Option<(ThreadField, Kind)> {
    if let Some(name) = name.strip_prefix("source.") {
        let (field, kind) = SourceField::named(name)?;
        return Some((ThreadField::Source(field), kind));
    }
    if let Some(name) = name.strip_prefix("statistics.") {
        let (statistic, kind) = Statistic::named(name)?;
        return Some((ThreadField::Statistic(statistic), kind));
    }
    if let Some(name) = name.strip_prefix("conversation_rating.") {
        let kind = match name {
            "requested_at" | "replied_at" => Kind::Moment,
            "score" => Kind::Number,
            "remark" => Kind::Text,
            "contact_id" => Kind::Contact,
            "admin_id" => Kind::Id,
            _ => return None,
        };
        return Some((ThreadField::Rating, kind));
    }
    if let Some(known) = shared(name) {
        return Some(known);
    }
    Some(match name {
        "title" => (ThreadField::Title, Kind::Text),
        "read" => (ThreadField::Read, Kind::Flag),
        "waiting_since" => (ThreadField::WaitingSince, Kind::Moment),
        "channel_initiated" => (ThreadField::InitialChannel, Kind::Word),
        "priority" => (ThreadField::Priority, Kind::Word),
        _ => return None,
    })
}

fn kind_of(attribute: &Attribute) -> Kind {
    match attribute.data_type {
        DataType::String => Kind::Text,
        DataType::List | DataType::Files => Kind::Word,
        DataType::Integer | DataType::Decimal => Kind::Number,
        DataType::Boolean => Kind::Flag,
        DataType::Datetime => Kind::Moment,
    }
}

/// What a field of a thread holds, as far as the thread itself tells.
pub(super) fn of_thread(thread: &Thread, field: &ThreadField, types: &[TicketType]) -> Vec<Datum> {
    let ticket = thread.ticket.as_ref();
    let id = |id: Option<u64>| id.map(Datum::Id).into_iter().collect();
    let at = |at: Option<Millis>| at.map(Datum::moment).into_iter().collect();
    match field {
        ThreadField::Id => id(Some(thread.id.0)),
        ThreadField::TicketNumber => id(ticket.map(|ticket| ticket.number)),
        ThreadField::CreatedAt => at(Some(ticket.map_or(thread.created_at, |ticket| ticket.created_at))),
        ThreadField::UpdatedAt => at(Some(thread.updated_at)),
        ThreadField::Title => match ticket {
            Some(ticket) => of_named(ticket, TITLE, types),
            None => text(thread.title.as_deref()),
        },
        ThreadField::Description => ticket.map(|ticket| of_named(ticket, DESCRIPTION, types)).unwrap_or_default(),
        ThreadField::Category => ticket.map(|ticket| category(ticket.category)).unwrap_or_default(),
        ThreadField::TicketType => id(ticket.map(|ticket| ticket.type_id.0)),
        ThreadField::TicketState => id(ticket.map(|ticket| ticket.state_id.0)),
        ThreadField::Contacts => thread.current_participants().map(|one| Datum::Id(one.contact.0)).collect(),
        ThreadField::Teammates => thread.teammates.iter().map(|agent| Datum::Id(agent.0)).collect(),
        ThreadField::Agent => id(thread.admin_assignee.map(|agent| agent.0)),
        ThreadField::Team => id(thread.team_assignee.map(|team| team.0)),
        ThreadField::Open => vec![Datum::Flag(thread.state != ThreadState::Closed)],
        ThreadField::State => {
            let of_ticket = ticket.map(|ticket| Datum::text(ticket.state_category.as_str()));
            [Datum::text(thread.state.as_str())].into_iter().chain(of_ticket).collect()
        }
        ThreadField::SnoozedUntil => match thread.state {
            ThreadState::Snoozed(until) => at(until),
            ThreadState::Open | ThreadState::Closed => Vec::new(),
        },
        ThreadField::IsShared => ticket.map(|ticket| Datum::Flag(ticket.is_shared)).into_iter().collect(),
        ThreadField::Attribute(attribute) => ticket.map(|ticket| of_attribute(ticket, attribute)).unwrap_or_default(),
        ThreadField::Read => vec![Datum::Flag(thread.is_read())],
        ThreadField::WaitingSince => at(thread.waiting_since),
        ThreadField::InitialChannel => vec![Datum::text(thread.initial_channel.as_str())],
        ThreadField::Priority => vec![Datum::text(thread.priority.as_str())],
        ThreadField::Company => id(thread.company.map(|company| company.0)),
        ThreadField::Tags => thread.tags.iter().map(|tag| Datum::Id(tag.0)).collect(),
        ThreadField::Rating | ThreadField::LinkedTo | ThreadField::Source(_) | ThreadField::Statistic(_) => Vec::new(),
    }
}

/// Objects and searches have words of their own for a category (TCK-7).
fn category(category: Category) -> Vec<Datum> {
    let asked_as = match category {
        Category::Customer => "request",
        Category::BackOffice => "task",
        Category::Tracker => "tracker",
    };
    vec![Datum::text(category.as_str()), Datum::text(asked_as)]
}

fn of_named(ticket: &Ticket, name: &str, types: &[TicketType]) -> Vec<Datum> {
    let ticket_type = types.iter().find(|one| one.id == ticket.type_id);
    let value = ticket_type.and_then(|ticket_type| ticket.value(ticket_type, name));
    value.map(free_value).unwrap_or_default()
}

fn of_attribute(ticket: &Ticket, attribute: &Attribute) -> Vec<Datum> {
    let Some(value) = ticket.attributes.get(&attribute.id) else { return Vec::new() };
    match (attribute.data_type, value) {
        // An option is named by its id and by its label of today (ATT-4).
        (DataType::List, Value::Text(id)) => {
            let label = attribute.options.iter().find(|option| option.id == *id).map(|option| option.label.as_str());
            [Some(id.as_str()), label].into_iter().flatten().map(Datum::text).collect()
        }
        (DataType::Datetime, Value::Integer(seconds)) => {
            u64::try_from(*seconds).map(Datum::Seconds).into_iter().collect()
        }
        (DataType::Decimal | DataType::Integer, Value::Text(text)) => number(text),
        (_, value) => free_value(value),
    }
}
