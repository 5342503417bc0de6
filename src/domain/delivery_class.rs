//! What kind of mail a part came from (EML-20 to EML-26).
//!
//! **Invariant:** only [`DeliveryClass::Human`] may have effects beyond being stored; every other class is silent
//! (EML-27).

use std::fmt;
use std::str::FromStr;

/// The class of an incoming mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryClass {
    /// Written by a person, as far as can be told (EML-20).
    #[default]
    Human,
    /// A vacation note or another automatic answer (EML-21).
    AutoReply,
    /// A delivery failed for good (EML-22).
    DsnFailed,
    /// A delivery takes longer; nothing failed yet (EML-22, EML-28).
    DsnDelayed,
    /// Any other delivery report: delivered, relayed, expanded (EML-22).
    DsnOther,
    /// An abuse report (EML-23).
    Complaint,
    /// List mail or a newsletter (EML-24).
    List,
    /// Our own mail come back (EML-25).
    Own,
    /// Marked by the receiving server, or the sender is blocked (EML-26).
    Spam,
}

impl DeliveryClass {
    /// Every class, in the order of the specification.
    pub const ALL: [Self; 9] = [
        Self::Human,
        Self::AutoReply,
        Self::DsnFailed,
        Self::DsnDelayed,
        Self::DsnOther,
        Self::Complaint,
        Self::List,
        Self::Own,
        Self::Spam,
    ];

    /// The word the API and the store use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::AutoReply => "auto_reply",
            Self::DsnFailed => "dsn_failed",
            Self::DsnDelayed => "dsn_delayed",
            Self::DsnOther => "dsn_other",
            Self::Complaint => "complaint",
            Self::List => "list",
            Self::Own => "own",
            Self::Spam => "spam",
        }
    }

    /// Whether mail of this class changes nothing but the record (EML-27).
    #[must_use]
    pub fn is_silent(self) -> bool {
        self != Self::Human
    }

    /// Whether it reports on a mail we sent.
    #[must_use]
    pub fn is_report(self) -> bool {
        matches!(self, Self::DsnFailed | Self::DsnDelayed | Self::DsnOther | Self::Complaint)
    }
}

impl fmt::Display for DeliveryClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a delivery class")]
pub struct BadDeliveryClass;

impl FromStr for DeliveryClass {
    type Err = BadDeliveryClass;
    fn from_str(word: &str) -> Result<Self, BadDeliveryClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == word).ok_or(BadDeliveryClass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_27_only_human_mail_is_not_silent() {
        for class in DeliveryClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert_eq!(class.is_silent(), class != DeliveryClass::Human, "{class}");
        }
        assert_eq!("Human".parse::<DeliveryClass>(), Err(BadDeliveryClass));
    }
}
