//! What a template may show: exactly the fields a contact may see, never a stored record.
//!
//! **Invariant:** every field is always present; what may be unknown is null or empty. So a template that passed the
//! check at load cannot meet a missing field later.

use super::catalog::Kind;
use super::escape;
use crate::domain::state::StateCategory;
use serde::Serialize;
use serde::Serializer;

/// Most parts in one mail; a caller with more groups them (EML-72).
pub const PARTS_MAX: usize = 100;

/// HTML that is safe to send as it is. Templates put it in with `{{{body_html}}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CleanHtml(String);

impl CleanHtml {
    /// Takes HTML that `mail::sanitize` gave, or that [`super::broadcast`] rendered; nothing else.
    #[must_use]
    pub fn already_clean(html: String) -> Self {
        Self(html)
    }

    /// The same with a link to a file behind it.
    #[must_use]
    pub fn with_link(mut self, file: &File) -> Self {
        let (url, name) = (escape::html(file.url.as_str()), escape::html(&escape::lines(&file.name)));
        self.0 += &format!("\n<p><a href=\"{url}\">{name}</a></p>");
        self
    }

    /// Plain text as HTML: escaped, lines kept.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(escape::html(&escape::lines(text)).replace('\n', "<br>\n"))
    }

    /// The HTML.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text of several lines without control characters. Templates put it in with `{{{body_text}}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CleanText(String);

impl CleanText {
    /// Cleans `text`, without empty lines around it; never fails.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(escape::lines(text).trim_matches('\n').trim_end().to_owned())
    }

    /// The same with a link to a file behind it, in a line of its own.
    #[must_use]
    pub fn with_link(self, file: &File) -> Self {
        Self::new(&format!("{}\n\n{}:\n{}", self.0, file.name.replace('\n', " "), file.url.as_str()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An absolute http or https address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebUrl(String);

impl WebUrl {
    /// `None` if `text` is anything else, longer than 2,048 bytes, or not plain ASCII (RFC 3986 §2).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        escape::is_web_url(text).then(|| Self(text.to_owned()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A contact or an agent, as others see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// First name.
    pub first_name: Option<String>,
    /// Full name.
    pub name: Option<String>,
}

/// A brand, a workspace or a company.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: Option<String>,
}

/// The thread a text is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Thread {
    /// Its id in decimal.
    pub id: Option<String>,
    /// Its title; in email threads the subject without `Re:`.
    pub title: Option<String>,
}

/// The ticket of the thread; all empty when it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ticket {
    /// The number behind `#`.
    pub number: Option<u64>,
    /// Its title.
    pub title: Option<String>,
    /// External label of its state (never the internal one).
    pub state: Option<String>,
    /// Category of its state, as the API's word (STA-4).
    #[serde(serialize_with = "category_word")]
    pub category: Option<StateCategory>,
    /// Name of its type.
    pub type_name: Option<String>,
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn category_word<S: Serializer>(category: &Option<StateCategory>, serializer: S) -> Result<S::Ok, S::Error> {
    category.map(StateCategory::as_str).serialize(serializer)
}

/// One message of the thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Who wrote it.
    pub author_name: Option<String>,
    /// The picture of the agent who wrote it.
    pub avatar: Option<WebUrl>,
    /// Whether the desk wrote it.
    pub from_agent: bool,
    /// The message as HTML.
    pub body_html: CleanHtml,
    /// The message as text.
    pub body_text: CleanText,
    /// Milliseconds since 1970.
    pub sent_at: Option<u64>,
}

/// A piece of text in both forms: a signature, a description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Body {
    /// As HTML.
    pub body_html: CleanHtml,
    /// As text.
    pub body_text: CleanText,
}

/// A file too large for the mail, by signed link (BRC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Where it can be had.
    pub url: WebUrl,
}

/// What every text knows: to whom, from whom, about what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// Language of the contact as a tag of RFC 5646, for instance `en` (I18-1).
    pub lang: String,
    /// IANA name of the zone in which times are shown.
    pub time_zone: String,
    /// The workspace.
    pub workspace: Named,
    /// The brand the contact deals with.
    pub brand: Named,
    /// To whom it goes.
    pub contact: Person,
    /// Who acted, or who is to be asked.
    pub agent: Person,
    /// About which thread.
    pub thread: Thread,
    /// Its ticket.
    pub ticket: Ticket,
    /// The thread in the portal.
    pub url: Option<WebUrl>,
    /// Stops mails of this kind about this ticket (EML-80) or this issue (BRC-50).
    pub stop_url: Option<WebUrl>,
}

/// One or several replies of agents (EML-72).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentReply {
    /// To whom, about what.
    #[serde(flatten)]
    pub about: About,
    /// The contact writes by email: a plain mail that answers theirs; else a notice that looks like the brand (EML-61).
    pub email_thread: bool,
    /// The replies, oldest first.
    pub parts: Vec<Part>,
    /// What was said before, newest first; shown small.
    pub earlier: Vec<Part>,
    /// The agent's signature.
    pub signature: Body,
}

/// A ticket came to be (NTF-1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TicketSubmitted {
    /// To whom, about what.
    #[serde(flatten)]
    pub about: About,
    /// What the contact submitted.
    pub description: Body,
    /// The message of the ticket type after submission (TYP-20).
    pub message: Option<String>,
}

/// A ticket changed its state (NTF-3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TicketStateChanged {
    /// To whom, about what; the ticket carries its new state.
    #[serde(flatten)]
    pub about: About,
    /// External label of the state before.
    pub previous_state: Option<String>,
    /// Replies made in the same act (NTF-11).
    pub parts: Vec<Part>,
}

