//! Links to hosted forms (FRM-7): signed, bound to card, contact and address, good for 30 days.
//!
//! A token is `card ++ contact ++ expiry ++ hash of the address` (64-bit big-endian each) and the HMAC-SHA256 (RFC 2104) of
//! a label and those, in base64url without padding.
//!
//! **Invariant:** whoever has a token may read and fill that one form in the name of that contact, and nothing else.

use crate::domain::address::Address;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use data_encoding::BASE64URL_NOPAD;
use ring::digest;
use ring::hmac;
use std::fmt;

/// How long a link is good, in seconds (FRM-7).
const GOOD_FOR_S: u64 = 30 * 24 * 3_600;
const CLAIMS_BYTES: usize = 32;
const LABEL: &[u8] = b"deskgate 1 form\0";

/// Makes and reads the links.
pub(crate) struct FormLinks {
    key: hmac::Key,
}

impl fmt::Debug for FormLinks {
    /// Never shows key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormLinks").finish_non_exhaustive()
    }
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormClaims {
    pub(crate) card: PartId,
    pub(crate) contact: ContactId,
    /// Of the address it was mailed to.
    address_hash: u64,
}

impl FormClaims {
    /// Whether the link went to this address, so that following it proves the address.
    pub(crate) fn went_to(&self, address: Option<&Address>) -> bool {
        address.is_some_and(|address| hash_of(address) == self.address_hash)
    }
}

impl FormLinks {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// A token for the form of that card, mailed to `address`.
    pub(crate) fn token(&self, card: PartId, contact: ContactId, address: &Address, now: Millis) -> String {
        let expires_at_s = now.seconds().saturating_add(GOOD_FOR_S);
        let mut token = Vec::with_capacity(2 * CLAIMS_BYTES);
        for number in [card.0, contact.0, expires_at_s, hash_of(address)] {
            token.extend_from_slice(&number.to_be_bytes());
        }
        let mac = hmac::sign(&self.key, &labelled(&token));
        token.extend_from_slice(mac.as_ref());
        BASE64URL_NOPAD.encode(&token)
    }

    /// What a token stands for; `None` when it is forged, broken or expired.
    pub(crate) fn read(&self, token: &str, now: Millis) -> Option<FormClaims> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (claims, mac) = bytes.split_at_checked(CLAIMS_BYTES)?;
        // Compares in constant time.
        hmac::verify(&self.key, &labelled(claims), mac).ok()?;
        let mut numbers = claims.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes));
        let (card, contact) = (PartId(numbers.next()?), ContactId(numbers.next()?));
        let (expires_at_s, address_hash) = (numbers.next()?, numbers.next()?);
        (now.seconds() < expires_at_s).then_some(FormClaims { card, contact, address_hash })
    }
}

/// The label keeps a MAC made for something else from passing here.
fn labelled(claims: &[u8]) -> Vec<u8> {
    [LABEL, claims].concat()
}

fn hash_of(address: &Address) -> u64 {
    let hash = digest::digest(&digest::SHA256, address.to_string().as_bytes());
    hash.as_ref().first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_225_600_000);

    #[test]
    fn frm_7_a_link_opens_one_form_for_30_days_and_knows_its_address() {
        let links = FormLinks::new(&[7; 32]);
        let ana = Address::parse("ana@example.com").unwrap();
        let token = links.token(PartId(3), ContactId(4), &ana, NOW);
        let claims = links.read(&token, NOW).unwrap();
        assert_eq!((claims.card, claims.contact), (PartId(3), ContactId(4)));
        assert!(claims.went_to(Some(&ana)) && !claims.went_to(None));
        assert!(!claims.went_to(Address::parse("ben@example.com").as_ref()));
        assert!(links.read(&token, Millis(NOW.0 + GOOD_FOR_S * 1_000 - 1)).is_some());
        assert_eq!(links.read(&token, Millis(NOW.0 + GOOD_FOR_S * 1_000)), None, "expired");
        assert_eq!(FormLinks::new(&[8; 32]).read(&token, NOW), None, "another key");
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(links.read(std::str::from_utf8(&forged).unwrap(), NOW), None, "character {at} changed");
        }
        for broken in ["", "A", "../x", &format!("{token}AAAA")] {
            assert_eq!(links.read(broken, NOW), None, "{broken:?}");
        }
    }
}
