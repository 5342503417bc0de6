//! Mail as a support address gets it, the same for the same seed.
//!
//! Without attachments the median is 10 KB (2.5 to 40); 15 % carry 50 to 200 KB that do not compress; 70 % have text and
//! HTML; two thirds of those that can answer an earlier mail of the run, by the same sender and with its text quoted.

use crate::program::SUPPORT;
use std::fmt::Write;

const CUSTOMERS: u64 = 400;
/// Sizes of text and HTML together; 10 KB is the one in the middle.
const SIZES: [usize; 9] = [2_500, 3_500, 5_000, 7_000, 10_000, 14_000, 20_000, 28_000, 40_000];
/// A reply goes to a mail that is at least so many older, which is through by then with any number of sessions.
const REPLY_DISTANCE: usize = 128;
const REFERENCES_MAX: usize = 10;
const BASE64_LINE: usize = 76;
const WORDS: [&str; 32] = [
    "invoice",
    "router",
    "please",
    "since",
    "yesterday",
    "the",
    "update",
    "customer",
    "does",
    "not",
    "work",
    "again",
    "screen",
    "shows",
    "an",
    "error",
    "when",
    "we",
    "open",
    "portal",
    "delivery",
    "number",
    "thanks",
    "could",
    "you",
    "look",
    "into",
    "our",
    "account",
    "because",
    "nobody",
    "can",
];

/// One mail, ready for the wire.
pub struct Mail {
    pub from: String,
    /// With CRLF, no line begins with a dot; the final dot's line stands at the end.
    wire: Vec<u8>,
}

/// The line that ends a mail on the wire.
const END: &[u8] = b".\r\n";

impl Mail {
    /// What goes over the wire after DATA.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The message itself.
    pub fn raw(&self) -> &[u8] {
        &self.wire[..self.wire.len() - END.len()]
    }
}

/// What a reply needs of the mail it answers.
#[derive(Clone)]
struct Sent {
    customer: u64,
    message_id: String,
    references: Vec<String>,
    subject: String,
    opening: String,
}

/// So many mails; none is like one of another seed.
pub fn mails(seed: u64, count: usize) -> Vec<Mail> {
    let mut random = Random(seed);
    let mut sent: Vec<Sent> = Vec::with_capacity(count);
    let mut mails = Vec::with_capacity(count);
    for n in 0..count {
        let answered = earlier(&mut random, &sent).cloned();
        let (mail, this) = mail(&mut random, seed, n, answered.as_ref());
        sent.push(this);
        mails.push(mail);
    }
    mails
}

fn earlier<'a>(random: &mut Random, sent: &'a [Sent]) -> Option<&'a Sent> {
    let distance = REPLY_DISTANCE + random.index(512);
    let at = sent.len().checked_sub(distance)?;
    (random.index(3) < 2).then(|| &sent[at])
}

fn mail(random: &mut Random, seed: u64, n: usize, answered: Option<&Sent>) -> (Mail, Sent) {
    let customer = answered.map_or_else(|| random.next() % CUSTOMERS, |earlier| earlier.customer);
    let from = format!("customer{customer}@customers.example");
    let subject = answered.map_or_else(|| text(random, 40).trim().to_owned(), |earlier| earlier.subject.clone());
    let message_id = format!("<{seed:x}.{n}.{:x}@mail.customers.example>", random.next());
    let mut references = answered.map_or_else(Vec::new, |earlier| earlier.references.clone());
    references.extend(answered.map(|earlier| earlier.message_id.clone()));
    if references.len() > REFERENCES_MAX {
        references.remove(1);
    }
    let mut wire = String::new();
    let reply = if answered.is_some() { "Re: " } else { "" };
    write!(
        wire,
        "Received: from mx.customers.example (mx.customers.example [192.0.2.{}])\r\n\tby mail.example.com with ESMTPS \
         id {:016x};\r\n\tThu, 1 Jan 2026 10:{:02}:{:02} +0000\r\nFrom: Customer {customer} <{from}>\r\nTo: <{SUPPORT}>\r\n\
         Subject: {reply}{subject}\r\nDate: Thu, 1 Jan 2026 10:{:02}:{:02} +0000\r\nMessage-ID: {message_id}\r\n",
        customer % 250,
        random.next(),
        n / 60 % 60,
        n % 60,
        n / 60 % 60,
        n % 60
    )
    .unwrap();
    if let Some(earlier) = answered {
        write!(wire, "In-Reply-To: {}\r\nReferences: {}\r\n", earlier.message_id, references.join("\r\n ")).unwrap();
    }
    wire.push_str("MIME-Version: 1.0\r\n");
    let opening = content(random, &mut wire, answered);
    wire.push_str(str::from_utf8(END).unwrap());
    (Mail { from, wire: wire.into_bytes() }, Sent { customer, message_id, references, subject, opening })
}

