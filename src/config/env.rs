//! Settings given by the environment: `DESKGATE__HTTP__LISTEN`, `DESKGATE__MAILBOX__0__USER`.
//!
//! **Invariant:** the environment is read here, once, at start.

use std::cell::Cell;
use std::path::PathBuf;

/// What every name of ours begins with.
pub(crate) const PREFIX: &str = "DESKGATE__";

/// What the process was given besides its arguments.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Names with `DESKGATE__` and their texts.
    pub settings: Vec<(String, String)>,
    /// `CREDENTIALS_DIRECTORY` of systemd.
    pub credentials: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process. Variables of ours that are not UTF-8 are taken with replacement characters, so
    /// that they are refused by name instead of overlooked.
    #[must_use]
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, text) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with(PREFIX) {
                environment.settings.push((name, text.to_string_lossy().into_owned()));
            } else if name == "CREDENTIALS_DIRECTORY" {
                environment.credentials = Some(PathBuf::from(text));
            }
        }
        environment.settings.sort();
        environment
    }
}

/// One setting, and whether a key took it.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) taken: Cell<bool>,
}

/// All settings of the environment while a configuration is read.
#[derive(Debug, Default)]
pub(crate) struct Settings(Vec<Setting>);

impl Settings {
    pub(crate) fn new(pairs: &[(String, String)]) -> Self {
        let setting = |(name, text): &(String, String)| Setting {
            name: name.clone(),
            text: text.clone(),
            taken: Cell::new(false),
        };
        Self(pairs.iter().map(setting).collect())
    }

    /// The setting of a key such as `mailbox.0.user`; it counts as taken.
    pub(crate) fn take(&self, path: &str) -> Option<&Setting> {
        let name = variable(path);
        let found = self.0.iter().find(|setting| setting.name == name)?;
        found.taken.set(true);
        Some(found)
    }

    /// One more than the highest index that settings of the list `name` carry.
    pub(crate) fn list_len(&self, name: &str) -> usize {
        let prefix = format!("{}__", variable(name));
        let index = |setting: &Setting| {
            let (index, _) = setting.name.strip_prefix(&prefix)?.split_once("__")?;
            index.parse::<usize>().ok()
        };
        self.0.iter().filter_map(index).max().map_or(0, |highest| highest.saturating_add(1))
    }

    /// Settings that no key took.
    pub(crate) fn left(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter().filter(|setting| !setting.taken.get())
    }
}

/// The variable of a key.
pub(crate) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_variable() {
        assert_eq!(variable("http.listen"), "DESKGATE__HTTP__LISTEN");
        assert_eq!(variable("mailbox.0.password_file"), "DESKGATE__MAILBOX__0__PASSWORD_FILE");
    }

    #[test]
    fn lists_reach_as_far_as_their_highest_index() {
        let settings = Settings::new(&[
            ("DESKGATE__MAILBOX__2__USER".into(), "u".into()),
            ("DESKGATE__MAILBOX__X__USER".into(), "u".into()),
        ]);
        assert_eq!((settings.list_len("mailbox"), settings.list_len("relay")), (3, 0));
        assert!(settings.take("mailbox.2.user").is_some());
        assert_eq!(settings.left().count(), 1);
    }
}
