//! Websockets by the letter (RFC 6455), octet by octet: what must be taken, and what must end the connection with which
//! code. Each case that ends costs one socket, which is gone afterwards. The cases of the public suite are in `autobahn`.

use crate::messenger::bench::Bench;
use crate::messenger::client::Client;
use crate::messenger::client::Seen;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// One masked frame with this first octet (§5.2).
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        long => bytes.extend([&[0x80 | 126][..], &long.to_be_bytes()].concat()),
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    bytes
}

fn close_with(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// What the server closes with after these octets; its socket is gone then.
async fn ends(bench: &Bench, octets: &[u8], what: &str) -> u16 {
    let mut raw = bench.raw(256 * 1_024);
    raw.write_all(octets).await.unwrap();
    let mut client = Client::on(raw).await;
    let seen = client.see().await;
    drop(client);
    bench.until(|bench| bench.hub.counts().open == 0).await;
    match seen {
        Seen::Closed(code) => code,
        other => panic!("{what}: {other:?}"),
    }
}

async fn all_end(cases: Vec<(String, Vec<u8>)>, code: u16) {
    let bench = Bench::new().await;
    for (what, octets) in cases {
        assert_eq!(ends(&bench, &octets, &what).await, code, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_2_reserved_bits_and_opcodes_end_with_1002() {
    let bits = [0x40, 0x20, 0x10, 0x70].into_iter().flat_map(|bits| {
        let kinds = [TEXT, BINARY, PING, PONG, CLOSE].into_iter();
        kinds.map(move |opcode| (format!("bits {bits:#x} of opcode {opcode:#x}"), frame(FIN | bits | opcode, b"")))
    });
    let opcodes = (0x3..=0x7).chain(0xb..=0xf).map(|opcode| (format!("opcode {opcode:#x}"), frame(FIN | opcode, b"x")));
    all_end(bits.chain(opcodes).collect(), 1002).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_5_control_frames_are_whole_and_short() {
    let cases = [CLOSE, PING, PONG].into_iter().flat_map(|opcode| {
        let fragmented = [frame(opcode, b""), frame(FIN | CONTINUATION, b"")].concat();
        let long = frame(FIN | opcode, &[b'x'; 126]);
        [("fragmented", fragmented), ("126 octets", long)]
            .map(|(what, octets)| (format!("opcode {opcode:#x}, {what}"), octets))
    });
    all_end(cases.collect(), 1002).await;
    // Its length is refused before it is asked what it is, and before anything of it is waited for.
    let cases = [CLOSE, PING, PONG].into_iter().map(|opcode| {
        let octets = [&[FIN | opcode, 0x80 | 127][..], &70_000_u64.to_be_bytes(), &MASK].concat();
        (format!("opcode {opcode:#x}, said to be 70,000 octets"), octets)
    });
    all_end(cases.collect(), 1009).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_4_fragments_have_a_beginning_and_do_not_mix() {
    let cases = vec![
        ("continuation of nothing", frame(FIN | CONTINUATION, b"x")),
        ("continuation of nothing that goes on", frame(CONTINUATION, b"x")),
        ("text within text", [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat()),
        ("binary within text", [frame(TEXT, b"{"), frame(FIN | BINARY, b"}")].concat()),
        ("text within text, after a ping", [frame(TEXT, b"{"), frame(FIN | PING, b""), frame(TEXT, b"}")].concat()),
    ];
    all_end(cases.into_iter().map(|(what, octets)| (what.to_owned(), octets)).collect(), 1002).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_1_frames_of_clients_are_masked() {
    let cases = [TEXT, BINARY, CLOSE, PING, PONG].into_iter();
    let cases = cases.map(|opcode| (format!("opcode {opcode:#x} without a mask"), vec![FIN | opcode, 0]));
    all_end(cases.collect(), 1002).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_8_1_text_that_is_not_utf_8_ends_with_1007() {
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("in one frame", frame(FIN | TEXT, b"{\xff}")),
        ("a surrogate", frame(FIN | TEXT, b"\xed\xa0\x80")),
        ("longer than needed", frame(FIN | TEXT, b"\xc0\xaf")),
        ("beyond the last code point", frame(FIN | TEXT, b"\xf4\x90\x80\x80")),
        ("half a code point at the end", frame(FIN | TEXT, b"\xe2\x82")),
        ("across fragments", [frame(TEXT, b"\xce\xba\xe1"), frame(FIN | CONTINUATION, b"\xff")].concat()),
        ("half a code point before an empty end", [frame(TEXT, b"\xe2\x82"), frame(FIN | CONTINUATION, b"")].concat()),
        ("the first fragment alone", frame(TEXT, b"\xff")),
    ];
    all_end(cases.into_iter().map(|(what, octets)| (what.to_owned(), octets)).collect(), 1007).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_7_4_close_frames_that_may_not_be_are_protocol_errors() {
    let mut cases: Vec<(String, Vec<u8>)> = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
        .into_iter()
        .map(|code| (format!("close code {code}"), close_with(code, b"")))
        .collect();
    cases.push(("one octet".to_owned(), frame(FIN | CLOSE, b"\x03")));
    all_end(cases, 1002).await;
    let bench = Bench::new().await;
    let reason = close_with(1000, b"\xce\xba\xe1\xbd");
    assert_eq!(ends(&bench, &reason, "a reason that is not UTF-8").await, 1007);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_5_1_a_close_is_answered_with_its_own_code_and_nothing_behind_it_is_read() {
    let bench = Bench::new().await;
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let reason = [b'x'; 123];
        for octets in
            [close_with(code, b""), close_with(code, &reason), [close_with(code, b""), vec![0xff; 64]].concat()]
        {
            assert_eq!(ends(&bench, &octets, "a close").await, code);
        }
    }
    let mut raw = bench.raw(1_024);
    raw.write_all(&frame(FIN | CLOSE, b"")).await.unwrap();
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, [FIN | CLOSE, 0], "a close without a code is answered without one");
}

/// A frame from the server, which is short.
async fn answer(raw: &mut DuplexStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    raw.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(head[1])];
    raw.read_exact(&mut payload).await.unwrap();
    (head[0], payload)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_5_2_pings_are_answered_with_what_they_held_also_between_fragments() {
    let bench = Bench::new().await;
    let mut raw = bench.raw(64 * 1_024);
    for payload in [&b""[..], b"x", &[0xff; 125]] {
        raw.write_all(&frame(FIN | PING, payload)).await.unwrap();
        assert_eq!(answer(&mut raw).await, (FIN | PONG, payload.to_vec()));
    }
    raw.write_all(&frame(FIN | PONG, b"nobody asked")).await.unwrap();
    let hello =
        json!({"type": "hello", "identity": {}, "since": null, "page": "https://example.com/κόσμε"}).to_string();
    let octets = hello.as_bytes();
    // Each octet is a fragment of its own, so that every code point is cut.
    for (at, octet) in octets.iter().enumerate() {
        let head = match at {
            0 => TEXT,
            last if last + 1 == octets.len() => FIN | CONTINUATION,
            _ => CONTINUATION,
        };
        raw.write_all(&frame(head, &[*octet])).await.unwrap();
        if at == octets.len() / 2 {
            raw.write_all(&frame(CONTINUATION, b"")).await.unwrap();
            raw.write_all(&frame(FIN | PING, b"within")).await.unwrap();
            assert_eq!(answer(&mut raw).await, (FIN | PONG, b"within".to_vec()));
        }
    }
    let mut client = Client::on(raw).await;
    assert_eq!(client.frame().await["type"], "welcome");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_6455_5_2_a_frame_that_comes_octet_by_octet_is_one_frame() {
    let bench = Bench::new().await;
    let mut raw = bench.raw(64 * 1_024);
    for octet in frame(FIN | TEXT, br#"{"type":"hello","identity":{},"since":null}"#) {
        raw.write_all(&[octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut client = Client::on(raw).await;
    assert_eq!(client.frame().await["type"], "welcome");
}
