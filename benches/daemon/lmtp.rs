//! The client that feeds mail: so many LMTP sessions, each with the next mail that nobody has taken.
//!
//! MAIL, RCPT and DATA go in one write (RFC 2920), as Postfix sends them. A session hands its next mail over when the
//! last one was acknowledged.

use crate::mails::Mail;
use crate::program::SUPPORT;
use deskgate::clock::instant;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Hands all mails over; how long it took from the first MAIL to the last acknowledgement.
pub fn feed(to: SocketAddr, mails: &[Mail], sessions: usize) -> Duration {
    let next = AtomicUsize::new(0);
    let begin = Barrier::new(sessions + 1);
    thread::scope(|scope| {
        let session = || {
            let mut session = Session::open(to);
            begin.wait();
            while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
                session.hand_over(mail);
            }
        };
        let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(session)).collect();
        begin.wait();
        let begun = instant();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        begun.elapsed()
    })
}

struct Session {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Session {
    fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut session = Self { stream: BufReader::new(stream), line: String::new() };
        session.expect("220");
        session.send(b"LHLO bench.example\r\n");
        session.expect("250");
        session
    }

    fn hand_over(&mut self, mail: &Mail) {
        let envelope = format!("MAIL FROM:<{}>\r\nRCPT TO:<{SUPPORT}>\r\nDATA\r\n", mail.from);
        self.send(envelope.as_bytes());
        self.expect("250");
        self.expect("250");
        self.expect("354");
        self.send(mail.wire());
        self.expect("250");
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    fn expect(&mut self, code: &str) {
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line).unwrap();
            assert!(self.line.starts_with(code), "{code} expected: {:?}", self.line);
            if self.line.as_bytes().get(3) != Some(&b'-') {
                return;
            }
        }
    }
}
