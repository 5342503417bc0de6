//! Reverse-path and forward-path as they stand in MAIL and RCPT.
//!
//! RFC 5321 §4.1.2 (grammar), §4.5.3.1 (lengths); RFC 6531 §3.3 (characters beyond ASCII).
//!
//! **Invariant:** a path that is passed on holds no controls, no unquoted spaces and no `<`, `>` outside quotes, and it is
//! the very text between the angle brackets. Source routes are refused: nobody needs them, and they hide the recipient.

use crate::domain::address::Address;
use crate::domain::address::DOMAIN_BYTES_MAX;
use crate::domain::address::LOCAL_BYTES_MAX;

/// Longest path in octets without its angle brackets (RFC 5321 §4.5.3.1.3).
const PATH_BYTES_MAX: usize = 254;

/// The text between the angle brackets, and what follows them: parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    /// `addr-spec`, possibly empty.
    pub(crate) mailbox: &'a str,
    /// Parameters, with their leading space.
    pub(crate) parameters: &'a str,
}

/// Splits `<path> parameters`; spaces before `<` are forgiven, missing brackets are not.
pub(crate) fn split(text: &str) -> Option<Path<'_>> {
    let inner = text.trim_start_matches(' ').strip_prefix('<')?;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => {
                let (mailbox, rest) = inner.split_at_checked(at)?;
                let parameters = rest.strip_prefix('>')?;
                let ends = parameters.is_empty() || parameters.starts_with(' ');
                return ends.then_some(Path { mailbox, parameters });
            }
            _ => {}
        }
    }
    None
}

/// Whether `text` is a Mailbox of RFC 5321 §4.1.2, with RFC 6531's characters.
pub(crate) fn is_mailbox(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= PATH_BYTES_MAX && is_local_part(local) && is_domain(domain)
}

fn is_local_part(local: &str) -> bool {
    if local.len() > LOCAL_BYTES_MAX {
        return false;
    }
    match local.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').is_some_and(is_quoted_content),
        None => local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)),
    }
}

/// Content of a Quoted-string: every `"` and `\` is escaped, no controls.
fn is_quoted_content(content: &str) -> bool {
    let mut escaped = false;
    for c in content.chars() {
        match c {
            _ if c.is_control() => return false,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped && !content.is_empty()
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

fn is_domain(domain: &str) -> bool {
    if let Some(rest) = domain.strip_prefix('[') {
        return rest.strip_suffix(']').is_some_and(|literal| {
            !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-'))
        });
    }
    domain.len() <= DOMAIN_BYTES_MAX
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && Address::parse(&format!("x@{domain}")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_the_first_bracket_outside_quotes() {
        for (text, mailbox, parameters) in [
            ("<a@b.c>", "a@b.c", ""),
            ("  <a@b.c> SIZE=1", "a@b.c", " SIZE=1"),
            ("<>", "", ""),
            ("<\"a>b\"@c.d> X", "\"a>b\"@c.d", " X"),
            ("<\"a\\\"> b\"@c.d>", "\"a\\\"> b\"@c.d", ""),
        ] {
            assert_eq!(split(text), Some(Path { mailbox, parameters }), "{text}");
        }
        for bad in ["", "a@b.c", "<a@b.c", "<a@b.c>SIZE=1", "<a@b.c>>", "<\"a@b.c>"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn fault_12_legal_mailboxes_pass_and_malformed_ones_do_not() {
        let longest = format!("{}@b.c", "a".repeat(64));
        for good in [
            "a@b",
            "a.b+tag@c.d",
            "\"a b\"@c.d",
            "\"a\\\"b\"@c.d",
            "a%b@c.d",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "j\u{fc}rg@b\u{fc}cher.example",
            longest.as_str(),
        ] {
            assert!(is_mailbox(good), "{good}");
        }
        let long_local = format!("{}@b.c", "a".repeat(65));
        let long_domain = format!("a@{}.c", "b.".repeat(126));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a b@c.d",
            "a..b@c.d",
            ".a@c.d",
            "a.@c.d",
            "a@b@c.d",
            "a@b..c",
            "a@b.c.",
            "a@-b.c",
            "a@b-.c",
            "\"a@b.c",
            "\"a\"b\"@c.d",
            "\"\"@c.d",
            "<a@b.c",
            "@relay.example:a@b.c",
            "@one.example,@two.example:a@b.c",
            "a@[]",
            "a@[1.2.3.4",
            "a\0@b.c",
            "a\u{7f}@b.c",
            long_local.as_str(),
            long_domain.as_str(),
        ] {
            assert!(!is_mailbox(bad), "{bad:?}");
        }
    }

    #[test]
    fn fault_14_an_a_label_that_decodes_to_ascii_is_malformed() {
        assert!(is_mailbox("a@xn--bcher-kva.example"));
        assert!(!is_mailbox("a@xn--example-.org"));
        assert!(!is_mailbox("a@xn--abc-.example"));
    }
}
