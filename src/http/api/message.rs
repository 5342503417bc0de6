//! What comes in a body as a message: text, files, switches (API-17).

use crate::desk::mail::addressing::Addressing;
use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::message::Body;
use crate::desk::thread::message::FILE_BYTES_MAX;
use crate::desk::thread::message::NewAttachment;
use crate::desk::thread::message::NewMessage;
use crate::domain::address::Address;
use crate::domain::part::ATTACHMENTS_MAX;
use crate::domain::part::QuickAnswer;
use crate::domain::webhook_url::WebhookUrl;
use crate::http::api::ticket_states::ids;
use crate::http::call::Call;
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

/// The message in a body, with the files it names by their addresses (API-17); files that are sent along win. The desk
/// checks what it says.
pub(crate) async fn message(call: &Call, fields: &Fields<'_>, writer: Writer) -> Result<NewMessage> {
    let mut message = sent(fields, writer)?;
    if message.attachments.is_empty() {
        message.attachments = fetched(call, fields).await?;
    }
    Ok(message)
}

/// A quick reply: answers to choose from, which its body lists for where they cannot be chosen.
pub(crate) fn quick_reply(fields: &Fields<'_>) -> Result<NewMessage> {
    let options = fields.list("reply_options")?.value().filter(|options| !options.is_empty());
    let options = options.ok_or_else(|| ApiError::missing("reply_options"))?;
    let answer = |(at, option): (usize, &Value)| {
        let fields = Fields::of(option, &format!("reply_options[{at}]"))?;
        let (text, uuid) = (fields.required_text("text")?, fields.required_text("uuid")?);
        Ok(QuickAnswer { text: text.to_owned(), uuid: uuid.to_owned() })
    };
    let answers: Vec<QuickAnswer> = options.iter().enumerate().map(answer).collect::<Result<_>>()?;
    let listed: Vec<String> = answers.iter().map(|one| format!("\u{2022} {}", one.text)).collect();
    let message = sent(fields, Writer::Agent)?;
    Ok(NewMessage {
        body: Body::Text(listed.join("\n")),
        attachments: Vec::new(),
        uploads: Vec::new(),
        answers,
        ..message
    })
}

/// Files named by their addresses. They come from public machines by HTTPS alone, as webhooks go to those alone.
async fn fetched(call: &Call, fields: &Fields<'_>) -> Result<Vec<NewAttachment>> {
    let urls = fields.list("attachment_urls")?.value().unwrap_or_default();
    let wrong = |at: usize, what: String| {
        let named = fields.named(&format!("attachment_urls[{at}]"));
        ApiError::field("parameter_invalid", &named, format!("'{named}' {what}"))
    };
    if urls.len() > ATTACHMENTS_MAX {
        let message = format!("at most {ATTACHMENTS_MAX} files with one message");
        return Err(ApiError::field("parameter_invalid", "attachment_urls", message));
    }
    let mut files = Vec::with_capacity(urls.len());
    for (at, url) in urls.iter().enumerate() {
        let text = url.as_str().ok_or_else(|| wrong(at, "takes an address".to_owned()))?;
        let url = WebhookUrl::parse(text).map_err(|fault| wrong(at, fault.to_owned()))?;
        let file = call.webhook_targets().fetch(&url, FILE_BYTES_MAX).await;
        let file = file.map_err(|fault| wrong(at, format!("cannot be fetched: {fault}")))?;
        let name = url.path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        files.push(NewAttachment {
            name: if name.is_empty() { "file".to_owned() } else { name.to_owned() },
            content_type: file.content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()),
            bytes: file.bytes,
        });
    }
    Ok(files)
}

/// What an agent wrote: HTML where it looks like that, else text.
pub(crate) fn written_by_agent(text: &str) -> Body {
    if looks_like_html(text) { Body::Html(text.to_owned()) } else { Body::Text(text.to_owned()) }
}

/// What of a message stands in the body itself.
fn sent(fields: &Fields<'_>, writer: Writer) -> Result<NewMessage> {
    let text = fields.text("body")?.value().unwrap_or_default();
    let body = if writer == Writer::Agent { written_by_agent(text) } else { Body::Text(text.to_owned()) };
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
        created_at: fields.moment("created_at")?.value(),
        answers: Vec::new(),
        addressing: Addressing::default(),
        chosen: None,
        support_address: None,
        page: None,
    })
}

/// The message of an act that may go without one.
pub(crate) async fn message_if_any(call: &Call, fields: &Fields<'_>) -> Result<Option<NewMessage>> {
    let message = message(call, fields, Writer::Agent).await?;
    let says_something = match &message.body {
        Body::Html(text) | Body::Text(text) => !text.trim().is_empty(),
    };
    let brings_files = !message.attachments.is_empty() || !message.uploads.is_empty();
    Ok((says_something || brings_files).then_some(message))
}

/// The files in a body.
pub(crate) fn attachments(fields: &Fields<'_>) -> Result<Vec<NewAttachment>> {
    let files = fields.list("attachment_files")?.value().unwrap_or_default();
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
        Fields::of(body, "").and_then(|fields| sent(&fields, writer))
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
            (json!({"attachment_files": vec![json!({}); 11]}), "attachment_files"),
        ];
        for (body, field) in table {
            let error = read(&body, Writer::Agent).unwrap_err();
            assert_eq!(error.field.as_deref(), Some(field.trim_start_matches('.')), "{body}");
        }
    }
}
