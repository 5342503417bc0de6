//! A mail client that says what it must and no more.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

/// A connection to a mail listener.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Self { stream: BufReader::new(stream) };
        let greeting = client.reply();
        assert!(greeting.starts_with("220"), "{greeting}");
        client
    }

    /// Sends one line; the whole reply.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// The next reply with all its lines; empty when the connection ended.
    pub(crate) fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Sends the text of a mail and the end of it; the reply.
    pub(crate) fn text(&mut self, raw: &str) -> String {
        let crlf = raw.replace("\r\n", "\n").replace('\n', "\r\n");
        let stuffed =
            crlf.split("\r\n").map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() });
        let mut text = stuffed.collect::<Vec<_>>().join("\r\n");
        if !text.ends_with("\r\n") {
            text.push_str("\r\n");
        }
        text.push_str(".\r\n");
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
        self.reply()
    }
}

/// Hands one mail over; the reply to its text, or the first refusal.
pub(crate) fn send(to: SocketAddr, hello: &str, from: &str, recipient: &str, raw: &str) -> String {
    let mut client = Client::connect(to);
    for (line, expected) in [
        (format!("{hello} client.example"), "250"),
        (format!("MAIL FROM:<{from}>"), "250"),
        (format!("RCPT TO:<{recipient}>"), "250"),
        ("DATA".to_owned(), "354"),
    ] {
        let reply = client.say(&line);
        if !reply.starts_with(expected) {
            return reply;
        }
    }
    let reply = client.text(raw);
    client.say("QUIT");
    reply
}

/// A plain mail.
pub(crate) fn mail(from: &str, subject: &str, message_id: &str, body: &str) -> String {
    format!(
        "From: {from}\nTo: support@example.com\nSubject: {subject}\nMessage-ID: <{message_id}>\n\
         Date: Mon, 5 Jan 2026 10:00:00 +0000\n\n{body}\n"
    )
}
