//! DKIM signatures on outgoing mail (EML-66, RFC 6376, RFC 8463).
//!
//! The library that signs puts the time of signing into the signature from the system's clock; nothing here decides by it.
//!
//! **Invariant:** what is signed is byte for byte what goes to the relay, with the signature's own field before it; a mail
//! of a domain without a key goes out unsigned and unchanged. Keys never show in `Debug`.

use crate::domain::address::Address;
use data_encoding::BASE64;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::crypto::RsaKey;
use mail_auth::common::crypto::Sha256;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use mail_auth::dkim::Done;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::sync::Arc;

/// Fields that are signed; those that are not there cannot be added later (RFC 6376 §5.4.2).
const SIGNED: [&str; 18] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Sender",
    "Resent-From",
    "Resent-To",
];

enum Key {
    Rsa(DkimSigner<RsaKey<Sha256>, Done>),
    Ed25519(DkimSigner<Ed25519Key, Done>),
}

/// One key of one domain.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
    /// What stands in the DNS for it.
    published: String,
}

/// The record by which a signature is checked (RFC 6376 §3.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// `SELECTOR._domainkey.DOMAIN`.
    pub name: String,
    /// Text of the TXT record.
    pub text: String,
}

impl fmt::Debug for Signer {
    /// Never shows key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.key {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        };
        write!(f, "Signer({}._domainkey.{}, {algorithm})", self.selector, self.domain)
    }
}

