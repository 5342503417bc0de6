//! Which templates there are, and the embedded text of each.

use super::error::TemplateError;
use std::collections::BTreeMap;

/// What somebody is told about; each has an email of three files and a line for sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Replies of agents.
    AgentReply,
    /// A ticket came to be.
    TicketSubmitted,
    /// A ticket changed its state.
    TicketStateChanged,
    /// A broadcast of a tracker.
    TrackerBroadcast,
    /// A form to fill.
    FormSent,
    /// A mail came in.
    AutoAck,
    /// News for an agent.
    AgentNotice,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AgentReply,
        Self::TicketSubmitted,
        Self::TicketStateChanged,
        Self::TrackerBroadcast,
        Self::FormSent,
        Self::AutoAck,
        Self::AgentNotice,
    ];

    /// Folder below `email/`, and the name `deskgate template preview` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AgentReply => "agent_reply",
            Self::TicketSubmitted => "ticket_submitted",
            Self::TicketStateChanged => "ticket_state_changed",
            Self::TrackerBroadcast => "tracker_broadcast",
            Self::FormSent => "form_sent",
            Self::AutoAck => "auto_ack",
            Self::AgentNotice => "agent_notice",
        }
    }

    /// File below `messenger/`, named after the socket's event.
    #[must_use]
    pub fn frame_name(self) -> &'static str {
        match self {
            Self::AgentReply => "part_created",
            Self::TicketSubmitted => "ticket_created",
            Self::TicketStateChanged => "ticket_state_changed",
            Self::TrackerBroadcast => "tracker_broadcast",
            Self::FormSent => "form_requested",
            Self::AutoAck => "mail_received",
            Self::AgentNotice => "agent_notice",
        }
    }
}

/// One piece of what goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    Subject,
    Text,
    Html,
    Frame,
}

impl Piece {
    pub(super) const EMAIL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    /// Path of the piece of `kind` in the default language.
    pub(super) fn path(self, kind: Kind) -> String {
        match self {
            Self::Subject => format!("email/{}/subject.hbs", kind.name()),
            Self::Text => format!("email/{}/text.hbs", kind.name()),
            Self::Html => format!("email/{}/html.hbs", kind.name()),
            Self::Frame => format!("messenger/{}.hbs", kind.frame_name()),
        }
    }
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `[lang/]email/…` or `[lang/]messenger/…`.
    Entry { lang: Option<String>, kind: Kind, piece: Piece },
    /// `partials/<name>.hbs`.
    Partial(String),
    /// `locales/<lang>.ftl`: sentences of a language.
    Locale(String),
}

impl Place {
    /// Reads `path`; an error names what is possible.
    pub(super) fn parse(path: &str) -> Result<Self, TemplateError> {
        if let Some(name) = path.strip_prefix("partials/").and_then(|rest| rest.strip_suffix(".hbs"))
            && is_partial_name(name)
        {
            return Ok(Self::Partial(name.to_owned()));
        }
        if let Some(lang) = path.strip_prefix("locales/").and_then(|rest| rest.strip_suffix(".ftl"))
            && is_lang(lang)
        {
            return Ok(Self::Locale(lang.to_owned()));
        }
        let (lang, rest) = match path.split_once('/') {
            Some((first, rest)) if is_lang(first) => (Some(first.to_owned()), rest),
            _ => (None, path),
        };
        let pieces = || Piece::EMAIL.into_iter().chain([Piece::Frame]);
        let entry = Kind::ALL.into_iter().flat_map(|kind| pieces().map(move |piece| (kind, piece)));
        entry
            .into_iter()
            .find(|(kind, piece)| piece.path(*kind) == rest)
            .map(|(kind, piece)| Self::Entry { lang, kind, piece })
            .ok_or_else(|| TemplateError::new(path, unknown_file()))
    }
}

fn unknown_file() -> String {
    let known: Vec<&str> = EMBEDDED.iter().map(|(path, _)| *path).collect();
    format!(
        "is no template; known are {}, each also below a language such as de/, and further \
         partials/<name>.hbs and locales/<language>.ftl",
        known.join(", ")
    )
}

