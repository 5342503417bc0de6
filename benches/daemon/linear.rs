//! The worst mails there are, read and cleaned as at their coming in, in three sizes: whether time grows with size alone.

use crate::machine;
use crate::table::Table;
use crate::table::aimed;
use crate::table::number;
use deskgate::mail::dsn;
use deskgate::mail::html_text;
use deskgate::mail::message;
use deskgate::mail::reply;
use deskgate::mail::sanitize;
use std::hint::black_box;
use std::time::Duration;

/// CPU time of the largest, at most, in seconds.
const AIM_S: f64 = 1.0;
/// The largest costs at most so many times as much for each byte as the one of a tenth.
const GROWTH_AIM: f64 = 1.3;
/// CPU time over which readings of one mail are counted, at least.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

/// Makes a mail of about so many bytes.
type Worst = fn(usize) -> Vec<u8>;

const CASES: [(&str, Worst); 10] = [
    ("plain text", |size| text("It does not arrive and I do not know why.\r\n", size)),
    ("quoted text, ever deeper", deeper),
    ("one line", |size| text("x", size)),
    ("tables in tables", |size| html("<table><tr><td>", size)),
    ("links", |size| html("<a href=\"https://example.com/?a=b&amp;c\">x</a> ", size)),
    ("unclosed elements", |size| html("<b><i><p>", size)),
    ("attributes", |size| html("<p a=1 b=2 c=3 style=\"color:red\">x", size)),
    ("character references", |size| html("&amp;&#x41;&lt", size)),
    ("header fields", |size| headers("X-Field: =?utf-8?q?=41=42?=\r\n", size)),
    ("parts in parts", parts),
];

pub fn measure(size_max: usize) {
    let mut table = Table::new(&["mail", "a hundredth, ms", "a tenth, ms", "whole, ms", "whole / tenth, per byte"]);
    for (name, worst) in CASES {
        eprintln!("linear: {name}");
        let times = [100, 10, 1].map(|part| took(&worst(size_max / part)));
        let growth = times[2] / (times[1] * 10.0);
        table.row([
            name.to_owned(),
            format!("{:.2}", times[0] * 1e3),
            format!("{:.2}", times[1] * 1e3),
            aimed(times[2] * 1e3, AIM_S * 1e3, ""),
            aimed(growth, GROWTH_AIM, ""),
        ]);
    }
    table.print(&format!("Reading and cleaning the worst mails of {:.1} MB", number(size_max) / 1e6));
}

/// CPU time of one reading, in seconds: as many in a row as the system's clock, which counts in milliseconds, needs.
fn took(raw: &[u8]) -> f64 {
    let mut readings = 1;
    loop {
        let before = machine::thread_cpu_time();
        (0..readings).for_each(|_| take_in(black_box(raw)));
        let all = machine::thread_cpu_time().saturating_sub(before);
        if all >= LONG_ENOUGH {
            return all.as_secs_f64() / number(readings);
        }
        readings *= 2;
    }
}

/// What happens to a mail that comes in, but for the store.
fn take_in(raw: &[u8]) {
    let message = message::read(raw);
    if let Some(html) = &message.html {
        let shown = sanitize::sanitize(html, &sanitize::Images::default());
        if shown.is_err() {
            black_box(html_text::html_to_text(html));
        }
        drop(black_box(shown));
    }
    black_box(reply::split_text(&message.text));
    black_box(dsn::read_report(&message, Some("")));
    black_box(message::content_hash(&message));
    black_box(message);
}

fn head(content_type: &str) -> String {
    format!(
        "From: Ana <ana@example.net>\r\nTo: support@example.com\r\nSubject: worst\r\nMessage-ID: <worst@example.net>\r\n\
         MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n"
    )
}

fn filled(mut start: String, piece: &str, size: usize) -> Vec<u8> {
    let missing = size.saturating_sub(start.len());
    start.push_str(&piece.repeat(missing / piece.len() + 1));
    start.into_bytes()
}

fn text(piece: &str, size: usize) -> Vec<u8> {
    filled(format!("{}\r\n", head("text/plain; charset=utf-8")), piece, size)
}

fn html(piece: &str, size: usize) -> Vec<u8> {
    filled(format!("{}\r\n<html><body>", head("text/html; charset=utf-8")), piece, size)
}

fn headers(piece: &str, size: usize) -> Vec<u8> {
    filled(head("text/plain"), piece, size)
}

/// Each line quotes one level more, up to a hundred.
fn deeper(size: usize) -> Vec<u8> {
    let lines: String = (1..=100).map(|depth| format!("{} said\r\n", ">".repeat(depth))).collect();
    text(&lines, size)
}

/// Boundaries that open one more level each.
fn parts(size: usize) -> Vec<u8> {
    let mut raw = format!("{}\r\n", head("multipart/mixed; boundary=b0"));
    let mut level = 0;
    while raw.len() < size {
        raw.push_str(&format!("--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", level + 1));
        level += 1;
    }
    raw.into_bytes()
}
