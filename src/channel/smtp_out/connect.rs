//! From a host name to a connection that takes mail: TCP, TLS or STARTTLS, greeting, EHLO, sign-in.
//!
//! RFC 5321 §3.1 and §4.1.1.1, RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 4954 (AUTH).
//!
//! **Invariant:** a relay that is to be reached by TLS is never spoken to in clear beyond STARTTLS, and nothing it said
//! in clear is believed; credentials leave this host only inside TLS.

use crate::channel::oauth::Bearer;
use crate::channel::smtp_out::fault::Fault;
use crate::channel::smtp_out::offers::Offers;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::options::RelayTls;
use crate::channel::smtp_out::options::RelayTokens;
use crate::channel::smtp_out::reply::Reply;
use crate::channel::smtp_out::token;
use crate::channel::smtp_out::wire::Duplex;
use crate::channel::smtp_out::wire::Wire;
use crate::channel::smtp_out::wire::within;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::commands::Ehlo;
use lettre::transport::smtp::commands::Quit;
use lettre::transport::smtp::commands::Rset;
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Category;
use lettre::transport::smtp::response::Code;
use lettre::transport::smtp::response::Detail;
use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::response::Severity;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// A connection is closed after so many messages; some relays count.
const MAILS_MAX: u32 = 100;
/// A connection that was idle for so long is closed; the relay closes it soon after.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(30);
/// A relay that spoke so long ago is taken to be there.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// Longest wait for the relay's farewell.
const FAREWELL_WAIT: Duration = Duration::from_secs(1);
/// Questions of one sign-in; LOGIN has two.
const CHALLENGES_MAX: usize = 3;

/// A connection that takes mail.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Commands out, replies in.
    pub(crate) wire: Wire,
    /// What the relay offers.
    pub(crate) offers: Offers,
    mails: u32,
    idle_since: Instant,
    /// The last mail was taken: nothing of it is left in the relay's mind.
    clear: bool,
}

impl Connection {
    /// Counts a transaction; `clear` when the relay took its mail.
    pub(crate) fn rest(&mut self, clear: bool) {
        self.clear = clear;
        self.mails = self.mails.saturating_add(1);
        self.idle_since = Instant::now();
    }

    /// When it has to be closed.
    pub(crate) fn idle_until(&self) -> Instant {
        self.idle_since.checked_add(IDLE_MAX).unwrap_or(self.idle_since)
    }

    /// Whether another message may be tried on it at all.
    pub(crate) fn is_worn(&self) -> bool {
        self.mails >= MAILS_MAX || self.idle_until() <= Instant::now()
    }

    /// Clears the relay's mind (RSET) unless it is clear and was just heard; `None` if the connection turned out to be dead.
    pub(crate) async fn cleared(mut self, wait: Duration) -> Option<Self> {
        if self.clear && self.idle_since.elapsed() < HEARD_WITHIN {
            return Some(self);
        }
        let reply = self.wire.command("RSET", &Rset.to_string(), wait).await.ok()?;
        (reply.class() == 2).then_some(self)
    }

    /// Says goodbye; best effort.
    pub(crate) async fn quit(mut self) {
        if let Err(fault) = self.wire.command("QUIT", &Quit.to_string(), FAREWELL_WAIT).await {
            tracing::debug!(%fault, "relay left without its goodbye");
        }
    }
}

/// The steps of connecting that were taken, with what came of each.
pub(crate) type Steps = Vec<(String, Result<String, String>)>;

/// Connects and signs in; a second time with a new access token where the relay refuses the one that was kept.
pub(crate) async fn connect(options: &RelayOptions, steps: &mut Steps) -> Result<Connection, Fault> {
    match connect_once(options, steps).await {
        Err(Fault::StaleToken(reply)) => {
            tracing::debug!(relay = options.name, %reply, "a new access token is asked for");
            steps.clear();
            connect_once(options, steps).await
        }
        done => done,
    }
}

