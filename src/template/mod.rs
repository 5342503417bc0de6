//! Every text that goes out: Handlebars templates, strict, escaped, checked before use.
//!
//! Templates are embedded in the binary; a file of the same path in the override directory replaces one. [`Templates`]
//! is one checked set, [`TemplateSet`] the one in use, which a reload swaps only for another checked one (P25).
//! [`Templates::email`] renders a [`view::Notice`] as a mail, [`Templates::frame`] the same notice as a line for
//! sockets; [`broadcast::Broadcast`] and [`signature::Signature`] are what people write (BRC-2, BRC-3, EML-61). [`PageTexts`] is what hosted pages say.
//!
//! **Invariant:** templates see only the views of [`view`], values are escaped for the place they land in, and no
//! template can end the process, run without end, or put a new line into a header: see `scan`, `check` and `escape`.
//! No clock, no randomness; the one I/O is [`overrides()`], which the caller asks for.

mod attribute;
mod brands;
pub mod broadcast;
mod catalog;
mod check;
mod engine;
mod error;
mod escape;
mod field;
mod functions;
mod gallery;
mod locales;
mod markdown;
mod markdown_text;
mod overrides;
mod page;
mod sample;
mod scan;
mod sentinel;
mod set;
pub mod signature;
pub mod view;
mod written;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod hostile_tests;

pub use brands::brands_in;
pub use catalog::Kind;
pub use error::TemplateError;
pub use gallery::Page;
pub use gallery::Sender;
pub use overrides::overrides;
pub use page::PageTexts;
pub use page::Sentence;
pub use set::TemplateSet;

use brands::OfBrand;
use catalog::Piece;
use catalog::Source;
use engine::Engine;
use serde_json::Map;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use view::Notice;
use view::PARTS_MAX;

/// A mail's texts; headers are the composer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line without control characters, at most 200 characters.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part, a whole document.
    pub html: String,
    /// Why an overriding template was not used for this mail and the embedded one was (I18-2).
    pub fell_back: Option<TemplateError>,
}

/// What `deskgate template preview` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// A mail.
    Email(Rendered),
    /// A line for sockets.
    Frame(String),
}

/// What `deskgate template list` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Path relative to the template directory.
    pub path: &'a str,
    /// Whether the override directory replaced it.
    pub overridden: bool,
    /// Its size.
    pub source_bytes: usize,
}

/// A checked set of templates.
#[derive(Clone, Debug)]
pub struct Templates {
    sources: BTreeMap<String, Source>,
    engine: Arc<Engine>,
    /// The embedded ones alone, when others are in use.
    embedded: Option<Arc<Engine>>,
    /// Those of brands that have some, whole.
    brands: BTreeMap<String, OfBrand>,
    /// What brands have of their own, by path in the template directory.
    of_brands: BTreeMap<String, String>,
}

impl Templates {
    /// The embedded templates, and those of `override_dir` in their places.
    ///
    /// # Errors
    /// The first fault, with file and line: see [`overrides()`] and [`Templates::build`].
    pub fn load(override_dir: Option<&Path>) -> Result<Self, TemplateError> {
        Self::build(&override_dir.map(overrides).transpose()?.unwrap_or_default())
    }

    /// The embedded templates with `overrides` (path, text) in their places. Nothing is used unless all of it is sound.
    ///
    /// # Errors
    /// The first fault, with file and line: an unknown path, a template over 256 KB, syntax, unknown names, functions or
    /// partials, partials that include each other, `{{{` for anything but bodies, blocks over 32 deep, an empty text.
    pub fn build(overrides: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let (house, by_brand) = brands::apart(overrides)?;
        let sources = catalog::sources(&house)?;
        let engine = Arc::new(Engine::build(&sources)?);
        let embedded = if overrides.is_empty() {
            None
        } else {
            Some(Arc::new(Engine::build(&catalog::sources(&BTreeMap::new())?)?))
        };
        let mut brands = BTreeMap::new();
        for (brand, own) in by_brand {
            let built = brands::build(&brand, &house, &own)?;
            brands.insert(brand, built);
        }
        let of_brands = overrides.iter().filter(|(path, _)| !house.contains_key(*path));
        let of_brands = of_brands.map(|(path, text)| (path.clone(), text.clone())).collect();
        Ok(Self { sources, engine, embedded, brands, of_brands })
    }

