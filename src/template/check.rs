//! The check every template passes before it is used: names, functions, partials and places of values.
//!
//! **Invariant:** after it, rendering ends and is bounded: partials form no cycle, blocks and partials together are at
//! most 32 deep, a list is walked only outside other lists, and the elements met on the way are counted. It follows every
//! branch, also those no sample reaches.

use super::attribute::Tail;
use super::catalog::is_partial_name;
use super::error::TemplateError;
use super::escape::is_web_url;
use super::field::Scope;
use super::functions;
use super::locales::Locales;
use super::scan::DEPTH_MAX;
use handlebars::Handlebars;
use handlebars::Path;
use handlebars::Template;
use handlebars::template::DecoratorTemplate;
use handlebars::template::HelperTemplate;
use handlebars::template::Parameter;
use handlebars::template::TemplateElement;
use serde_json::Value;
use std::collections::BTreeSet;

/// Elements one template may come to with all its partials.
const ELEMENTS_MAX: usize = 20_000;
/// A partial is given a copy of its data, so it counts more.
const PARTIAL_ELEMENTS: usize = 50;
/// Values that are clean already may stand in `{{{…}}}`: HTML in HTML, several lines in text.
const RAW_HTML: &str = "body_html";
const RAW_TEXT: &str = "body_text";

/// Where a template's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Html,
    Plain,
    /// What people write: BRC-2 allows no lists, partials or links here.
    Written,
}

/// Walks one template and the partials it uses.
#[derive(Debug)]
pub(super) struct Check<'a> {
    registry: &'a Handlebars<'static>,
    locales: &'a Locales,
    mode: Mode,
    elements: usize,
    /// Partials entered, outermost first.
    inside: Vec<String>,
    tail: Tail,
    /// Every partial met.
    pub(super) used: BTreeSet<String>,
}

type Checked<T = ()> = Result<T, TemplateError>;

fn refuse<T>(message: impl Into<String>) -> Checked<T> {
    Err(TemplateError::of(message))
}

impl<'a> Check<'a> {
    pub(super) fn new(registry: &'a Handlebars<'static>, mode: Mode, locales: &'a Locales) -> Self {
        Self { registry, locales, mode, elements: 0, inside: Vec::new(), tail: Tail::default(), used: BTreeSet::new() }
    }

    /// Checks `template` from `file` against a sample with every field filled.
    pub(super) fn entry(&mut self, file: &str, template: &Template, sample: &Value) -> Checked {
        self.template(file, template, &mut Scope::of_view(sample), 0)
    }

    fn template(&mut self, file: &str, template: &Template, scope: &mut Scope, depth: usize) -> Checked {
        for (index, element) in template.elements.iter().enumerate() {
            let place = template.mapping.get(index).map(|at| (at.0, at.1));
            self.element(file, element, scope, depth).map_err(|error| error.within(file, place))?;
        }
        Ok(())
    }

    fn element(&mut self, file: &str, element: &TemplateElement, scope: &mut Scope, depth: usize) -> Checked {
        self.count(1)?;
        match element {
            TemplateElement::RawString(text) => self.text(text),
            TemplateElement::Expression(call) => self.expression(call, scope),
            TemplateElement::HtmlExpression(call) => self.raw(call, scope),
            TemplateElement::HelperBlock(block) => self.block(file, block, scope, depth + 1),
            TemplateElement::PartialExpression(partial) => self.partial(partial, scope, depth + 1),
            TemplateElement::Comment(_) => Ok(()),
            _ => refuse("only values, blocks and partials are allowed"),
        }
    }

