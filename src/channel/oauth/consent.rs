//! A person says yes, once: with a code typed in on any device, or in a browser that comes back to this machine.
//!
//! **Invariant:** a code is taken only with the `state` of this consent, unless the person pasted it in by hand; its
//! exchange proves with PKCE that we asked for it (RFC 7636). The listener is on loopback, answers one path, and ends.

use crate::channel::oauth::answer::Denied;
use crate::channel::oauth::answer::ask_for_tokens;
use crate::channel::oauth::answer::read;
use crate::channel::oauth::request::form;
use crate::channel::oauth::request::post_form;
use crate::channel::oauth::request::query_value;
use crate::channel::oauth::source::TokenSource;
use data_encoding::BASE64URL_NOPAD;
use ring::digest;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

/// Longest a person is waited for, whatever the provider says.
const PERSON_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Between two questions where the provider says nothing (RFC 8628 §3.2), and what `slow_down` adds (§3.5).
const POLL_S_DEFAULT: u64 = 5;
const SLOW_DOWN_S: u64 = 5;
/// Longest pause that a provider may ask for.
const POLL_S_MAX: u64 = 120;
/// Of a browser's request, so much is read, and for so long.
const REQUEST_BYTES_MAX: u64 = 16 * 1_024;
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Consent by device code (RFC 8628): a person types a code in on any device.
#[derive(Debug)]
pub struct DeviceConsent<'a> {
    source: &'a TokenSource,
    device_code: String,
    /// Where the person goes.
    pub verification_uri: String,
    /// What the person types in there.
    pub user_code: String,
    ends_at: Instant,
    poll_s: u64,
}

#[derive(Deserialize)]
struct DeviceCode {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: Option<u64>,
    interval: Option<u64>,
}

impl<'a> DeviceConsent<'a> {
    /// Asks for a code.
    ///
    /// # Errors
    /// In words.
    pub async fn begin(source: &'a TokenSource) -> Result<Self, String> {
        let app = source.app();
        let url = app.device_url.as_ref().ok_or("the provider has no device codes")?;
        let mut fields = app.named();
        fields.push(("scope", app.scope.clone()));
        let answered = post_form(url, &fields, &app.extra_roots).await?;
        let code: DeviceCode = read(answered).map_err(|denied| denied.words())?;
        let lives = code.expires_in.map_or(PERSON_WITHIN, Duration::from_secs).min(PERSON_WITHIN);
        Ok(Self {
            source,
            device_code: code.device_code,
            verification_uri: code.verification_uri,
            user_code: code.user_code,
            ends_at: Instant::now() + lives,
            poll_s: code.interval.unwrap_or(POLL_S_DEFAULT).min(POLL_S_MAX),
        })
    }

    /// Waits for the person, and keeps the tokens.
    ///
    /// # Errors
    /// In words, when the person refused, the code ran out, or the tokens cannot be kept.
    pub async fn finish(mut self) -> Result<(), String> {
        loop {
            sleep(Duration::from_secs(self.poll_s)).await;
            if Instant::now() >= self.ends_at {
                return Err("the code ran out before anybody used it".to_owned());
            }
            let fields = vec![("grant_type", DEVICE_GRANT.to_owned()), ("device_code", self.device_code.clone())];
            match ask_for_tokens(self.source.app(), fields).await {
                Ok(tokens) => return self.source.consented(tokens).await,
                Err(Denied::Refused { error, .. }) if error == "authorization_pending" => {}
                Err(Denied::Refused { error, .. }) if error == "slow_down" => {
                    self.poll_s = self.poll_s.saturating_add(SLOW_DOWN_S).min(POLL_S_MAX);
                }
                // A connection that failed is no answer of the person's (RFC 8628 §3.5).
                Err(Denied::Passing(why)) => tracing::debug!(why, "asked in vain"),
                Err(refused) => return Err(refused.words()),
            }
        }
    }
}

/// Consent by authorisation code: a browser comes back to this machine, or the person pastes where it went.
#[derive(Debug)]
pub struct CodeConsent<'a> {
    source: &'a TokenSource,
    listener: TcpListener,
    redirect_uri: String,
    state: String,
    verifier: String,
}

