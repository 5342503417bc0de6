//! Mail that no honest program writes, by the numbers of the list of bad inputs (FAULTS §5): where each ends, and what is told of it.

use super::SUPPORT;
use super::Story;
use super::address;
use super::arrival;
use super::field;
use super::text;
use super::thread_of;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::MailDoor;
use crate::domain::part::Part;

/// Where a mail must end.
enum Ends {
    /// Kept whole for people to look at, no part of anything.
    Quarantined,
    /// In a conversation, with these faults told and this beginning of its text.
    Shown(&'static [&'static str], &'static str),
}

use Ends::Quarantined;
use Ends::Shown;

fn mail(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// A sound header section but for the fields that are given, which end with the empty line.
fn with(id: &str, rest: &str) -> Vec<u8> {
    let date = "Mon, 5 Jan 2026 10:00:00 +0000";
    mail(&format!("From: Ana <ana@example.com>\nTo: {SUPPORT}\nSubject: S\nDate: {date}\nMessage-ID: <{id}@x>\n{rest}"))
}

fn multipart(id: &str, kind: &str, parts: &[&str]) -> Vec<u8> {
    let parts: String = parts.iter().map(|part| format!("--b\n{part}\n")).collect();
    with(id, &format!("Content-Type: multipart/{kind}; boundary=b\n\n{parts}--b--"))
}

fn nested(depth: usize) -> Vec<u8> {
    let levels: String =
        (0..depth).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    with("nested", &format!("{levels}\ntext"))
}

async fn part_of(story: &Story, raw: Vec<u8>) -> Part {
    match story.desk.accept(arrival(SUPPORT, raw)).await.unwrap() {
        Accepted::Part { thread, part, .. } => story.parts(thread).into_iter().find(|one| one.id == part).unwrap(),
        other => panic!("not a part: {other:?}"),
    }
}

/// Each with its number; where it ends.
type Table = Vec<(&'static str, Vec<u8>, Ends)>;

/// Authors and addresses that are none.
fn authors() -> Table {
    let dated = "Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <n@x>\n";
    vec![
        ("20 nothing", mail(""), Quarantined),
        ("20 blank lines", mail("\n\n\n"), Quarantined),
        ("21 no From", mail(&format!("Subject: S\n{dated}\nno from")), Shown(&["no_from"], "no from")),
        ("21 an empty From", mail(&format!("From: <>\n{dated}\nempty from")), Shown(&["no_from"], "empty")),
        (
            "21 a group",
            mail(&format!("From: friends: a@example.com, b@example.com;\n{dated}\ngroup")),
            Shown(&["ambiguous_from", "group_from"], "group"),
        ),
        (
            "22 two Froms, one with a space before its colon",
            mail(&format!("From: a@example.com\nFrom : b@example.com\n{dated}\ntwo")),
            Shown(&["ambiguous_from"], "two"),
        ),
        ("22 two authors", mail(&format!("From: a@x.y, b@x.y\n{dated}\nlist")), Shown(&["ambiguous_from"], "list")),
        (
            "23 a name that is another address",
            mail(&format!("From: \"boss@corp.example\" <evil@x.example>\n{dated}\nname")),
            Shown(&["name_is_address"], "name"),
        ),
        (
            "23 a name that turns the direction of text",
            mail(&format!("From: =?utf-8?q?Bo=E2=80=AEss?= <evil@x.example>\n{dated}\nbidi")),
            Shown(&["controls_in_header"], "bidi"),
        ),
    ]
}

/// Header sections that hold together badly.
fn headers() -> Table {
    let dated = "Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <n@x>\n";
    vec![
        (
            "25 no Message-ID",
            mail("From: a@x.y\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n\nid"),
            Shown(&["no_message_id"], "id"),
        ),
        ("28 100,000 fields", with("many", &format!("{}\nmany", "X-A: b\n".repeat(100_000))), Quarantined),
        (
            "31 a date that cannot be",
            mail("From: a@x.y\nMessage-ID: <d@x>\nDate: Mon, 99 Foo 9999 25:61:61 +9999\n\ndated"),
            Shown(&["bad_date"], "dated"),
        ),
        (
            "32 a line without a colon",
            mail(&format!("Hello there\nFrom: a@x.y\n{dated}\nno colon")),
            Shown(&["bad_header_line"], "no colon"),
        ),
        ("32 spaces before colons", mail(&format!("From : a@x.y\n{dated}\nspaces")), Shown(&[], "spaces")),
        (
            "32 a line of an mbox",
            mail(&format!("From a@x.y Mon Jan  5\nFrom: a@x.y\n{dated}\nmbox")),
            Shown(&[], "mbox"),
        ),
        ("32 an empty line first", mail(&format!("\nFrom: a@x.y\n{dated}\nleading")), Shown(&[], "leading")),
        (
            "35 2,000 in Cc",
            with(
                "cc",
                &format!("Cc: {}\n\ncrowd", (0..2_000).map(|n| format!("c{n}@x.y")).collect::<Vec<_>>().join(",\n ")),
            ),
            Shown(&["list_cut"], "crowd"),
        ),
        (
            "37 5,000 parameters",
            with("p", &format!("Content-Type: text/plain{}\n\np", "; a*0=b".repeat(5_000))),
            Quarantined,
        ),
    ]
}

/// Structures that never end, or lead nowhere.
fn structures() -> Table {
    vec![
        ("39 30 levels", nested(30), Shown(&["broken_encoding", "no_text"], "")),
        ("39 1,000 levels", nested(1_000), Quarantined),
        ("40 mails in mails", with("rfc822", &"Content-Type: message/rfc822\n\n".repeat(1_000)), Quarantined),
        ("41 5,000 parts", multipart("parts", "mixed", &["Content-Type: text/plain\n\nx"; 5_000]), Quarantined),
        (
            "42 no boundary",
            with("nb", "Content-Type: multipart/mixed\n\nwithout"),
            Shown(&["broken_multipart"], "without"),
        ),
        (
            "42 a boundary that never comes",
            with("never", "Content-Type: multipart/mixed; boundary=never\n\nnever"),
            Shown(&["broken_multipart"], "never"),
        ),
        (
            "42 a boundary that begins another",
            multipart("bb", "mixed", &["Content-Type: multipart/mixed; boundary=bb\n\n--bb\n\ninner\n--bb--"]),
            Shown(&[], "inner"),
        ),
    ]
}

/// Bodies that cannot be read, or say more than they show.
fn bodies() -> Table {
    let png = "Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=";
    let long_line = [with("line", "\n58 "), b"x ".repeat(2_000_000)].concat();
    vec![
        (
            "43 an unknown charset",
            with("cs", "Content-Type: text/plain; charset=klingon\n\nQapla"),
            Shown(&["unknown_charset"], "Qapla"),
        ),
        (
            "44 base64 that is none",
            with("b64", "Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n!!!%%%====no"),
            Shown(&["broken_encoding", "no_text"], ""),
        ),
        (
            "46 a piece of a message",
            with("piece", "Content-Type: message/partial; id=x; number=1; total=9\n\na piece"),
            Shown(&["no_text"], ""),
        ),
        (
            "47 text and HTML that differ",
            multipart("alt", "alternative", &["\npay ten", "Content-Type: text/html\n\n<p>pay ninety"]),
            Shown(&[], "pay ten"),
        ),
        ("48 files alone", multipart("files", "mixed", &[png]), Shown(&["no_text"], "")),
        (
            "49 an invitation with HTML",
            with(
                "ics",
                "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nDESCRIPTION:<img src=x onerror=alert(1)>\nEND:VCALENDAR",
            ),
            Shown(&["no_text"], ""),
        ),
        (
            "51 an encrypted message",
            with(
                "smime",
                "Content-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nMIIB",
            ),
            Shown(&["no_text"], ""),
        ),
        (
            "57 a deep nest of elements",
            with("deep", &format!("Content-Type: text/html\n\n{}57", "<div>".repeat(100_000))),
            Shown(&["html_too_deep"], "57"),
        ),
        ("58 4 MB in one line", long_line, Shown(&["body_cut"], "58 x x")),
        (
            "59 the test mail of spam filters",
            with("gtube", "\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE"),
            Shown(&[], "XJS*C4JDBQADN1"),
        ),
    ]
}

#[tokio::test]
async fn fault_20_to_59_every_bad_mail_ends_where_people_find_it() {
    let story = Story::begin().await;
    for (name, raw, ends) in [authors(), headers(), structures(), bodies()].into_iter().flatten() {
        let accepted = story.desk.accept(arrival(SUPPORT, raw.clone())).await.unwrap();
        match (&accepted, ends) {
            (Accepted::Quarantined(_), Quarantined) => {}
            (Accepted::Part { thread, part, .. }, Shown(faults, text)) => {
                let part = story.parts(*thread).into_iter().find(|one| one.id == *part).unwrap();
                let told = &part.email.as_ref().unwrap().faults;
                assert_eq!(told, faults, "{name}");
                assert!(part.body_text.starts_with(text), "{name}: {:?}", part.body_text);
                assert_eq!(story.desk.raw_of_part(part.id).unwrap(), raw, "{name}: kept octet for octet");
                assert!(!part.body_html.contains("<script") && !part.body_html.contains("onerror"), "{name}");
            }
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
    story.end();
}

#[tokio::test]
async fn fault_21_22_who_cannot_be_told_apart_is_never_answered_by_a_machine() {
    let story = Story::begin().await;
    for from in ["To: x@y.z", "From: <>", "From: a@x.y\r\nFrom: b@x.y", "From: a@x.y, b@x.y", "From: g: a@x.y;"] {
        let part =
            part_of(&story, format!("{from}\r\nMessage-ID: <{}@x>\r\n\r\ntext\r\n", from.len()).into_bytes()).await;
        assert!(!part.email.unwrap().may_answer_automatically, "{from}");
    }
    story.end();
}

#[tokio::test]
async fn fault_23_24_38_names_lose_what_could_deceive() {
    let story = Story::begin().await;
    let raw = with(
        "names",
        "From: =?utf-8?q?x=0D=0ABcc:_v=1B@v.v?= <e@example.com>\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Disposition: attachment; filename=\"../..\\\\etc/pass\u{202e}wd\u{0}.png\"\n\nx\n\
         --b\nContent-Disposition: attachment; filename=CON\n\ny\n--b--",
    );
    let raw = String::from_utf8(raw).unwrap().replacen("From: Ana <ana@example.com>\r\n", "", 1).into_bytes();
    let part = part_of(&story, raw).await;
    let email = part.email.unwrap();
    assert_eq!(email.addresses[0].1.as_deref(), Some("x Bcc: v @v.v"), "one line, the real address beside it");
    assert_eq!(email.addresses[0].2, "e@example.com");
    let files: Vec<&str> = part.attachments.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, ["passwd.png", "_CON"]);
    story.end();
}

#[tokio::test]
async fn fault_25_a_mail_with_two_ids_is_answered_by_either() {
    let story = Story::begin().await;
    let two = "From: ana@example.com\nMessage-ID: <one@x>\nMessage-ID: <two@x>\nSubject: S";
    let thread = thread_of(&story.mail(two, "two ids").await);
    for (n, id) in ["one@x", "two@x"].into_iter().enumerate() {
        let reply = format!("From: ana@example.com\nMessage-ID: <r{n}@x>\nIn-Reply-To: <{id}>\nSubject: other");
        assert_eq!(thread_of(&story.mail(&reply, "an answer").await), thread, "{id}");
    }
    story.end();
}

#[tokio::test]
async fn fault_34_an_answer_goes_to_the_sender_where_reply_to_is_ours() {
    let story = Story::begin().await;
    let thread =
        thread_of(&story.mail(&format!("From: ana@example.com\nReply-To: {SUPPORT}\nSubject: S"), "Hello").await);
    story.desk.agent_comment(&story.agent, thread, text("An answer")).await.unwrap();
    story.wait(std::time::Duration::from_secs(600));
    let sent = story.send_due().await;
    assert_eq!(sent.iter().map(|mail| field(mail, "To")).collect::<Vec<_>>(), ["ana@example.com"]);
    story.end();
}

#[tokio::test]
async fn fault_35_a_crowd_in_cc_is_kept_and_nobody_of_it_takes_part() {
    let story = Story::begin().await;
    let crowd = (0..400).map(|n| format!("c{n}@x.y")).collect::<Vec<_>>().join(",\n ");
    let part = part_of(&story, with("crowd", &format!("Cc: {crowd}\n\nHello"))).await;
    assert_eq!(part.email.as_ref().unwrap().addresses.len(), 402, "From, To and all of Cc");
    let thread = story.desk.thread_view(&story.agent, part.thread, false).unwrap().thread;
    let people = thread.participants.iter().map(|one| one.contact).collect::<Vec<_>>();
    let ana = story.desk.contacts_with_email(&story.agent, &address("ana@example.com")).unwrap()[0].id;
    assert_eq!(people, [ana]);
    story.end();
}
