//! Forms in frames: what a client sends back, and what it is shown.
//!
//! **Invariant:** only attributes that contacts may see are shown or asked for; descriptions of types and attributes are
//! for agents and have no field here.

use crate::channel::messenger::protocol::incoming::Id;
use crate::channel::messenger::protocol::incoming::client_id;
use crate::channel::messenger::protocol::incoming::file;
use crate::desk::thread::message::NewAttachment;
use crate::desk::ticket::form_submission::FormSource;
use crate::desk::ticket::tickets::Values;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::Value;
use crate::domain::form;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::part::ATTACHMENTS_MAX;
use crate::domain::ticket_type::TicketType;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value as Json;

/// A filled form.
#[derive(Debug, PartialEq, Eq)]
pub struct Filled {
    /// Key of the repeatable post (FRM-6).
    pub client_id: String,
    /// Which form.
    pub form: FormSource,
    /// By attribute name; null clears what was filled in beforehand.
    pub values: Values,
    /// Small files in the frame itself, by attribute name.
    pub files: Vec<(String, NewAttachment)>,
}

#[derive(Deserialize)]
pub(crate) struct FilledFrame {
    client_id: String,
    form_part_id: Option<Id>,
    ticket_type_id: Option<Id>,
    conversation_id: Option<Id>,
    #[serde(default)]
    attributes: Map<String, Json>,
}

/// Reads a `form` frame.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn filled(frame: FilledFrame) -> Result<Filled, String> {
    let client_id = client_id(frame.client_id)?;
    let form = match (frame.form_part_id, frame.ticket_type_id) {
        (Some(part), None) => FormSource::Card(part.id()?),
        (None, Some(ticket_type)) => FormSource::Opened {
            ticket_type: ticket_type.id()?,
            thread: frame.conversation_id.map(Id::id).transpose()?,
        },
        _ => return Err("a form has either form_part_id or ticket_type_id".to_owned()),
    };
    let (mut values, mut files) = (Vec::new(), Vec::new());
    for (name, value) in frame.attributes {
        match read(value)? {
            Read::Value(value) => values.push((name, value)),
            Read::Files(of_field) => files.extend(of_field.into_iter().map(|file| (name.clone(), file))),
        }
    }
    if files.len() > ATTACHMENTS_MAX {
        return Err(format!("at most {ATTACHMENTS_MAX} files"));
    }
    Ok(Filled { client_id, form, values, files })
}

enum Read {
    Value(Option<Value>),
    Files(Vec<NewAttachment>),
}

/// A value, ids of uploads, or files as they stand in a `send`.
fn read(value: Json) -> Result<Read, String> {
    let value = match value {
        Json::Null => None,
        Json::Bool(yes) => Some(Value::Boolean(yes)),
        Json::String(text) => Some(Value::Text(text)),
        Json::Number(number) => {
            Some(number.as_i64().map_or_else(|| Value::Decimal(number.to_string()), Value::Integer))
        }
        Json::Array(items) if items.iter().any(Json::is_object) => {
            let each = items.into_iter().map(|item| serde_json::from_value(item).map_err(|error| error.to_string()));
            return each.map(|frame| file(frame?)).collect::<Result<_, _>>().map(Read::Files);
        }
        Json::Array(items) => {
            let id = |item: Json| match item {
                Json::String(id) => Ok(id),
                Json::Number(id) => Ok(id.to_string()),
                _ => Err("a list holds ids of uploads or files".to_owned()),
            };
            Some(Value::Files(items.into_iter().map(id).collect::<Result<_, _>>()?))
        }
        Json::Object(_) => return Err("an attribute has a single value".to_owned()),
    };
    Ok(Read::Value(value))
}

/// A form as a client shows it.
#[derive(Debug, Serialize)]
pub(crate) struct FormObject<'a> {
    ticket_type_id: String,
    name: &'a str,
    icon: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// Of a submitted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketRef>,
    fields: Vec<FieldObject<'a>>,
}

/// A ticket by its two names.
#[derive(Debug, Serialize)]
pub(crate) struct TicketRef {
    pub(crate) id: String,
    pub(crate) ticket_id: String,
}

#[derive(Debug, Serialize)]
struct FieldObject<'a> {
    /// Key in `attributes`.
    name: &'a str,
    label: &'a str,
    data_type: &'static str,
    multiline: bool,
    multiple: bool,
    required: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<OptionObject<'a>>,
    /// Filled in beforehand; of a list the option's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Json>,
}

#[derive(Debug, Serialize)]
struct OptionObject<'a> {
    id: &'a str,
    label: &'a str,
}

impl<'a> FormObject<'a> {
    /// One that the contact may open by themselves.
    pub(crate) fn offered(ticket_type: &'a TicketType) -> Self {
        let fields = form::fields(ticket_type).into_iter().map(|attribute| field(attribute, None)).collect();
        Self {
            ticket_type_id: ticket_type.id.to_string(),
            name: &ticket_type.name,
            icon: &ticket_type.icon,
            state: None,
            ticket: None,
            fields,
        }
    }

