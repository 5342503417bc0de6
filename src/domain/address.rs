//! Email addresses as the desk compares and shows them.
//!
//! RFC 5321 §4.1.2 and RFC 6531: local part as given (compared without case, as every large provider does), domain in
//! its ASCII form (RFC 5891), at most 64 and 255 octets.

use std::fmt;

/// Longest local part in octets (RFC 5321 §4.5.3.1.1).
pub const LOCAL_BYTES_MAX: usize = 64;
/// Longest domain in octets (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;

/// An addr-spec in comparable form: lower case, ASCII domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    domain: String,
}

impl Address {
    /// Reads an addr-spec; `None` for anything that must not stand in an envelope or a header field: controls,
    /// spaces, a missing part, over-long parts, domains that IDNA refuses.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        let local = unquoted(local)?;
        let fits = !local.is_empty() && local.len() <= LOCAL_BYTES_MAX;
        if !fits || local.chars().any(is_forbidden) {
            return None;
        }
        let domain = ascii_domain(domain)?;
        Some(Self { local: local.to_lowercase(), domain })
    }

    /// An address that [`Address::parse`] or [`Address::with_tag`] gave earlier, from its two parts as they were
    /// kept; nothing is checked again, so that what was accepted once is never lost.
    #[must_use]
    pub fn restored(local: String, domain: String) -> Self {
        Self { local, domain }
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain in its ASCII form.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address without a plus-tag, and the tag (`support+tag@…`).
    #[must_use]
    pub fn without_tag(&self) -> (Self, Option<&str>) {
        match self.local.split_once('+') {
            Some((base, tag)) if !base.is_empty() => {
                (Self { local: base.to_owned(), domain: self.domain.clone() }, Some(tag))
            }
            _ => (self.clone(), None),
        }
    }

    /// This address with a plus-tag.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { local: format!("{}+{tag}", self.local), domain: self.domain.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// A quoted local part is taken only when the quotes were not needed (RFC 5321 §4.1.2).
fn unquoted(local: &str) -> Option<&str> {
    match local.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\', ' '])),
        None => Some(local),
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '\\' | '"' | '@')
}

fn ascii_domain(domain: &str) -> Option<String> {
    let domain = idna::domain_to_ascii(domain.trim_end_matches('.')).ok()?;
    let legal = !domain.is_empty()
        && domain.len() <= DOMAIN_BYTES_MAX
        && !domain.starts_with(['.', '-'])
        && !domain.contains("..")
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    legal.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_one_address_in_any_spelling() {
        for same in ["Ana@Example.com", " ana@example.COM. ", "\"ana\"@example.com"] {
            assert_eq!(Address::parse(same).unwrap().to_string(), "ana@example.com", "{same}");
        }
        assert_eq!(Address::parse("x@bücher.example"), Address::parse("x@xn--bcher-kva.example"));
    }

    #[test]
    fn what_must_not_stand_in_an_envelope_is_no_address() {
        for bad in
            ["", "a", "@b.c", "a@", "a b@c.d", "a\r\nRCPT@c.d", "a@b\0c", "a@b..c", "<a@b.c>", "a,b@c.d", "a@[1.2.3.4]"]
        {
            assert_eq!(Address::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Address::parse(&format!("{}@b.c", "a".repeat(65))), None);
    }

    #[test]
    fn tags_come_off_and_go_on() {
        let address = Address::parse("support+abc@example.com").unwrap();
        let (base, tag) = address.without_tag();
        assert_eq!((base.to_string().as_str(), tag), ("support@example.com", Some("abc")));
        assert_eq!(base.with_tag("abc"), address);
    }
}
