//! What is known of a mail's sender by SPF, DKIM, DMARC and ARC (RFC 8601).
//!
//! **Invariant:** [`Authentication::from_verified`] is the one fact that rights may hang on (EML-46); it is false in every
//! doubt.

/// What a check came to (RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthResult {
    /// Nothing to check.
    #[default]
    None,
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It does not, and the domain is not sure of itself.
    SoftFail,
    /// The domain says nothing either way.
    Neutral,
    /// Could not be checked now.
    TempError,
    /// Cannot be checked.
    PermError,
}

impl AuthResult {
    /// The word of RFC 8601.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }

    /// The result of a word; words of other checks (`policy`, `bestguesspass`) are [`AuthResult::Neutral`].
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "pass" => Self::Pass,
            "fail" | "hardfail" => Self::Fail,
            "softfail" => Self::SoftFail,
            "temperror" => Self::TempError,
            "permerror" => Self::PermError,
            _ => Self::Neutral,
        }
    }
}

/// What the checks of one mail came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// Whether the sending host may send for the envelope's domain (RFC 7208).
    pub spf: AuthResult,
    /// Whether a signature holds (RFC 6376).
    pub dkim: AuthResult,
    /// Whether the domain of From is among those that hold (RFC 7489).
    pub dmarc: AuthResult,
    /// Whether the chain of forwarders holds (RFC 8617).
    pub arc: AuthResult,
    /// Who checked: a server we trust, or ourselves.
    pub source: String,
    /// The domain of From is proven by one of them.
    pub from_verified: bool,
}

/// Whether a proven domain speaks for the domain of From (RFC 7489 §3.1, relaxed): the same, or one below the other.
#[must_use]
pub fn is_aligned(proven: &str, from: &str) -> bool {
    let (proven, from) = (proven.trim_end_matches('.').to_ascii_lowercase(), from.to_ascii_lowercase());
    let below = |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'));
    // A name without a dot is no organisation's.
    proven.contains('.') && (proven == from || below(&proven, &from) || below(&from, &proven))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_aligned_when_one_is_below_the_other() {
        for (proven, from, expected) in [
            ("example.com", "example.com", true),
            ("Mail.Example.com", "example.com", true),
            ("example.com", "mail.example.com", true),
            ("notexample.com", "example.com", false),
            ("example.com", "example.com.evil.example", false),
            ("com", "example.com", false),
            ("", "example.com", false),
        ] {
            assert_eq!(is_aligned(proven, from), expected, "{proven} for {from}");
        }
    }
}
