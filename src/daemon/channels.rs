//! From the configuration to the options of each channel.

use crate::channel::imap;
use crate::channel::imap::Credentials;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::OnDemand;
use crate::channel::imap::Password;
use crate::channel::oauth::App;
use crate::channel::oauth::TokenSource;
use crate::channel::oauth::Vault;
use crate::channel::smtp_in::Certificate;
use crate::channel::smtp_in::CertificateFault;
use crate::channel::smtp_in::EdgeCheck;
use crate::channel::smtp_in::ListenerOptions;
use crate::channel::smtp_in::Protocol;
use crate::channel::smtp_out;
use crate::channel::smtp_out::ProbeRelays;
use crate::channel::smtp_out::RelayOptions;
use crate::channel::smtp_out::RelayTls;
use crate::channel::smtp_out::RelayTokens;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::mailbox::After;
use crate::config::mailbox::Mailbox;
use crate::config::mailbox::SignIn;
use crate::config::mailbox::Tls;
use crate::config::oauth::OAuth;
use crate::config::relay::Relay;
use crate::config::workspace::Support;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::domain::id::Millis;
use std::sync::Arc;

/// Options of a mail listener; `certificate` is that of `[smtp]`.
///
/// # Errors
/// [`Exit::Config`] when senders cannot be checked.
pub(crate) fn listener(
    config: &Config,
    protocol: Protocol,
    certificate: Option<&Arc<Certificate>>,
) -> Result<ListenerOptions, Failure> {
    let mut options = ListenerOptions::new(protocol, &config.smtp.hostname);
    options.message_bytes_max = usize::try_from(config.limits.message_bytes_max).unwrap_or(usize::MAX);
    options.recipients_max = config.limits.recipients_max;
    options.connections_max = config.limits.mail_connections_max;
    options.connections_per_ip_max = config.limits.mail_connections_per_ip_max;
    options.inflight_bytes_max = config.limits.inflight_bytes_max;
    if protocol == Protocol::Smtp {
        let server = certificate.map(Certificate::server).transpose();
        let refused = |error| Failure::new(Exit::Config, format!("smtp.tls_certificate_file: {error}"));
        options.tls = server.map_err(refused)?.map(Arc::new);
        options.trusted.clone_from(&config.smtp.trusted_networks);
        options.per_sender_per_minute = Some(config.limits.mails_per_sender_per_minute);
        options.proxies.clone_from(&config.smtp.proxy_networks);
        if config.smtp.check_senders {
            let edge = EdgeCheck::new(&config.smtp.hostname, config.smtp.dns, options.trusted.clone());
            let refused = |why| Failure::new(Exit::Config, format!("smtp.check_senders: {why}"));
            options.edge = Some(Arc::new(edge.map_err(refused)?));
        }
    }
    Ok(options)
}

/// The certificate of `[smtp]`, where it has one.
///
/// # Errors
/// [`Exit::Config`] when certificate and key do not work (fault 95).
pub(crate) fn certificate(config: &Config, now: Millis) -> Result<Option<Certificate>, Failure> {
    let Some(files) = &config.smtp.tls else { return Ok(None) };
    let shown = files.certificate.display();
    let refused = |key: &str, what: String| Failure::new(Exit::Config, format!("smtp.{key}: {what}"));
    let chain = std::fs::read(&files.certificate);
    let chain = chain.map_err(|error| refused("tls_certificate_file", format!("{shown}: {error}")))?;
    let read = Certificate::read(&chain, files.key.reveal(), now);
    let certificate = read.map_err(|fault| match fault {
        CertificateFault::Chain(_) => refused("tls_certificate_file", format!("{shown}: {fault}")),
        CertificateFault::Key(_) => refused("tls_key_file", fault.to_string()),
    })?;
    Ok(Some(certificate))
}

/// Options of a relay, for a command that uses it alone.
pub(crate) fn one_relay(relay_of: &Relay, config: &Config) -> RelayOptions {
    relay(relay_of, config, &mailboxes(config))
}

