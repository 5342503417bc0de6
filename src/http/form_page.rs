//! The HTML of a hosted form (FRM-7): works without script, by keyboard, in the dark, and on a narrow screen.
//!
//! **Invariant:** everything that comes from people is escaped on its way into the page ([`escaped`]), and the page's
//! policy allows its one style sheet and nothing else.

use crate::desk::ticket::forms::FormView;
use crate::desk::ticket::translations::PageTexts;
use crate::desk::ticket::translations::Sentence;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Value;
use crate::domain::form;
use crate::domain::form::FormState;
use crate::http::html::escaped;
use std::collections::BTreeMap;

/// The page's only style sheet; its hash stands in the policy.
pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f2f4f7;--card:#fff;--text:#1b2330;--soft:#667080;--rule:#d0d5dd;--accent:#1f5fd0;--bad:#b42318}\
@media(prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--text:#e8ebf0;--soft:#9aa4b2;--rule:#3a4453;--accent:#6c9cf5;--bad:#f97066}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif}\
main{max-width:38rem;margin:0 auto;padding:2rem 1rem 4rem}.card{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:1.5rem}\
.brand{margin:0 0 1rem;color:var(--soft);font-size:.9rem}h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}p{margin:0 0 1rem}\
.field{margin:0 0 1.25rem}label,legend{display:block;margin:0 0 .25rem;font-weight:600}.soft{color:var(--soft);font-size:.9rem}\
input,select,textarea{width:100%;padding:.6rem .7rem;border:1px solid var(--rule);border-radius:8px;background:var(--bg);color:inherit;font:inherit}\
textarea{min-height:7rem;resize:vertical}input[type=file]{padding:.5rem}\
input:focus-visible,select:focus-visible,textarea:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:1px}\
.wrong input,.wrong select,.wrong textarea{border-color:var(--bad)}.why{margin:.25rem 0 0;color:var(--bad);font-size:.9rem}\
.summary{margin:0 0 1.25rem;padding:.75rem 1rem;border:1px solid var(--bad);border-radius:8px}\
button{padding:.7rem 1.4rem;border:0;border-radius:8px;background:var(--accent);color:#fff;font:inherit;font-weight:600;cursor:pointer}\
@media(prefers-color-scheme:dark){button{color:#11151b}}\
dl{margin:0}dt{font-weight:600}dd{margin:0 0 .75rem;white-space:pre-wrap;overflow-wrap:anywhere}";

/// What the contact has filled in so far, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filling {
    /// As typed, by attribute name.
    pub(crate) texts: BTreeMap<String, String>,
    /// Files that were taken already: id and name, by attribute name.
    pub(crate) files: BTreeMap<String, Vec<(String, String)>>,
    /// What is wrong, by attribute name, in the contact's language.
    pub(crate) wrong: BTreeMap<String, String>,
    /// Key of the repeatable submission.
    pub(crate) client_id: String,
}

/// The form to be filled.
pub(crate) fn open(view: &FormView, time_zone: &str, filling: &Filling) -> String {
    let mut body = String::new();
    let name = escaped(&view.ticket_type.name);
    push(&mut body, format_args!("<h1>{} {name}</h1>", escaped(&view.ticket_type.icon)));
    if !filling.wrong.is_empty() {
        let look = escaped(&view.texts.say(Sentence::LookAgain));
        push(&mut body, format_args!("<div class=\"summary\" role=\"alert\">{look}</div>"));
    }
    body.push_str("<form method=\"post\" enctype=\"multipart/form-data\" novalidate>");
    push(
        &mut body,
        format_args!("<input type=\"hidden\" name=\"client_id\" value=\"{}\">", escaped(&filling.client_id)),
    );
    for attribute in form::fields(&view.ticket_type) {
        field(&mut body, attribute, view, time_zone, filling);
    }
    let send = escaped(&view.texts.say(Sentence::Send));
    push(&mut body, format_args!("<button type=\"submit\">{send}</button></form>"));
    page(&view.texts, &view.brand_name, &view.ticket_type.name, &body)
}

/// What stands there after submission, or in place of a form that was taken back (FRM-6).
pub(crate) fn closed(view: &FormView) -> String {
    let (name, say) = (&view.ticket_type.name, |sentence| escaped(&view.texts.say(sentence)));
    let FormState::Submitted { number, .. } = view.card.state else {
        let (title, text) = (say(Sentence::TakenBack), say(Sentence::TakenBackText));
        return page(&view.texts, &view.brand_name, name, &format!("<h1>{title}</h1><p>{text}</p>"));
    };
    let number = escaped(&view.texts.with(Sentence::ThanksNumber, &number));
    let mut body = format!("<h1>{}</h1><p>{number}</p>", say(Sentence::Thanks));
    let message = view.ticket_type.settings.submitted_message.trim();
    if !message.is_empty() {
        push(&mut body, format_args!("<p>{}</p>", escaped(message)));
    }
    push(&mut body, format_args!("<dl><dt>{}</dt><dd>{}</dd>", say(Sentence::Type), escaped(name)));
    if let Some(label) = &view.state_label {
        push(&mut body, format_args!("<dt>{}</dt><dd>{}</dd>", say(Sentence::State), escaped(label)));
    }
    push(&mut body, format_args!("</dl><p class=\"soft\">{}</p>", say(Sentence::AddSomething)));
    page(&view.texts, &view.brand_name, name, &body)
}

/// A page that says one thing; `detail` is for who answers for the house, in the words of the API.
pub(crate) fn said(texts: &PageTexts, brand: &str, title: Sentence, text: Option<Sentence>, detail: &str) -> String {
    let title = texts.say(title);
    let mut body = format!("<h1>{}</h1>", escaped(&title));
    if let Some(text) = text {
        push(&mut body, format_args!("<p>{}</p>", escaped(&texts.say(text))));
    } else {
        push(&mut body, format_args!("<p class=\"soft\" lang=\"en\">{}</p>", escaped(detail)));
    }
    page(texts, brand, &title, &body)
}

fn page(texts: &PageTexts, brand: &str, title: &str, body: &str) -> String {
    let (lang, brand, title) = (escaped(texts.lang()), escaped(brand), escaped(title));
    format!(
        "<!doctype html><html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title} – {brand}</title><style>{STYLE}</style></head>\
         <body><main><p class=\"brand\">{brand}</p><div class=\"card\">{body}</div></main></body></html>"
    )
}

fn field(body: &mut String, attribute: &Attribute, view: &FormView, time_zone: &str, filling: &Filling) {
    let (id, wrong) = (attribute.id.0, filling.wrong.get(&attribute.name));
    let class = if wrong.is_some() { "field wrong" } else { "field" };
    let needed = attribute.required_to_create_for_contacts;
    let label = escaped(form::label(attribute));
    push(body, format_args!("<div class=\"{class}\"><label for=\"a{id}\">{label}"));
    if needed {
        let mark = escaped(&view.texts.say(Sentence::Needed));
        push(body, format_args!(" <span class=\"soft\">{mark}</span>"));
    }
    body.push_str("</label>");
    let mut says = String::new();
    if needed {
        says.push_str(" aria-required=\"true\"");
    }
    if wrong.is_some() {
        push(&mut says, format_args!(" aria-invalid=\"true\" aria-describedby=\"w{id}\""));
    }
    control(body, attribute, view, filling, &says);
    if attribute.data_type == DataType::Datetime {
        let zone = view.texts.with(Sentence::TimeZone, &time_zone);
        push(body, format_args!("<p class=\"soft\">{}</p>", escaped(&zone)));
    }
    if let Some(wrong) = wrong {
        push(body, format_args!("<p class=\"why\" id=\"w{id}\">{}</p>", escaped(wrong)));
    }
    body.push_str("</div>");
}

/// What is in the field: typed before, else filled in by the agent.
fn value_of(attribute: &Attribute, view: &FormView, filling: &Filling) -> String {
    if let Some(typed) = filling.texts.get(&attribute.name) {
        return typed.clone();
    }
    match view.card.prefill.iter().find(|(id, _)| *id == attribute.id).map(|(_, value)| value) {
        Some(Value::Text(text) | Value::Decimal(text)) => text.clone(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Boolean(yes)) => yes.to_string(),
        Some(Value::Files(_)) | None => String::new(),
    }
}

fn control(body: &mut String, attribute: &Attribute, view: &FormView, filling: &Filling, says: &str) {
    let value = value_of(attribute, view, filling);
    let named = format!("id=\"a{0}\" name=\"a{0}\"{says}", attribute.id.0);
    let shown = escaped(&value);
    let input = |kind: &str| format!("<input {named} {kind} value=\"{shown}\">");
    let control = match attribute.data_type {
        DataType::String if attribute.multiline => format!("<textarea {named}>{shown}</textarea>"),
        DataType::String => input("type=\"text\""),
        DataType::Integer => input("type=\"text\" inputmode=\"numeric\""),
        DataType::Decimal => input("type=\"text\" inputmode=\"decimal\""),
        DataType::Datetime => input("type=\"datetime-local\""),
        DataType::Boolean => {
            let (yes, no) = (view.texts.say(Sentence::Yes), view.texts.say(Sentence::No));
            select(&named, &value, [("", "–"), ("true", yes.as_str()), ("false", no.as_str())].into_iter())
        }
        DataType::List => {
            let current = attribute.options.iter().filter(|option| !option.removed);
            let choices = current.map(|option| (option.id.as_str(), option.label.as_str()));
            select(&named, &value, std::iter::once(("", "–")).chain(choices))
        }
        DataType::Files => files(attribute, &named, filling),
    };
    body.push_str(&control);
}

fn select<'a>(named: &str, chosen: &str, choices: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut options = String::new();
    for (value, label) in choices {
        let selected = if value == chosen { " selected" } else { "" };
        let (value, label) = (escaped(value), escaped(label));
        push(&mut options, format_args!("<option value=\"{value}\"{selected}>{label}</option>"));
    }
    format!("<select {named}>{options}</select>")
}

/// Files that were taken stay with the form while its other fields are corrected.
fn files(attribute: &Attribute, named: &str, filling: &Filling) -> String {
    let mut kept = String::new();
    for (id, name) in filling.files.get(&attribute.name).into_iter().flatten() {
        let (field, id, name) = (attribute.id.0, escaped(id), escaped(name));
        push(
            &mut kept,
            format_args!("<input type=\"hidden\" name=\"u{field}\" value=\"{id}\"><p class=\"soft\">{name}</p>"),
        );
    }
    let multiple = if attribute.allow_multiple_values { " multiple" } else { "" };
    format!("{kept}<input {named} type=\"file\"{multiple}>")
}

/// Adds to the page.
fn push(body: &mut String, text: std::fmt::Arguments<'_>) {
    body.push_str(&text.to_string());
}