    /// What a brand renders with; the house's where it has nothing of its own.
    fn engine_of(&self, brand: Option<&str>) -> &Engine {
        brand.and_then(|brand| self.brands.get(brand)).map_or(&self.engine, |of| &of.engine)
    }

    /// Renders `notice` as a mail, in its language if there are templates for it. If an overriding template fails, the
    /// embedded ones are used (I18-2).
    ///
    /// # Errors
    /// More than 100 parts, or an output larger than 256 KB and its bodies.
    pub fn email(&self, notice: &Notice) -> Result<Rendered, TemplateError> {
        self.email_of(None, notice)
    }

    /// The same with the templates of the brand of that id, if it has some.
    ///
    /// # Errors
    /// As [`Templates::email`].
    pub fn email_of(&self, brand: Option<&str>, notice: &Notice) -> Result<Rendered, TemplateError> {
        self.with_fallback(self.engine_of(brand), notice, |engine, data| {
            email(engine, notice.kind(), notice.lang(), data, notice.body_bytes())
        })
        .map(|(rendered, fell_back)| Rendered { fell_back, ..rendered })
    }

    /// What pages say in that language, with the sentences of the brand of that id, if it has some.
    #[must_use]
    pub fn page_texts(&self, brand: Option<&str>, lang: &str) -> PageTexts {
        PageTexts::new(lang, Arc::clone(&self.engine_of(brand).locales))
    }

    /// Renders `notice` as a line of at most 300 characters for sockets: plain text, to be escaped where it is shown.
    ///
    /// # Errors
    /// As [`Templates::email`].
    pub fn frame(&self, notice: &Notice) -> Result<String, TemplateError> {
        self.with_fallback(&self.engine, notice, |engine, data| {
            let path = engine.path(notice.kind(), Piece::Frame, notice.lang());
            engine.render(&path, Piece::Frame, data, notice.body_bytes())
        })
        .map(|(line, _)| line)
    }

    fn with_fallback<T>(
        &self,
        first: &Engine,
        notice: &Notice,
        render: impl Fn(&Engine, &Value) -> Result<T, TemplateError>,
    ) -> Result<(T, Option<TemplateError>), TemplateError> {
        let name = notice.kind().name();
        if notice.part_count() > PARTS_MAX {
            return Err(TemplateError::new(name, format!("is asked for more than {PARTS_MAX} parts")));
        }
        let data = engine::to_value(name, notice)?;
        match (render(first, &data), &self.embedded) {
            (Ok(done), _) => Ok((done, None)),
            (Err(error), Some(embedded)) => Ok((render(embedded, &data)?, Some(error))),
            (Err(error), None) => Err(error),
        }
    }

    /// Whether there are texts, or templates of the operator's own, of the brand or the house, in that language or the one it
    /// is a variety of.
    #[must_use]
    pub fn speaks(&self, brand: Option<&str>, lang: &str) -> bool {
        let sources = brand.and_then(|brand| self.brands.get(brand)).map_or(&self.sources, |of| &of.sources);
        let base = lang.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let own =
            |path: &String| path.split('/').next().is_some_and(|first| first.split('-').next() == Some(base.as_str()));
        !base.is_empty() && (self.engine_of(brand).locales.best(lang).is_some() || sources.keys().any(own))
    }

    /// Renders `name` (`agent_reply`, …, or `messenger/part_created`, …) in `lang` with sample data, and `data`'s fields in the
    /// sample's places. The bodies in `data` are not cleaned: for the operator's own eyes.
    ///
    /// # Errors
    /// An unknown name, with the known ones; data of a wrong shape.
    pub fn preview(&self, name: &str, lang: Option<&str>, data: Option<&Value>) -> Result<Preview, TemplateError> {
        self.preview_of(None, name, lang, data)
    }