/// Options of a relay; one that signs in as a mailbox shares its access tokens.
pub(crate) fn relay(relay: &Relay, config: &Config, mailboxes: &[MailboxOptions]) -> RelayOptions {
    let tls = match relay.tls {
        Tls::Implicit => RelayTls::Implicit,
        Tls::StartTls => RelayTls::StartTls,
        Tls::None => RelayTls::None,
    };
    let mut options = RelayOptions::new(&relay.name, &relay.host, relay.port, tls, &config.smtp.hostname);
    options.credentials = relay.sign_in.as_ref().map(|(user, password)| {
        smtp_out::Credentials::new(user.clone(), password.reveal_text().unwrap_or_default().to_owned())
    });
    let mailbox = mailboxes.iter().find(|mailbox| relay.mailbox.as_ref() == Some(&mailbox.name));
    options.tokens = mailbox.and_then(|mailbox| match &mailbox.credentials {
        Credentials::OAuth(source) => Some(RelayTokens { user: mailbox.user.clone(), source: source.clone() }),
        Credentials::Password(_) => None,
    });
    options.connections = relay.connections;
    options.rate_per_minute = relay.rate_per_minute;
    options
}

/// The relay of each support address.
pub(crate) fn probe_relays(config: &Config, mailboxes: &[MailboxOptions]) -> ProbeRelays {
    let of = |support: &Support| {
        let named = config.relays.iter().find(|relay| support.relay.as_ref() == Some(&relay.name));
        let found = named.or(config.relays.first())?;
        Some((support.address.clone(), relay(found, config, mailboxes)))
    };
    ProbeRelays::new(config.support.iter().filter_map(of).collect())
}

/// Options of a mailbox.
pub(crate) fn mailbox(mailbox: &Mailbox, config: &Config) -> MailboxOptions {
    let credentials: Credentials = match &mailbox.sign_in {
        SignIn::Password(password) => Password::new(password.reveal_text().unwrap_or_default()).into(),
        SignIn::OAuth(oauth) => token_source(mailbox, oauth, config).into(),
    };
    let mut options = MailboxOptions::new(&mailbox.name, &mailbox.host, &mailbox.user, credentials);
    options.port = mailbox.port;
    options.tls = match mailbox.tls {
        Tls::Implicit => imap::TlsMode::Implicit,
        Tls::StartTls => imap::TlsMode::StartTls,
        Tls::None => imap::TlsMode::None,
    };
    options.folder.clone_from(&mailbox.folder);
    options.after = match &mailbox.after {
        After::Keep => imap::After::Keep,
        After::Seen => imap::After::Seen,
        After::Move(folder) => imap::After::Move(folder.clone()),
        After::Delete => imap::After::Delete,
    };
    options.default_address.clone_from(&mailbox.default_address);
    options.import_existing = mailbox.import_existing;
    options.message_bytes_max = config.limits.message_bytes_max;
    options
}

/// Options of every mailbox. Clones share their access tokens.
pub(crate) fn mailboxes(config: &Config) -> Vec<MailboxOptions> {
    config.mailboxes.iter().map(|each| mailbox(each, config)).collect()
}

/// Where mails are fetched from that are too large to be taken in.
pub(crate) fn large_mail(config: &Config, mailboxes: &[MailboxOptions]) -> OnDemand {
    OnDemand::new(mailboxes, config.limits.fetched_message_bytes_max)
}

/// The access tokens of a mailbox.
pub(crate) fn token_source(mailbox: &Mailbox, oauth: &OAuth, config: &Config) -> TokenSource {
    let app = App {
        client_id: oauth.client_id.clone(),
        client_secret: oauth.client_secret.as_ref().and_then(|secret| secret.reveal_text().map(str::to_owned)),
        scope: oauth.scope.clone(),
        authorize_url: oauth.authorize_url.clone(),
        token_url: oauth.token_url.clone(),
        device_url: oauth.device_url.clone(),
        extra_roots: Vec::new(),
    };
    TokenSource::new(&mailbox.name, app, Vault::new(&config.data_dir, &mailbox.name), Clock::default())
}