    fn count(&mut self, elements: usize) -> Checked {
        self.elements += elements;
        if self.elements > ELEMENTS_MAX {
            return refuse(format!("comes to more than {ELEMENTS_MAX} elements with its partials"));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Checked {
        if self.mode == Mode::Html && text.to_ascii_lowercase().contains("<script") {
            return refuse("<script does not belong into a mail");
        }
        self.tail.text(text);
        Ok(())
    }

    fn expression(&mut self, call: &HelperTemplate, scope: &Scope) -> Checked {
        let through_url = match bare_name(call) {
            Some(name) => {
                let value = scope.find(name).map_err(TemplateError::of)?;
                if value.is_object() || value.is_array() {
                    return refuse(format!("{name} is no single value"));
                }
                false
            }
            None => {
                let name = called(call);
                let is_ours = matches!(name, "url" | "t");
                if !(is_ours || matches!(name, "or" | "date")) || (is_ours && self.mode == Mode::Written) {
                    return refuse(unknown_function(name, "does not give a text"));
                }
                self.arguments(name, call, scope)?;
                name == "url"
            }
        };
        if self.mode == Mode::Html && self.tail.is_unquoted() {
            return refuse("an attribute's value needs quotes around it");
        }
        if self.mode == Mode::Html && self.tail.is_followed() && !through_url {
            return refuse("a link's address needs {{url …}}, which lets only http and https through");
        }
        self.tail.value();
        Ok(())
    }

    /// `{{{body_html}}}`.
    fn raw(&mut self, call: &HelperTemplate, scope: &Scope) -> Checked {
        let allowed = match self.mode {
            Mode::Html => Some(RAW_HTML),
            Mode::Plain => Some(RAW_TEXT),
            Mode::Written => None,
        };
        let name = bare_name(call).unwrap_or("");
        match allowed {
            Some(allowed) if name.rsplit(['.', '/']).next() == Some(allowed) => {}
            Some(allowed) => return refuse(format!("{{{{{{ is allowed for {allowed} only; write {{{{name}}}}")),
            None => return refuse("{{{ is not allowed here; write {{name}}"),
        }
        scope.find(name).map_err(TemplateError::of)?;
        self.tail.value();
        Ok(())
    }

    fn block(&mut self, file: &str, block: &HelperTemplate, scope: &mut Scope, depth: usize) -> Checked {
        check_depth(depth)?;
        let name = called(block);
        if !matches!(name, "if" | "unless" | "each") || (name == "each" && self.mode == Mode::Written) {
            return refuse(unknown_function(name, "does not open a block"));
        }
        let values = self.arguments(name, block, scope)?;
        let value = values.into_iter().next().unwrap_or(Value::Null);
        let before = self.tail.clone();
        if name == "each" {
            self.each(file, block, value, scope, depth)?;
        } else {
            if value.is_object() {
                return refuse(format!("{{{{#{name}}}}} is asked of a whole object; name one of its fields"));
            }
            self.branch(file, block.template.as_ref(), scope, depth)?;
        }
        let after = std::mem::replace(&mut self.tail, before);
        self.branch(file, block.inverse.as_ref(), scope, depth)?;
        self.tail = after.either(std::mem::take(&mut self.tail));
        Ok(())
    }

    fn each(&mut self, file: &str, block: &HelperTemplate, list: Value, scope: &mut Scope, depth: usize) -> Checked {
        let Value::Array(items) = list else { return refuse("{{#each}} is asked of something that is no list") };
        if scope.is_in_each() || self.inside.iter().any(|partial| partial.starts_with("each ")) {
            return refuse("{{#each}} inside {{#each}} is not allowed");
        }
        scope.enter(items.into_iter().next().unwrap_or(Value::Null));
        let checked = self.branch(file, block.template.as_ref(), scope, depth);
        scope.leave();
        checked
    }

    fn branch(&mut self, file: &str, template: Option<&Template>, scope: &mut Scope, depth: usize) -> Checked {
        template.map_or(Ok(()), |template| self.template(file, template, scope, depth))
    }

    fn partial(&mut self, call: &DecoratorTemplate, scope: &Scope, depth: usize) -> Checked {
        self.count(PARTIAL_ELEMENTS)?;
        check_depth(depth)?;
        if self.mode == Mode::Written {
            return refuse("partials are not allowed here");
        }
        let (Parameter::Name(name) | Parameter::Path(Path::Relative((_, name)))) = &call.name else {
            return refuse("a partial is named directly, not computed");
        };
        let known = is_partial_name(name).then(|| self.registry.get_template(name)).flatten();
        let Some(template) = known else { return refuse(format!("there is no partials/{name}.hbs")) };
        let names = self.inside.iter().map(|entered| entered.trim_start_matches("each "));
        if names.clone().any(|entered| entered == name) {
            let way: Vec<&str> = names.chain([name.as_str()]).collect();
            return refuse(format!("partials include each other without end: {}", way.join(" > ")));
        }
        let mut inner = Scope::of_partial(self.partial_data(call, scope)?);
        self.used.insert(name.clone());
        self.inside.push(if scope.is_in_each() { format!("each {name}") } else { name.clone() });
        let checked = self.template(&format!("partials/{name}.hbs"), template, &mut inner, depth);
        self.inside.pop();
        checked
    }

    /// The caller's data with the named values of the call.
    fn partial_data(&self, call: &DecoratorTemplate, scope: &Scope) -> Checked<Value> {
        if call.params.len() > 1 {
            return refuse("a partial takes one value and further name=value");
        }
        let mut data = match call.params.first() {
            Some(parameter) => self.parameter(parameter, scope)?,
            None => scope.this().clone(),
        };
        for (name, parameter) in &call.hash {
            let value = self.parameter(parameter, scope)?;
            match data.as_object_mut() {
                Some(fields) => fields.insert(name.clone(), value),
                None => return refuse("a partial with name=value needs an object as its value"),
            };
        }
        Ok(data)
    }

    /// Checks the call of a function and gives the sample values it gets.
    fn arguments(&self, name: &str, call: &HelperTemplate, scope: &Scope) -> Checked<Vec<Value>> {
        if name == "t" {
            return self.sentence(call, scope).map(|text| vec![Value::String(text)]);
        }
        let (least, most) = match name {
            "or" => (2, 8),
            "and" | "eq" | "ne" => (2, 2),
            _ => (1, 1),
        };
        if !(least..=most).contains(&call.params.len()) {
            return refuse(format!("{name} takes {least} to {most} values, not {}", call.params.len()));
        }
        if let Some(option) = call.hash.keys().find(|key| name != "date" || !matches!(key.as_str(), "format" | "zone"))
        {
            return refuse(format!("{name} has no option {option}"));
        }
        let values = call.params.iter().map(|parameter| self.parameter(parameter, scope));
        let values = values.collect::<Checked<Vec<Value>>>()?;
        match (name, values.first()) {
            ("url", Some(value)) if !value.as_str().is_some_and(is_web_url) => refuse("url is given no web address"),
            ("date", Some(value)) => self.date(value, call, scope).map(|()| values),
            _ => Ok(values),
        }
    }

    /// A sentence in English, which every other language can say as well: its name is written out, and every value it needs is given.
    fn sentence(&self, call: &HelperTemplate, scope: &Scope) -> Checked<String> {
        let [Parameter::Literal(Value::String(key))] = call.params.as_slice() else {
            return refuse("t takes the name of a text in quotes, and name=value for what stands in it");
        };
        let mut values = Vec::with_capacity(call.hash.len());
        for (name, given) in &call.hash {
            values.push((name.as_str(), functions::plain(&self.parameter(given, scope)?)));
        }
        for lang in self.locales.languages() {
            self.locales.text(lang, key, &values).map_err(TemplateError::of)?;
        }
        self.locales.text("en", key, &values).map_err(TemplateError::of)
    }

    fn date(&self, value: &Value, call: &HelperTemplate, scope: &Scope) -> Checked {
        let option = |name: &str| call.hash.get(name).map(|given| self.parameter(given, scope)).transpose();
        let (format, zone) = (option("format")?, option("zone")?);
        let written = matches!(call.hash.get("zone"), Some(Parameter::Literal(_)));
        let zone = zone.as_ref().and_then(Value::as_str).unwrap_or("UTC");
        if written && jiff::tz::TimeZone::get(zone).is_err() {
            return refuse(format!("the time zone {zone} is not known on this machine"));
        }
        let format = format.as_ref().and_then(Value::as_str);
        functions::format_date(value, format, zone).map(drop).map_err(TemplateError::of)
    }

    fn parameter(&self, parameter: &Parameter, scope: &Scope) -> Checked<Value> {
        match parameter {
            Parameter::Literal(value) => Ok(value.clone()),
            Parameter::Name(name) => scope.find(name).map_err(TemplateError::of),
            Parameter::Path(path) => scope.find(raw_path(path)).map_err(TemplateError::of),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(call) => {
                    let name = called(call);
                    let is_text = name == "t" && self.mode != Mode::Written;
                    if !(is_text || matches!(name, "or" | "and" | "not" | "eq" | "ne")) {
                        return refuse(unknown_function(name, "cannot stand in parentheses"));
                    }
                    let values = self.arguments(name, call, scope)?;
                    Ok(if matches!(name, "or" | "t") {
                        values.into_iter().next().unwrap_or_default()
                    } else {
                        Value::Bool(true)
                    })
                }
                _ => refuse("only a function can stand in parentheses"),
            },
            _ => refuse("only a value or a function can be given"),
        }
    }
}

fn check_depth(depth: usize) -> Checked {
    if depth > DEPTH_MAX {
        return refuse(format!("blocks and partials are nested deeper than {DEPTH_MAX}"));
    }
    Ok(())
}

fn unknown_function(name: &str, misuse: &str) -> String {
    if functions::known().any(|known| known == name) {
        return format!("{name} {misuse}");
    }
    let known: Vec<&str> = functions::known().collect();
    format!("there is no function {name}; there are {}", known.join(", "))
}

/// The name in `{{name}}`, unless it calls a function.
pub(super) fn bare_name(call: &HelperTemplate) -> Option<&str> {
    if call.block || !call.params.is_empty() || !call.hash.is_empty() {
        return None;
    }
    let name = called(call);
    (!functions::known().any(|known| known == name)).then_some(name)
}

/// The first name of a tag.
pub(super) fn called(call: &HelperTemplate) -> &str {
    match &call.name {
        Parameter::Name(name) => name,
        Parameter::Path(path) => raw_path(path),
        _ => "(…)",
    }
}

pub(super) fn raw_path(path: &Path) -> &str {
    let (Path::Relative((_, raw)) | Path::Local((_, _, raw))) = path;
    raw
}
