//! Authentication-Results of the server we trust (RFC 8601).
//!
//! **Invariant:** only fields of that server count, and of these only those that stand above the `Received` field under the
//! first of them: what a sender wrote stands below it, whatever name it bears.

use crate::domain::authentication::AuthResult;
use crate::domain::authentication::Authentication;
use crate::domain::authentication::is_aligned;
use crate::mail::message::Message;

/// Fields looked at.
const FIELDS_MAX: usize = 20;
/// Results looked at in one field.
const RESULTS_MAX: usize = 50;

/// One result of a field.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    method: String,
    result: AuthResult,
    /// `ptype.property` and value, in lower case.
    properties: Vec<(String, String)>,
}

/// What the trusted server says of a mail; `None` where it says nothing.
#[must_use]
pub fn read(message: &Message, authserv_id: &str) -> Option<Authentication> {
    let mut results: Vec<Found> = Vec::new();
    let mut fields = 0;
    for field in &message.fields {
        match field.name.as_str() {
            "authentication-results" if fields < FIELDS_MAX => {
                if let Some(found) = results_of(&field.value, authserv_id) {
                    fields += 1;
                    results.extend(found);
                }
            }
            "received" if fields > 0 => break,
            _ => {}
        }
    }
    (fields > 0).then(|| judged(message, &results, authserv_id))
}

fn judged(message: &Message, results: &[Found], authserv_id: &str) -> Authentication {
    let first = |method: &str| results.iter().find(|found| found.method == method);
    let result = |method: &str| first(method).map_or(AuthResult::None, |found| found.result);
    let from = message.author().map(|author| author.address.domain().to_owned());
    let speaks_for = |found: &&Found, property: &str| {
        let value = found.properties.iter().find(|(name, _)| name == property).map(|(_, value)| value.as_str());
        let domain = value.map(|value| value.rsplit_once('@').map_or(value, |(_, domain)| domain));
        domain.zip(from.as_deref()).is_some_and(|(domain, from)| is_aligned(domain, from))
    };
    let dkim_passes = || results.iter().filter(|found| found.method == "dkim" && found.result == AuthResult::Pass);
    let by_dkim = dkim_passes().any(|found| speaks_for(&found, "header.d") || speaks_for(&found, "header.i"));
    let by_spf = first("spf").filter(|found| found.result == AuthResult::Pass);
    let by_dmarc = first("dmarc").filter(|found| found.result == AuthResult::Pass);
    let refused = first("dmarc").is_some_and(|found| found.result == AuthResult::Fail);
    Authentication {
        spf: result("spf"),
        dkim: if dkim_passes().next().is_some() { AuthResult::Pass } else { result("dkim") },
        dmarc: result("dmarc"),
        arc: result("arc"),
        source: authserv_id.to_owned(),
        from_verified: !refused
            && (by_dkim
                || by_spf.is_some_and(|found| speaks_for(&found, "smtp.mailfrom"))
                || by_dmarc.is_some_and(|found| speaks_for(&found, "header.from"))),
    }
}

/// The results of one field, if it is that server's.
fn results_of(value: &str, authserv_id: &str) -> Option<Vec<Found>> {
    let plain = without_comments(value);
    let mut clauses = plain.split(';');
    let server = clauses.next()?.split_whitespace().next()?;
    if !server.trim_matches('"').eq_ignore_ascii_case(authserv_id) {
        return None;
    }
    Some(clauses.take(RESULTS_MAX).filter_map(result_of).collect())
}

fn result_of(clause: &str) -> Option<Found> {
    let mut words = clause.split_whitespace();
    let (method, result) = words.next()?.split_once('=')?;
    let method = method.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let mut found = Found { method, result: AuthResult::of_word(result), properties: Vec::new() };
    for word in words {
        if let Some((name, value)) = word.split_once('=') {
            let value = value.trim_matches('"').to_ascii_lowercase();
            found.properties.push((name.to_ascii_lowercase(), value));
        }
    }
    Some(found)
}

/// The value without its comments; what stands in quotes is no comment, and its separators separate nothing.
fn without_comments(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for letter in value.chars() {
        let was_escaped = std::mem::take(&mut escaped);
        match letter {
            '\\' if !was_escaped && (quoted || depth > 0) => escaped = true,
            '"' if !was_escaped && depth == 0 => quoted = !quoted,
            '(' if !was_escaped && !quoted => depth = depth.saturating_add(1),
            ')' if !was_escaped && !quoted && depth > 0 => {
                depth -= 1;
                plain.push(' ');
            }
            ';' | ' ' | '=' if quoted => plain.push('_'),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::read as read_mail;

    fn said(headers: &str) -> Option<Authentication> {
        let raw = format!("{headers}\nFrom: Ana <ana@example.com>\nSubject: x\n\nhello\n").replace('\n', "\r\n");
        read(&read_mail(raw.as_bytes()), "mx.desk.example")
    }

    #[test]
    fn eml_46_what_the_trusted_server_says_is_read() {
        let found = said(
            "Authentication-Results: mx.desk.example 1;\n spf=pass (sender is (really) ok; dmarc=pass) \
             smtp.mailfrom=bounce@mail.example.com;\n dkim=fail reason=\"bad; dkim=pass\" header.d=other.example;\n \
             dkim=pass header.d=example.com header.s=x; dmarc=pass (p=REJECT) header.from=example.com",
        )
        .unwrap();
        assert_eq!((found.spf, found.dkim, found.dmarc), (AuthResult::Pass, AuthResult::Pass, AuthResult::Pass));
        assert!(found.from_verified && found.source == "mx.desk.example");
    }

    #[test]
    fn eml_46_what_proves_another_domain_proves_nothing() {
        for (results, verified) in [
            ("dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=x@evil.example", false),
            ("spf=pass smtp.mailfrom=example.com", true),
            ("dkim=pass header.i=@example.com", true),
            ("dkim=pass header.d=example.com; dmarc=fail header.from=example.com", false),
            ("dmarc=pass header.from=evil.example", false),
            ("none", false),
        ] {
            let found = said(&format!("Authentication-Results: mx.desk.example; {results}")).unwrap();
            assert_eq!(found.from_verified, verified, "{results}");
        }
    }

    #[test]
    fn eml_46_what_the_sender_wrote_is_not_believed() {
        let forged = "Authentication-Results: mx.desk.example; dmarc=pass header.from=example.com";
        assert_eq!(said("Authentication-Results: evil.example; dmarc=pass header.from=example.com"), None);
        let ours = "Authentication-Results: mx.desk.example; spf=fail smtp.mailfrom=evil.example";
        let found = said(&format!("{ours}\nReceived: from evil by mx.desk.example; x\n{forged}")).unwrap();
        assert!(!found.from_verified);
        assert_eq!((found.spf, found.dmarc), (AuthResult::Fail, AuthResult::None));
        let inner = said(&format!("Received: from mx by store; x\n{ours}\nReceived: from evil by mx; x\n{forged}"));
        assert!(!inner.unwrap().from_verified, "our own hop above it changes nothing");
    }

    #[test]
    fn no_value_makes_it_panic() {
        for value in ["", ";", "mx.desk.example", "mx.desk.example;=;a=;=b;(((", "\"mx.desk.example\";\\", "(;)"] {
            drop(said(&format!("Authentication-Results: {value}")));
        }
    }
}
