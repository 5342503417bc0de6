//! The same mails indexed by mu and by notmuch from a Maildir, and taken in by the daemon over LMTP with its index of words
//! made to the end: messages per second of CPU time.

use crate::lmtp::feed;
use crate::machine;
use crate::mails::Mail;
use crate::mails::mails;
use crate::program::Program;
use crate::program::directory;
use crate::table::Table;
use crate::table::median;
use crate::table::rate;
use deskgate::clock::instant;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// The more mails come at once, the fewer commits they take; the indexers take all mails in one go.
const SESSIONS: [usize; 2] = [10, 50];
/// Longest wait for the index of words.
const WORDS_WITHIN: Duration = Duration::from_secs(600);
/// How many times as many mails per CPU second as these are aimed at.
const AIMS: [(&str, f64); 2] = [("mu", 2.0), ("notmuch", 5.0)];

pub fn measure(count: usize, rounds: usize) {
    let mut ours = SESSIONS.map(|_| Vec::new());
    let mut peers: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        eprintln!("peers: round {} of {rounds}", round + 1);
        let mails = mails(7_000 + u64::try_from(round).unwrap(), count);
        for (figures, sessions) in ours.iter_mut().zip(SESSIONS) {
            figures.push(daemon(&mails, sessions));
        }
        let room = directory();
        let maildir = maildir(&room, &mails);
        for (figures, index) in peers.iter_mut().zip([mu, notmuch]) {
            figures.extend(index(&room, &maildir).map(|cpu| rate(count, cpu)));
        }
    }
    let ours = ours.map(median);
    let mut table =
        Table::new(&["system", "messages per CPU second", "deskgate over 10 sessions / it", "over 50 sessions / it"]);
    for (own, sessions) in ours.iter().zip(SESSIONS) {
        let name = format!("deskgate, LMTP over {sessions} sessions, commits, words");
        table.row([name, format!("{own:.0}"), String::new(), String::new()]);
    }
    for ((name, aim), figures) in AIMS.into_iter().zip(peers) {
        if figures.is_empty() {
            table.row([name.to_owned(), "not installed".to_owned(), String::new(), String::new()]);
            continue;
        }
        let figure = median(figures);
        let [few, many] = ours.map(|own| {
            let ratio = own / figure;
            let verdict = if ratio >= aim { "met" } else { "missed" };
            format!("{ratio:.2}, {verdict} ({aim:.0})")
        });
        table.row([name.to_owned(), format!("{figure:.0}"), few, many]);
    }
    table.print(&format!("Beside mail indexers: {count} mails, median of {rounds} runs"));
}

fn daemon(mails: &[Mail], sessions: usize) -> f64 {
    let daemon = Program::start();
    let admin = daemon.admin();
    let before = daemon.cpu_time();
    feed(daemon.address("lmtp"), mails, sessions);
    let until = instant() + WORDS_WITHIN;
    while admin.get("/api/search?q=invoice&per_page=1")["index"]["lag"] != 0 {
        assert!(instant() < until, "the index of words does not come to an end");
        thread::sleep(Duration::from_millis(100));
    }
    rate(mails.len(), daemon.cpu_time().saturating_sub(before))
}

/// The mails as files of a Maildir.
fn maildir(room: &Path, mails: &[Mail]) -> std::path::PathBuf {
    let maildir = room.join("Maildir");
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    for (n, mail) in mails.iter().enumerate() {
        fs::write(maildir.join("cur").join(format!("{}.M{n}P1.host:2,S", 1_700_000_000 + n)), mail.raw()).unwrap();
    }
    maildir
}

fn mu(room: &Path, maildir: &Path) -> Option<Duration> {
    let home = room.join("mu");
    let of = |verb: &str| {
        let mut command = Command::new("mu");
        command.arg(verb).arg(format!("--muhome={}", home.display()));
        command
    };
    run(of("init").arg(format!("--maildir={}", maildir.display())))?;
    run(of("index").arg("--nocolor"))
}

fn notmuch(room: &Path, maildir: &Path) -> Option<Duration> {
    let config = room.join("notmuch-config");
    let text = format!(
        "[database]\npath={}\n[user]\nname=Bench\nprimary_email=bench@example.com\n[new]\ntags=unread\n[search]\n",
        maildir.display()
    );
    fs::write(&config, text).unwrap();
    run(Command::new("notmuch").arg("new").env("NOTMUCH_CONFIG", &config))
}

/// CPU time of a program that must do; `None` where it is not installed.
fn run(command: &mut Command) -> Option<Duration> {
    let before = machine::cpu_time_of_children();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    assert!(status.success(), "{command:?}: {status}");
    Some(machine::cpu_time_of_children().saturating_sub(before))
}
