//! The sending side against a peer that does what it is told.

mod connections;
mod fake;
#[path = "../../../../tests/it/support/smtp_peer.rs"]
#[allow(dead_code, unreachable_pub, missing_debug_implementations, reason = "shared with tests/it")]
mod smtp_peer;
mod tokens;
mod verdicts;
mod worker;

use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::options::RelayTls;
use crate::channel::smtp_out::tests::smtp_peer::SmtpPeer;
use crate::desk::mail::outbox::OutgoingMail;
use crate::domain::address::Address;
use crate::domain::id::DeliveryId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);
/// Deadline of a command in tests that wait for it.
const SHORT: Duration = Duration::from_millis(400);

/// Options for a peer, with a deadline nobody reaches.
fn relay(peer: &SmtpPeer) -> RelayOptions {
    let mut options = RelayOptions::new("test", "localhost", peer.address.port(), RelayTls::None, "desk.example.com");
    options.host = "127.0.0.1".to_owned();
    options.rate_per_minute = 1_000_000;
    options.timeout = LIMIT;
    options
}

fn mail_with(id: u64, bytes: &[u8]) -> OutgoingMail {
    OutgoingMail {
        delivery: DeliveryId(id),
        reverse_path: Address::parse("bounce@desk.example").unwrap(),
        recipient: Address::parse(&format!("customer{id}@example.com")).unwrap(),
        message_id: format!("{id}@desk.example"),
        bytes: bytes.to_vec(),
    }
}

fn mail(id: u64) -> OutgoingMail {
    mail_with(id, format!("Message-ID: <{id}@desk.example>\r\n\r\nHello\r\n.\r\n..two dots\r\n").as_bytes())
}

/// A certificate for `localhost` and a server that shows it.
fn tls() -> (CertificateDer<'static>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}