async fn connect_once(options: &RelayOptions, steps: &mut Steps) -> Result<Connection, Fault> {
    let mut dial = Dial { options, steps };
    let bearer = match &options.tokens {
        Some(tokens) => Some((tokens, dial.bearer(tokens).await?)),
        None => None,
    };
    let tcp = dial.tcp().await?;
    let loopback = tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let (wire, offers) = match options.tls {
        RelayTls::None => dial.greeted(Box::new(tcp)).await?,
        RelayTls::Implicit => {
            let tls = dial.tls(Box::new(tcp)).await?;
            dial.greeted(tls).await?
        }
        RelayTls::StartTls => {
            let (clear, offers) = dial.greeted(Box::new(tcp)).await?;
            let clear = dial.start_tls(clear, &offers).await?;
            let tls = dial.tls(clear).await?;
            let mut wire = Wire::new(tls);
            let offers = dial.ehlo(&mut wire).await?;
            (wire, offers)
        }
    };
    let mut connection = Connection { wire, offers, mails: 0, idle_since: Instant::now(), clear: true };
    let protected = options.tls != RelayTls::None || loopback;
    if let Some((tokens, bearer)) = &bearer {
        dial.sign_in_by_token(&mut connection, tokens, bearer, protected).await?;
    } else if let Some(credentials) = &options.credentials {
        dial.sign_in(&mut connection, credentials, protected).await?;
    }
    Ok(connection)
}

struct Dial<'a> {
    options: &'a RelayOptions,
    steps: &'a mut Steps,
}

impl Dial<'_> {
    /// Notes what came of a step.
    fn note<T>(&mut self, step: &str, done: Result<T, Fault>, shown: impl FnOnce(&T) -> String) -> Result<T, Fault> {
        let noted = done.as_ref().map(shown).map_err(ToString::to_string);
        self.steps.push((step.to_owned(), noted));
        done
    }

    async fn tcp(&mut self) -> Result<TcpStream, Fault> {
        let target = (self.options.host.as_str(), self.options.port);
        let opened = async {
            let tcp = TcpStream::connect(target).await?;
            tcp.set_nodelay(true)?;
            Ok(tcp)
        };
        let opened = within("connect", self.options.step_wait(), async {
            opened.await.map_err(|source| Fault::Io { step: "connect", source })
        });
        let done = opened.await;
        self.note("connect", done, |tcp| tcp.peer_addr().map(|peer| peer.to_string()).unwrap_or_default())
    }

    async fn tls(&mut self, stream: Box<dyn Duplex>) -> Result<Box<dyn Duplex>, Fault> {
        let options = self.options;
        let opened = within("TLS", options.step_wait(), open_tls(stream, options)).await;
        let (stream, shown) = self.note("TLS", opened, |(_, shown)| shown.clone())?;
        tracing::debug!(relay = options.name, tls = shown, "relay connection protected");
        Ok(stream)
    }

    /// The greeting, and EHLO after it.
    async fn greeted(&mut self, stream: Box<dyn Duplex>) -> Result<(Wire, Offers), Fault> {
        let mut wire = Wire::new(stream);
        let greeting = wire.reply("greeting", self.options.step_wait()).await;
        let greeting = greeting.and_then(|reply| expect("greeting", 220, reply));
        self.note("greeting", greeting, Reply::to_string)?;
        let offers = self.ehlo(&mut wire).await?;
        Ok((wire, offers))
    }

    async fn ehlo(&mut self, wire: &mut Wire) -> Result<Offers, Fault> {
        let ehlo = Ehlo::new(ClientId::Domain(self.options.hello_name.clone())).to_string();
        let reply = wire.command("EHLO", &ehlo, self.options.step_wait()).await;
        let reply = reply.and_then(|reply| expect("EHLO", 250, reply));
        let reply = self.note("EHLO", reply, Reply::to_string)?;
        Ok(Offers::read(&reply))
    }

    async fn start_tls(&mut self, mut wire: Wire, offers: &Offers) -> Result<Box<dyn Duplex>, Fault> {
        let asked = if offers.start_tls {
            let reply = wire.command("STARTTLS", &Starttls.to_string(), self.options.step_wait()).await;
            reply.and_then(|reply| expect("STARTTLS", 220, reply))
        } else {
            let host = &self.options.host;
            Err(Fault::Unfit(format!("{host} does not offer STARTTLS; mail is not sent to it in clear")))
        };
        self.note("STARTTLS", asked, Reply::to_string)?;
        wire.into_stream()
    }

    async fn bearer(&mut self, tokens: &RelayTokens) -> Result<Bearer, Fault> {
        let asked = token::bearer(tokens).await;
        self.note(token::ACCESS_TOKEN, asked, |bearer| {
            if bearer.is_fresh { "given just now".to_owned() } else { "still good".to_owned() }
        })
    }

    async fn sign_in_by_token(
        &mut self,
        connection: &mut Connection,
        tokens: &RelayTokens,
        bearer: &Bearer,
        protected: bool,
    ) -> Result<(), Fault> {
        let signed_in = if protected {
            token::sign_in(connection, tokens, bearer, self.options.step_wait()).await
        } else {
            let host = &self.options.host;
            Err(Fault::Unfit(format!("the connection to {host} is not protected; the token is not sent over it")))
        };
        self.note("sign in", signed_in, Reply::to_string).map(|_| ())
    }

    async fn sign_in(&mut self, connection: &mut Connection, who: &Credentials, protected: bool) -> Result<(), Fault> {
        let signed_in = if protected {
            authenticate(connection, who, self.options.step_wait()).await
        } else {
            let host = &self.options.host;
            Err(Fault::Unfit(format!("the connection to {host} is not protected; the password is not sent over it")))
        };
        self.note("sign in", signed_in, Reply::to_string).map(|_| ())
    }
}

