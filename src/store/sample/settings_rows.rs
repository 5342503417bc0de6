//! What people set up by the API, and what contacts did.

use crate::domain::attribute::ListOption;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::data_attribute::DataKind;
use crate::domain::data_attribute::DataModel;
use crate::domain::data_event::DataEvent;
use crate::domain::data_event::EventSummary;
use crate::domain::id::DataAttributeId;
use crate::domain::id::DataEventId;
use crate::domain::id::MacroId;
use crate::domain::id::TeamId;
use crate::domain::macros::Macro;
use crate::domain::office_hours::Exception;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::office_hours::Stretch;
use crate::store::sample::AGENT;
use crate::store::sample::ANA;
use crate::store::sample::at;
use jiff::civil::Date;
use jiff::civil::Weekday;

pub(crate) fn saved_reply() -> Macro {
    Macro {
        id: MacroId(67),
        name: "Thanks".to_owned(),
        body: "<p>Thank you</p>".to_owned(),
        body_text: "Thank you".to_owned(),
        teams: vec![TeamId(29)],
        in_inbox: true,
        in_messenger: false,
        created_at: at(1),
        updated_at: at(2),
    }
}

pub(crate) fn data_attribute() -> DataAttribute {
    DataAttribute {
        id: DataAttributeId(68),
        model: DataModel::Conversation,
        name: "Order".to_owned(),
        description: "Number of the order".to_owned(),
        kind: DataKind::Integer,
        options: vec![ListOption { id: "1".to_owned(), label: "Express".to_owned(), removed: true }],
        multiline: false,
        teams: vec![TeamId(29)],
        messenger_writable: true,
        required: true,
        archived: false,
        created_by: AGENT,
        created_at: at(1),
        updated_at: at(2),
    }
}

/// A team's: nights over a weekend, and a date that is closed.
pub(crate) fn office_hours() -> Schedule {
    let night = Stretch { from_min: 1_320, to_min: 360 };
    let closed = Exception { date: Date::constant(2026, 12, 25), name: "Christmas".to_owned(), stretches: Vec::new() };
    Schedule {
        owner: Owner::Team(TeamId(29)),
        time_zone: "Europe/Berlin".to_owned(),
        weekly: vec![(Weekday::Friday, night), (Weekday::Saturday, night)],
        exceptions: vec![closed],
        updated_at: at(2),
    }
}

pub(crate) fn data_event() -> DataEvent {
    DataEvent {
        id: DataEventId(66),
        contact: ANA,
        name: "ordered".to_owned(),
        at: at(1),
        metadata: r#"{"number":7}"#.to_owned(),
    }
}

pub(crate) fn event_summary() -> EventSummary {
    EventSummary { count: 3, last_at: at(2), ..EventSummary::once(ANA, "ordered", at(1)) }
}
