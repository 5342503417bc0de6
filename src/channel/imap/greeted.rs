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
use crate::channel::imap::proof::Mechanism;
use crate::channel::imap::proof::Proof;
use crate::channel::imap::sieve::Wanted;
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

    /// Signs in, with LOGIN where that is possible, then learns what the server can do. Says goodbye where that fails.
    pub(super) async fn sign_in(mut self, options: &MailboxOptions, proof: &Proof<'_>) -> Result<Client, ImapError> {
        let mechanism = match self.choose(options, proof).await {
            Ok(mechanism) => mechanism,
            Err(error) => {
                self.imap.get_mut().say_goodbye(GOODBYE).await;
                return Err(error);
            }
        };
        let by_token = matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer);
        self.begin(SIGN_IN, if by_token { Wanted::TokenChallenges } else { Wanted::Nothing });
        self.imap.get_mut().heard_mut().capabilities.clear();
        let answer = match (mechanism, proof) {
            (Mechanism::Login, Proof::Password(password)) => self.imap.login(&options.user, password).await,
            _ => self.imap.authenticate(mechanism.name(), proof.answers(mechanism, options)).await,
        };
        let mut client = match answer {
            Ok(mut session) => {
                session.get_mut().concluded(Ok(()))?;
                Client::new(session, self.verb_timeout)
            }
            Err((error, mut imap)) => {
                let refused = imap.get_mut().concluded(Err::<Infallible, _>(error));
                imap.get_mut().say_goodbye(GOODBYE).await;
                return match refused {
                    Ok(never) => match never {},
                    Err(refusal) => Err(proof.judge(refusal).await),
                };
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

    /// The mechanism of the sign-in, after what the server says it can do.
    async fn choose(&mut self, options: &MailboxOptions, proof: &Proof<'_>) -> Result<Mechanism, ImapError> {
        self.simple("CAPABILITY", "CAPABILITY").await?;
        proof.mechanism(&options.user, &self.imap.get_ref().heard().capabilities)
    }
}
