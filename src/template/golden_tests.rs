//! The embedded templates with sample data, as people get them; and the templates that are refused.

use super::Kind;
use super::Preview;
use super::Rendered;
use super::TemplateError;
use super::Templates;
use super::sample;
use super::view::AgentReply;
use super::view::Notice;
use super::view::Part;
use serde_json::json;
use std::collections::BTreeMap;

macro_rules! golden {
    ($name:literal) => {
        (
            include_str!(concat!("../../tests/fixtures/template/", $name, ".txt")),
            include_str!(concat!("../../tests/fixtures/template/", $name, ".html")),
        )
    };
}

fn embedded() -> Templates {
    Templates::load(None).unwrap()
}

fn build(files: &[(&str, &str)]) -> Result<Templates, TemplateError> {
    Templates::build(&files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
}

fn shown(mail: &Rendered) -> String {
    format!("Subject: {}\n\n{}", mail.subject, mail.text)
}

/// When a template changes on purpose, the fixture changes with it, so that the change is seen as people will see it.
#[test]
fn mails_read_as_in_the_fixtures() {
    let cases = [
        (sample::full(Kind::AgentReply), golden!("agent_reply")),
        (in_email_thread(), golden!("agent_reply_in_email_thread")),
        (sample::full(Kind::TicketSubmitted), golden!("ticket_submitted")),
        (sample::full(Kind::TicketStateChanged), golden!("ticket_state_changed")),
        (sample::full(Kind::TrackerBroadcast), golden!("tracker_broadcast")),
        (sample::full(Kind::FormSent), golden!("form_sent")),
        (sample::full(Kind::AutoAck), golden!("auto_ack")),
        (sample::full(Kind::AgentNotice), golden!("agent_notice")),
    ];
    for (notice, (text, html)) in cases {
        let mail = embedded().email(&notice).unwrap();
        assert_eq!(shown(&mail), text);
        assert_eq!(mail.html, html);
        assert_eq!(mail.fell_back, None);
    }
}

fn in_email_thread() -> Notice {
    match sample::full(Kind::AgentReply) {
        Notice::AgentReply(view) => Notice::AgentReply(AgentReply { email_thread: true, ..view }),
        other => other,
    }
}

#[test]
fn frames_are_one_line_each() {
    let expected = [
        "Ana Example: Hi Ben, I found it: the invoice was made out to your old address. I have sent you a new one. Does it \
         look right?",
        "#1234 Submitted: Wrong address on my invoice",
        "#1234 Wrong address on my invoice is now Waiting for you",
        "Ana Example: Hi Ben, invoices show the right address again. There is nothing you need to do: - new invoices are \
         correct - old ones were made out again",
        "Ana asks you to fill in a form: Billing question",
        "Thank you for your message. It has reached us, and we will answer as soon as we can.",
        "Wrong address on my invoice: Ben Example wrote, Ben Example wrote, given to you, the snooze has ended, Cleo Example \
         named you, a mail could not be delivered, a broadcast is held, your mail was not taken",
    ];
    for (kind, expected) in Kind::ALL.into_iter().zip(expected) {
        assert_eq!(embedded().frame(&sample::full(kind)).unwrap(), expected);
    }
}

#[test]
fn html_is_whole_even_with_most_fields_empty() {
    for kind in Kind::ALL {
        for notice in [sample::full(kind), sample::sparse(kind)] {
            let html = embedded().email(&notice).unwrap().html;
            for tag in ["html", "head", "body", "table", "tr", "td", "div", "a", "p", "strong", "span", "blockquote"] {
                let opened = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag} in {}", kind.name());
            }
            assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\""), "{html}");
            assert!(!html.contains("href=\"\"") && !html.contains("{{"), "{html}");
        }
    }
}

#[test]
fn eml_74_status_mails_name_number_label_and_who_to_answer() {
    let mail = embedded().email(&sample::full(Kind::TicketStateChanged)).unwrap();
    assert_eq!(mail.subject, "#1234 Waiting for you: Wrong address on my invoice");
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("In progress") && part.contains("Ana Example") && part.contains("/unsubscribe/sample"));
    }
}

