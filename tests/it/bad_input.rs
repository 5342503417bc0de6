//! Mail that no honest program writes, through the real doors (FAULTS §5): always an answer, never a crash, never a loss.

use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::raw_mail;
use crate::support::raw_mail::Session;
use crate::support::smtp_client::mail;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

const FROM: &str = "customer@example.net";

/// What the daemon must make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Taken: a part of a conversation, or in quarantine.
    Taken,
    /// Refused for good, with this reply.
    Refused(&'static str),
}

use Fate::Refused;
use Fate::Taken;

/// A header section that is sound but for the field that is given, and a body.
fn with(field: &str, body: &str) -> Vec<u8> {
    let field = if field.is_empty() { String::new() } else { format!("{field}\r\n") };
    format!("From: Ana <{FROM}>\r\nTo: {SUPPORT}\r\nSubject: Bad\r\n{field}\r\n{body}\r\n").into_bytes()
}

/// So many multiparts in each other.
fn nested(depth: usize) -> Vec<u8> {
    let levels: String =
        (0..depth).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    format!("From: {FROM}\r\nSubject: nested\r\n{levels}\r\ntext\r\n").into_bytes()
}

fn base64_part(data: &str) -> Vec<u8> {
    with(
        &format!("Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\nX-N: {}", data.len()),
        data,
    )
}

/// `door` is in what must be unique.
fn table(door: &str) -> Vec<(&'static str, Vec<u8>, Fate)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let references: String = (0..10_000).map(|n| format!("\r\n <{n}@example.net>")).collect();
    let few_references: String = (0..2_500).map(|n| format!("\r\n <{n}@example.net>")).collect();
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n";
    vec![
        ("nothing at all", text(""), Taken),
        ("blank lines", text("\r\n\r\n\r\n"), Taken),
        ("no header", text("\r\nOnly a body, and that is all\r\n"), Taken),
        ("no colon anywhere", text("Hello there\r\nHow are you\r\n\r\ntext\r\n"), Taken),
        ("a header without a body", text("From: ana@example.net\r\nSubject: no body\r\n"), Taken),
        ("no sender", text("To: support@example.com\r\nSubject: no sender\r\n\r\ntext\r\n"), Taken),
        ("an empty sender", text("From: <>\r\nSubject: empty sender\r\n\r\ntext\r\n"), Taken),
        ("a group as sender", text("From: friends: ana@example.net, bo@example.net;\r\n\r\ntext group\r\n"), Taken),
        ("two senders", text("From: a@example.net\r\nFrom: b@example.net\r\nSubject: two\r\n\r\ntext\r\n"), Taken),
        ("two Message-IDs", with(&format!("Message-ID: <1@{door}>\r\nMessage-ID: <2@{door}>"), "text"), Taken),
        ("no Message-ID", with("", "without an id"), Taken),
        ("a Message-ID of 10 KB", with(&format!("Message-ID: <{}@x>", "m".repeat(10_000)), "text"), Taken),
        ("a Message-ID that is none", with("Message-ID: not an id", "text"), Taken),
        ("2,500 references", with(&format!("References:{few_references}"), "text"), Taken),
        ("10,000 references", with(&format!("References:{references}"), "text"), Taken),
        ("100,000 fields", with(&"X-A: b\r\n".repeat(100_000), "bomb"), Taken),
        ("a field of 100 KB", with(&format!("X-Long: {}", "a ".repeat(50_000)), "text"), Refused("552")),
        ("100,000 recipients", with(&"To: a@example.net\r\n".repeat(100_000), "text"), Taken),
        ("a line of 100 KB", with("", &"x".repeat(100_000)), Refused("5")),
        ("a line of 60 KB", with("", &"y".repeat(60_000)), Taken),
        ("a bare LF", text("From: ana@example.net\r\n\r\none\ntwo\r\n"), Refused("550 5.6.11")),
        ("a bare CR", text("From: ana@example.net\r\n\r\none\rtwo\r\n"), Refused("550 5.6.11")),
        ("a smuggled end", text("From: ana@example.net\r\n\r\none\n.\r\nMAIL FROM:<x@y>\r\n"), Refused("550 5.6.11")),
        ("NULs in the body", with("", "one\0two\0"), Taken),
        ("a NUL in the subject", text("From: ana@example.net\r\nSubject: a\0b\r\n\r\ntext of a NUL\r\n"), Taken),
        ("an unknown charset", with("Content-Type: text/plain; charset=klingon", "caf\u{e9} klingon"), Taken),
        ("octets that are no UTF-8", [with("", "latin ").as_slice(), b"\xe9\xff\xfe\r\n"].concat(), Taken),
        (
            "8-bit fields",
            [b"From: J\xf6rg <j@example.net>\r\nSubject: \xe4\r\n\r\n8bit\r\n".as_slice()].concat(),
            Taken,
        ),
        ("UTF-7", with("Content-Type: text/html; charset=utf-7", "+ADw-script+AD4-alert(1)"), Taken),
        ("UTF-16 by name alone", with("Content-Type: text/plain; charset=utf-16", "not sixteen"), Taken),
        ("a boundary that never comes", with("Content-Type: multipart/mixed; boundary=never", "text never"), Taken),
        ("a multipart without a boundary", with("Content-Type: multipart/mixed", "text without"), Taken),
        ("an empty boundary", with("Content-Type: multipart/mixed; boundary=\"\"", "--\r\n\r\nempty\r\n----"), Taken),
        ("30 levels", nested(30), Taken),
        ("1,000 levels", nested(1_000), Taken),
        (
            "1,000 mails in mails",
            [b"From: x@example.net\r\n".as_slice(), &b"Content-Type: message/rfc822\r\n\r\n".repeat(1_000)].concat(),
            Taken,
        ),
        ("5,000 parts", with("Content-Type: multipart/mixed; boundary=b", &part.repeat(5_000)), Taken),
        ("broken base64", base64_part("!!!%%%====not base64"), Taken),
        ("broken quoted-printable", with("Content-Transfer-Encoding: quoted-printable", "=ZZ =\u{e4} =4"), Taken),
        ("a body that is only uuencoded", with("", "begin 644 a.txt\r\n#0V%T\r\n`\r\nend"), Taken),
        ("a date that is none", with("Date: Mon, 99 Foo 9999 25:61:61 +9999", "dated"), Taken),
        ("5,000 parameters", with(&format!("Content-Type: text/plain{}", "; a*0=b".repeat(5_000)), "text"), Taken),
        (
            "a name with a line break",
            text("From: =?utf-8?q?Evil=0D=0ABcc:_v@example.net?= <e@example.net>\r\n\r\nevil\r\n"),
            Taken,
        ),
        (
            "a subject of 60 KB",
            with(&format!("X-S: 1\r\nSubject: {}", "=?utf-8?q?=C3=A4?=\r\n ".repeat(2_500)), "folded"),
            Taken,
        ),
        (
            "a file name that climbs",
            with("Content-Disposition: attachment; filename=\"../../etc/passwd\\0.png\"", "root"),
            Taken,
        ),
        ("10,000 open elements", with("Content-Type: text/html", &"<div>\r\n".repeat(10_000)), Taken),
        (
            "HTML that is a trap",
            with("Content-Type: text/html", "<svg><script>alert(1)</script><base href=//x>"),
            Taken,
        ),
        (
            "a forged control field",
            with("X-Deskgate-Thread: 1\r\nAuto-Submitted: x\r\nReturn-Path: <>", "forged"),
            Taken,
        ),
        ("a reply to nobody", with("In-Reply-To: <\r\nReferences: >>><<<", "reply"), Taken),
        (
            "a calendar with HTML",
            with(
                "Content-Type: text/calendar; method=REQUEST",
                "BEGIN:VCALENDAR\r\nDESCRIPTION:<img src=x onerror=alert(1)>",
            ),
            Taken,
        ),
        ("message/partial", with("Content-Type: message/partial; id=x; number=1; total=9", "a piece"), Taken),
    ]
}

