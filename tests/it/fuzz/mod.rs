//! Parsers of what comes from outside, fed with real mail that was damaged at random: whatever comes, they end, say something
//! lawful and lose nothing.
//!
//! Each target is a function of some octets that panics where a promise is broken. Every seed goes in as it is, then
//! `DESKGATE_TEST_FUZZ` damaged ones (500 unless told otherwise; set it to millions for a night). What breaks a target is kept
//! as a file whose name is told; put below `tests/fixtures/mail` it is a seed from then on.

mod damage;
mod smtp;
mod targets;

use crate::support::setting;
use damage::Damage;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;

/// Seeds and damaged inputs are cut here, so that a run has an end.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Every file below `tests/fixtures/mail` whose path has one of the words.
fn seeds(words: &[&str]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail"), &mut files);
    files.sort();
    let is_meant = |path: &PathBuf| words.iter().any(|word| path.to_string_lossy().contains(word));
    let read = |path: &PathBuf| {
        let mut octets = fs::read(path).unwrap();
        octets.truncate(INPUT_BYTES_MAX);
        octets
    };
    files.iter().filter(|path| is_meant(path)).map(read).collect()
}

fn below(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, files) } else { files.push(path) }
    }
}

/// Feeds the seeds to the target, and then damaged ones.
fn run(name: &str, seeds: &[Vec<u8>], words: &[&str], target: impl Fn(&[u8])) {
    assert!(seeds.len() > 5, "{name}: {} seeds", seeds.len());
    let mut damage = Damage::new(setting::seed(name), words);
    let damaged = (0..setting::number("DESKGATE_TEST_FUZZ", 500)).map(|_| damage.one_of(seeds, INPUT_BYTES_MAX));
    for input in seeds.iter().cloned().chain(damaged) {
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
            fs::write(&kept, &input).unwrap();
            panic!("{name}: a promise is broken by {}", kept.display());
        }
    }
}

#[test]
fn a_damaged_mail_is_read_and_what_is_shown_of_it_is_clean() {
    let words = [
        "Content-Type: ",
        "multipart/mixed; boundary=",
        "=?utf-8?b?",
        "?=",
        "message/rfc822",
        "base64",
        "\r\n\r\n",
        "--",
    ];
    run("message", &seeds(&["parse", "helpdesk", "threads"]), &words, targets::message);
}

#[test]
fn eml_50_no_line_of_a_damaged_text_is_lost() {
    let words =
        ["\nOn 1 Feb 2021, Ana <ana@example.com> wrote:\n", "\n> ", "\n-- \n", "\n____\n", "\nFrom: ", "```", "\u{a0}"];
    run("reply", &seeds(&["reply"]), &words, targets::reply);
}

#[test]
fn eml_52_damaged_html_stays_inert() {
    let words = [
        "<script>",
        "</",
        " onerror=",
        "<svg><style>",
        "javascript:",
        "<!--",
        "-->",
        "&#106;",
        "<base href=",
        "<table><td>",
    ];
    run("sanitiser", &seeds(&["html", "parse", "helpdesk"]), &words, targets::sanitiser);
}

#[test]
fn eml_20_a_damaged_report_names_addresses_or_nobody() {
    let words =
        ["Final-Recipient: rfc822; ", "Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 ", "\n\n", "<>"];
    run("report", &seeds(&["bounce"]), &words, targets::report);
}

#[test]
fn eml_7_a_damaged_session_gets_lawful_replies_and_no_smuggled_line() {
    let words = [
        "\r\n.\r\n",
        "\n.\n",
        "\r.\r",
        "\r\n.\0\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "MAIL FROM:<",
        "RCPT TO:<",
        "BDAT 1",
        "SIZE=9",
    ];
    let sessions: Vec<Vec<u8>> = seeds(&["parse"]).iter().map(|mail| smtp::session(mail)).collect();
    let server = smtp::Server::start();
    run("smtp", &sessions, &words, |octets| server.talk(octets));
}