fn expect(step: &'static str, code: u16, reply: Reply) -> Result<Reply, Fault> {
    if reply.code() == code { Ok(reply) } else { Err(Fault::Refused { step, reply }) }
}

/// AUTH PLAIN or LOGIN (RFC 4954 §4). The lines hold the password: they are never logged.
async fn authenticate(connection: &mut Connection, who: &Credentials, wait: Duration) -> Result<Reply, Fault> {
    let Some(mechanism) = connection.offers.auth.first().copied() else {
        return Err(Fault::Unfit("the relay offers neither AUTH PLAIN nor AUTH LOGIN here".to_owned()));
    };
    let line = Auth::new(mechanism, who.clone(), None).map_err(|error| Fault::Unfit(error.to_string()))?;
    let mut reply = connection.wire.command("sign in", &line.to_string(), wait).await?;
    for _ in 0..CHALLENGES_MAX {
        if reply.code() != 334 {
            break;
        }
        let line = answer(mechanism, who, &reply)?;
        reply = connection.wire.command("sign in", &line.to_string(), wait).await?;
    }
    expect("sign in", 235, reply)
}

fn answer(mechanism: Mechanism, who: &Credentials, question: &Reply) -> Result<Auth, Fault> {
    let code = Code::new(Severity::PositiveIntermediate, Category::Unspecified3, Detail::Four);
    let question = Response::new(code, question.lines().to_vec());
    Auth::new_from_response(mechanism, who.clone(), &question).map_err(|_| Fault::Garbled {
        step: "sign in",
        what: "the relay asks for something else than name and password",
    })
}

async fn open_tls(stream: Box<dyn Duplex>, options: &RelayOptions) -> Result<(Box<dyn Duplex>, String), Fault> {
    let name = ServerName::try_from(options.host.clone()).map_err(|e| Fault::Tls(e.to_string()))?;
    let config = tls_config(options.extra_roots.clone()).await?;
    let tls = TlsConnector::from(config).connect(name, stream).await.map_err(|e| Fault::Tls(e.to_string()))?;
    let version = tls.get_ref().1.protocol_version();
    let shown = version.map(|version| format!("{version:?}")).unwrap_or_default();
    Ok((Box::new(tls), shown))
}

/// The system's certificates are read at every connect, so that renewed ones count without a restart.
async fn tls_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, Fault> {
    let read = tokio::task::spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(extra_roots);
        roots
    });
    let roots = read.await.map_err(|e| Fault::Tls(e.to_string()))?;
    if roots.is_empty() {
        return Err(Fault::Tls("no trusted certificates on this system".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::Tls(e.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