impl Signer {
    /// The signer of a domain; `pem` holds an RSA key (PKCS#1 or PKCS#8) or an Ed25519 key (PKCS#8).
    ///
    /// # Errors
    /// A sentence on what is wrong with the key.
    pub fn new(domain: &str, selector: &str, pem: &[u8]) -> Result<Self, String> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|error| format!("is no private key in PEM: {error}"))?;
        let domain = domain.to_ascii_lowercase();
        let ed25519 = match &der {
            PrivateKeyDer::Pkcs8(der) => Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der()).ok(),
            _ => None,
        };
        let (published, key) = match ed25519 {
            Some(key) => {
                let public = BASE64.encode(&key.public_key());
                let signer = DkimSigner::from_key(key).domain(domain.as_str()).selector(selector).headers(SIGNED);
                (format!("v=DKIM1; k=ed25519; p={public}"), Key::Ed25519(signer))
            }
            None => {
                let key = RsaKey::<Sha256>::from_key_der(der).map_err(|error| {
                    format!("is neither an RSA key of 2048 to 4096 bits nor an Ed25519 key: {error}")
                })?;
                let public = BASE64.encode(&subject_public_key_info(&key.public_key()));
                let signer = DkimSigner::from_key(key).domain(domain.as_str()).selector(selector).headers(SIGNED);
                (format!("v=DKIM1; k=rsa; p={public}"), Key::Rsa(signer))
            }
        };
        Ok(Self { domain, selector: selector.to_owned(), key, published })
    }

    /// Whether its signature aligns with that domain (RFC 7489 §3.1.1, relaxed).
    fn aligns_with(&self, domain: &str) -> bool {
        domain.strip_suffix(self.domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    fn field(&self, message: &[u8]) -> Result<String, String> {
        let signature = match &self.key {
            Key::Rsa(signer) => signer.sign(message),
            Key::Ed25519(signer) => signer.sign(message),
        };
        signature.map(|signature| signature.to_header()).map_err(|error| format!("{self:?}: {error}"))
    }
}

/// Every key there is. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Signers(Arc<Vec<Signer>>);

impl Signers {
    /// These keys.
    #[must_use]
    pub fn new(signers: Vec<Signer>) -> Self {
        Self(Arc::new(signers))
    }

    /// The keys that sign mail from there, as they should stand in the DNS.
    #[must_use]
    pub fn public_keys(&self, from: &Address) -> Vec<PublicKey> {
        let of = |signer: &Signer| PublicKey {
            name: format!("{}._domainkey.{}", signer.selector, signer.domain),
            text: signer.published.clone(),
        };
        self.of(from).map(of).collect()
    }

    /// The keys of the very domain, or of the nearest one above it that has any.
    fn of(&self, from: &Address) -> impl Iterator<Item = &Signer> {
        let domain = from.domain().to_ascii_lowercase();
        let aligned = self.0.iter().filter(move |signer| signer.aligns_with(&domain));
        let nearest = aligned.clone().map(|signer| signer.domain.len()).max();
        aligned.filter(move |signer| Some(signer.domain.len()) == nearest)
    }

    /// The message with a signature of every key of the sender's domain before it; without a key of the very domain, of the
    /// nearest one above it.
    ///
    /// # Errors
    /// A sentence; nothing may go out then, since a domain whose mail is signed may have told others to trust no other.
    pub fn sign(&self, from: &Address, message: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut signers = self.of(from).peekable();
        if signers.peek().is_none() {
            return Ok(message);
        }
        let mut signed = Vec::with_capacity(message.len().saturating_add(1_024));
        for signer in signers {
            signed.extend_from_slice(signer.field(&message)?.as_bytes());
        }
        signed.extend_from_slice(&message);
        Ok(signed)
    }
}

/// An RSA key as receivers expect it (RFC 5280 §4.1.2.7): the algorithm's name before the key itself.
fn subject_public_key_info(rsa: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    // No bit of the last octet is unused.
    let key = [&[0], rsa].concat();
    der(0x30, &[&RSA_ENCRYPTION[..], &der(3, &key)].concat())
}

/// One value in DER (X.690 §8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut value = vec![tag];
    if content.len() > 127 {
        value.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
    }
    value.extend(if length.is_empty() { vec![0] } else { length });
    value.extend_from_slice(content);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &[u8] = include_bytes!("../../../tests/fixtures/dkim/rsa.pem");
    const ED25519: &[u8] = include_bytes!("../../../tests/fixtures/dkim/ed25519.pem");
    const MAIL: &[u8] = b"From: a@mail.example.com\r\nTo: b@example.org\r\nSubject: x\r\n\r\nhello\r\n";

    fn tags<'m>(mail: &'m str, tag: &str) -> Vec<&'m str> {
        mail.split("; ").filter_map(|field| field.strip_prefix(tag)).collect()
    }

    #[test]
    fn eml_66_mail_is_signed_by_the_keys_of_its_domain_and_no_other() {
        let signers = Signers::new(vec![
            Signer::new("Example.com", "rsa", RSA).unwrap(),
            Signer::new("example.com", "ed", ED25519).unwrap(),
            Signer::new("other.example", "x", ED25519).unwrap(),
        ]);
        let from = |text: &str| Address::parse(text).unwrap();
        let signed = String::from_utf8(signers.sign(&from("a@mail.example.com"), MAIL.to_vec()).unwrap()).unwrap();
        assert!(signed.as_bytes().ends_with(MAIL), "{signed}");
        assert_eq!(tags(&signed, "s="), ["rsa", "ed"]);
        assert_eq!(tags(&signed, "d="), ["example.com", "example.com"]);
        for stranger in ["a@example.org", "a@notexample.com", "a@com"] {
            assert_eq!(signers.sign(&from(stranger), MAIL.to_vec()).unwrap(), MAIL, "{stranger}");
        }
    }

    #[test]
    fn eml_66_the_nearest_domain_signs() {
        let signers = Signers::new(vec![
            Signer::new("example.com", "up", ED25519).unwrap(),
            Signer::new("mail.example.com", "near", ED25519).unwrap(),
        ]);
        let from = Address::parse("a@mail.example.com").unwrap();
        let signed = String::from_utf8(signers.sign(&from, MAIL.to_vec()).unwrap()).unwrap();
        assert_eq!(tags(&signed, "s="), ["near"]);
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_sentence_and_keys_do_not_show() {
        for bad in [&b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"[..], b"", b"secret"] {
            assert!(Signer::new("example.com", "s", bad).is_err());
        }
        let signer = Signer::new("example.com", "s", RSA).unwrap();
        assert_eq!(format!("{signer:?}"), "Signer(s._domainkey.example.com, rsa-sha256)");
    }
}
