//! Signatures of a body (WHK-2).
//!
//! `X-Hub-Signature` is made with the newest secret; while two are live, `X-Hub-Signature-Previous` is made with the one
//! before it. `X-Deskgate-Signature` has one `v1` for each live secret and covers the time, so that a body that was heard
//! once cannot be sent again later.

use crate::domain::id::Millis;
use crate::domain::webhook::SigningSecret;
use data_encoding::HEXLOWER;
use ring::hmac;

/// The header fields that sign `body` at `now` with every live secret, the newest first.
pub(crate) fn signatures(live: &[SigningSecret], body: &[u8], now: Millis) -> Vec<(&'static str, String)> {
    let names = ["x-hub-signature", "x-hub-signature-previous"];
    let mut fields: Vec<_> =
        names.into_iter().zip(live).map(|(name, secret)| (name, format!("sha1={}", sha1(secret, body)))).collect();
    let timed = [now.seconds().to_string().as_bytes(), b".", body].concat();
    let each = live.iter().map(|secret| format!(",v1={}", sha256(secret, &timed)));
    fields.push(("x-deskgate-signature", format!("t={}{}", now.seconds(), each.collect::<String>())));
    fields
}

fn sha1(secret: &SigningSecret, text: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.0.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, text).as_ref())
}

fn sha256(secret: &SigningSecret, text: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, text).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whk_2_both_algorithms_agree_with_known_vectors() {
        // RFC 2202 §3 case 2, RFC 4231 §4.3.
        let jefe = SigningSecret("Jefe".to_owned());
        let said = b"what do ya want for nothing?";
        assert_eq!(sha1(&jefe, said), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(sha256(&jefe, said), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
