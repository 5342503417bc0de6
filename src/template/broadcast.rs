//! What the author of a broadcast writes: Markdown with placeholders (BRC-2), as `written` reads it.

use super::TemplateError;
use super::check;
use super::engine;
use super::view::Body;
use super::view::Named;
use super::view::Person;
use super::view::Thread;
use super::view::WebUrl;
use super::written::Written;
use handlebars::JsonTruthy;
use handlebars::Template;
use handlebars::template::HelperTemplate;
use handlebars::template::Parameter;
use handlebars::template::TemplateElement;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Largest Markdown of a broadcast.
pub const MARKDOWN_BYTES_MAX: usize = 64 * 1_024;
/// Name of the one template, and of the file in errors.
const NAME: &str = "broadcast";

/// What a placeholder can show (BRC-2); nothing of the tracker is here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BroadcastValues {
    /// The recipient.
    pub contact: Person,
    /// The recipient's company.
    pub company: Named,
    /// The recipient's own thread.
    pub thread: Thread,
    /// Its ticket.
    pub ticket: TicketValues,
    /// The author.
    pub agent: Person,
    /// The brand of the thread.
    pub brand: Named,
    /// The portal.
    pub portal: Portal,
    /// IANA name of the zone in which `date` writes.
    pub time_zone: String,
}

/// The recipient's ticket, as far as a broadcast may name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TicketValues {
    /// The number behind `#`.
    pub number: Option<u64>,
    /// Its title.
    pub title: Option<String>,
    /// External label of its state.
    pub state: Option<String>,
}

/// Where the recipient can look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Portal {
    /// Its address.
    pub url: Option<WebUrl>,
}

/// A checked broadcast, ready for any recipient.
#[derive(Clone, Debug)]
pub struct Broadcast {
    written: Written,
}

impl Broadcast {
    /// Checks `markdown` (BRC-4).
    ///
    /// # Errors
    /// With line and column: more than 64 KB, syntax, unknown names or functions, `{{{`, partials, lists.
    pub fn compile(markdown: &str) -> Result<Self, TemplateError> {
        let (full, empty) = (engine::to_value(NAME, &sample())?, engine::to_value(NAME, &BroadcastValues::default())?);
        Ok(Self { written: Written::compile(NAME, markdown, MARKDOWN_BYTES_MAX, [&full, &empty])? })
    }

    /// The broadcast for the recipient of `values`.
    ///
    /// # Errors
    /// More than 1 MB.
    pub fn render(&self, values: &BroadcastValues) -> Result<Body, TemplateError> {
        self.written.render(&engine::to_value(NAME, values)?)
    }

    /// Placeholders that would be empty for the recipient of `values` and have no fallback (BRC-4).
    ///
    /// # Errors
    /// None in practice: values are always data.
    pub fn missing_values(&self, values: &BroadcastValues) -> Result<BTreeSet<String>, TemplateError> {
        let data = engine::to_value(NAME, values)?;
        let mut missing = BTreeSet::new();
        if let Some(template) = self.written.template() {
            collect_missing(template, &data, &mut missing);
        }
        Ok(missing)
    }
}

/// Follows the branches that `data` takes. Depth is bounded by the check in [`Broadcast::compile`].
fn collect_missing(template: &Template, data: &Value, missing: &mut BTreeSet<String>) {
    for element in &template.elements {
        match element {
            TemplateElement::Expression(call) => missing.extend(missing_in(call, data)),
            TemplateElement::HelperBlock(block) => {
                let condition = block.params.first().is_some_and(|given| evaluate(given, data).is_truthy(false));
                let positive = condition != (check::called(block) == "unless");
                let branch = if positive { &block.template } else { &block.inverse };
                if let Some(branch) = branch {
                    collect_missing(branch, data, missing);
                }
            }
            _ => {}
        }
    }
}

