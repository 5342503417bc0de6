//! Markdown with placeholders, as people write it: broadcasts (BRC-2), signatures (EML-61).
//!
//! First the placeholders are filled, each value carried as an opaque word, then the Markdown is read, then the words
//! become their values as text. **Invariant:** a value is never parsed again, as template, Markdown or HTML (BRC-3);
//! only `if` and `unless` can make two texts of one writing differ in more than their words.

use super::TemplateError;
use super::check::Check;
use super::check::Mode;
use super::engine;
use super::functions;
use super::locales::Locales;
use super::markdown;
use super::markdown_text;
use super::sentinel;
use super::view::Body;
use super::view::CleanHtml;
use super::view::CleanText;
use handlebars::Handlebars;
use handlebars::Template;
use serde_json::Value;

/// Largest Markdown with its values filled in.
const FILLED_BYTES_MAX: usize = 1_024 * 1_024;

/// Checked Markdown with placeholders, ready for any values.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Of the one template, and of the file in errors.
    name: &'static str,
    registry: Handlebars<'static>,
}

impl Written {
    /// Checks `markdown` against `full`, where every value is, and tries it with that and with `empty`.
    ///
    /// # Errors
    /// With line and column: more than `bytes_max`, syntax, unknown names or functions, `{{{`, partials, lists.
    pub(super) fn compile(
        name: &'static str,
        markdown: &str,
        bytes_max: usize,
        [full, empty]: [&Value; 2],
    ) -> Result<Self, TemplateError> {
        if markdown.len() > bytes_max {
            let message = format!("is {} bytes; at most {bytes_max} are allowed", markdown.len());
            return Err(TemplateError::new(name, message));
        }
        if let Some(at) = sentinel::find_mark(markdown) {
            return Err(TemplateError::at_offset(name, markdown, at, "has a private-use character here"));
        }
        let written = Self::read(name, markdown)?;
        if let Some(template) = written.template() {
            Check::new(&written.registry, Mode::Written, &Locales::embedded()).entry(name, template, full)?;
        }
        for values in [full, empty] {
            written.render(values)?;
        }
        Ok(written)
    }

    /// The same of what was checked before it was kept, at the cost of reading it alone.
    ///
    /// # Errors
    /// Syntax.
    pub(super) fn read(name: &'static str, markdown: &str) -> Result<Self, TemplateError> {
        let mut registry = functions::registry(sentinel::wrap, Locales::embedded());
        engine::compile(&mut registry, name, name, markdown)?;
        Ok(Self { name, registry })
    }

    /// The writing with these values.
    ///
    /// # Errors
    /// More than 1 MB.
    pub(super) fn render(&self, values: &Value) -> Result<Body, TemplateError> {
        let filled = engine::render_limited(&self.registry, self.name, values, FILLED_BYTES_MAX)?;
        let events = markdown::events(&filled);
        let (html, text) = (markdown::html(&events), markdown_text::text(&events));
        Ok(Body { body_html: CleanHtml::already_clean(html), body_text: CleanText::new(&text) })
    }

    pub(super) fn template(&self) -> Option<&Template> {
        engine::template(&self.registry, self.name)
    }
}
