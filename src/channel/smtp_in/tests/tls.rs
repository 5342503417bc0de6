//! STARTTLS with a certificate made for the test.

use super::Client;
use super::Listener;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// A listener with TLS, and a client configuration that trusts it.
async fn listener() -> (Listener, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["desk.example.com".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = Listener::smtp(|options| options.tls = Some(Arc::new(server))).await;
    (listener, TlsConnector::from(Arc::new(client)))
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
