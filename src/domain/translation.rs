//! Texts that customers read, in more languages than the one they were written in (OBJ-52, OBJ-53, I18-1).
//!
//! **Invariant:** fallback is per text: what has no translation is shown as it was written, never left out. Keys of the API
//! and ids are never translated (I18-3).

use crate::domain::id::AttributeId;
use std::collections::BTreeMap;

/// Most languages of one type or one state.
pub const LANGUAGES_MAX: usize = 50;
/// Longest language tag, in characters (RFC 5646 §4.4.1).
const TAG_CHARS_MAX: usize = 35;

/// A text by language tag.
pub type Translations = BTreeMap<String, String>;

/// The texts of a ticket type in one language; what is empty or missing has no translation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeTexts {
    /// Its name.
    pub name: String,
    /// Shown after submission.
    pub submitted_message: String,
    /// What its attributes are called.
    pub attributes: BTreeMap<AttributeId, String>,
    /// Labels of options, by attribute and the option's id.
    pub options: BTreeMap<(AttributeId, String), String>,
}

impl TypeTexts {
    /// Whether nothing is translated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_empty()
            && self.submitted_message.is_empty()
            && self.attributes.is_empty()
            && self.options.is_empty()
    }
}

/// Languages of a reader, the one they want most first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages(Vec<String>);

impl Languages {
    /// Of what is wanted, in order. `written` is the language that texts are written in: behind it nothing is looked for.
    #[must_use]
    pub fn of<'t>(wanted: impl IntoIterator<Item = &'t str>, written: &str) -> Self {
        let mut languages = Vec::new();
        for tag in wanted {
            languages.push(tag.to_owned());
            if primary(tag).eq_ignore_ascii_case(primary(written)) {
                break;
            }
        }
        Self(languages)
    }

    /// The first translation there is: of each language the tag itself, then the language without its region.
    #[must_use]
    pub fn first<'t, T>(&self, known: &'t BTreeMap<String, T>, has: impl Fn(&T) -> Option<&str>) -> Option<&'t str>
    where
        T: 't,
    {
        let of = |tag: &str| {
            let (_, texts) = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag))?;
            has(texts).filter(|text| !text.is_empty())
        };
        self.0.iter().find_map(|tag| of(tag).or_else(|| of(primary(tag))))
    }

    /// The text in the first language that has it, else as it was written.
    #[must_use]
    pub fn text<'t>(&self, written: &'t str, translations: &'t Translations) -> &'t str {
        self.first(translations, |text| Some(text)).unwrap_or(written)
    }
}

fn primary(tag: &str) -> &str {
    tag.split_once('-').map_or(tag, |(language, _)| language)
}

/// Whether a text is a language tag such as `en` or `pt-BR`.
#[must_use]
pub fn is_language_tag(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= TAG_CHARS_MAX && text.split('-').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Translations {
        let pairs = [("de", "In Arbeit"), ("pt-BR", "Em andamento"), ("fr", "")];
        pairs.into_iter().map(|(tag, text)| (tag.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn i18_1_each_text_falls_back_by_itself() {
        let labels = labels();
        let shown =
            |wanted: &[&str]| Languages::of(wanted.iter().copied(), "en").text("In progress", &labels).to_owned();
        assert_eq!(shown(&["de"]), "In Arbeit");
        assert_eq!(shown(&["de-AT"]), "In Arbeit", "the language without its region");
        assert_eq!(shown(&["PT-br"]), "Em andamento");
        assert_eq!(shown(&["pt"]), "In progress", "not another region's");
        assert_eq!(shown(&["fr", "de"]), "In Arbeit", "an empty one is none");
        assert_eq!(shown(&["en-GB", "de"]), "In progress", "what it is written in is not passed over");
        assert_eq!(shown(&[]), "In progress");
    }

    #[test]
    fn tags_have_a_form() {
        assert!(["en", "pt-BR", "zh-Hant-TW"].into_iter().all(is_language_tag));
        assert!(!["", "en_US", "de-", "a-tag-that-goes-on-for-longer-than-any"].into_iter().any(is_language_tag));
    }
}