    /// The same with the templates of the brand of that id, if it has some.
    ///
    /// # Errors
    /// As [`Templates::preview`].
    pub fn preview_of(
        &self,
        brand: Option<&str>,
        name: &str,
        lang: Option<&str>,
        data: Option<&Value>,
    ) -> Result<Preview, TemplateError> {
        let engine = self.engine_of(brand);
        let frame = name.strip_prefix("messenger/");
        let kind = Kind::ALL.into_iter().find(|kind| match frame {
            Some(frame) => kind.frame_name() == frame,
            None => kind.name() == name.strip_prefix("email/").unwrap_or(name),
        });
        let kind = kind.ok_or_else(|| TemplateError::new(name, unknown_name()))?;
        let mut sample = engine::to_value(name, &sample::full(kind))?;
        let mut body_bytes = 0;
        if let (Some(lang), Some(fields)) = (lang, sample.as_object_mut()) {
            fields.insert("lang".to_owned(), Value::String(lang.to_owned()));
        }
        if let (Some(given), Some(fields)) = (data, sample.as_object_mut()) {
            body_bytes = given.to_string().len();
            merge(fields, given, "").map_err(|message| TemplateError::new(name, message))?;
        }
        let lang = sample.get("lang").and_then(Value::as_str).unwrap_or("").to_owned();
        if frame.is_none() {
            return email(engine, kind, &lang, &sample, body_bytes).map(Preview::Email);
        }
        let path = engine.path(kind, Piece::Frame, &lang);
        engine.render(&path, Piece::Frame, &sample, body_bytes).map(Preview::Frame)
    }

    /// All templates by path.
    pub fn list(&self) -> impl Iterator<Item = Listed<'_>> {
        let house = self.sources.iter().map(|(path, source)| Listed {
            path,
            overridden: source.overridden,
            source_bytes: source.text.len(),
        });
        let brands = self.of_brands.iter();
        house.chain(brands.map(|(path, text)| Listed { path, overridden: true, source_bytes: text.len() }))
    }

    /// The text of the template at `path`.
    #[must_use]
    pub fn source(&self, path: &str) -> Option<&str> {
        let of_house = self.sources.get(path).map(|source| source.text.as_str());
        of_house.or_else(|| self.of_brands.get(path).map(String::as_str))
    }
}

fn unknown_name() -> String {
    let emails = Kind::ALL.into_iter().map(|kind| kind.name().to_owned());
    let frames = Kind::ALL.into_iter().map(|kind| format!("messenger/{}", kind.frame_name()));
    format!("is no template; known are {}", emails.chain(frames).collect::<Vec<_>>().join(", "))
}

fn email(engine: &Engine, kind: Kind, lang: &str, data: &Value, body_bytes: usize) -> Result<Rendered, TemplateError> {
    let render = |piece| engine.render(&engine.path(kind, piece, lang), piece, data, body_bytes);
    Ok(Rendered {
        subject: render(Piece::Subject)?,
        text: render(Piece::Text)?,
        html: render(Piece::Html)?,
        fell_back: None,
    })
}

/// Puts the fields of `given` in the places of `sample`'s; lists are replaced whole. `path` is where `sample` stands.
fn merge(sample: &mut Map<String, Value>, given: &Value, path: &str) -> Result<(), String> {
    let names = |fields: &Map<String, Value>| fields.keys().cloned().collect::<Vec<_>>().join(", ");
    let Some(given) = given.as_object() else {
        return Err(match path.strip_suffix('.') {
            Some(field) => format!("{field} is an object with {}", names(sample)),
            None => "the data is no object".to_owned(),
        });
    };
    for (name, value) in given {
        match sample.get_mut(name) {
            Some(Value::Object(inner)) => merge(inner, value, &format!("{path}{name}."))?,
            Some(place) => *place = value.clone(),
            None => return Err(format!("there is no {path}{name}; here are {}", names(sample))),
        }
    }
    Ok(())
}
