//! STARTTLS with a certificate made for the test.

use super::Client;
use super::Listener;
use crate::channel::smtp_in::Certificate;
use crate::clock::Clock;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// A certificate made now, and a client that trusts it alone.
fn made() -> (Certificate, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["desk.example.com".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let certificate = Certificate::read(chain.as_bytes(), key.as_bytes(), Clock::default().now()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (certificate, TlsConnector::from(Arc::new(client)))
}

/// A listener that shows `certificate`.
async fn showing(certificate: &Arc<Certificate>) -> Listener {
    let server = certificate.server().unwrap();
    Listener::smtp(|options| options.tls = Some(Arc::new(server))).await
}

async fn listener() -> (Listener, TlsConnector) {
    let (certificate, connector) = made();
    (showing(&Arc::new(certificate)).await, connector)
}

/// Greets, asks for TLS and shakes hands.
async fn shaken(listener: &Listener, connector: &TlsConnector) -> std::io::Result<Client> {
    let mut client = listener.client().await;
    client.plays("S: 220\nC: EHLO x\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 2.0.0").await;
    let name = ServerName::try_from("desk.example.com").unwrap();
    let stream = connector.connect(name, client.stream.into_inner()).await?;
    Ok(Client::new(Box::new(stream)))
}

#[tokio::test]
async fn fault_95_a_renewed_certificate_is_shown_to_the_next_who_asks() {
    let (certificate, trusts_old) = made();
    let certificate = Arc::new(certificate);
    let listener = showing(&certificate).await;
    let mut before = shaken(&listener, &trusts_old).await.unwrap();
    let (renewed, trusts_new) = made();
    assert!(shaken(&listener, &trusts_new).await.is_err(), "nobody has renewed it yet");
    certificate.renew(renewed);
    shaken(&listener, &trusts_new).await.unwrap().plays("C: EHLO x\nS: 250 ENHANCEDSTATUSCODES").await;
    assert!(shaken(&listener, &trusts_old).await.is_err(), "the old one is gone");
    before.plays("C: EHLO x\nS: 250 ENHANCEDSTATUSCODES\nC: QUIT\nS: 221\nS|").await;
}

#[tokio::test]
async fn starttls_encrypts_the_session_and_starts_it_over() {
    let (listener, connector) = listener().await;
    let mut client = listener.client().await;
    client.plays("S: 220\nC: EHLO x\nS: 250 STARTTLS\nC: MAIL FROM:<a@b.c>\nS: 250\nC: STARTTLS\nS: 220 2.0.0").await;
    let name = ServerName::try_from("desk.example.com").unwrap();
    let stream = connector.connect(name, client.stream.into_inner()).await.unwrap();
    Client::new(Box::new(stream))
        .plays(
            "C: MAIL FROM:<a@b.c>
             S: 503 5.5.1 Greet first
             C: EHLO x
             S: 250 ENHANCEDSTATUSCODES
             C: STARTTLS
             S: 502 5.5.1
             C: MAIL FROM:<a@b.c>
             C: RCPT TO:<support@example.com>
             C: DATA
             S: 250
             S: 250
             S: 354
             C: secret
             C: .
             S: 250 2.6.0
             C: QUIT
             S: 221
             S|",
        )
        .await;
    assert_eq!(listener.taken(), [b"secret\r\n".to_vec()]);
}

#[tokio::test]
async fn fault_05_plain_text_behind_starttls_is_thrown_away() {
    let (listener, _) = listener().await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 250
             C: STARTTLS
             C: MAIL FROM:<evil@example.org>
             C: RCPT TO:<support@example.com>
             C: NOOP
             S: 503 5.5.1
             S|",
        )
        .await;
}

#[tokio::test]
async fn a_failed_handshake_ends_the_connection_and_nothing_else() {
    let (listener, _) = listener().await;
    let mut client = listener.client().await;
    client.plays("S: 220\nC: EHLO x\nS: 250\nC: STARTTLS\nS: 220").await;
    client.send(b"MAIL FROM:<a@b.c>\r\n").await;
    listener.plays("S: 220\nC: EHLO x\nS: 250\nC: QUIT\nS: 221\nS|").await;
    drop(client);
    assert!(listener.drained().await.arrivals.lock().unwrap().is_empty());
}