#[test]
fn brc_50_broadcast_mails_have_the_stop_link_in_both_parts() {
    let mail = embedded().email(&sample::full(Kind::TrackerBroadcast)).unwrap();
    assert!(mail.text.contains("Stop updates about this issue: https://desk.example.com/unsubscribe/sample"));
    assert!(mail.html.contains("href=\"https://desk.example.com/unsubscribe/sample\""));
}

const HTML: &str = "email/agent_reply/html.hbs";
const TEXT: &str = "email/agent_reply/text.hbs";

#[test]
fn a_broken_template_is_named_with_its_line() {
    let cases = [
        (TEXT, "a\n{{#if url}}\nb", "email/agent_reply/text.hbs:2:1: {{#if}} is never closed"),
        (TEXT, "a\n\n{{or }", "email/agent_reply/text.hbs:3:1: the tag is not closed by }}"),
        (TEXT, "a\n{{or ,}}", "email/agent_reply/text.hbs:2:6: invalid handlebars syntax: expected"),
        (TEXT, "x {{shout brand.name}}", "email/agent_reply/text.hbs:1:3: there is no function shout; there are if,"),
        (
            TEXT,
            "{{contact.email}}",
            "email/agent_reply/text.hbs:1:1: there is no contact.email; here are first_name, name",
        ),
        (
            TEXT,
            "{{#each parts}}\n{{body}}\n{{/each}}",
            "email/agent_reply/text.hbs:2:1: there is no body; here are author_name",
        ),
        (TEXT, "x{{#if false}}\n{{typo}}{{/if}}", "email/agent_reply/text.hbs:2:1: there is no typo"),
        (TEXT, "x{{#if (not typo)}}{{/if}}", "email/agent_reply/text.hbs:1:2: there is no typo"),
        (TEXT, "x{{> footer}}", "email/agent_reply/text.hbs:1:2: there is no partials/footer.hbs"),
        (TEXT, "x{{> (or lang \"a\")}}", "email/agent_reply/text.hbs:1:2: a partial is named directly, not computed"),
        (TEXT, "{{contact}}", "email/agent_reply/text.hbs:1:1: contact is no single value"),
        (TEXT, "x{{#if contact}}{{/if}}", "email/agent_reply/text.hbs:1:2: {{#if}} is asked of a whole object"),
        (
            TEXT,
            "x{{#each contact}}{{@key}}{{/each}}",
            "email/agent_reply/text.hbs:1:2: {{#each}} is asked of something that is",
        ),
        (TEXT, "x{{#with contact}}{{/with}}", "email/agent_reply/text.hbs:1:2: there is no function with"),
        (TEXT, "{{or url}}", "email/agent_reply/text.hbs:1:1: or takes 2 to 8 values, not 1"),
        (TEXT, "{{date lang}}", "email/agent_reply/text.hbs:1:1: date is given something that is not a moment"),
        (TEXT, "{{date 0 zone=\"Mars/Base\"}}", "email/agent_reply/text.hbs:1:1: the time zone Mars/Base is not known"),
        (TEXT, "{{date 0 form=\"%H\"}}", "email/agent_reply/text.hbs:1:1: date has no option form"),
        (TEXT, "{{#if url}}x{{/if}}", "email/agent_reply/text.hbs: gives an empty text for sample data"),
        (HTML, "<a href=\"{{brand.name}}\">", "email/agent_reply/html.hbs:1:10: a link's address needs {{url"),
        (
            HTML,
            "<a href=\"{{#if url}}{{url url}}{{else}}{{lang}}{{/if}}\">",
            "email/agent_reply/html.hbs:1:40: a link's",
        ),
        (HTML, "<a href=\"{{#if url}}{{/if}}{{lang}}\">", "email/agent_reply/html.hbs:1:28: a link's address needs"),
        (HTML, "<a href=\"{{url brand.name}}\">", "email/agent_reply/html.hbs:1:10: url is given no web address"),
        (HTML, "<p title={{lang}}>", "email/agent_reply/html.hbs:1:10: an attribute's value needs quotes"),
        (HTML, "a\n<SCRIPT>", "email/agent_reply/html.hbs:1:1: <script does not belong into a mail"),
        ("partials/html_top.hbs", "\n{{typo}}", "partials/html_top.hbs:2:1: there is no typo"),
        ("partials/mine.hbs", "x", "partials/mine.hbs: is used by no template; is the name right?"),
        ("email/agent_reply/body.hbs", "x", "email/agent_reply/body.hbs: is no template; known are email/"),
        ("de/email/agent_reply/text.hbs", "x", "de/email/agent_reply/text.hbs: needs de/email/agent_reply/subject.hbs"),
    ];
    for (path, text, expected) in cases {
        let error = build(&[(path, text)]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}\n got {error}\nwant {expected}");
    }
    let error = build(&[(TEXT, &"x".repeat(300_000))]).unwrap_err().to_string();
    assert_eq!(error, "email/agent_reply/text.hbs: is 300000 bytes; at most 262144 are allowed");
}

