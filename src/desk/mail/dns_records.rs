//! What the DNS should say of the domain of a support address, so that its mail is believed (EML-66).
//!
//! | record | source |
//! |---|---|
//! | SPF | RFC 7208: who may send for the domain |
//! | DKIM | RFC 6376 §3.6.1, RFC 8463: the public half of each key that signs here |
//! | DMARC | RFC 7489 §6.1: what receivers do with the rest |
//!
//! **Invariant:** no lookup is made here: what was found is an argument.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require_operator;
use crate::desk::mail::signing::PublicKey;
use crate::desk::mail::signing::Signers;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Caller;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Who may send for the domain.
    Spf,
    /// A key that signs.
    Dkim,
    /// What is done with mail that neither speaks for.
    Dmarc,
}

impl Purpose {
    /// In capitals, as everybody writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spf => "SPF",
            Self::Dkim => "DKIM",
            Self::Dmarc => "DMARC",
        }
    }
}

/// A TXT record that a domain should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What for.
    pub purpose: Purpose,
    /// Where it stands: at the first of these names that has one.
    pub names: Vec<String>,
    /// Its text; of SPF and DMARC one that would do.
    pub text: String,
}

/// How a record was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Good,
    /// There is none.
    Missing,
    /// There is one that does not do, and why.
    Wrong(String),
    /// The DNS gave no answer, and why.
    Unknown(String),
}

impl Finding {
    /// In one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Missing => "missing",
            Self::Wrong(_) => "wrong",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What to say beside the word.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Good | Self::Missing => None,
            Self::Wrong(why) | Self::Unknown(why) => Some(why),
        }
    }
}

/// What the domain of `address` needs where `signers` sign its mail. Without a key of the domain, DKIM is the relay's work.
#[must_use]
pub fn needed(address: &Address, signers: &Signers) -> Vec<Record> {
    let domain = address.domain().to_ascii_lowercase();
    let spf = Record { purpose: Purpose::Spf, names: vec![domain.clone()], text: "v=spf1 mx ~all".to_owned() };
    let keys = signers.public_keys(address).into_iter().map(|PublicKey { name, text }| Record {
        purpose: Purpose::Dkim,
        names: vec![name],
        text,
    });
    let text = "v=DMARC1; p=none".to_owned();
    let dmarc = Record { purpose: Purpose::Dmarc, names: with_parents(&domain), text };
    [spf].into_iter().chain(keys).chain([dmarc]).collect()
}

/// Where a policy for the domain may stand: its own, or that of one above it.
fn with_parents(domain: &str) -> Vec<String> {
    let mut names = vec![format!("_dmarc.{domain}")];
    let mut rest = domain;
    while let Some((_, parent)) = rest.split_once('.').filter(|(_, parent)| parent.contains('.')) {
        names.push(format!("_dmarc.{parent}"));
        rest = parent;
    }
    names
}

impl Record {
    /// Whether a TXT record that was found is one for this purpose; others may stand at the same name.
    #[must_use]
    pub fn is_meant_by(&self, text: &str) -> bool {
        match self.purpose {
            Purpose::Spf => text == "v=spf1" || text.starts_with("v=spf1 "),
            Purpose::Dkim => tag(text, "p").is_some(),
            Purpose::Dmarc => text.starts_with("v=DMARC1"),
        }
    }

