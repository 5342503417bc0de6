//! Keys that messenger tokens are checked by (MSG-11).
//!
//! **Invariant:** a key has one algorithm, fixed when it is read; a token cannot choose another for it.

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use std::fmt;

/// Shortest shared secret taken, in bytes; HS256 is no stronger than its secret (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 16;

/// Which algorithm a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A shared secret.
    Hs256,
    /// An RSA public key in PEM.
    Rs256,
    /// A P-256 public key in PEM.
    Es256,
}

/// A key of the configuration.
#[derive(Clone)]
pub struct IdentityKey {
    kid: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

impl fmt::Debug for IdentityKey {
    /// Never shows key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl IdentityKey {
    /// Reads a key.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn read(kind: KeyKind, kid: Option<String>, bytes: &[u8]) -> Result<Self, String> {
        let read = match kind {
            KeyKind::Hs256 if bytes.len() < SECRET_BYTES_MIN => {
                return Err(format!("a shared secret has at least {SECRET_BYTES_MIN} bytes"));
            }
            KeyKind::Hs256 => Ok((Algorithm::HS256, DecodingKey::from_secret(bytes))),
            KeyKind::Rs256 => DecodingKey::from_rsa_pem(bytes).map(|key| (Algorithm::RS256, key)),
            KeyKind::Es256 => DecodingKey::from_ec_pem(bytes).map(|key| (Algorithm::ES256, key)),
        };
        let (algorithm, decoding) =
            read.map_err(|error| format!("no public key in PEM for this algorithm: {error}"))?;
        Ok(Self { kid, algorithm, decoding })
    }

    /// Whether a token that names this `kid`, or none, may be checked by it.
    pub(crate) fn answers_to(&self, kid: Option<&str>) -> bool {
        match (kid, &self.kid) {
            (Some(named), Some(own)) => named == own,
            (Some(_), None) | (None, _) => true,
        }
    }
}
