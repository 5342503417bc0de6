//! Folder names as IMAP spells them: modified UTF-7 (RFC 3501 §5.1.3), in a quoted string.

use data_encoding::BASE64_NOPAD;

/// `name` ready to stand in a verb; `None` for control characters and for the empty name.
pub(super) fn quoted_folder(name: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    quoted(&modified_utf7(name))
}

/// `text` as a quoted string (RFC 9051 §9); `None` where it holds what a quoted string cannot.
fn quoted(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// `name` as servers spell it, not quoted.
pub(super) fn modified_utf7(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            end_shift(&mut encoded, &mut shifted);
            encoded.push(c);
            if c == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0_u16; 2];
            shifted.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end_shift(&mut encoded, &mut shifted);
    encoded
}

fn end_shift(encoded: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        encoded.push('&');
        encoded.push_str(&BASE64_NOPAD.encode(shifted).replace('/', ","));
        encoded.push('-');
        shifted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_any_language_are_named_as_servers_know_them() {
        for (name, spelt) in [
            ("INBOX", "\"INBOX\""),
            ("~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}", "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""),
            ("Erledigt & gepr\u{fc}ft", "\"Erledigt &- gepr&APw-ft\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
        ] {
            assert_eq!(quoted_folder(name).as_deref(), Some(spelt), "{name}");
        }
        assert_eq!(quoted_folder(""), None);
    }

    #[test]
    fn nothing_breaks_out_of_a_quoted_string() {
        for bad in ["a\r\nd9 DELETE INBOX", "a\0", "a\n"] {
            assert_eq!(quoted(bad), None, "{bad:?}");
        }
    }
}
