//! To, Cc, Bcc and subject in the body of a reply or message (EML-60, API-28).

use crate::desk::mail::addressing::Addressing;
use crate::desk::people::contacts::ContactRef;
use crate::domain::address::Address;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use serde_json::Value;

/// The envelope of an agent's reply. Without `to`, everybody who takes part gets it, as without an envelope.
pub(crate) fn addressing(fields: &Fields<'_>) -> Result<Addressing> {
    let to = match fields.any("to") {
        Given::Absent | Given::Null => None,
        Given::Some(_) => Some(recipients(fields, "to")?),
    };
    Ok(Addressing {
        subject: fields.owned("subject")?.value(),
        to,
        cc: recipients(fields, "cc")?,
        bcc: recipients(fields, "bcc")?,
    })
}

/// One contact, or a list of them, by id, key or address.
pub(crate) fn recipients(fields: &Fields<'_>, name: &str) -> Result<Vec<ContactRef>> {
    match fields.any(name) {
        Given::Absent | Given::Null => Ok(Vec::new()),
        Given::Some(Value::Array(all)) => {
            all.iter().enumerate().map(|(at, one)| recipient(one, &format!("{name}[{at}]"))).collect()
        }
        Given::Some(one) => Ok(vec![recipient(one, name)?]),
    }
}

fn recipient(one: &Value, path: &str) -> Result<ContactRef> {
    if let Some(text) = one.as_str() {
        let address = Address::parse(text).map(ContactRef::Email);
        return address.ok_or_else(|| {
            ApiError::field("parameter_invalid", path, format!("'{path}' takes email addresses or contacts"))
        });
    }
    contact(&Fields::of(one, path)?)
}

/// The contact that an object names: by `id`, by `user_id`, or by `email`.
pub(crate) fn contact(fields: &Fields<'_>) -> Result<ContactRef> {
    if let Given::Some(id) = fields.id("id")? {
        return Ok(ContactRef::Id(id));
    }
    if let Given::Some(key) = fields.owned("user_id")? {
        return Ok(ContactRef::External(key));
    }
    let address = fields.word("email", "an email address", Address::parse)?.value();
    address.map(ContactRef::Email).ok_or_else(|| ApiError::missing(&fields.named("id")))
}
