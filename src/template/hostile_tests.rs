//! Whatever stands in the fields, texts keep their shape.

use super::Kind;
use super::Templates;
use super::catalog;
use super::engine;
use super::sample;
use super::view::About;
use super::view::Notice;
use proptest::prelude::Strategy;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use proptest::test_runner::Config;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static EMBEDDED: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).unwrap());

/// Puts `value` into every text a stranger can choose.
fn with_value(kind: Kind, value: &str) -> Notice {
    let some = || Some(value.to_owned());
    let fill = |about: &mut About| {
        for named in [&mut about.workspace, &mut about.brand] {
            named.name = some();
        }
        for person in [&mut about.contact, &mut about.agent] {
            (person.first_name, person.name) = (some(), some());
        }
        (about.thread.id, about.thread.title) = (some(), some());
        (about.ticket.title, about.ticket.state, about.ticket.type_name) = (some(), some(), some());
        value.clone_into(&mut about.lang);
        value.clone_into(&mut about.time_zone);
    };
    let mut notice = sample::full(kind);
    match &mut notice {
        Notice::AgentReply(view) => {
            fill(&mut view.about);
            view.parts.iter_mut().chain(&mut view.earlier).for_each(|part| part.author_name = some());
        }
        Notice::TicketSubmitted(view) => {
            fill(&mut view.about);
            view.message = some();
        }
        Notice::TicketStateChanged(view) => {
            fill(&mut view.about);
            view.previous_state = some();
            view.parts.iter_mut().for_each(|part| part.author_name = some());
        }
        Notice::FormSent(view) => {
            fill(&mut view.about);
            view.form_name = some();
        }
        Notice::AutoAck(view) => fill(&mut view.about),
        Notice::AgentNotice(view) => {
            fill(&mut view.about);
            view.news.iter_mut().for_each(|item| {
                (item.author_name, item.recipient, item.reason) = (some(), some(), some());
            });
        }
        Notice::TrackerBroadcast(view) => {
            fill(&mut view.about);
            view.subject = some();
            view.files.iter_mut().for_each(|file| value.clone_into(&mut file.name));
        }
    }
    notice
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "<script>",
        "</script>",
        "\r\nBcc: a@example.com",
        "\n",
        "\u{2028}",
        "\"",
        "'",
        "` onerror=x",
        "javascript:",
        "{{contact.name}}",
        "{{{body_html}}}",
        "{{> html_head}}",
        "&lt;",
        "\u{0}",
        "\u{202E}",
        "<img src=x>",
        "=",
        "-->",
        "\u{E000}",
        "\u{1F600}",
        "\\",
        "{{#each parts}}",
        "]]>",
        "<!--",
    ];
    let piece = proptest::sample::select(pieces.to_vec());
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| format!("x{}", pieces.concat()))
}

proptest! {
    #![proptest_config(Config { cases: 40, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_value_changes_the_shape_of_a_text(value in hostile()) {
        let templates = &*EMBEDDED;
        for kind in Kind::ALL {
            let mail = templates.email(&with_value(kind, &value)).unwrap();
            let calm = templates.email(&with_value(kind, "x")).unwrap();
            prop_assert!(!mail.subject.chars().any(char::is_control));
            prop_assert_eq!(mail.text.lines().count(), calm.text.lines().count(), "{}", mail.text);
            prop_assert!(!mail.text.contains("&lt;script"));
            for sign in ['<', '>', '"', '\''] {
                let count = |text: &str| text.matches(sign).count();
                prop_assert_eq!(count(&mail.html), count(&calm.html), "{} in {}", sign, mail.html);
            }
            let line = templates.frame(&with_value(kind, &value)).unwrap();
            prop_assert!(!line.chars().any(char::is_control) && line.chars().count() <= 301);
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 60, failure_persistence: None, ..Config::default() })]

    /// P25: a damaged template is refused or works; it never ends the process. (A cut or a tag put in at any place.)
    #[test]
    fn p25_a_damaged_template_is_refused_or_works(which in 0_usize..24, at in 0_usize..4_000, piece in damage()) {
        let (path, text) = catalog::EMBEDDED[which % catalog::EMBEDDED.len()];
        let mut at = at % (text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let (before, after) = text.split_at(at);
        let damaged = if piece == "cut" { before.to_owned() } else { format!("{before}{piece}{after}") };
        match Templates::build(&BTreeMap::from([(path.to_owned(), damaged)])) {
            Ok(templates) => {
                for kind in Kind::ALL {
                    prop_assert!(templates.email(&with_value(kind, "<x>")).is_ok());
                }
            }
            Err(error) => prop_assert!(!error.file.is_empty() && !error.message.is_empty()),
        }
    }
}

fn damage() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "cut",
        "{{",
        "}}",
        "{{#if lang}}",
        "{{/if}}",
        "{{else}}",
        "{{{lang}}}",
        "{{lang}}",
        "{{> html_top}}",
        "{{> html_part}}",
        "{{#each parts}}",
        "\"",
        "{",
        "\u{0}",
        "{{!--",
        "{{url url}}",
        "{{typo}}",
        "<script>",
        "=",
        "{{else if lang}}",
    ])
}

#[test]
fn a_subject_is_never_more_than_one_line() {
    let templates = Templates::load(None).unwrap();
    let mail = templates.email(&with_value(Kind::TicketSubmitted, "a\r\n\r\nBcc: x@example.com\u{85}b")).unwrap();
    assert_eq!(mail.subject, "#1234 a Bcc: x@example.com b: a Bcc: x@example.com b");
}

/// What templates can name is what a contact may see: a new field of a view must be put here on purpose.
#[test]
fn templates_see_nothing_but_the_views() {
    let value = engine::to_value("", &sample::full(Kind::TicketStateChanged)).unwrap();
    let fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let about =
        ["agent", "brand", "contact", "lang", "parts", "previous_state", "stop_url", "thread", "ticket", "time_zone"];
    assert_eq!(fields, [&about[..], &["url", "workspace"]].concat());
    let ticket: Vec<&str> = value["ticket"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(ticket, ["category", "number", "state", "title", "type_name"]);
}
