//! The sentences of templates in every language there is, as Fluent messages (I18-1).
//!
//! **Invariant:** a sentence that a language lacks is given in English; values are put in as they are, without marks of
//! direction around them, and escaped by the template like any other text.

use super::error::TemplateError;
use fluent_bundle::FluentArgs;
use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;

/// The language in which every sentence is there.
const BASE: &str = "en";

macro_rules! embedded {
    ($($lang:literal)+) => {
        /// Tag and messages of every language.
        const EMBEDDED: &[(&str, &str)] = &[
            $(($lang, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/locales/", $lang, ".ftl")))),+
        ];
    };
}

embedded! { "en" "de" "fr" "es" "ja" }

type Bundle = FluentBundle<FluentResource>;

/// Most text of one overriding file that is a message's name, in bytes.
const KEY_BYTES_MAX: usize = 100;

/// The sentences in use.
pub(super) struct Locales {
    bundles: Vec<(String, Bundle)>,
}

impl fmt::Debug for Locales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locales").field("languages", &self.languages().collect::<Vec<_>>()).finish()
    }
}

static EMBEDDED_ALONE: LazyLock<Arc<Locales>> = LazyLock::new(|| {
    let bundles = EMBEDDED.iter().map(|(lang, text)| ((*lang).to_owned(), bundle(lang, text))).collect();
    Arc::new(Locales { bundles })
});

/// What cannot be read of a file is left out; a test reads every one of them whole.
fn bundle(lang: &str, text: &str) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![lang.parse().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    let messages = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _)| readable);
    bundle.add_resource_overriding(messages);
    bundle
}

impl Locales {
    /// Those of the program alone.
    pub(super) fn embedded() -> Arc<Self> {
        Arc::clone(&EMBEDDED_ALONE)
    }

    /// Those of the program with the sentences of `overrides` (language, text) in their places; a language of its own says
    /// in English what it lacks.
    ///
    /// # Errors
    /// The first fault, with file and line: syntax, or a sentence that neither the program nor the overriding English has.
    pub(super) fn build(overrides: &BTreeMap<String, &str>) -> Result<Arc<Self>, TemplateError> {
        if overrides.is_empty() {
            return Ok(Self::embedded());
        }
        let own_english: Vec<&str> = overrides.get(BASE).map(|text| keys(text).collect()).unwrap_or_default();
        let added = overrides
            .keys()
            .filter(|lang| EMBEDDED.iter().all(|(known, _)| known != lang))
            .map(|lang| (lang.as_str(), ""));
        let mut bundles = Vec::new();
        for (lang, text) in EMBEDDED.iter().copied().chain(added) {
            let mut bundle = bundle(lang, text);
            if let Some(own) = overrides.get(lang) {
                bundle.add_resource_overriding(checked(lang, own, &own_english)?);
            }
            bundles.push((lang.to_owned(), bundle));
        }
        Ok(Arc::new(Self { bundles }))
    }

    /// Every language there are sentences in.
    pub(super) fn languages(&self) -> impl Iterator<Item = &str> {
        self.bundles.iter().map(|(lang, _)| lang.as_str())
    }

    /// The best language there is for a tag: itself, then without its last subtag.
    pub(super) fn best(&self, lang: &str) -> Option<&str> {
        let mut lang = lang.to_ascii_lowercase();
        while !lang.is_empty() {
            if let Some(known) = self.languages().find(|known| *known == lang) {
                return Some(known);
            }
            lang.truncate(lang.rfind('-').unwrap_or(0));
        }
        None
    }

    /// The sentence `key` in `lang`, with its values.
    ///
    /// # Errors
    /// A key that is not in English, or a value that the sentence needs and does not get, in words for who writes templates.
    pub(super) fn text(&self, lang: &str, key: &str, values: &[(&str, String)]) -> Result<String, String> {
        let mut given = FluentArgs::new();
        for (name, value) in values {
            given.set(*name, value.as_str());
        }
        let in_lang = |lang: &str| {
            let (_, bundle) = self.bundles.iter().find(|(known, _)| *known == lang)?;
            let pattern = bundle.get_message(key)?.value()?;
            let mut faults = Vec::new();
            let text = bundle.format_pattern(pattern, Some(&given), &mut faults).into_owned();
            Some(match faults.first() {
                Some(fault) => Err(format!("the text {key} of locales/{lang}.ftl lacks a value: {fault}")),
                None => Ok(text),
            })
        };
        let found = self.best(lang).and_then(in_lang).or_else(|| in_lang(BASE));
        found.unwrap_or_else(|| Err(format!("there is no text {key}")))
    }
}