/// As it must be kept: a text ends with the end of a line.
fn as_kept(raw: &[u8]) -> Vec<u8> {
    if raw.ends_with(b"\r\n") || raw.is_empty() { raw.to_vec() } else { [raw, b"\r\n"].concat() }
}

/// Everything that is kept, octet for octet: the sources of all parts, and what is in quarantine.
struct Kept {
    sources: BTreeSet<Vec<u8>>,
    /// Octets that are not UTF-8 are replaced.
    quarantined: BTreeSet<String>,
}

impl Kept {
    fn read(gateway: &mut Gateway) -> Self {
        let mut sources = BTreeSet::new();
        let mut after = String::new();
        loop {
            let path = format!("/api/conversations?per_page=150&starting_after={after}");
            let page = gateway.api("GET", &path, None).expect(200);
            for one in page["conversations"].as_array().unwrap() {
                let path = format!("/api/conversations/{}", one["id"].as_str().unwrap());
                let one = gateway.api("GET", &path, None).expect(200);
                let behind = one["conversation_parts"]["conversation_parts"].as_array().unwrap();
                for part in behind.iter().chain([&one["source"]]) {
                    let path = format!("/api/parts/{}/source", part["id"].as_str().unwrap());
                    let source = gateway.api("GET", &path, None);
                    // What happened, such as a merge, came as no mail.
                    if source.status == 404 && part["body"].is_null() {
                        continue;
                    }
                    assert_eq!(source.status, 200, "{path}: {}", source.text());
                    sources.insert(source.body);
                }
            }
            match page["pages"]["next"]["starting_after"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        let rows = gateway.cli_json(&["quarantine", "list", "--limit", "1000"]);
        let show = |id: &str| gateway.cli_json(&["quarantine", "show", id])["raw"].as_str().unwrap().to_owned();
        let quarantined = rows.as_array().unwrap().iter().map(|row| show(&row["id"].to_string())).collect();
        Self { sources, quarantined }
    }

    fn holds(&self, raw: &[u8]) -> bool {
        let kept = as_kept(raw);
        self.sources.contains(&kept) || self.quarantined.contains(&*String::from_utf8_lossy(&kept))
    }
}

/// A sound mail still goes through.
fn is_well(gateway: &Gateway, id: &str) {
    let reply = gateway.smtp(FROM, SUPPORT, &mail(FROM, "Sound", &format!("{id}@example.net"), "Hello"));
    assert!(reply.starts_with("250"), "after {id}: {reply}");
    assert!(gateway.cli(&["trace", &format!("{id}@example.net")]).contains(": part "), "{id}");
    let status = gateway.cli_json(&["status"]);
    assert_eq!(status["restarts"], serde_json::json!({}), "a task fell over: {status}");
}

#[test]
fn p3_p5_bad_mail_is_answered_and_what_is_taken_is_kept_octet_for_octet() {
    let mut gateway = Gateway::start();
    let mut wrong = Vec::new();
    let mut taken = Vec::new();
    for (door, hello) in [("lmtp", "LHLO"), ("smtp", "EHLO")] {
        let to = gateway.address(door);
        for (at, (name, mut raw, fate)) in table(door).into_iter().enumerate() {
            if door == "smtp" {
                // Through the second door it is another mail.
                raw = [format!("X-Door: {door} {at}\r\n").as_bytes(), &raw].concat();
            }
            let expected = match fate {
                Taken => "250",
                Refused(code) => code,
            };
            match raw_mail::send(to, hello, FROM, SUPPORT, &raw) {
                Ok(reply) if reply.starts_with(expected) => {}
                other => wrong.push(format!("{name} by {door}: {other:?}, expected {expected}")),
            }
            if fate == Taken {
                taken.push((name, door, raw));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    is_well(&gateway, "after-the-table");
    let kept = Kept::read(&mut gateway);
    let lost: Vec<_> = taken.iter().filter(|(.., raw)| !kept.holds(raw)).map(|(name, by, _)| (name, by)).collect();
    assert!(lost.is_empty(), "accepted and not kept as it was: {lost:?}");
    assert!(kept.quarantined.len() > 4, "{} in quarantine", kept.quarantined.len());
    gateway.finish();
}

#[test]
fn eml_9_mail_that_is_too_large_is_552_before_or_after_its_text() {
    let gateway = Gateway::start();
    let mut session = Session::open(gateway.address("smtp"), "EHLO").unwrap();
    let declared = session.say(&format!("MAIL FROM:<{FROM}> SIZE=60000000")).unwrap();
    assert!(declared.starts_with("552"), "{declared}");
    let huge = with("", &"0123456789012345678901234567890123456789012345678901234567890123\r\n".repeat(950_000));
    assert!(huge.len() > 60_000_000);
    let undeclared = session.mail(FROM, SUPPORT, &huge).unwrap();
    assert!(undeclared.starts_with("552"), "{undeclared}");
    let next = session.mail(FROM, SUPPORT, mail(FROM, "Small", "small@x", "Hi").replace('\n', "\r\n").as_bytes());
    assert!(next.unwrap().starts_with("250"), "the end of the large one was found");
    is_well(&gateway, "after-the-large");
    gateway.finish();
}

/// Files below `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_mail_among_the_fixtures_is_taken_or_refused_and_kept() {
    let mut gateway = Plan::default().start();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail");
    let is_mail = |path: &PathBuf| path.extension().is_some_and(|it| it == "eml");
    let mut taken = BTreeSet::new();
    let mut refused = Vec::new();
    for path in files(&root).into_iter().filter(is_mail) {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let raw = raw_mail::as_sent(&fs::read(&path).unwrap());
        let reply = raw_mail::send(gateway.address("lmtp"), "LHLO", "sender@example.net", SUPPORT, &raw)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        match reply.as_bytes()[0] {
            b'2' => drop(taken.insert(raw)),
            b'5' => refused.push(format!("{name}: {reply}")),
            _ => panic!("{name}: {reply}"),
        }
    }
    println!("{} taken, {} refused: {refused:?}", taken.len(), refused.len());
    assert!(taken.len() > 80 && refused.len() < 10, "{} taken, {refused:?}", taken.len());
    is_well(&gateway, "after-the-fixtures");
    let kept = Kept::read(&mut gateway);
    let lost = taken.iter().filter(|raw| !kept.holds(raw)).map(|raw| String::from_utf8_lossy(raw).into_owned());
    let lost: Vec<String> = lost.collect();
    assert!(lost.is_empty(), "{} lost, the first is\n{}", lost.len(), lost[0]);
    gateway.finish();
}