    /// How what was found at its name is.
    #[must_use]
    pub fn judge(&self, found: &[String]) -> Finding {
        let meant: Vec<&str> = found.iter().map(String::as_str).filter(|text| self.is_meant_by(text)).collect();
        let [first, rest @ ..] = meant.as_slice() else { return Finding::Missing };
        let wrong = |why: &str| Finding::Wrong(why.to_owned());
        match self.purpose {
            Purpose::Spf | Purpose::Dmarc if !rest.is_empty() => wrong("there is more than one, so none counts"),
            Purpose::Spf if first.split(' ').any(|word| matches!(word, "all" | "+all")) => {
                wrong("it lets everybody send for the domain")
            }
            Purpose::Dmarc if tag(first, "p").is_none() => wrong("it names no policy (p=)"),
            Purpose::Dkim if !meant.iter().any(|text| tag(text, "p") == tag(&self.text, "p")) => {
                let is_revoked = tag(first, "p").is_some_and(|key| key.is_empty());
                wrong(if is_revoked { "the key is revoked" } else { "it holds another key than the one that signs" })
            }
            Purpose::Spf | Purpose::Dkim | Purpose::Dmarc => Finding::Good,
        }
    }
}

/// The value of a tag (RFC 6376 §3.2), without the spaces that may stand in it.
fn tag(text: &str, name: &str) -> Option<String> {
    let of_pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.split_whitespace().collect())
    };
    text.split(';').find_map(of_pair)
}

impl Desk {
    /// What the DNS should say of a support address. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// When it is no support address.
    pub fn dns_records(&self, caller: Option<&Caller>, address: &Address) -> Result<Vec<Record>> {
        require_operator(caller)?;
        let settings = &self.inner.settings;
        let support = settings.support_at(address).ok_or_else(|| missing("support address"))?;
        Ok(needed(&support.address, &settings.signers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::mail::signing::Signer;

    const ED25519: &[u8] = include_bytes!("../../../tests/fixtures/dkim/ed25519.pem");
    const RSA: &[u8] = include_bytes!("../../../tests/fixtures/dkim/rsa.pem");

    fn records() -> Vec<Record> {
        let signers = vec![
            Signer::new("example.com", "ed", ED25519).unwrap(),
            Signer::new("example.com", "rsa", RSA).unwrap(),
            Signer::new("other.example", "x", ED25519).unwrap(),
        ];
        needed(&Address::parse("help@mail.example.com").unwrap(), &Signers::new(signers))
    }

    #[test]
    fn eml_66_a_domain_needs_its_senders_its_keys_and_a_policy() {
        let names: Vec<_> = records().iter().map(|record| (record.purpose.as_str(), record.names.join(" "))).collect();
        assert_eq!(
            names,
            [
                ("SPF", "mail.example.com".to_owned()),
                ("DKIM", "ed._domainkey.example.com".to_owned()),
                ("DKIM", "rsa._domainkey.example.com".to_owned()),
                ("DMARC", "_dmarc.mail.example.com _dmarc.example.com".to_owned()),
            ]
        );
    }

    #[test]
    fn eml_66_what_stands_in_the_dns_is_judged() {
        let records = records();
        let [spf, ed, _, dmarc] = records.as_slice() else { panic!("{records:?}") };
        let spaced = ed.text.replace("p=", "p = ").replace('/', "/ ");
        for (record, found, expected) in [
            (spf, vec![], "missing"),
            (spf, vec!["google-site-verification=x", "v=spf1 a:relay.example -all"], "good"),
            (spf, vec!["v=spf1 mx -all", "v=spf1 -all"], "wrong"),
            (spf, vec!["v=spf1 +all"], "wrong"),
            (spf, vec!["v=spf10 -all"], "missing"),
            (ed, vec![ed.text.as_str()], "good"),
            (ed, vec![spaced.as_str()], "good"),
            (ed, vec!["v=DKIM1; p=AAAA", ed.text.as_str()], "good"),
            (ed, vec!["v=DKIM1; k=rsa; p=AAAA"], "wrong"),
            (ed, vec!["v=DKIM1; p="], "wrong"),
            (ed, vec!["hello"], "missing"),
            (dmarc, vec!["v=DMARC1; p=reject; rua=mailto:a@example.com"], "good"),
            (dmarc, vec!["v=DMARC1; rua=mailto:a@example.com"], "wrong"),
        ] {
            let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            assert_eq!(record.judge(&found).as_str(), expected, "{found:?}");
        }
    }
}