/// A broadcast of a tracker, in one thread (BRC-20).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrackerBroadcast {
    /// To whom, about what; `stop_url` stops updates about this issue (BRC-50).
    #[serde(flatten)]
    pub about: About,
    /// Used unless the thread is an email thread (BRC-5).
    pub subject: Option<String>,
    /// The thread is an email thread and keeps its subject.
    pub email_thread: bool,
    /// The message as HTML; see [`super::broadcast::Broadcast::render`].
    pub body_html: CleanHtml,
    /// The message as text.
    pub body_text: CleanText,
    /// Files by link.
    pub files: Vec<File>,
}

/// A form was sent (NTF-4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FormSent {
    /// To whom, about what; its `url` is the hosted form.
    #[serde(flatten)]
    pub about: About,
    /// The thread is an email thread and keeps its subject.
    pub email_thread: bool,
    /// Name of the ticket type.
    pub form_name: Option<String>,
}

/// One thing an agent is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NewsItem {
    /// The word of [`NewsKind`](crate::domain::agent_notice::NewsKind), or `mail_not_taken`.
    pub kind: String,
    /// Who wrote or did it.
    pub author_name: Option<String>,
    /// Whom a mail did not reach.
    pub recipient: Option<String>,
    /// Why it failed, or was put aside.
    pub reason: Option<String>,
    /// What was written, as HTML.
    pub body_html: CleanHtml,
    /// What was written, as text.
    pub body_text: CleanText,
    /// Milliseconds since 1970.
    pub sent_at: Option<u64>,
}

/// What an agent should know of a thread (NTF-15). Here `contact` is the customer and `agent` is to whom it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentNotice {
    /// To whom, about what.
    #[serde(flatten)]
    pub about: About,
    /// What is told, oldest first.
    pub news: Vec<NewsItem>,
    /// Whether an answer by mail goes to the customer; else it becomes a note.
    pub answer_is_sent: bool,
}

/// A mail came in and began a conversation (EML-74).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AutoAck {
    /// To whom, about what.
    #[serde(flatten)]
    pub about: About,
}

/// Something a contact or an agent is told, on whichever channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Notice {
    /// See [`AgentReply`].
    AgentReply(AgentReply),
    /// See [`TicketSubmitted`].
    TicketSubmitted(TicketSubmitted),
    /// See [`TicketStateChanged`].
    TicketStateChanged(TicketStateChanged),
    /// See [`TrackerBroadcast`].
    TrackerBroadcast(TrackerBroadcast),
    /// See [`FormSent`].
    FormSent(FormSent),
    /// See [`AutoAck`].
    AutoAck(AutoAck),
    /// See [`AgentNotice`].
    AgentNotice(AgentNotice),
}

impl Notice {
    /// Which templates it uses.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::AgentReply(_) => Kind::AgentReply,
            Self::TicketSubmitted(_) => Kind::TicketSubmitted,
            Self::TicketStateChanged(_) => Kind::TicketStateChanged,
            Self::TrackerBroadcast(_) => Kind::TrackerBroadcast,
            Self::FormSent(_) => Kind::FormSent,
            Self::AutoAck(_) => Kind::AutoAck,
            Self::AgentNotice(_) => Kind::AgentNotice,
        }
    }

    /// The language it should be in.
    pub(super) fn lang(&self) -> &str {
        match self {
            Self::AgentReply(view) => &view.about.lang,
            Self::TicketSubmitted(view) => &view.about.lang,
            Self::TicketStateChanged(view) => &view.about.lang,
            Self::TrackerBroadcast(view) => &view.about.lang,
            Self::FormSent(view) => &view.about.lang,
            Self::AutoAck(view) => &view.about.lang,
            Self::AgentNotice(view) => &view.about.lang,
        }
    }

    /// All its parts; their number is bounded by [`PARTS_MAX`].
    pub(super) fn part_count(&self) -> usize {
        match self {
            Self::AgentReply(view) => view.parts.len() + view.earlier.len(),
            Self::TicketSubmitted(_) | Self::FormSent(_) | Self::AutoAck(_) => 0,
            Self::TicketStateChanged(view) => view.parts.len(),
            Self::TrackerBroadcast(view) => view.files.len(),
            Self::AgentNotice(view) => view.news.len(),
        }
    }

    /// Bytes of the bodies, which may be as large as their messages.
    pub(super) fn body_bytes(&self) -> usize {
        let of = |html: &CleanHtml, text: &CleanText| html.0.len() + text.0.len();
        let of_parts = |parts: &[Part]| parts.iter().map(|part| of(&part.body_html, &part.body_text)).sum::<usize>();
        match self {
            Self::AgentReply(view) => {
                let signature = of(&view.signature.body_html, &view.signature.body_text);
                of_parts(&view.parts) + of_parts(&view.earlier) + signature
            }
            Self::TicketSubmitted(view) => of(&view.description.body_html, &view.description.body_text),
            Self::TicketStateChanged(view) => of_parts(&view.parts),
            Self::TrackerBroadcast(view) => of(&view.body_html, &view.body_text),
            Self::FormSent(_) | Self::AutoAck(_) => 0,
            Self::AgentNotice(view) => view.news.iter().map(|item| of(&item.body_html, &item.body_text)).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_html_without_becoming_markup() {
        assert_eq!(CleanHtml::from_text("a <b>\r\nc").as_str(), "a &lt;b&gt;<br>\nc");
    }

    #[test]
    fn brc_1_unknown_fields_are_null_and_present() {
        let value = serde_json::to_value(Notice::AgentReply(AgentReply::default())).unwrap();
        assert!(value["contact"]["first_name"].is_null());
        assert!(value["ticket"].as_object().unwrap().contains_key("number"));
    }
}