#[test]
fn trap_handlebars_partial_cycle_overflows_the_stack() {
    let error =
        build(&[(TEXT, "{{> a}}"), ("partials/a.hbs", "\n{{> b}}"), ("partials/b.hbs", "{{> a}}")]).unwrap_err();
    assert_eq!(error.to_string(), "partials/b.hbs:1:1: partials include each other without end: a > b > a");
    let error = build(&[(TEXT, "{{> a}}"), ("partials/a.hbs", "{{#if false}}{{> a}}{{/if}}")]).unwrap_err();
    assert_eq!(error.message, "partials include each other without end: a > a");
}

#[test]
fn trap_handlebars_deep_blocks_abort() {
    let nested = |n: usize| format!("{}x{}", "{{#if lang}}".repeat(n), "{{/if}}".repeat(n));
    assert!(build(&[(TEXT, &nested(32))]).is_ok());
    assert_eq!(build(&[(TEXT, &nested(10_000))]).unwrap_err().message, "blocks are nested deeper than 32");
    let through_partial = nested(20).replace('x', "{{> a}}");
    let error = build(&[(TEXT, &through_partial), ("partials/a.hbs", &nested(20))]).unwrap_err();
    assert_eq!(error.message, "blocks and partials are nested deeper than 32");
}

#[test]
fn trap_handlebars_triple_stash_is_raw() {
    for (path, text, allowed) in [
        (HTML, "{{{brand.name}}}", false),
        (HTML, "{{& brand.name}}", false),
        (HTML, "{{#each parts}}{{{body_text}}}{{/each}}", false),
        (HTML, "{{#each parts}}{{{body_html}}}{{/each}}x", true),
        (TEXT, "{{#each parts}}{{{body_html}}}{{/each}}", false),
        (TEXT, "{{#each parts}}{{{this.body_text}}}{{/each}}", true),
        ("email/agent_reply/subject.hbs", "{{{brand.name}}}", false),
    ] {
        assert_eq!(build(&[(path, text)]).is_ok(), allowed, "{path} {text}");
    }
}

#[test]
fn trap_handlebars_each_explodes() {
    let error = build(&[(TEXT, "{{#each parts}}{{#each ../parts}}x{{/each}}{{/each}}")]).unwrap_err();
    assert_eq!(error.message, "{{#each}} inside {{#each}} is not allowed");
    let hidden =
        [(TEXT, "{{#each parts}}{{> a all=../parts}}{{/each}}"), ("partials/a.hbs", "{{#each all}}x{{/each}}")];
    assert_eq!(build(&hidden).unwrap_err().message, "{{#each}} inside {{#each}} is not allowed");
    let ten = |name: &str| format!("{{{{> {name}}}}}").repeat(10);
    let laughs = [
        (TEXT, &*ten("a")),
        ("partials/a.hbs", &*ten("b")),
        ("partials/b.hbs", &*ten("c")),
        ("partials/c.hbs", &*ten("d")),
        ("partials/d.hbs", "x"),
    ];
    assert_eq!(build(&laughs).unwrap_err().message, "comes to more than 20000 elements with its partials");
}