/// Names of partials: lower case, digits, underscore.
pub(super) fn is_partial_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A language tag in lower case: two or three letters, then subtags (RFC 5646).
fn is_lang(text: &str) -> bool {
    let mut tags = text.split('-');
    let first =
        tags.next().is_some_and(|tag| matches!(tag.len(), 2 | 3) && tag.bytes().all(|b| b.is_ascii_lowercase()));
    let subtag =
        |tag: &str| matches!(tag.len(), 2..=8) && tag.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first && tags.all(subtag)
}

/// The text of one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) overridden: bool,
}

/// The embedded templates with `overrides` in their places.
pub(super) fn sources(overrides: &BTreeMap<String, String>) -> Result<BTreeMap<String, Source>, TemplateError> {
    let embedded = EMBEDDED
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Source { text: (*text).to_owned(), overridden: false }));
    let mut all: BTreeMap<String, Source> = embedded.collect();
    for (path, text) in overrides {
        Place::parse(path)?;
        all.insert(path.clone(), Source { text: text.clone(), overridden: true });
    }
    Ok(all)
}

macro_rules! embedded {
    ($($path:literal)+) => {
        /// Path and text of every template of the binary.
        pub(super) const EMBEDDED: &[(&str, &str)] =
            &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $path)))),+];
    };
}

embedded! {
    "email/agent_reply/subject.hbs"
    "email/agent_reply/text.hbs"
    "email/agent_reply/html.hbs"
    "email/ticket_submitted/subject.hbs"
    "email/ticket_submitted/text.hbs"
    "email/ticket_submitted/html.hbs"
    "email/ticket_state_changed/subject.hbs"
    "email/ticket_state_changed/text.hbs"
    "email/ticket_state_changed/html.hbs"
    "email/tracker_broadcast/subject.hbs"
    "email/tracker_broadcast/text.hbs"
    "email/tracker_broadcast/html.hbs"
    "email/form_sent/subject.hbs"
    "email/form_sent/text.hbs"
    "email/form_sent/html.hbs"
    "email/auto_ack/subject.hbs"
    "email/auto_ack/text.hbs"
    "email/auto_ack/html.hbs"
    "email/agent_notice/subject.hbs"
    "email/agent_notice/text.hbs"
    "email/agent_notice/html.hbs"
    "messenger/part_created.hbs"
    "messenger/ticket_created.hbs"
    "messenger/ticket_state_changed.hbs"
    "messenger/tracker_broadcast.hbs"
    "messenger/form_requested.hbs"
    "messenger/mail_received.hbs"
    "messenger/agent_notice.hbs"
    "partials/html_head.hbs"
    "partials/html_top.hbs"
    "partials/html_bottom.hbs"
    "partials/html_button.hbs"
    "partials/html_part.hbs"
    "partials/html_ticket.hbs"
    "partials/html_news.hbs"
    "partials/text_part.hbs"
    "partials/text_news.hbs"
    "partials/text_bottom.hbs"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_path_names_a_template_and_every_template_is_embedded() {
        for (path, _) in EMBEDDED {
            assert!(Place::parse(path).is_ok(), "{path}");
        }
        for kind in Kind::ALL {
            for piece in Piece::EMAIL.into_iter().chain([Piece::Frame]) {
                assert!(EMBEDDED.iter().any(|(path, _)| *path == piece.path(kind)), "{}", piece.path(kind));
            }
        }
    }

    #[test]
    fn unknown_files_are_refused_and_the_known_ones_named() {
        for path in
            ["email/agent_reply/body.hbs", "README.md", "partials/A.hbs", "../email/agent_reply/text.hbs", "DE/x"]
        {
            let error = Place::parse(path).unwrap_err();
            assert_eq!(error.file, path);
            assert!(error.message.contains("email/agent_reply/html.hbs"), "{error}");
        }
    }

    #[test]
    fn i18_2_a_language_is_the_first_folder() {
        let expected = Place::Entry { lang: Some("pt-br".to_owned()), kind: Kind::AgentReply, piece: Piece::Text };
        assert_eq!(Place::parse("pt-br/email/agent_reply/text.hbs"), Ok(expected));
    }
}
