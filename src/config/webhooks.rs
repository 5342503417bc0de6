//! `[webhooks]`: where notifications may go.

use crate::config::reader::Section;

/// `[webhooks]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// Whether receivers may stand on this machine or in networks that are not public (WHK-2).
    pub allow_private: bool,
}

pub(crate) fn webhooks(section: Section<'_>) -> Webhooks {
    let allow_private = section.flag("allow_private", false);
    section.end();
    Webhooks { allow_private }
}