/// The messages of an overriding file.
fn checked(lang: &str, text: &str, own_english: &[&str]) -> Result<FluentResource, TemplateError> {
    let file = format!("locales/{lang}.ftl");
    let messages = FluentResource::try_new(text.to_owned()).map_err(|(_, faults)| match faults.first() {
        Some(fault) => {
            // Where the text begins that is none: what is missing in it is found missing in a later line.
            let at = fault.slice.as_ref().map_or(fault.pos.start, |whole| whole.start);
            TemplateError::at_offset(&file, text, at, format!("is no Fluent text: {fault}"))
        }
        None => TemplateError::new(&file, "is no Fluent text"),
    })?;
    let english = EMBEDDED_ALONE.bundles.first();
    let is_known =
        |key: &str| own_english.contains(&key) || english.is_some_and(|(_, english)| english.has_message(key));
    match keys(text).find(|key| !is_known(key)) {
        Some(key) => {
            let at = text.find(key).unwrap_or(0);
            let message =
                format!("{key} is none of the texts; those of your own templates stand in locales/{BASE}.ftl too");
            Err(TemplateError::at_offset(&file, text, at, message))
        }
        None => Ok(messages),
    }
}

/// The names of the messages in a Fluent text: what stands at the beginning of a line before `=`.
fn keys(text: &str) -> impl Iterator<Item = &str> {
    let named = text.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim_end());
    named.filter(|key| key.len() <= KEY_BYTES_MAX && key.starts_with(|c: char| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Keys with the values their texts name.
    fn keys_and_values(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let messages = lines.filter_map(|line| line.split_once(" = "));
        let named = |text: &str| {
            text.split("{ $")
                .skip(1)
                .filter_map(|rest| rest.split_once(" }"))
                .map(|(name, _)| name.to_owned())
                .collect()
        };
        messages.map(|(key, text)| (key.to_owned(), named(text))).collect()
    }

    #[test]
    fn i18_1_every_language_has_every_text_with_the_same_values() {
        let base = keys_and_values(EMBEDDED[0].1);
        assert!(base.len() > 60 && EMBEDDED[0].0 == BASE);
        for (lang, text) in EMBEDDED {
            assert!(FluentResource::try_new((*text).to_owned()).is_ok(), "{lang}");
            let theirs = keys_and_values(text);
            for (key, values) in &base {
                assert_eq!(theirs.get(key), Some(values), "{lang}: {key}");
                let values: Vec<(&str, String)> =
                    values.iter().map(|name| (name.as_str(), format!("<{name}>"))).collect();
                let said = Locales::embedded().text(lang, key, &values).unwrap();
                assert!(values.iter().all(|(_, value)| said.contains(value.as_str())), "{lang}: {said}");
            }
            assert_eq!(theirs.len(), base.len(), "{lang} has a text that English lacks");
            assert_eq!(Locales::embedded().text(lang, "lang", &[]).as_deref(), Ok(*lang));
        }
    }

    #[test]
    fn i18_1_the_nearest_language_is_taken_and_english_where_there_is_none() {
        let locales = Locales::embedded();
        let said = |lang: &str| locales.text(lang, "state", &[]).unwrap();
        assert_eq!(["de-AT", "DE", "de"].map(said), ["Stand", "Stand", "Stand"]);
        assert_eq!(["sv", "", "x-y"].map(said), ["State", "State", "State"]);
        assert!(locales.text("en", "no-such-text", &[]).is_err() && locales.text("en", "greeting", &[]).is_err());
    }

    #[test]
    fn i18_2_own_sentences_go_before_those_of_the_program() {
        let own =
            BTreeMap::from([("de".to_owned(), "state = Zustand\n"), ("it".to_owned(), "# ours\nstate = Stato\n")]);
        let locales = Locales::build(&own).unwrap();
        let said = |lang: &str| locales.text(lang, "state", &[]).unwrap();
        assert_eq!(["de-AT", "it", "fr", "sv"].map(said), ["Zustand", "Stato", "\u{c9}tat", "State"]);
        assert_eq!(locales.text("it", "lang", &[]).as_deref(), Ok("en"), "what a language lacks is said in English");
        let own = BTreeMap::from([("en".to_owned(), "ours = Ours\n"), ("de".to_owned(), "ours = Unseres\n")]);
        assert_eq!(Locales::build(&own).unwrap().text("de", "ours", &[]).as_deref(), Ok("Unseres"));
        for (text, place, words) in [
            ("state = Zustand\nstaet = x\n", Some(2), "staet is none of the texts"),
            ("# ours\nstate = { $name\n", Some(2), "is no Fluent text"),
        ] {
            let fault = Locales::build(&BTreeMap::from([("de".to_owned(), text)])).unwrap_err();
            assert_eq!((fault.file.as_str(), fault.line), ("locales/de.ftl", place), "{fault}");
            assert!(fault.message.contains(words), "{fault}");
        }
    }
}
