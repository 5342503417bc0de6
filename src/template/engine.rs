//! Compiled templates: two registries, one that escapes for HTML and one for plain text.

use super::catalog::Kind;
use super::catalog::Piece;
use super::catalog::Place;
use super::catalog::Source;
use super::check::Check;
use super::check::Mode;
use super::error::TemplateError;
use super::escape;
use super::functions;
use super::locales::Locales;
use super::page;
use super::sample;
use super::scan;
use handlebars::Handlebars;
use handlebars::RenderError;
use handlebars::Template;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// Largest output besides the bodies put into it.
pub(super) const OUTPUT_BYTES_MAX: usize = 256 * 1_024;
/// Subjects longer than this are cut at a word; RFC 5322 §2.1.1 allows longer ones, people do not read them.
const SUBJECT_CHARS_MAX: usize = 200;
/// Lines for sockets are notices, not messages.
const FRAME_CHARS_MAX: usize = 300;

#[derive(Debug)]
pub(super) struct Engine {
    html: Handlebars<'static>,
    plain: Handlebars<'static>,
    pub(super) locales: Arc<Locales>,
}

/// The overriding sentences among `sources`, by language.
fn own_sentences(sources: &BTreeMap<String, Source>) -> BTreeMap<String, &str> {
    let mut own = BTreeMap::new();
    for (path, source) in sources {
        if let Ok(Place::Locale(lang)) = Place::parse(path) {
            own.insert(lang, source.text.as_str());
        }
    }
    own
}

impl Engine {
    /// Compiles and checks all of `sources`.
    pub(super) fn build(sources: &BTreeMap<String, Source>) -> Result<Self, TemplateError> {
        let locales = Locales::build(&own_sentences(sources))?;
        page::check(&locales)?;
        let registry = |escape| functions::registry(escape, Arc::clone(&locales));
        let mut engine =
            Self { html: registry(escape::html), plain: registry(escape::plain), locales: Arc::clone(&locales) };
        let mut entries = Vec::new();
        let mut partials = BTreeSet::new();
        for (path, source) in sources {
            match Place::parse(path)? {
                Place::Entry { kind, piece, lang } => {
                    let registry = if piece == Piece::Html { &mut engine.html } else { &mut engine.plain };
                    compile(registry, path, path, &source.text)?;
                    entries.push((path.as_str(), kind, piece, lang));
                }
                Place::Locale(_) => {}
                Place::Partial(name) => {
                    compile(&mut engine.html, path, &name, &source.text)?;
                    compile(&mut engine.plain, path, &name, &source.text)?;
                    partials.insert((name, source.overridden && !is_embedded(path)));
                }
            }
        }
        let mut used = BTreeSet::new();
        for (path, kind, piece, lang) in entries {
            engine.check_languages(path, kind, lang.as_deref())?;
            used.extend(engine.check(path, kind, piece)?);
        }
        match partials.iter().find(|(name, own)| *own && !used.contains(name)) {
            Some((name, _)) => {
                Err(TemplateError::new(&format!("partials/{name}.hbs"), "is used by no template; is the name right?"))
            }
            None => Ok(engine),
        }
    }

    /// A mail has one language (I18-1), so a language has all pieces of a mail or none.
    fn check_languages(&self, path: &str, kind: Kind, lang: Option<&str>) -> Result<(), TemplateError> {
        let Some(lang) = lang else { return Ok(()) };
        let mail = Piece::EMAIL.map(|piece| (piece, format!("{lang}/{}", piece.path(kind))));
        let there = mail.iter().filter(|(piece, path)| self.registry(*piece).has_template(path)).count();
        match mail.iter().find(|(piece, path)| !self.registry(*piece).has_template(path)) {
            Some((_, missing)) if there > 0 => {
                Err(TemplateError::new(path, format!("needs {missing} beside it: a mail has one language")))
            }
            _ => Ok(()),
        }
    }

