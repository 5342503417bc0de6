//! The functions a template may call: `or`, `date`, `url` and `t`; `if`, `unless`, `each`, `and`, `not`, `eq` and `ne` are
//! Handlebars' own.
//!
//! **Invariant:** no function prints by itself; each gives a value that is escaped like any other.

use super::escape::is_web_url;
use super::locales::Locales;
use handlebars::Context;
use handlebars::Handlebars;
use handlebars::Helper;
use handlebars::HelperDef;
use handlebars::JsonTruthy;
use handlebars::RenderContext;
use handlebars::RenderError;
use handlebars::RenderErrorReason;
use handlebars::ScopedJson;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::sync::Arc;

/// How `date` writes a moment unless told otherwise.
const DATE_FORMAT: &str = "%-d %B %Y, %H:%M %Z";
/// Handlebars' own functions that stay.
const KEPT: [&str; 7] = ["if", "unless", "each", "and", "not", "eq", "ne"];
/// Handlebars' own functions that go: they print values unescaped, log, or reach fields by computed names.
const REMOVED: [&str; 10] = ["with", "lookup", "raw", "log", "gt", "gte", "lt", "lte", "len", "or"];

/// A registry in strict mode with these functions and no others.
pub(super) fn registry(escape: fn(&str) -> String, locales: Arc<Locales>) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    // Indenting a partial would also indent the lines of `<pre>` and of quoted text inside it.
    registry.set_prevent_indent(true);
    registry.register_escape_fn(escape);
    for name in REMOVED {
        registry.unregister_helper(name);
    }
    registry.register_helper("or", Box::new(Or));
    registry.register_helper("date", Box::new(Date));
    registry.register_helper("url", Box::new(Url));
    registry.register_helper("t", Box::new(Text { locales }));
    registry
}

/// The names a template may call, in the order of an error message.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    KEPT.into_iter().chain(["or", "date", "url", "t"])
}

fn refused(message: String) -> RenderError {
    RenderErrorReason::Other(message).into()
}

/// `{{or contact.first_name "there"}}`: the first value that is not empty, else the last.
struct Or;

impl HelperDef for Or {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        call: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let filled = call.params().iter().map(handlebars::PathAndJson::value).find(|value| value.is_truthy(true));
        let value = filled.or_else(|| call.params().last().map(handlebars::PathAndJson::value));
        Ok(ScopedJson::Derived(value.cloned().unwrap_or(Value::Null)))
    }
}

/// `{{t "greeting" name=contact.first_name}}`: a sentence in the view's language (I18-1).
struct Text {
    locales: Arc<Locales>,
}

impl HelperDef for Text {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        call: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let key = call.param(0).and_then(|key| key.value().as_str()).unwrap_or_default();
        let lang = context.data().get("lang").and_then(Value::as_str).unwrap_or_default();
        let values: Vec<(&str, String)> =
            call.hash().iter().map(|(name, given)| (*name, plain(given.value()))).collect();
        let text = self.locales.text(lang, key, &values).map_err(refused)?;
        Ok(ScopedJson::Derived(Value::String(text)))
    }
}

/// A value as it stands in a sentence; numbers are names here and get no separators.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `{{url ticket_url}}`: the address, if it is http or https; empty for an empty value; else an error.
struct Url;

impl HelperDef for Url {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        call: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        match call.param(0).map(handlebars::PathAndJson::value) {
            None | Some(Value::Null) => Ok(ScopedJson::Derived(Value::String(String::new()))),
            Some(Value::String(text)) if text.is_empty() || is_web_url(text) => {
                Ok(ScopedJson::Derived(Value::String(text.clone())))
            }
            Some(_) => Err(refused("url is given something that is not an http or https address".to_owned())),
        }
    }
}

/// `{{date sent_at format="%H:%M" zone="Europe/Berlin"}}`: milliseconds since 1970 or an RFC 3339 text, in `zone`, else
/// in the view's `time_zone`, else in UTC; empty for an empty value.
struct Date;

impl HelperDef for Date {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        call: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let option = |name: &str| call.hash_get(name).and_then(|value| value.value().as_str());
        let zone = option("zone").or_else(|| context.data().get("time_zone").and_then(Value::as_str));
        let text = match call.param(0).map(handlebars::PathAndJson::value) {
            None | Some(Value::Null) => String::new(),
            Some(value) => format_date(value, option("format"), zone.unwrap_or("UTC")).map_err(refused)?,
        };
        Ok(ScopedJson::Derived(Value::String(text)))
    }
}

/// Writes the moment `value`. A zone this machine does not know gives UTC, and `%Z` says so.
pub(super) fn format_date(value: &Value, format: Option<&str>, zone: &str) -> Result<String, String> {
    let moment = match value {
        Value::String(text) if text.is_empty() => return Ok(String::new()),
        Value::String(text) => text.parse::<Timestamp>().ok(),
        _ => value.as_i64().and_then(|millis| Timestamp::from_millisecond(millis).ok()),
    };
    let moment = moment.ok_or_else(|| "date is given something that is not a moment".to_owned())?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let format = format.unwrap_or(DATE_FORMAT);
    strtime::format(format, &moment.to_zoned(zone)).map_err(|error| format!("date cannot write {format:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::escape;
    use serde_json::json;

    fn render(text: &str, data: &Value) -> Result<String, RenderError> {
        registry(escape::html, Locales::embedded()).render_template(text, data)
    }

    #[test]
    fn brc_2_or_takes_the_first_filled_value() {
        let data = json!({"a": null, "b": "", "c": "<Ana>", "n": 0});
        let cases = [
            ("{{or c \"there\"}}", "&lt;Ana&gt;"),
            ("{{or a b \"there\"}}", "there"),
            ("{{or a b}}", ""),
            ("{{or n \"none\"}}", "0"),
            ("{{#if (or a c)}}yes{{/if}}", "yes"),
        ];
        for (text, expected) in cases {
            assert_eq!(render(text, &data).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_written_in_the_zone_of_the_view() {
        let data = json!({"at": 1_767_268_800_000_u64, "none": null, "time_zone": "Europe/Berlin", "bad": "x"});
        let cases = [
            ("{{date at format=\"%Y-%m-%d %H:%M\"}}", "2026-01-01 13:00"),
            ("{{date at format=\"%H:%M\" zone=\"America/New_York\"}}", "07:00"),
            ("{{date at zone=\"Mars/Base\"}}", "1 January 2026, 12:00 UTC"),
            ("{{date none}}", ""),
            ("{{date \"2026-01-01T12:00:00Z\" format=\"%H:%M\"}}", "13:00"),
        ];
        for (text, expected) in cases {
            assert_eq!(render(text, &data).unwrap(), expected, "{text}");
        }
        assert!(render("{{date bad}}", &data).is_err());
        assert!(render("{{date at format=\"%!\"}}", &data).is_err());
    }

    #[test]
    fn trap_handlebars_does_not_check_schemes() {
        let data = json!({"good": "https://desk.example.com/?a=1", "bad": "javascript:alert(1)", "none": null});
        assert_eq!(render("{{url good}}", &data).unwrap(), "https://desk.example.com/?a&#x3D;1");
        assert_eq!(render("{{url none}}", &data).unwrap(), "");
        assert!(render("{{url bad}}", &data).is_err());
    }
}