/// The name that leaves `call` empty.
fn missing_in(call: &HelperTemplate, data: &Value) -> Option<String> {
    if let Some(name) = check::bare_name(call) {
        return is_empty(&find(name, data)).then(|| name.to_owned());
    }
    let empty = call.params.iter().all(|given| is_empty(&evaluate(given, data)));
    let first = call.params.iter().find_map(|given| match given {
        Parameter::Path(path) => Some(check::raw_path(path).to_owned()),
        Parameter::Name(name) => Some(name.clone()),
        _ => None,
    });
    if empty { first } else { None }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn evaluate(given: &Parameter, data: &Value) -> Value {
    let call = match given {
        Parameter::Literal(value) => return value.clone(),
        Parameter::Name(name) => return find(name, data),
        Parameter::Path(path) => return find(check::raw_path(path), data),
        Parameter::Subexpression(inner) => match inner.as_element() {
            TemplateElement::Expression(call) => call,
            _ => return Value::Null,
        },
        _ => return Value::Null,
    };
    let values: Vec<Value> = call.params.iter().map(|given| evaluate(given, data)).collect();
    let truthy = |value: &Value| value.is_truthy(false);
    match check::called(call) {
        "not" => Value::Bool(!values.iter().any(truthy)),
        "and" => Value::Bool(values.iter().all(truthy)),
        "eq" => Value::Bool(values.first() == values.get(1)),
        "ne" => Value::Bool(values.first() != values.get(1)),
        _ => values.iter().find(|value| value.is_truthy(true)).or(values.last()).cloned().unwrap_or_default(),
    }
}

/// The value of `contact.first_name`; the check has seen that the name exists.
fn find(name: &str, data: &Value) -> Value {
    let name = name.trim_start_matches("@root.").trim_start_matches("this.").trim_start_matches("./");
    name.split('.').try_fold(data, |here, field| here.get(field)).cloned().unwrap_or_default()
}

fn sample() -> BroadcastValues {
    let named = |name: &str| Named { name: Some(name.to_owned()) };
    let person = |first: &str| Person { first_name: Some(first.to_owned()), name: Some(format!("{first} Example")) };
    BroadcastValues {
        contact: person("Ben"),
        company: named("Example Ltd"),
        thread: Thread { id: Some("123456789".to_owned()), title: Some("Wrong address".to_owned()) },
        ticket: TicketValues {
            number: Some(1_234),
            title: Some("Wrong address".to_owned()),
            state: Some("In progress".to_owned()),
        },
        agent: person("Ana"),
        brand: named("Example Support"),
        portal: Portal { url: WebUrl::parse("https://desk.example.com/portal") },
        time_zone: "UTC".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(first_name: &str) -> BroadcastValues {
        BroadcastValues {
            contact: Person { first_name: Some(first_name.to_owned()), name: None },
            ..BroadcastValues::default()
        }
    }

    fn render(markdown: &str, values: &BroadcastValues) -> (String, String) {
        let body = Broadcast::compile(markdown).unwrap().render(values).unwrap();
        (body.body_html.as_str().to_owned(), body.body_text.as_str().to_owned())
    }

    #[test]
    fn tst_60_a_value_is_never_parsed_again() {
        let value = "{{contact.email}}<script>";
        let (html, text) = render("Hi **{{contact.first_name}}**", &named(value));
        assert_eq!(html, "<p>Hi <strong>{{contact.email}}&lt;script&gt;</strong></p>\n");
        assert_eq!(text, "Hi {{contact.email}}<script>");
    }

    #[test]
    fn brc_3_no_value_is_markdown() {
        for value in ["*a*", "[a](https://example.com)", "# a", "- a", "`a`", "<b>", "a\n\nb", "&amp;", "| a |", "\\*"]
        {
            let (html, _) = render("{{contact.first_name}} and\n\n- {{contact.first_name}}", &named(value));
            let shown = value.replace('\n', " ").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert_eq!(html, format!("<p>{shown} and</p>\n<ul>\n<li>{shown}</li>\n</ul>\n"), "{value}");
        }
    }

    #[test]
    fn brc_2_placeholders_and_fallbacks_are_filled() {
        let cases = [
            ("Hi {{or contact.first_name \"there\"}}!", "Hi there!"),
            ("{{#if company.name}}at {{company.name}}{{else}}you{{/if}}", "you"),
            ("{{#unless ticket.number}}no ticket{{/unless}}", "no ticket"),
            ("{{date \"2026-03-04T09:30:00Z\" format=\"%-d %B\"}}", "4 March"),
            ("{{or (or contact.name company.name) brand.name \"we\"}}", "we"),
        ];
        for (markdown, expected) in cases {
            assert_eq!(render(markdown, &BroadcastValues::default()).1, expected, "{markdown}");
        }
        let (html, text) = render("[look]({{portal.url}})", &sample());
        assert_eq!(html, "<p><a href=\"https://desk.example.com/portal\">look</a></p>\n");
        assert_eq!(text, "look (https://desk.example.com/portal)");
        assert_eq!(render("[look]({{portal.url}})", &named("x")).1, "look");
    }

    #[test]
    fn brc_3_a_value_is_no_link_to_a_script() {
        let (html, _) = render("[a]({{contact.first_name}})", &named("javascript:alert(1)"));
        assert_eq!(html, "<p>a</p>\n");
    }

    #[test]
    fn brc_4_a_fault_is_named_with_its_place() {
        let cases = [
            ("a\n\n{{contact.frist_name}}", "broadcast:3:1: there is no contact.frist_name; here are first_name, name"),
            ("{{tracker.notes}}", "broadcast:1:1: there is no tracker.notes; here are agent, brand"),
            ("{{#if contact.name}}", "broadcast:1:1: {{#if}} is never closed"),
            ("{{{contact.name}}}", "broadcast:1:1: {{{ is not allowed here"),
            ("{{> html_head}}", "broadcast:1:1: partials are not allowed here"),
            ("{{#each contact}}{{/each}}", "broadcast:1:1: each does not open a block"),
            ("{{contact}}", "broadcast:1:1: contact is no single value"),
            ("{{shout contact.name}}", "broadcast:1:1: there is no function shout"),
            ("{{lookup contact \"name\"}}", "broadcast:1:1: there is no function lookup"),
            ("a\u{E000}", "broadcast:1:2: has a private-use character here"),
        ];
        for (markdown, expected) in cases {
            let error = Broadcast::compile(markdown).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{markdown}: {error}");
        }
        assert!(Broadcast::compile(&"x".repeat(MARKDOWN_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn brc_4_empty_placeholders_without_fallback_are_listed() {
        let markdown = "{{contact.first_name}} {{or company.name \"you\"}} {{or thread.title contact.name}} \
                        {{#if ticket.number}}{{ticket.title}}{{else}}{{brand.name}}{{/if}}\
                        {{#unless (or ticket.number)}}x{{/unless}}";
        let markdown = markdown.replace("(or ticket.number)", "(not ticket.number)");
        let broadcast = Broadcast::compile(&markdown).unwrap();
        let missing = broadcast.missing_values(&named(" ")).unwrap();
        let names: Vec<&str> = missing.iter().map(String::as_str).collect();
        assert_eq!(names, ["brand.name", "contact.first_name", "thread.title"]);
        assert!(broadcast.missing_values(&sample()).unwrap().is_empty());
    }

    #[test]
    fn a_broadcast_for_one_recipient_is_bounded() {
        let markdown = "{{contact.first_name}}".repeat(1_000);
        let broadcast = Broadcast::compile(&markdown).unwrap();
        let error = broadcast.render(&named(&"x".repeat(2_000))).unwrap_err();
        assert_eq!(error.message, "gives more than 1048576 bytes");
    }
}