    fn check(&self, path: &str, kind: Kind, piece: Piece) -> Result<BTreeSet<String>, TemplateError> {
        let registry = self.registry(piece);
        let full = to_value(path, &sample::full(kind))?;
        let mode = if piece == Piece::Html { Mode::Html } else { Mode::Plain };
        let mut check = Check::new(registry, mode, &self.locales);
        if let Some(template) = registry.get_template(path) {
            check.entry(path, template, &full)?;
        }
        for data in [full, to_value(path, &sample::sparse(kind))?] {
            let text = self.render(path, piece, &data, 0)?;
            if text.trim().is_empty() {
                return Err(TemplateError::new(path, "gives an empty text for sample data"));
            }
        }
        Ok(check.used)
    }

    fn registry(&self, piece: Piece) -> &Handlebars<'static> {
        if piece == Piece::Html { &self.html } else { &self.plain }
    }

    /// Path of `piece` in the best language there is for `lang`: itself, then without its last subtag, then the default.
    pub(super) fn path(&self, kind: Kind, piece: Piece, lang: &str) -> String {
        let default = piece.path(kind);
        let mut lang = lang.to_ascii_lowercase();
        while !lang.is_empty() {
            let path = format!("{lang}/{default}");
            if self.registry(piece).has_template(&path) {
                return path;
            }
            lang.truncate(lang.rfind('-').unwrap_or(0));
        }
        default
    }

    /// Renders the template at `path`; the output is at most 256 KB and `body_bytes`.
    pub(super) fn render(
        &self,
        path: &str,
        piece: Piece,
        data: &Value,
        body_bytes: usize,
    ) -> Result<String, TemplateError> {
        let text = render_limited(self.registry(piece), path, data, OUTPUT_BYTES_MAX.saturating_add(body_bytes))?;
        Ok(match piece {
            Piece::Subject => escape::one_line(&text, SUBJECT_CHARS_MAX),
            Piece::Frame => escape::one_line(&text, FRAME_CHARS_MAX),
            Piece::Text | Piece::Html => format!("{}\n", text.trim()),
        })
    }
}

fn is_embedded(path: &str) -> bool {
    super::catalog::EMBEDDED.iter().any(|(embedded, _)| *embedded == path)
}

pub(super) fn to_value(path: &str, data: &impl Serialize) -> Result<Value, TemplateError> {
    serde_json::to_value(data).map_err(|error| TemplateError::new(path, format!("the data cannot be read: {error}")))
}

/// Compiles `text` into `registry` under `name`; `file` is for errors.
pub(super) fn compile(
    registry: &mut Handlebars<'static>,
    file: &str,
    name: &str,
    text: &str,
) -> Result<(), TemplateError> {
    scan::scan(file, text)?;
    registry.register_template_string(name, text).map_err(|error| {
        let reason = error.reason().to_string();
        let message = reason.lines().last().unwrap_or(&reason).trim().trim_start_matches("= ").to_owned();
        let place = error.pos();
        TemplateError::of(message).within(file, place)
    })
}

/// Renders a template of `registry` into at most `bytes_max`.
pub(super) fn render_limited(
    registry: &Handlebars<'static>,
    name: &str,
    data: &Value,
    bytes_max: usize,
) -> Result<String, TemplateError> {
    let mut output = Output { bytes: Vec::new(), bytes_max, full: false };
    match registry.render_to_write(name, data, &mut output) {
        _ if output.full => Err(TemplateError::new(name, format!("gives more than {bytes_max} bytes"))),
        Ok(()) => String::from_utf8(output.bytes).map_err(|error| TemplateError::new(name, error.to_string())),
        Err(error) => Err(render_error(name, &error)),
    }
}

fn render_error(name: &str, error: &RenderError) -> TemplateError {
    let file = match &error.template_name {
        Some(partial) if !partial.contains('/') && partial != name => format!("partials/{partial}.hbs"),
        Some(file) => file.clone(),
        None => name.to_owned(),
    };
    let place = error.line_no.map(|line| (line, error.column_no.unwrap_or(1)));
    TemplateError::of(error.reason().to_string()).within(&file, place)
}

/// A buffer that refuses what goes beyond its limit.
struct Output {
    bytes: Vec<u8>,
    bytes_max: usize,
    full: bool,
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            self.full = true;
            return Err(io::Error::other("the output is full"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Elements of a compiled template, for those who read it themselves.
pub(super) fn template<'a>(registry: &'a Handlebars<'static>, name: &str) -> Option<&'a Template> {
    registry.get_template(name)
}
