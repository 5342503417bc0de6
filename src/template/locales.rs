//! The sentences of templates in every language there is, as Fluent messages (I18-1).
//!
//! **Invariant:** a sentence that a language lacks is given in English; values are put in as they are, without marks of
//! direction around them, and escaped by the template like any other text.

use fluent_bundle::FluentArgs;
use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;
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

static BUNDLES: LazyLock<Vec<(&'static str, Bundle)>> =
    LazyLock::new(|| EMBEDDED.iter().map(|(lang, text)| (*lang, bundle(lang, text))).collect());

/// What cannot be read of a file is left out; a test reads every one of them whole.
fn bundle(lang: &str, text: &str) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![lang.parse().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    let messages = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _)| readable);
    bundle.add_resource_overriding(messages);
    bundle
}

/// The best language there is for a tag: itself, then without its last subtag.
pub(super) fn best(lang: &str) -> Option<&'static str> {
    let mut lang = lang.to_ascii_lowercase();
    while !lang.is_empty() {
        if let Some((known, _)) = EMBEDDED.iter().find(|(known, _)| *known == lang) {
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
pub(super) fn text(lang: &str, key: &str, values: &[(&str, String)]) -> Result<String, String> {
    let mut given = FluentArgs::new();
    for (name, value) in values {
        given.set(*name, value.as_str());
    }
    let in_lang = |lang: &str| {
        let (_, bundle) = BUNDLES.iter().find(|(known, _)| *known == lang)?;
        let pattern = bundle.get_message(key)?.value()?;
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&given), &mut faults).into_owned();
        Some(match faults.first() {
            Some(fault) => Err(format!("the text {key} lacks a value: {fault}")),
            None => Ok(text),
        })
    };
    let found = best(lang).and_then(in_lang).or_else(|| in_lang(BASE));
    found.unwrap_or_else(|| Err(format!("there is no text {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    /// Keys with the values their texts name.
    fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
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
        let base = keys(EMBEDDED[0].1);
        assert!(base.len() > 60 && EMBEDDED[0].0 == BASE);
        for (lang, text) in EMBEDDED {
            assert!(FluentResource::try_new((*text).to_owned()).is_ok(), "{lang}");
            let theirs = keys(text);
            for (key, values) in &base {
                assert_eq!(theirs.get(key), Some(values), "{lang}: {key}");
                let values: Vec<(&str, String)> =
                    values.iter().map(|name| (name.as_str(), format!("<{name}>"))).collect();
                let said = super::text(lang, key, &values).unwrap();
                assert!(values.iter().all(|(_, value)| said.contains(value.as_str())), "{lang}: {said}");
            }
            assert_eq!(theirs.len(), base.len(), "{lang} has a text that English lacks");
            assert_eq!(super::text(lang, "lang", &[]).as_deref(), Ok(*lang));
        }
    }

    #[test]
    fn i18_1_the_nearest_language_is_taken_and_english_where_there_is_none() {
        let said = |lang: &str| text(lang, "state", &[]).unwrap();
        assert_eq!(["de-AT", "DE", "de"].map(said), ["Stand", "Stand", "Stand"]);
        assert_eq!(["sv", "", "x-y"].map(said), ["State", "State", "State"]);
        assert!(text("en", "no-such-text", &[]).is_err() && text("en", "greeting", &[]).is_err());
    }
}
