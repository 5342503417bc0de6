//! What comes in a body as a message: text, files, switches (API-17).

use crate::desk::contacts::ContactRef;
use crate::desk::message::Body;
use crate::desk::message::NewAttachment;
use crate::desk::message::NewMessage;
use crate::domain::address::Address;
use crate::domain::part::ATTACHMENTS_MAX;
use crate::http::api::ticket_states::ids;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use data_encoding::BASE64_MIME_PERMISSIVE;
use serde_json::Value;

/// Media type of a file that does not say.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Who writes: contacts write text, agents text or HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Agent,
    Contact,
}

/// The message in a body. The desk checks what it says.
pub(crate) fn message(fields: &Fields<'_>, writer: Writer) -> Result<NewMessage> {
    let text = fields.text("body")?.value().unwrap_or_default();
    let body = if writer == Writer::Agent && looks_like_html(text) {
        Body::Html(text.to_owned())
    } else {
        Body::Text(text.to_owned())
    };
    Ok(NewMessage {
        body,
        attachments: attachments(fields)?,
        uploads: ids(fields, "upload_ids")?.unwrap_or_default(),
        client_id: None,
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
        skip_unsnooze: fields.flag("skip_unsnooze")?.value().unwrap_or(false),
        cross_post: fields.flag("cross_post")?.value().unwrap_or(false),
        base_seq: fields.id("deskgate_base_seq")?.value(),
        title: None,
    })
}

/// The message of an act that may go without one.
pub(crate) fn message_if_any(fields: &Fields<'_>) -> Result<Option<NewMessage>> {
    let message = message(fields, Writer::Agent)?;
    let says_something = match &message.body {
        Body::Html(text) | Body::Text(text) => !text.trim().is_empty(),
    };
    let brings_files = !message.attachments.is_empty() || !message.uploads.is_empty();
    Ok((says_something || brings_files).then_some(message))
}

/// The files in a body.
pub(crate) fn attachments(fields: &Fields<'_>) -> Result<Vec<NewAttachment>> {
    let files = fields.list("attachment_files")?.value().unwrap_or_default();
    let urls = fields.list("attachment_urls")?.value().unwrap_or_default();
    if files.is_empty() && !urls.is_empty() {
        let message = "files are not fetched from other hosts; send them as 'attachment_files'";
        return Err(ApiError::field("parameter_invalid", "attachment_urls", message));
    }
    if files.len() > ATTACHMENTS_MAX {
        let message = format!("at most {ATTACHMENTS_MAX} files with one message");
        return Err(ApiError::field("parameter_invalid", "attachment_files", message));
    }
    files.iter().enumerate().map(|(at, file)| attachment(file, at)).collect()
}

fn attachment(file: &Value, at: usize) -> Result<NewAttachment> {
    let fields = Fields::of(file, &format!("attachment_files[{at}]"))?;
    let data = fields.required_text("data")?;
    let bytes = BASE64_MIME_PERMISSIVE.decode(data.as_bytes()).map_err(|_| {
        let named = fields.named("data");
        ApiError::field("parameter_invalid", &named, format!("'{named}' is not base64"))
    })?;
    Ok(NewAttachment {
        name: fields.required_text("name")?.to_owned(),
        content_type: fields.text("content_type")?.value().unwrap_or(UNKNOWN_TYPE).to_owned(),
        bytes,
    })
}

/// The compatible API takes text and HTML in one field: a tag makes it HTML.
fn looks_like_html(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let name = after.strip_prefix('/').unwrap_or(after);
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) && after.contains('>') {
            return true;
        }
        // Without a closing bracket anywhere behind, no later tag can close either.
        if !after.contains('>') {
            return false;
        }
        rest = after;
    }
    false
}

/// A contact named by any of three fields; the first one that is there counts.
pub(crate) fn contact_ref(fields: &Fields<'_>, id: &str, external: &str, email: &str) -> Result<Option<ContactRef>> {
    if let Given::Some(id) = fields.id(id)? {
        return Ok(Some(ContactRef::Id(id)));
    }
    if let Given::Some(key) = fields.text(external)? {
        return Ok(Some(ContactRef::External(key.to_owned())));
    }
    let address = fields.word(email, "an email address", Address::parse)?;
    Ok(address.value().map(ContactRef::Email))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value, writer: Writer) -> Result<NewMessage> {
        Fields::of(body, "").and_then(|fields| message(&fields, writer))
    }

    #[test]
    fn api_17_agents_write_text_or_html_and_contacts_text() {
        let table = [
            ("<p>Hi</p>", true),
            ("5 < 6 and 7 > 6", false),
            ("a <b and c", false),
            ("line\nline", false),
            ("</br>", true),
            ("<3 <3 <i>x</i>", true),
            ("<", false),
        ];
        for (text, html) in table {
            let body = json!({"body": text});
            let agent = read(&body, Writer::Agent).unwrap().body;
            assert_eq!(matches!(agent, Body::Html(_)), html, "{text:?}");
            assert_eq!(read(&body, Writer::Contact).unwrap().body, Body::Text(text.to_owned()));
        }
    }

    #[test]
    fn html_is_looked_for_in_linear_time() {
        assert!(!looks_like_html(&"<".repeat(1_000_000)));
        assert!(!looks_like_html(&format!("{}>", "<1".repeat(1_000))));
    }

    #[test]
    fn api_17_files_come_as_base64_and_are_named_when_wrong() {
        let file = json!({"content_type": "text/plain", "data": "SGVsbG8=\n", "name": "hello.txt"});
        let message = read(&json!({"body": "x", "attachment_files": [file]}), Writer::Agent).unwrap();
        assert_eq!(message.attachments[0].bytes, b"Hello");
        let table = [
            (json!({"attachment_files": [{"name": "a", "data": "%%"}]}), ".attachment_files[0].data"),
            (json!({"attachment_files": [{"name": "a"}]}), "attachment_files[0].data"),
            (json!({"attachment_files": [3]}), "attachment_files[0]"),
            (json!({"attachment_urls": ["http://127.0.0.1/"]}), "attachment_urls"),
            (json!({"attachment_files": vec![json!({}); 11]}), "attachment_files"),
        ];
        for (body, field) in table {
            let error = read(&body, Writer::Agent).unwrap_err();
            assert_eq!(error.field.as_deref(), Some(field.trim_start_matches('.')), "{body}");
        }
    }
}
