//! A relay that takes everything and keeps nothing but the first mail, and a sender that does as little as can be.

use deskgate::clock::instant;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

#[derive(Default)]
struct Book {
    taken: usize,
    first: Option<(Instant, String)>,
}

/// Listens until the program ends.
pub struct Sink {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::<Mutex<Book>>::default();
        let kept = Arc::clone(&book);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let book = Arc::clone(&kept);
                // A sender that goes away has said what it had to say.
                thread::spawn(move || drop(take(stream, &book)));
            }
        });
        Self { address, book }
    }

    /// Mails so far.
    pub fn taken(&self) -> usize {
        self.book.lock().unwrap().taken
    }

    /// When the first one was there.
    pub fn first_at(&self) -> Instant {
        self.book.lock().unwrap().first.as_ref().unwrap().0
    }

    /// The first one, with its final dot.
    pub fn sample(&self) -> String {
        self.book.lock().unwrap().first.as_ref().unwrap().1.clone()
    }
}

fn take(stream: TcpStream, book: &Mutex<Book>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.get_mut().write_all(b"220 sink.example ESMTP\r\n")?;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if !line.starts_with("DATA") {
            stream.get_mut().write_all(b"250 ok\r\n")?;
            continue;
        }
        stream.get_mut().write_all(b"354 go on\r\n")?;
        let mut text = String::new();
        while !text.ends_with("\r\n.\r\n") {
            if stream.read_line(&mut text)? == 0 {
                return Ok(());
            }
        }
        let mut book = book.lock().unwrap();
        book.taken += 1;
        book.first.get_or_insert_with(|| (instant(), text));
        drop(book);
        stream.get_mut().write_all(b"250 taken\r\n")?;
    }
}

/// Sends the same mail `count` times over so many connections, one transaction each.
pub fn send(to: SocketAddr, connections: usize, count: usize, mail: &str) {
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| send_over_one(to, count / connections, mail).unwrap());
        }
    });
}

fn send_over_one(to: SocketAddr, count: usize, mail: &str) -> io::Result<()> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut answer = String::new();
    stream.read_line(&mut answer)?;
    let mut say = |text: &str| -> io::Result<()> {
        stream.get_mut().write_all(text.as_bytes())?;
        answer.clear();
        stream.read_line(&mut answer).map(drop)
    };
    say("EHLO bench.example\r\n")?;
    for n in 0..count {
        say("MAIL FROM:<support@example.com>\r\n")?;
        say(&format!("RCPT TO:<customer-{n}@example.org>\r\n"))?;
        say("DATA\r\n")?;
        say(mail)?;
    }
    Ok(())
}
