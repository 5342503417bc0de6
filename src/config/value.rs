//! Typed values out of a section: text, number, flag, list, choice, path, secret.

use crate::config::reader::Found;
use crate::config::reader::Section;
use crate::config::secret::Secret;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::de::DeTable;
use toml::de::DeValue;

/// Longest value shown in a fault, in characters.
const SHOWN_CHARS_MAX: usize = 60;

impl Section<'_> {
    /// A text without control characters, if set and not empty.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        self.text_without(key, char::is_control)
    }

    /// The same, of several lines perhaps.
    pub(crate) fn lines(&self, key: &'static str) -> Option<String> {
        self.text_without(key, |c| c.is_control() && c != '\n')
    }

    fn text_without(&self, key: &'static str, refused: impl Fn(char) -> bool) -> Option<String> {
        let text = match self.find(key)? {
            Found::Env(setting) => setting.text.clone(),
            Found::Toml(DeValue::String(text)) => text.to_string(),
            Found::Toml(other) => return self.wrong_type(key, "a text", other),
        };
        if text.chars().any(refused) {
            self.fault(key, "holds control characters");
            return None;
        }
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text that must be there.
    pub(crate) fn required(&self, key: &'static str, expected: &str) -> String {
        let there = self.has(key);
        self.text(key).unwrap_or_else(|| {
            if !there {
                self.fault(key, format!("is missing; expected {expected}"));
            }
            String::new()
        })
    }

    /// A text that `read` understands.
    pub(crate) fn parsed<T>(&self, key: &'static str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(key)?;
        let value = read(&text);
        if value.is_none() {
            self.fault(key, format!("{} is not {expected}", shown(&text)));
        }
        value
    }

    /// One of a few words.
    pub(crate) fn choice<T: Clone>(&self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => value.clone(),
            None => {
                let known = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                self.fault(key, format!("{} is none of {known}", shown(&text)));
                default
            }
        }
    }

    /// A whole number within `range`.
    pub(crate) fn number(&self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let number = match self.find(key) {
            None => return default,
            Some(Found::Env(setting)) => setting.text.trim().parse::<u64>().ok(),
            Some(Found::Toml(DeValue::Integer(digits))) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            Some(Found::Toml(other)) => return self.wrong_type(key, &expected, other).unwrap_or(default),
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.fault(key, format!("expected {expected}"));
                default
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &'static str, default: bool) -> bool {
        match self.find(key) {
            None => default,
            Some(Found::Toml(DeValue::Boolean(flag))) => *flag,
            Some(Found::Env(setting)) if matches!(setting.text.as_str(), "true" | "false") => setting.text == "true",
            Some(Found::Env(_)) => {
                self.fault(key, "expected true or false");
                default
            }
            Some(Found::Toml(other)) => self.wrong_type(key, "true or false", other).unwrap_or(default),
        }
    }

    /// A list of texts; in the environment a TOML array or words with commas between.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<String> {
        const EXPECTED: &str = "a list of texts";
        match self.find(key) {
            None => Vec::new(),
            Some(Found::Toml(DeValue::Array(array))) => {
                let texts: Option<Vec<String>> =
                    array.iter().map(|element| element.get_ref().as_str().map(str::to_owned)).collect();
                texts.unwrap_or_else(|| {
                    self.fault(key, format!("expected {EXPECTED}"));
                    Vec::new()
                })
            }
            Some(Found::Toml(other)) => self.wrong_type(key, EXPECTED, other).unwrap_or_default(),
            Some(Found::Env(setting)) => texts_of_variable(&setting.text).unwrap_or_else(|| {
                self.fault(key, format!("expected {EXPECTED}: [\"a\", \"b\"] or a,b"));
                Vec::new()
            }),
        }
    }

    /// A path.
    pub(crate) fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(|text| self.at_base(&text))
    }

    /// A secret by its file: a systemd credential of that name goes before a file beside the configuration.
    pub(crate) fn secret(&self, key: &'static str) -> Option<Secret> {
        let text = self.text(key)?;
        let path = self.credential(&text).unwrap_or_else(|| self.at_base(&text));
        match Secret::read(&path) {
            Ok(secret) => Some(secret),
            Err(what) => {
                self.fault(key, what);
                None
            }
        }
    }

    fn wrong_type<T>(&self, key: &str, expected: &str, found: &DeValue<'_>) -> Option<T> {
        self.fault(key, format!("expected {expected}, found {}", in_words(found)));
        None
    }
}

fn texts_of_variable(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().starts_with('[') {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        return Some(words.map(str::to_owned).collect());
    }
    let document = format!("it = {text}");
    let table = DeTable::parse(&document).ok()?;
    let array = table.get_ref().get("it")?.get_ref().as_array()?;
    array.iter().map(|element| element.get_ref().as_str().map(str::to_owned)).collect()
}

fn in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value for a fault: quoted, cut, without control characters.
pub(crate) fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{cut:?}")
}
