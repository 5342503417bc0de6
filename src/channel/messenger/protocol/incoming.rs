//! What clients send.

use crate::channel::messenger::protocol::forms::Filled;
use crate::channel::messenger::protocol::forms::filled;
use crate::desk::people::company_claims::CompanyClaim;
use crate::desk::people::identity::Claim;
use crate::desk::people::identity::FACTS_MAX;
use crate::desk::people::identity::Facts;
use crate::desk::people::identity::Presented;
use crate::desk::people::identity::fact;
use crate::desk::thread::message::NewAttachment;
use crate::domain::data_event::METADATA_KEYS_MAX;
use crate::domain::id::AttachmentId;
use crate::domain::id::EventSeq;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::page::Page;
use crate::domain::part::ATTACHMENTS_MAX;
use crate::domain::part::ChosenAnswer;
use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Longest `client_id` in bytes; a UUID has 36.
const CLIENT_ID_BYTES_MAX: usize = 64;
/// Parts of a `history` answer when the client names no limit.
const HISTORY_DEFAULT: usize = 50;

/// A frame that was understood.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// The first frame.
    Hello(Box<Hello>),
    /// A message.
    Send(Send),
    /// A filled form.
    Form(Filled),
    /// Which forms may be opened?
    Forms,
    /// The part was in view (MSG-44).
    Seen {
        /// In this conversation.
        thread: ThreadId,
        /// Up to this part.
        part: PartId,
    },
    /// The contact types.
    Typing {
        /// In this conversation.
        thread: ThreadId,
    },
    /// Older parts.
    History(History),
    /// May I send files ahead? (MSG-60)
    Upload,
    /// What the contact says about themselves (MSG-16).
    Contact(Facts),
    /// The contact did something in the product around the messenger (MSG-2, `trackEvent`).
    Track {
        /// Comes back with a refusal, so that the client knows that no message is meant; nothing is kept by it.
        client_id: Option<String>,
        /// What.
        name: String,
        /// A JSON object, as text.
        metadata: String,
    },
    /// Ends the session everywhere (MSG-15).
    Bye,
    /// Are you there?
    Ping {
        /// Comes back.
        n: u64,
    },
}

/// Who the client says it is and what it has.
#[derive(Debug, PartialEq)]
pub struct Hello {
    /// To be proved, and what stands beside it.
    pub presented: Presented,
    /// The last `seq` it applied; what is no such number (negative, a fraction) is as good as none.
    pub since: Option<EventSeq>,
    /// The page that carries it; what is no address of one is as good as none.
    pub page: Option<Page>,
}

/// A message to post.
#[derive(Debug, PartialEq)]
pub struct Send {
    /// Key of the repeatable post (MSG-42).
    pub client_id: String,
    /// `None` begins a conversation.
    pub thread: Option<ThreadId>,
    /// Text.
    pub body: String,
    /// Files.
    pub attachments: Vec<NewAttachment>,
    /// Files that were sent ahead (MSG-60).
    pub uploads: Vec<AttachmentId>,
    /// The answer of a quick reply that it is (SHP-4).
    pub chosen: Option<ChosenAnswer>,
}

/// Which parts to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Of this conversation.
    pub thread: ThreadId,
    /// Older than this part; `None` reads the newest.
    pub before: Option<PartId>,
    /// At most so many.
    pub limit: usize,
}

/// A frame that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// No JSON at all.
    NotJson,
    /// JSON, but no frame of ours.
    Shape {
        /// What is wrong.
        message: String,
        /// Of the post it was meant to be, if it could be read.
        client_id: Option<String>,
    },
}

/// Reads one frame.
///
/// # Errors
/// [`BadFrame`] says what is wrong with it.
pub fn read(text: &str) -> Result<Incoming, BadFrame> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|_| {
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        if is_json { shape("a frame is an object with a type".to_owned(), text) } else { BadFrame::NotJson }
    })?;
    let read = match envelope.r#type.as_str() {
        "hello" => body(text).and_then(hello),
        "send" => body(text).and_then(send),
        "form" => body(text).and_then(filled).map(Incoming::Form),
        "forms" => Ok(Incoming::Forms),
        "seen" => body(text).and_then(seen),
        "typing" => {
            body(text).and_then(|frame: TypingFrame| Ok(Incoming::Typing { thread: frame.conversation_id.id()? }))
        }
        "history" => body(text).and_then(history),
        "upload" => Ok(Incoming::Upload),
        "contact" => body(text).map(|frame: ContactFrame| {
            Incoming::Contact(Facts { email: frame.email, name: frame.name, ..Facts::default() })
        }),
        "track" => body(text).and_then(track),
        "bye" => Ok(Incoming::Bye),
        "ping" => body(text).map(|frame: PingFrame| Incoming::Ping { n: frame.n }),
        _ => Err("unknown type".to_owned()),
    };
    read.map_err(|message| shape(message, text))
}

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
}

