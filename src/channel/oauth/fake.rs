//! A token server for tests: it gives another refresh token at every refresh, and fails as it is told to.

use crate::channel::oauth::App;
use crate::channel::oauth::TokenSource;
use crate::channel::oauth::Vault;
use crate::channel::oauth::request::query_value;
use crate::clock::Clock;
use crate::domain::webhook_url::WebhookUrl;
use data_encoding::BASE64URL_NOPAD;
use ring::digest;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// What the server does with one request for tokens instead of answering.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Gives the tokens.
    Answer,
    /// Gives the tokens, and the connection breaks before anybody hears of them.
    LoseAnswer,
    /// Fails before it looked at anything.
    Fail(u16),
    /// Refuses with this error.
    Refuse(&'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The refresh token that is good, and the one before it.
    pub(crate) good: String,
    pub(crate) before: String,
    /// Whether the one before is taken, too, as some servers do for a while.
    pub(crate) forgives: bool,
    /// Every access token that was given, in order.
    pub(crate) given: Vec<String>,
    pub(crate) lives_s: u64,
    pub(crate) acts: VecDeque<Act>,
    /// Bodies of the requests.
    pub(crate) heard: Vec<String>,
    /// `code_challenge` of the consent under way.
    pub(crate) challenge: String,
}

#[derive(Clone, Debug)]
pub(crate) struct TokenServer {
    pub(crate) book: Arc<Mutex<Book>>,
    port: u16,
}

impl TokenServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let book = Book { good: "consent".to_owned(), lives_s: 3_600, ..Book::default() };
        let server = Self { book: Arc::new(Mutex::new(book)), port };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move { drop(server.serve(stream).await) });
            }
        });
        server
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.book.lock().unwrap())
    }

    /// The application of the tests at this server.
    pub(crate) fn app(&self) -> App {
        let url = |path: &str| WebhookUrl::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap();
        App {
            client_id: "app".to_owned(),
            client_secret: Some("hush".to_owned()),
            scope: "mail offline_access".to_owned(),
            authorize_url: format!("http://127.0.0.1:{}/authorize", self.port),
            token_url: url("/token"),
            device_url: Some(url("/device")),
            extra_roots: Vec::new(),
        }
    }

    /// Tokens of `mailbox` in `dir`.
    pub(crate) fn source(&self, dir: &Path, mailbox: &str) -> TokenSource {
        TokenSource::new(mailbox, self.app(), Vault::new(dir, mailbox), Clock::default())
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut first, mut length) = (String::new(), 0);
        stream.read_line(&mut first).await?;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body).unwrap();
        if let Some((status, json)) = self.change(|book| answer(book, &first, &body)) {
            let text = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{json}", json.len());
            stream.get_mut().write_all(text.as_bytes()).await?;
        }
        Ok(())
    }
}

fn answer(book: &mut Book, first: &str, body: &str) -> Option<(u16, String)> {
    book.heard.push(body.to_owned());
    if first.starts_with("POST /device") {
        let json = r#"{"device_code":"dev","user_code":"ABCD-EFGH","verification_uri":"https://id.example.com/device","interval":0}"#;
        return Some((200, json.to_owned()));
    }
    let refused = |error: &str| Some((400, format!(r#"{{"error":"{error}","error_description":"no"}}"#)));
    let act = book.acts.pop_front().unwrap_or(Act::Answer);
    match act {
        Act::Fail(status) => return Some((status, "busy".to_owned())),
        Act::Refuse(error) => return refused(error),
        Act::Answer | Act::LoseAnswer => {}
    }
    let field = |name: &str| query_value(body, name).unwrap_or_default();
    let is_good = match field("grant_type").as_str() {
        "refresh_token" => {
            let shown = field("refresh_token");
            shown == book.good || (book.forgives && shown == book.before)
        }
        "authorization_code" => {
            let challenge = digest::digest(&digest::SHA256, field("code_verifier").as_bytes());
            field("code") == "yes" && BASE64URL_NOPAD.encode(challenge.as_ref()) == book.challenge
        }
        _ => field("device_code") == "dev",
    };
    if !is_good || field("client_id") != "app" || field("client_secret") != "hush" {
        return refused("invalid_grant");
    }
    let number = book.given.len() + 1;
    book.before = std::mem::replace(&mut book.good, format!("refresh-{number}"));
    book.given.push(format!("access-{number}"));
    let json = format!(
        r#"{{"access_token":"access-{number}","refresh_token":"refresh-{number}","token_type":"Bearer","expires_in":{}}}"#,
        book.lives_s
    );
    matches!(act, Act::Answer).then_some((200, json))
}