#[test]
fn output_is_bounded_by_256_kb_and_the_bodies() {
    let notice = |parts: usize, body: usize| {
        let body_text = super::view::CleanText::new(&"x".repeat(body));
        let part = Part { body_text, author_name: Some("y".repeat(5_000)), ..Part::default() };
        Notice::AgentReply(AgentReply { parts: vec![part; parts], ..AgentReply::default() })
    };
    assert!(embedded().email(&notice(2, 2_000_000)).is_ok());
    let error = embedded().email(&notice(100, 1)).unwrap_err();
    assert!(error.message.starts_with("gives more than 2622"), "{error}");
    let error = embedded().email(&notice(101, 1)).unwrap_err();
    assert_eq!(error.to_string(), "agent_reply: is asked for more than 100 parts");
}

#[test]
fn i18_2_an_override_that_fails_gives_way_to_the_embedded_template() {
    let wordy = format!("{{{{#each parts}}}}{{{{author_name}}}}{}{{{{/each}}}}x", "y".repeat(90_000));
    let templates = build(&[(TEXT, &wordy)]).unwrap();
    let parts = vec![Part::default(); 4];
    let mail = templates.email(&Notice::AgentReply(AgentReply { parts, ..AgentReply::default() })).unwrap();
    assert!(mail.text.starts_with("Hi there,"), "{}", mail.text);
    assert_eq!(mail.fell_back.unwrap().file, TEXT);
}

#[test]
fn i18_1_a_mail_is_in_the_language_of_the_contact() {
    let german = [
        ("de/email/agent_reply/subject.hbs", "Antwort"),
        ("de/email/agent_reply/text.hbs", "Hallo"),
        ("de/email/agent_reply/html.hbs", "<p>Hallo</p>"),
    ];
    let templates = build(&german).unwrap();
    let subject = |lang: &str| {
        let mut view = AgentReply::default();
        lang.clone_into(&mut view.about.lang);
        templates.email(&Notice::AgentReply(view)).unwrap().subject
    };
    assert_eq!([subject("de"), subject("de-AT")], ["Antwort", "Antwort"]);
    assert_eq!([subject("sv"), subject("")], ["We replied to your message", "We replied to your message"]);
    assert_eq!(subject("fr"), "Réponse de notre équipe à votre message");
}

#[test]
fn previews_take_data_over_the_sample() {
    let data = json!({"contact": {"first_name": "Cleo"}, "parts": []});
    let Preview::Email(mail) = embedded().preview("agent_reply", None, Some(&data)).unwrap() else { panic!("no mail") };
    assert!(mail.text.starts_with("Hi Cleo,\n\nAna Example replied"), "{}", mail.text);
    let line = embedded().preview("messenger/ticket_created", None, None).unwrap();
    assert_eq!(line, Preview::Frame("#1234 Submitted: Wrong address on my invoice".to_owned()));
    let error = embedded().preview("nothing", None, None).unwrap_err();
    assert!(error.message.contains("agent_reply") && error.message.contains("messenger/part_created"), "{error}");
    for (data, expected) in [
        (json!({"contact": 1}), "agent_reply: contact is an object with first_name, name"),
        (json!({"contact": {"email": "x"}}), "agent_reply: there is no contact.email; here are first_name, name"),
        (json!({"contct": {}}), "agent_reply: there is no contct; here are agent, brand"),
        (json!([]), "agent_reply: the data is no object"),
    ] {
        let error = embedded().preview("agent_reply", None, Some(&data)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn lists_say_what_is_overridden() {
    let templates = build(&[(TEXT, "x")]).unwrap();
    let overridden: Vec<&str> = templates.list().filter(|one| one.overridden).map(|one| one.path).collect();
    assert_eq!(overridden, [TEXT]);
    assert_eq!(templates.source(TEXT), Some("x"));
    assert_eq!(templates.source("nothing"), None);
    let sizes: BTreeMap<&str, usize> = templates.list().map(|one| (one.path, one.source_bytes)).collect();
    assert_eq!(sizes[TEXT], 1);
}
