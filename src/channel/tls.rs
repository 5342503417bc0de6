//! What the servers we connect to are known by: the system's certificates, and further ones for tests.

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// A client's side of TLS. The certificates are read anew each time, so that renewed ones count without a restart.
///
/// # Errors
/// When nothing can be trusted, in words.
pub(crate) async fn client_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, String> {
    let read = tokio::task::spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(extra_roots);
        roots
    });
    let roots = read.await.map_err(|error| error.to_string())?;
    if roots.is_empty() {
        return Err("no trusted certificates on this system".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
