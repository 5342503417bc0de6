//! A sender that hands over octets as they are and survives whatever the server does.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

/// Longest wait for a reply.
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// A session in which mail can be handed over.
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    /// Connects, reads the greeting and says hello: `LHLO` or `EHLO`. `Err` also when either is refused.
    pub(crate) fn open(to: SocketAddr, hello: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_WITHIN))?;
        stream.set_write_timeout(Some(REPLY_WITHIN))?;
        let mut session = Self { stream: BufReader::new(stream) };
        expect(session.reply()?, "220")?;
        expect(session.say(&format!("{hello} client.example"))?, "250")?;
        Ok(session)
    }

    /// Sends one line; the whole reply.
    pub(crate) fn say(&mut self, line: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Hands one mail over: the reply to its text, or the first refusal before it. `Err` leaves open what became of it.
    pub(crate) fn mail(&mut self, from: &str, to: &str, raw: &[u8]) -> io::Result<String> {
        for (line, expected) in
            [(format!("MAIL FROM:<{from}>"), "250"), (format!("RCPT TO:<{to}>"), "250"), ("DATA".to_owned(), "354")]
        {
            let reply = self.say(&line)?;
            if !reply.starts_with(expected) {
                return Ok(reply);
            }
        }
        self.stream.get_mut().write_all(&stuffed(raw))?;
        self.reply()
    }

    /// The next reply with all its lines.
    fn reply(&mut self) -> io::Result<String> {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("cut off after {reply:?}")));
            }
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(reply);
            }
        }
    }
}

/// Opens a session for one mail.
pub(crate) fn send(to: SocketAddr, hello: &str, from: &str, recipient: &str, raw: &[u8]) -> io::Result<String> {
    Session::open(to, hello)?.mail(from, recipient, raw)
}

fn expect(reply: String, code: &str) -> io::Result<()> {
    if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other(reply)) }
}

/// A dot before every dot that begins a line, and the end of the text; nothing else is changed (RFC 5321 §4.5.2).
fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len() + 16);
    let mut starts_line = true;
    for (at, byte) in raw.iter().enumerate() {
        if starts_line && *byte == b'.' {
            text.push(b'.');
        }
        text.push(*byte);
        starts_line = *byte == b'\n' && at > 0 && raw.get(at - 1) == Some(&b'\r');
    }
    if !starts_line {
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b".\r\n");
    text
}

/// A mail out of a file with the line ends of the wire, and no other CR, as which it would be refused.
pub(crate) fn as_sent(raw: &[u8]) -> Vec<u8> {
    let lines = raw.split(|byte| *byte == b'\n').map(|line| line.iter().copied().filter(|byte| *byte != b'\r'));
    lines.map(Iterator::collect::<Vec<u8>>).collect::<Vec<_>>().join(b"\r\n".as_slice())
}
