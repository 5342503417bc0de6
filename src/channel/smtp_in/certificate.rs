//! The certificate that STARTTLS shows, which can be renewed while mail comes in.
//!
//! **Invariant:** a certificate is shown only with its own key and only if it counted when it was read; while a new one is
//! refused the old one goes on.

use crate::domain::id::Millis;
use rustls::CertificateError;
use rustls::Error;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

/// A certificate chain with its key, as it is shown now.
#[derive(Debug)]
pub struct Certificate {
    shown: RwLock<Arc<CertifiedKey>>,
}

/// Why a certificate is of no use: which of the two files, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// The chain.
    Chain(String),
    /// The key.
    Key(String),
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(what) => write!(f, "the certificate {what}"),
            Self::Key(what) => write!(f, "the key {what}"),
        }
    }
}

impl std::error::Error for CertificateFault {}

impl Certificate {
    /// Reads both from PEM; our own certificate is the first of the chain.
    ///
    /// # Errors
    /// When one of them cannot be read, they do not belong together, or the certificate does not count at `now`.
    pub fn read(chain: &[u8], key: &[u8], now: Millis) -> Result<Self, CertificateFault> {
        let unreadable = |error: &dyn fmt::Display| CertificateFault::Chain(format!("cannot be read: {error}"));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| unreadable(&error))?;
        let Some(own) = chain.first() else {
            return Err(CertificateFault::Chain("file holds no certificate".to_owned()));
        };
        counts(own, now)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| CertificateFault::Key(error.to_string()))?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(_) => CertificateFault::Key("is not the one of the certificate".to_owned()),
            other => unreadable(&other),
        })?;
        Ok(Self { shown: RwLock::new(Arc::new(certified)) })
    }

    /// Shows another one to those who connect from now on.
    pub fn renew(&self, new: Self) {
        let new = new.shown.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// A server that shows it.
    ///
    /// # Errors
    /// When the TLS library has no protocol version for it.
    pub fn server(self: &Arc<Self>) -> Result<ServerConfig, Error> {
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(config.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Whether a certificate counts now. Who made it is nobody's question here: senders of mail do not ask (RFC 7672 §1.3),
/// so anything else that a client would find fault with is let be.
fn counts(own: &CertificateDer<'static>, now: Millis) -> Result<(), CertificateFault> {
    let unreadable = |error: &dyn fmt::Display| CertificateFault::Chain(format!("cannot be read: {error}"));
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).map_err(|error| unreadable(&error))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let verifier = verifier.map_err(|error| unreadable(&error))?;
    let anybody = ServerName::IpAddress(std::net::IpAddr::from([0, 0, 0, 0]).into());
    let at = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
    match verifier.verify_server_cert(own, &[], &anybody, &[], at) {
        Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => Err(
            CertificateFault::Chain("has expired; renew it, or take its two keys away to go without TLS".to_owned()),
        ),
        Err(Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) => {
            Err(CertificateFault::Chain("does not count yet; is this machine's clock right?".to_owned()))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::CertificateParams;
    use rcgen::KeyPair;

    fn made(days: std::ops::Range<u8>) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["desk.example.com".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, days.start);
        params.not_after = rcgen::date_time_ymd(2026, 1, days.end);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    /// A time of January 2026.
    fn january(day: u64) -> Millis {
        Millis(1_767_225_600_000 + (day - 1) * 86_400_000)
    }

    #[test]
    fn fault_95_a_certificate_counts_in_its_time_and_with_its_key_alone() {
        let (chain, key) = made(10..20);
        let (_, other) = made(10..20);
        let read = |chain: &str, key: &str, day| {
            Certificate::read(chain.as_bytes(), key.as_bytes(), january(day)).map_err(|fault| fault.to_string())
        };
        read(&chain, &key, 15).unwrap();
        for (chain, key, day, why) in [
            (&chain, &key, 9, "the certificate does not count yet"),
            (&chain, &key, 21, "the certificate has expired"),
            (&chain, &other, 15, "the key is not the one of the certificate"),
            (&key, &key, 15, "the certificate file holds no certificate"),
            (&chain, &chain, 15, "the key "),
        ] {
            let found = read(chain, key, day).unwrap_err();
            assert!(found.starts_with(why), "{found}");
        }
    }
}