    /// The card of one that was sent, asking what its type asks today; a closed one asks nothing.
    pub(crate) fn of_card(card: &'a FormCard, ticket_type: Option<&'a TicketType>) -> Self {
        let prefilled =
            |attribute: &Attribute| card.prefill.iter().find(|(id, _)| *id == attribute.id).map(|(_, value)| value);
        let open = ticket_type.filter(|_| card.state == FormState::Open);
        let asked = open.map(form::fields).unwrap_or_default().into_iter();
        Self {
            ticket_type_id: card.ticket_type.to_string(),
            name: ticket_type.map_or(&card.type_name, |ticket_type| &ticket_type.name),
            icon: ticket_type.map_or("", |ticket_type| &ticket_type.icon),
            state: Some(card.state.as_str()),
            ticket: match card.state {
                FormState::Submitted { ticket, number } => {
                    Some(TicketRef { id: ticket.to_string(), ticket_id: number.to_string() })
                }
                FormState::Open | FormState::Withdrawn => None,
            },
            fields: asked.map(|attribute| field(attribute, prefilled(attribute))).collect(),
        }
    }
}

fn field<'a>(attribute: &'a Attribute, prefilled: Option<&Value>) -> FieldObject<'a> {
    let current = attribute.options.iter().filter(|option| !option.removed);
    FieldObject {
        name: &attribute.name,
        label: form::label(attribute),
        data_type: attribute.data_type.as_str(),
        multiline: attribute.multiline,
        multiple: attribute.allow_multiple_values,
        required: attribute.required_to_create_for_contacts,
        options: current.map(|option| OptionObject { id: &option.id, label: &option.label }).collect(),
        value: prefilled.map(shown),
    }
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Decimal(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Boolean(yes) => Json::from(*yes),
        Value::Files(ids) => Json::from(ids.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::messenger::protocol::incoming::Incoming;
    use crate::channel::messenger::protocol::incoming::read as read_frame;
    use crate::domain::id::PartId;
    use crate::domain::id::ThreadId;
    use crate::domain::id::TicketTypeId;

    #[test]
    fn a_form_frame_carries_values_ids_and_small_files() {
        let text = r#"{"type":"form","client_id":"c-1","form_part_id":"7","attributes":{"Floor":3,"Cold":true,
            "Rent":1.5,"Old":null,"Photos":["12",13],"Plan":[{"name":"a.txt","content_type":"text/plain","data":"aGk="}]}}"#;
        let Ok(Incoming::Form(filled)) = read_frame(text) else { panic!("not a form") };
        assert_eq!((filled.client_id.as_str(), filled.form), ("c-1", FormSource::Card(PartId(7))));
        let of =
            |name: &str| filled.values.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone());
        assert_eq!(of("Floor"), Some(Value::Integer(3)));
        assert_eq!(of("Rent"), Some(Value::Decimal("1.5".to_owned())));
        assert_eq!(of("Photos"), Some(Value::Files(vec!["12".to_owned(), "13".to_owned()])));
        assert!(filled.values.contains(&("Old".to_owned(), None)));
        assert_eq!((filled.files[0].0.as_str(), filled.files[0].1.bytes.as_slice()), ("Plan", &b"hi"[..]));
        let opened = r#"{"type":"form","client_id":"c","ticket_type_id":5,"conversation_id":"9"}"#;
        let Ok(Incoming::Form(filled)) = read_frame(opened) else { panic!("not a form") };
        let expected = FormSource::Opened { ticket_type: TicketTypeId(5), thread: Some(ThreadId(9)) };
        assert_eq!(filled.form, expected);
    }

    #[test]
    fn a_form_frame_that_means_nothing_is_refused_by_its_client_id() {
        for text in [
            r#"{"type":"form","client_id":"c"}"#,
            r#"{"type":"form","client_id":"c","form_part_id":"1","ticket_type_id":"2"}"#,
            r#"{"type":"form","client_id":"c","form_part_id":"x"}"#,
            r#"{"type":"form","client_id":"c","form_part_id":"1","attributes":[]}"#,
            r#"{"type":"form","client_id":"c","form_part_id":"1","attributes":{"a":{}}}"#,
            r#"{"type":"form","client_id":"c","form_part_id":"1","attributes":{"a":[{"name":"x"}]}}"#,
            r#"{"type":"form","client_id":"c","form_part_id":"1","attributes":{"a":[true]}}"#,
        ] {
            let bad = read_frame(text).unwrap_err();
            assert!(format!("{bad:?}").contains("client_id: Some(\"c\")"), "{text}: {bad:?}");
        }
    }
}
