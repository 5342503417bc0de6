//! The templates in use, and their replacement while the daemon runs.

use super::TemplateError;
use super::Templates;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

/// The set in use; clones share it.
///
/// **Invariant:** a set that is not sound never replaces one that is (P25). A mail begun with one set ends with it.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    current: Arc<RwLock<Arc<Templates>>>,
}

impl TemplateSet {
    /// Starts with `templates`.
    #[must_use]
    pub fn new(templates: Templates) -> Self {
        Self { current: Arc::new(RwLock::new(Arc::new(templates))) }
    }

    /// The set in use now. Keep it for one rendering, not longer.
    #[must_use]
    pub fn current(&self) -> Arc<Templates> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the set by the embedded templates with `overrides` in their places.
    ///
    /// # Errors
    /// Those of [`Templates::build`]; the set in use stays as it is.
    pub fn reload(&self, overrides: &BTreeMap<String, String>) -> Result<(), TemplateError> {
        let templates = Arc::new(Templates::build(overrides)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = templates;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p25_a_broken_reload_keeps_the_old_set() {
        let path = "email/agent_reply/subject.hbs";
        let with = |text: &str| BTreeMap::from([(path.to_owned(), text.to_owned())]);
        let set = TemplateSet::new(Templates::load(None).unwrap());
        let before = set.current();
        assert_eq!(set.reload(&with("{{#if")).unwrap_err().file, path);
        assert!(Arc::ptr_eq(&before, &set.current()));
        set.reload(&with("New subject")).unwrap();
        assert_eq!(set.current().source(path), Some("New subject"));
        assert_ne!(before.source(path), Some("New subject"));
    }
}
