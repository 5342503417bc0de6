//! A folder full of mail read by IMAP to its end, beside a bare client that fetches all bodies from the same server and
//! drops them.

use crate::mails::mails;
use crate::program::Program;
use crate::program::SUPPORT;
use crate::program::directory;
use crate::support::dovecot::Dovecot;
use crate::table::Table;
use crate::table::aimed;
use crate::table::rate;
use deskgate::clock::instant;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::Duration;

/// At most so many times as long as the bare client takes.
const AIM: f64 = 1.5;
/// Longest time for the folder.
const READ_WITHIN: Duration = Duration::from_secs(3_600);

pub fn measure(count: usize) {
    let mut table = Table::new(&["reader", "s", "messages/s", "deskgate / bare"]);
    let Some(dovecot) = Dovecot::start() else {
        table.row(["no Dovecot".to_owned(), String::new(), String::new(), String::new()]);
        return table.print("Catching up by IMAP");
    };
    eprintln!("catch-up: {count} mails in a folder");
    dovecot.put_many("ana", mails(55_000, count).iter().map(|mail| mail.raw().to_vec()));
    // The server makes its own index of the folder first, whoever comes.
    let warm = bare(dovecot.port);
    assert_eq!(warm.1, count);
    let (bare, _) = bare(dovecot.port);
    let ours = daemon(&dovecot, count);
    let row = |name: &str, took: Duration, ratio: String| {
        [name.to_owned(), format!("{:.1}", took.as_secs_f64()), format!("{:.0}", rate(count, took)), ratio]
    };
    table.row(row("bare FETCH of all bodies", bare, String::new()));
    table.row(row(
        "deskgate, stored and in conversations",
        ours,
        aimed(ours.as_secs_f64() / bare.as_secs_f64(), AIM, ""),
    ));
    table.print(&format!("Catching up by IMAP: {count} mails from Dovecot"));
}

/// Fetches every body in one command; how long it took, and how many there were.
fn bare(port: u16) -> (Duration, usize) {
    let mut stream = BufReader::with_capacity(1 << 20, TcpStream::connect(("127.0.0.1", port)).unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let say = |stream: &mut BufReader<TcpStream>, text: &str| stream.get_mut().write_all(text.as_bytes()).unwrap();
    let until = |stream: &mut BufReader<TcpStream>, tag: &str| loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "closed");
        if line.starts_with(tag) {
            assert!(line.contains("OK"), "{line}");
            break;
        }
    };
    say(&mut stream, "a LOGIN ana pw\r\n");
    until(&mut stream, "a ");
    say(&mut stream, "b EXAMINE INBOX\r\n");
    until(&mut stream, "b ");
    let begun = instant();
    say(&mut stream, "c UID FETCH 1:* (BODY.PEEK[])\r\n");
    let mut count = 0;
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "closed");
        if line.starts_with("c ") {
            assert!(line.contains("OK"), "{line}");
            return (begun.elapsed(), count);
        }
        if let Some((_, announced)) = line.trim_end().trim_end_matches('}').rsplit_once('{') {
            body.resize(announced.parse().unwrap(), 0);
            stream.read_exact(&mut body).unwrap();
            count += 1;
        }
    }
}

fn daemon(dovecot: &Dovecot, count: usize) -> Duration {
    let dir = directory();
    let password = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(dir.join("password"));
    password.unwrap().write_all(b"pw").unwrap();
    let more = format!(
        "[[mailbox]]\nname = \"ana\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"ana\"\n\
         password_file = \"password\"\nimport_existing = true\ndefault_address = \"{SUPPORT}\"\n",
        dovecot.port
    );
    let begun = instant();
    let daemon = Program::start_in(dir, &more);
    let until = begun + READ_WITHIN;
    while daemon.metric("intake_total", "channel=\"imap\"") < u64::try_from(count).unwrap() {
        assert!(instant() < until, "the folder was not read to its end");
        thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed()
}