/// Writes content fields and body; returns the first lines of the text.
fn content(random: &mut Random, wire: &mut String, answered: Option<&Sent>) -> String {
    if random.index(100) >= 15 {
        return body(random, wire, answered);
    }
    let boundary = format!("mixed-{:x}", random.next());
    write!(wire, "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n").unwrap();
    let opening = body(random, wire, answered);
    write!(
        wire,
        "--{boundary}\r\nContent-Type: application/pdf; name=\"statement.pdf\"\r\nContent-Disposition: attachment; \
         filename=\"statement.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    .unwrap();
    let bytes = 50_000 + random.index(150_001);
    let content: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    let encoded = data_encoding::BASE64.encode(&content);
    for line in encoded.as_bytes().chunks(BASE64_LINE) {
        wire.push_str(str::from_utf8(line).unwrap());
        wire.push_str("\r\n");
    }
    write!(wire, "--{boundary}--\r\n").unwrap();
    opening
}

fn body(random: &mut Random, wire: &mut String, answered: Option<&Sent>) -> String {
    const TEXT: &str = "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    let bytes = SIZES[random.index(SIZES.len())];
    if random.index(100) >= 70 {
        write!(wire, "Content-Type: text/plain; {TEXT}").unwrap();
        return plain(random, wire, bytes, answered);
    }
    let boundary = format!("alternative-{:x}", random.next());
    write!(wire, "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n").unwrap();
    write!(wire, "--{boundary}\r\nContent-Type: text/plain; {TEXT}").unwrap();
    let opening = plain(random, wire, bytes * 2 / 5, answered);
    write!(wire, "--{boundary}\r\nContent-Type: text/html; {TEXT}").unwrap();
    html(random, wire, bytes * 3 / 5, answered);
    write!(wire, "--{boundary}--\r\n").unwrap();
    opening
}

fn plain(random: &mut Random, wire: &mut String, bytes: usize, answered: Option<&Sent>) -> String {
    let until = wire.len() + bytes;
    let opening = text(random, 400);
    wire.push_str(&opening);
    if let Some(earlier) = answered {
        wire.push_str("\r\nOn Thu, 1 Jan 2026 at 09:12, Example Support <support@example.com> wrote:\r\n");
        for line in earlier.opening.lines() {
            write!(wire, "> {line}\r\n").unwrap();
        }
    }
    let quote = if answered.is_some() { "> " } else { "" };
    while wire.len() < until {
        write!(wire, "{quote}{}", text(random, 72)).unwrap();
    }
    opening
}

fn html(random: &mut Random, wire: &mut String, bytes: usize, answered: Option<&Sent>) {
    let until = wire.len() + bytes;
    wire.push_str("<html><head><style>p { margin: 0 } .sig { color: #777 }</style></head><body><div dir=\"ltr\">\r\n");
    write!(wire, "<p>{}</p>\r\n", text(random, 300).trim_end()).unwrap();
    let close = if answered.is_some() {
        wire.push_str(
            "<div class=\"gmail_quote\"><div class=\"gmail_attr\">On Thu, 1 Jan 2026, Support wrote:<br></div>",
        );
        wire.push_str("<blockquote class=\"gmail_quote\">\r\n");
        "</blockquote></div>\r\n"
    } else {
        ""
    };
    while wire.len() < until {
        let word = WORDS[random.index(WORDS.len())];
        let line = text(random, 160);
        let line = line.trim_end();
        write!(
            wire,
            "<p style=\"margin:0\"><b>{word}</b> {line} <a href=\"https://www.example.com/{word}\">{word}</a></p>\r\n"
        )
        .unwrap();
    }
    write!(wire, "{close}</div></body></html>\r\n").unwrap();
}

/// Lines of words, about so many bytes.
fn text(random: &mut Random, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut line = 0;
    while text.len() < bytes {
        let word = WORDS[random.index(WORDS.len())];
        text.push_str(word);
        line += word.len() + 1;
        text.push_str(if line > 64 { "\r\n" } else { " " });
        line = if line > 64 { 0 } else { line };
    }
    text.push_str("\r\n");
    text
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn index(&mut self, below: usize) -> usize {
        let below = u64::try_from(below).unwrap();
        usize::try_from(self.next() % below).unwrap()
    }
}
