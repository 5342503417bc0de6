//! A connection before its user is known: greeting, STARTTLS, sign-in.
//!
//! **Invariant:** nothing is sent that the server could take for more than one argument: control characters in user or
//! password are refused here.

use crate::channel::imap::client::Client;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::error::SIGN_IN;
use crate::channel::imap::guard::Duplex;
use crate::channel::imap::guard::Guard;
use crate::channel::imap::options::MailboxOptions;
use crate::channel::imap::sieve::Wanted;
use async_imap::Authenticator;
use async_imap::imap_proto::Response;
use async_imap::imap_proto::Status;
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The last words on a connection; the tag is none of `async-imap`'s.
pub(super) const GOODBYE: &str = "dz LOGOUT\r\n";

/// A connection whose greeting was read.
#[derive(Debug)]
pub(super) struct Greeted {
    imap: async_imap::Client<Guard>,
    verb_timeout: Duration,
}

impl Greeted {
    /// On a connection whose greeting was read before TLS.
    pub(super) fn new(stream: Box<dyn Duplex>, options: &MailboxOptions, drain: &CancellationToken) -> Self {
        let imap = async_imap::Client::new(Guard::new(stream, drain));
        Self { imap, verb_timeout: options.verb_timeout() }
    }

    /// On a fresh connection, after the greeting.
    pub(super) async fn greeted(
        stream: Box<dyn Duplex>,
        options: &MailboxOptions,
        drain: &CancellationToken,
    ) -> Result<Self, ImapError> {
        let mut this = Self::new(stream, options, drain);
        this.begin("greeting", Wanted::Greeting);
        let Ok(Some(greeting)) = this.imap.read_response().await else { return Err(this.imap.get_mut().ended()) };
        match greeting.parsed() {
            Response::Data { status: Status::Ok, .. } => Ok(this),
            Response::Data { status: Status::PreAuth, .. } => {
                Err(ImapError::Unsafe("the server greets with PREAUTH, which skips the protected sign-in"))
            }
            _ => Err(ImapError::Garbled { step: "greeting", text: "no greeting".to_owned() }),
        }
    }

    fn begin(&mut self, step: &'static str, wanted: Wanted) {
        let verb_timeout = self.verb_timeout;
        self.imap.get_mut().begin(step, verb_timeout, wanted);
    }

    async fn simple(&mut self, step: &'static str, line: &str) -> Result<(), ImapError> {
        self.begin(step, Wanted::Nothing);
        let answer = self.imap.run_command_and_check_ok(line, None).await;
        self.imap.get_mut().concluded(answer)
    }

    /// Asks for TLS and gives the connection back for the handshake.
    pub(super) async fn start_tls(mut self) -> Result<Box<dyn Duplex>, ImapError> {
        self.simple("STARTTLS", "STARTTLS").await?;
        self.imap.into_inner().into_stream()
    }

    /// Signs in, with LOGIN where that is possible and AUTHENTICATE PLAIN (RFC 4616) otherwise, then learns what the
    /// server can do. Says goodbye where that fails.
    pub(super) async fn sign_in(mut self, options: &MailboxOptions) -> Result<Client, ImapError> {
        let by_sasl = match self.choose_sasl(options).await {
            Ok(by_sasl) => by_sasl,
            Err(error) => {
                self.imap.get_mut().say_goodbye(GOODBYE).await;
                return Err(error);
            }
        };
        self.begin(SIGN_IN, Wanted::Nothing);
        self.imap.get_mut().heard_mut().capabilities.clear();
        let (user, password) = (options.user.as_str(), options.password.reveal());
        let answer = if by_sasl {
            self.imap.authenticate("PLAIN", Plain(format!("\0{user}\0{password}"))).await
        } else {
            self.imap.login(user, password).await
        };
        let mut client = match answer {
            Ok(mut session) => {
                session.get_mut().concluded(Ok(()))?;
                Client::new(session, self.verb_timeout)
            }
            Err((error, mut imap)) => {
                let refused = imap.get_mut().concluded(Err::<Infallible, _>(error));
                imap.get_mut().say_goodbye(GOODBYE).await;
                return refused.map(|never| match never {});
            }
        };
        match client.settle_in().await {
            Ok(()) => Ok(client),
            Err(error) => {
                client.close().await;
                Err(error)
            }
        }
    }

    /// Whether to sign in by AUTHENTICATE PLAIN, after what the server says it can do.
    async fn choose_sasl(&mut self, options: &MailboxOptions) -> Result<bool, ImapError> {
        self.simple("CAPABILITY", "CAPABILITY").await?;
        let (user, password) = (options.user.as_str(), options.password.reveal());
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(ImapError::Unsafe("user or password holds control characters"));
        }
        let capabilities = &self.imap.get_ref().heard().capabilities;
        let offers_plain = capabilities.contains("AUTH=PLAIN");
        if capabilities.contains("LOGINDISABLED") && !offers_plain {
            return Err(ImapError::Unsafe("the server offers neither LOGIN nor AUTH=PLAIN on this connection"));
        }
        let is_ascii = user.is_ascii() && password.is_ascii();
        Ok(capabilities.contains("LOGINDISABLED") || (!is_ascii && offers_plain))
    }
}

/// SASL PLAIN (RFC 4616): one answer, whatever the challenge.
struct Plain(String);

impl Authenticator for Plain {
    type Response = Vec<u8>;

    fn process(&mut self, _challenge: &[u8]) -> Self::Response {
        self.0.as_bytes().to_vec()
    }
}