#[derive(Deserialize)]
struct HelloFrame {
    identity: IdentityFrame,
    #[serde(default)]
    since: Option<serde_json::Number>,
    #[serde(default)]
    page: Option<String>,
}

#[derive(Deserialize)]
struct IdentityFrame {
    visitor: Option<String>,
    user_id: Option<Id>,
    email: Option<String>,
    name: Option<String>,
    user_hash: Option<String>,
    jwt: Option<String>,
    phone: Option<String>,
    avatar: Option<String>,
    language_override: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, serde_json::Value>,
    created_at: Option<serde_json::Value>,
    company: Option<serde_json::Value>,
    companies: Option<serde_json::Value>,
    unsubscribed_from_emails: Option<bool>,
}

#[derive(Deserialize)]
struct ContactFrame {
    email: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct SendFrame {
    client_id: String,
    conversation_id: Option<Id>,
    ticket_id: Option<Id>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    attachments: Vec<FileFrame>,
    #[serde(default)]
    upload_ids: Vec<Id>,
    quick_reply: Option<ChosenFrame>,
}

/// `quick_reply` of a `send`.
#[derive(Deserialize)]
struct ChosenFrame {
    part_id: Id,
    uuid: String,
}

#[derive(Deserialize)]
pub(crate) struct FileFrame {
    name: String,
    content_type: String,
    data: String,
}

/// What every post has, to answer one that cannot be read.
#[derive(Deserialize)]
struct PostFrame {
    client_id: String,
}

#[derive(Deserialize)]
struct SeenFrame {
    conversation_id: Id,
    part_id: Id,
}

#[derive(Deserialize)]
struct TypingFrame {
    conversation_id: Id,
}

#[derive(Deserialize)]
struct HistoryFrame {
    conversation_id: Id,
    before: Option<Id>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct TrackFrame {
    client_id: Option<String>,
    name: String,
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct PingFrame {
    #[serde(default)]
    n: u64,
}

/// An id as text or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Text(String),
    Number(u64),
}

impl Id {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    pub(crate) fn id<T: FromStr>(self) -> Result<T, String> {
        self.text().parse().map_err(|_| "an id is a decimal number".to_owned())
    }
}

fn body<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn shape(message: String, text: &str) -> BadFrame {
    let of_post: Option<PostFrame> = serde_json::from_str(text).ok();
    BadFrame::Shape { message, client_id: of_post.and_then(|frame| client_id(frame.client_id).ok()) }
}

pub(crate) fn client_id(id: String) -> Result<String, String> {
    let fits = (1..=CLIENT_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(id) } else { Err(format!("client_id is 1 to {CLIENT_ID_BYTES_MAX} visible ASCII characters")) }
}

/// A signed token says more than fields beside it. Facts without a proof open nothing, so a visitor's token goes before
/// them: by it the client comes back to what it started on this device (MSG-12).
fn hello(frame: HelloFrame) -> Result<Incoming, String> {
    let identity = frame.identity;
    let names_user = identity.user_id.is_some() || identity.jwt.is_some() || identity.user_hash.is_some();
    let facts =
        identity.attributes.iter().take(FACTS_MAX).filter_map(|(name, value)| Some((name.clone(), fact(value)?)));
    let mut facts = Facts {
        phone: identity.phone,
        avatar: identity.avatar,
        language_override: identity.language_override,
        attributes: facts.collect(),
        signed_up_at_s: identity.created_at.as_ref().and_then(serde_json::Value::as_u64),
        unsubscribed_from_emails: identity.unsubscribed_from_emails,
        companies: CompanyClaim::all(identity.company.as_ref(), identity.companies.as_ref()),
        ..Facts::default()
    };
    let mut visitor = identity.visitor;
    let claim = if let Some(jwt) = identity.jwt {
        (facts.email, facts.name) = (identity.email, identity.name);
        Claim::Jwt(jwt)
    } else if let Some(token) = visitor.take_if(|_| identity.user_hash.is_none()) {
        (facts.email, facts.name) = (identity.email, identity.name);
        Claim::Visitor(token)
    } else if identity.user_id.is_some() || identity.email.is_some() {
        let user_id = identity.user_id.map(Id::text);
        Claim::Hmac { user_id, email: identity.email, name: identity.name, user_hash: identity.user_hash }
    } else {
        facts.name = identity.name;
        Claim::NewVisitor
    };
    let since = frame.since.and_then(|number| number.as_u64()).map(EventSeq);
    let page = frame.page.as_deref().and_then(Page::parse);
    Ok(Incoming::Hello(Box::new(Hello { presented: Presented { claim, visitor, names_user, facts }, since, page })))
}

fn send(frame: SendFrame) -> Result<Incoming, String> {
    let client_id = client_id(frame.client_id)?;
    // The thread of a ticket has the ticket's id (OBJ-3), so either name leads to it.
    let thread = frame.conversation_id.or(frame.ticket_id).map(Id::id).transpose()?;
    if frame.attachments.len() > ATTACHMENTS_MAX {
        return Err(format!("at most {ATTACHMENTS_MAX} attachments"));
    }
    let attachments = frame.attachments.into_iter().map(file).collect::<Result<Vec<_>, _>>()?;
    let uploads = frame.upload_ids.into_iter().take(ATTACHMENTS_MAX + 1).map(Id::id).collect::<Result<_, _>>()?;
    let chosen = |chosen: ChosenFrame| Ok::<_, String>(ChosenAnswer { part: chosen.part_id.id()?, uuid: chosen.uuid });
    let chosen = frame.quick_reply.map(chosen).transpose()?;
    Ok(Incoming::Send(Send { client_id, thread, body: frame.body, attachments, uploads, chosen }))
}

pub(crate) fn file(frame: FileFrame) -> Result<NewAttachment, String> {
    let bytes = BASE64.decode(frame.data.as_bytes()).map_err(|_| "data of an attachment is base64".to_owned())?;
    Ok(NewAttachment { name: frame.name, content_type: frame.content_type, bytes })
}

fn seen(frame: SeenFrame) -> Result<Incoming, String> {
    Ok(Incoming::Seen { thread: frame.conversation_id.id()?, part: frame.part_id.id()? })
}

fn track(frame: TrackFrame) -> Result<Incoming, String> {
    let client_id = frame.client_id.map(client_id).transpose()?;
    let metadata = frame.metadata.unwrap_or_default();
    if metadata.len() > METADATA_KEYS_MAX {
        return Err(format!("metadata takes at most {METADATA_KEYS_MAX} keys"));
    }
    let metadata = serde_json::Value::Object(metadata).to_string();
    Ok(Incoming::Track { client_id, name: frame.name, metadata })
}

fn history(frame: HistoryFrame) -> Result<Incoming, String> {
    let thread = frame.conversation_id.id()?;
    let before = frame.before.map(Id::id).transpose()?;
    Ok(Incoming::History(History { thread, before, limit: frame.limit.unwrap_or(HISTORY_DEFAULT) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(text: &str) -> String {
        match read(text) {
            Err(BadFrame::Shape { message, .. }) => message,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_hello_carries_one_claim_and_where_the_client_was() {
        let claims = [
            (r#"{}"#, Claim::NewVisitor),
            (r#"{"visitor":"v1"}"#, Claim::Visitor("v1".to_owned())),
            (r#"{"visitor":"v1","user_id":"7"}"#, Claim::Visitor("v1".to_owned())),
            (r#"{"jwt":"a.b.c","user_id":"7"}"#, Claim::Jwt("a.b.c".to_owned())),
            (
                r#"{"user_id":7,"name":"Ana","user_hash":"ff","visitor":"v1"}"#,
                Claim::Hmac {
                    user_id: Some("7".to_owned()),
                    email: None,
                    name: Some("Ana".to_owned()),
                    user_hash: Some("ff".to_owned()),
                },
            ),
        ];
        for (identity, claim) in claims {
            let text =
                format!(r#"{{"type":"hello","identity":{identity},"since":null,"page":"https://example.com/"}}"#);
            let Ok(Incoming::Hello(hello)) = read(&text) else { panic!("{identity} is no hello") };
            let page = Page::parse("https://example.com/");
            assert_eq!((hello.presented.claim, hello.since, hello.page), (claim, None, page), "{identity}");
        }
        for (since, expected) in [("41", Some(EventSeq(41))), ("-1", None), ("1.5", None), ("null", None)] {
            let text = format!(r#"{{"type":"hello","identity":{{}},"since":{since}}}"#);
            let presented = Presented { names_user: false, ..Claim::NewVisitor.into() };
            assert_eq!(
                read(&text),
                Ok(Incoming::Hello(Box::new(Hello { presented, since: expected, page: None }))),
                "{since}"
            );
        }
    }

    #[test]
    fn msg_2_a_tracked_event_has_a_name_and_perhaps_an_object_beside_it() {
        let tracked = |frame: &str| match read(frame) {
            Ok(Incoming::Track { name, metadata, .. }) => (name, metadata),
            other => panic!("{frame}: {other:?}"),
        };
        let with = tracked(r#"{"type":"track","name":"order","metadata":{"total":12}}"#);
        assert_eq!(with, ("order".to_owned(), r#"{"total":12}"#.to_owned()));
        assert_eq!(tracked(r#"{"type":"track","name":"order","metadata":null}"#).1, "{}");
        assert_eq!(tracked(r#"{"type":"track","name":"order"}"#).1, "{}");
        for wrong in
            [r#"{"type":"track"}"#, r#"{"type":"track","name":1}"#, r#"{"type":"track","name":"a","metadata":[]}"#]
        {
            assert!(matches!(read(wrong), Err(BadFrame::Shape { .. })), "{wrong}");
        }
    }

    #[test]
    fn shp_4_a_send_may_choose_an_answer() {
        let text =
            r#"{"type":"send","client_id":"c","conversation_id":"1","quick_reply":{"part_id":"7","uuid":"yes"}}"#;
        let Ok(Incoming::Send(send)) = read(text) else { panic!("{text}") };
        assert_eq!(send.chosen, Some(ChosenAnswer { part: PartId(7), uuid: "yes".to_owned() }));
        let without_uuid = r#"{"type":"send","client_id":"c","conversation_id":"1","quick_reply":{"part_id":"7"}}"#;
        assert_eq!(message_of(without_uuid).split(" at").next(), Some("missing field `uuid`"));
    }

    #[test]
    fn a_send_carries_text_and_files() {
        let text = r#"{"type":"send","client_id":"c-1","conversation_id":"12","body":"hi",
            "attachments":[{"name":"a.txt","content_type":"text/plain","data":"aGk="}],"later":{"field":[1]}}"#;
        let attachment =
            NewAttachment { name: "a.txt".to_owned(), content_type: "text/plain".to_owned(), bytes: b"hi".to_vec() };
        let expected = Send {
            client_id: "c-1".to_owned(),
            thread: Some(ThreadId(12)),
            body: "hi".to_owned(),
            attachments: vec![attachment],
            uploads: vec![],
            chosen: None,
        };
        assert_eq!(read(text), Ok(Incoming::Send(expected)));
        let Ok(Incoming::Send(to_ticket)) = read(r#"{"type":"send","client_id":"c","ticket_id":9,"body":"x"}"#) else {
            panic!("not a send");
        };
        assert_eq!(to_ticket.thread, Some(ThreadId(9)));
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_no_frame() {
        for text in ["", "hello", "{", "{\"type\":\"ping\"", "[1,", "\u{0}", "{'type':'ping'}"] {
            assert_eq!(read(text), Err(BadFrame::NotJson), "{text:?}");
        }
        let shapes = [
            "[]",
            "1",
            "null",
            "\"ping\"",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"nothing"}"#,
            r#"{"type":"ping","n":-1}"#,
            r#"{"type":"ping","n":1e999}"#,
            r#"{"type":"ping","type":"ping"}"#,
            r#"{"type":"typing","conversation_id":"../1"}"#,
            r#"{"type":"seen","conversation_id":"1"}"#,
            r#"{"type":"send","client_id":"","body":"x"}"#,
            r#"{"type":"send","client_id":"a b","body":"x"}"#,
            r#"{"type":"send","client_id":"c","body":7}"#,
            r#"{"type":"send","client_id":"c","body":"\ud800"}"#,
            r#"{"type":"send","client_id":"c","attachments":[{"name":"a","content_type":"b","data":"?"}]}"#,
            r#"{"type":"hello"}"#,
            r#"{"type":"hello","identity":{"jwt":7}}"#,
        ];
        for text in shapes {
            assert!(!message_of(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_bad_post_is_answered_with_its_client_id() {
        let bad = read(r#"{"type":"send","client_id":"c-9","body":[]}"#);
        assert!(matches!(bad, Err(BadFrame::Shape { client_id: Some(id), .. }) if id == "c-9"));
    }

    #[test]
    fn deep_json_is_a_bad_frame_or_skipped_and_never_recursion() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        message_of(&format!(r#"{{"type":"send","client_id":"c","body":{deep}}}"#));
        message_of(&format!(r#"{{"type":"typing","conversation_id":{deep}}}"#));
        message_of(&format!(r#"{{"type":{deep}}}"#));
        let skipped = read(&format!(r#"{{"type":"ping","n":1,"extra":{deep}}}"#));
        assert_eq!(skipped, Ok(Incoming::Ping { n: 1 }));
    }
}