impl<'a> CodeConsent<'a> {
    /// Listens for the browser on loopback (RFC 8252 §7.3).
    ///
    /// # Errors
    /// In words.
    pub async fn begin(source: &'a TokenSource) -> Result<Self, String> {
        let bound = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = bound.map_err(|error| format!("cannot listen on loopback: {error}"))?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let redirect_uri = format!("http://127.0.0.1:{port}/");
        Ok(Self { source, listener, redirect_uri, state: random_text()?, verifier: random_text()? })
    }

    /// The page where the person says yes.
    #[must_use]
    pub fn url(&self) -> String {
        let app = self.source.app();
        let challenge = digest::digest(&digest::SHA256, self.verifier.as_bytes());
        let query = form(&[
            ("client_id", app.client_id.clone()),
            ("response_type", "code".to_owned()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("scope", app.scope.clone()),
            ("state", self.state.clone()),
            ("code_challenge", BASE64URL_NOPAD.encode(challenge.as_ref())),
            ("code_challenge_method", "S256".to_owned()),
            // Google gives a refresh token only then, and a second time only to who is asked again.
            ("access_type", "offline".to_owned()),
            ("prompt", "consent".to_owned()),
        ]);
        let joint = if app.authorize_url.contains('?') { '&' } else { '?' };
        format!("{}{joint}{query}", app.authorize_url)
    }

    /// Waits until the browser comes back, or for the next line of `pasted`, and keeps the tokens.
    ///
    /// # Errors
    /// In words, when the person refused or nobody came, or the tokens cannot be kept.
    pub async fn finish(self, pasted: impl Future<Output = Option<String>>) -> Result<(), String> {
        let by_hand = async {
            match pasted.await {
                Some(line) => self.code_of_line(&line),
                // Nobody types here; the browser may still come.
                None => std::future::pending().await,
            }
        };
        let code = timeout(PERSON_WITHIN, async {
            tokio::select! {
                code = self.browser_comes() => code,
                code = by_hand => code,
            }
        });
        let code = code.await.map_err(|_| "nobody came in time".to_owned())??;
        let fields = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", self.redirect_uri.clone()),
            ("code_verifier", self.verifier.clone()),
        ];
        let tokens = ask_for_tokens(self.source.app(), fields).await.map_err(|denied| denied.words())?;
        self.source.consented(tokens).await
    }

    async fn browser_comes(&self) -> Result<String, String> {
        loop {
            let (stream, _) = self.listener.accept().await.map_err(|error| error.to_string())?;
            // One that says nothing must not keep the browser waiting for ever.
            match timeout(REQUEST_WITHIN, self.answer(stream)).await {
                Ok(Ok(Some(code))) => return code,
                Ok(Ok(None)) | Err(_) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a visitor went away"),
            }
        }
    }

    /// Answers one request; `None` for one that is not of this consent.
    async fn answer(&self, stream: TcpStream) -> io::Result<Option<Result<String, String>>> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        (&mut stream).take(REQUEST_BYTES_MAX).read_line(&mut line).await?;
        let path = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let query = path.strip_prefix("/?").unwrap_or_default();
        let came = self.code_of_query(query);
        let (status, words) = match &came {
            None => ("404 Not Found", "Nothing is here."),
            Some(Ok(_)) => ("200 OK", "Thank you. You may close this page and look at the terminal."),
            Some(Err(_)) => ("200 OK", "That did not work. The terminal says why."),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{words}",
            words.len()
        );
        stream.get_mut().write_all(answer.as_bytes()).await?;
        stream.get_mut().shutdown().await?;
        Ok(came)
    }

    /// The code in a query with our `state`.
    fn code_of_query(&self, query: &str) -> Option<Result<String, String>> {
        if query_value(query, "state").as_ref() != Some(&self.state) {
            return None;
        }
        if let Some(error) = query_value(query, "error") {
            return Some(Err(crate::mail::clean::line(&error, 200)));
        }
        query_value(query, "code").map(Ok)
    }

    /// The code in what a person pasted: the address the browser went to, or the bare code.
    fn code_of_line(&self, line: &str) -> Result<String, String> {
        let line = line.trim();
        match line.split_once('?') {
            Some((_, query)) => self
                .code_of_query(query)
                .unwrap_or_else(|| Err("that address belongs to another attempt; begin again".to_owned())),
            None if line.is_empty() => Err("no code was given".to_owned()),
            None => Ok(line.to_owned()),
        }
    }
}

/// 256 bits, as text that every URL takes.
fn random_text() -> Result<String, String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "no randomness from the system".to_owned())?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}
