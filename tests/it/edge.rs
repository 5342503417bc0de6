//! Senders checked at the door: SPF, DKIM and DMARC with a DNS server of the test's own.

use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use data_encoding::BASE64;
use deskgate::desk::mail::signing::Signer;
use deskgate::desk::mail::signing::Signers;
use deskgate::domain::address::Address;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::thread;

const ED25519: &str = include_str!("../fixtures/dkim/ed25519.pem");
const TXT: u16 = 16;

/// A DNS server with these TXT records and no others; it ends with the process.
fn dns(records: &[(&str, String)]) -> SocketAddr {
    let records: BTreeMap<String, String> =
        records.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = [0; 1_500];
        while let Ok((len, peer)) = socket.recv_from(&mut query) {
            if let Some(answer) = answered(&query[..len], &records) {
                socket.send_to(&answer, peer).unwrap();
            }
        }
    });
    address
}

fn answered(query: &[u8], records: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while *query.get(at)? != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + len)?).to_lowercase());
        at += len + 1;
    }
    let question = query.get(12..at + 5)?;
    let asked = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let found = records.get(&labels.join(".")).filter(|_| asked == TXT);
    let flags: u16 = if found.is_some() { 0x8180 } else { 0x8183 };
    let mut answer = query[..2].to_vec();
    answer.extend(flags.to_be_bytes());
    for count in [1, u16::from(found.is_some()), 0, 0] {
        answer.extend(count.to_be_bytes());
    }
    answer.extend(question);
    if let Some(text) = found {
        let data: Vec<u8> =
            text.as_bytes().chunks(255).flat_map(|chunk| [&[chunk.len() as u8][..], chunk].concat()).collect();
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

fn mail(from: &str, id: &str) -> String {
    format!(
        "From: {from}\r\nTo: {SUPPORT}\r\nSubject: {id}\r\nMessage-ID: <{id}@x.example>\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nHello\r\n"
    )
}

fn signed(mail: &str) -> String {
    let signers = Signers::new(vec![Signer::new("signed.example", "ed", ED25519.as_bytes()).unwrap()]);
    let from = Address::parse("ana@signed.example").unwrap();
    String::from_utf8(signers.sign(&from, mail.as_bytes().to_vec()).unwrap()).unwrap()
}

fn public_key() -> String {
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(ED25519.as_bytes()).unwrap() else { panic!() };
    let key = ring::signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).unwrap();
    BASE64.encode(ring::signature::KeyPair::public_key(&key).as_ref())
}

fn authentication(gateway: &mut Gateway, subject: &str) -> Value {
    let list = gateway.api("GET", "/api/conversations", None).expect(200);
    let conversations = list["conversations"].as_array().unwrap();
    let found = conversations.iter().find(|one| one["title"] == subject || one["source"]["subject"] == subject);
    found.unwrap_or_else(|| panic!("no {subject} in {list}"))["source"]["deskgate"]["authentication"].clone()
}

fn words(found: &Value) -> [&str; 3] {
    ["spf", "dkim", "dmarc"].map(|check| found[check].as_str().unwrap_or("nothing"))
}

#[test]
fn eml_46_senders_are_checked_at_the_door_and_nothing_is_refused_for_it() {
    let dns = dns(&[
        ("allowed.example", "v=spf1 ip4:127.0.0.1 -all".to_owned()),
        ("strict.example", "v=spf1 -all".to_owned()),
        ("_dmarc.strict.example", "v=DMARC1; p=reject".to_owned()),
        ("_dmarc.signed.example", "v=DMARC1; p=reject".to_owned()),
        ("ed._domainkey.signed.example", format!("v=DKIM1; k=ed25519; p={}", public_key())),
    ]);
    let plan = Plan::default().set("smtp.check_senders", "true").set("smtp.dns", &dns.to_string());
    let mut gateway = plan.start();
    let from_signed = signed(&mail("Ana <ana@signed.example>", "signed"));
    let changed = signed(&mail("Ana <ana@signed.example>", "changed")).replace("Hello", "Hallo");
    let cases = [
        ("allowed", "ana@allowed.example", mail("ana@allowed.example", "allowed"), ["pass", "none", "none"], true),
        ("strict", "ana@strict.example", mail("ana@strict.example", "strict"), ["fail", "none", "fail"], false),
        ("signed", "bounce@relay.example", from_signed, ["none", "pass", "pass"], true),
        ("changed", "bounce@relay.example", changed, ["none", "fail", "fail"], false),
        ("other", "ana@allowed.example", mail("ceo@strict.example", "other"), ["pass", "none", "fail"], false),
    ];
    for (subject, envelope, raw, expected, verified) in cases {
        let taken = gateway.smtp(envelope, SUPPORT, &raw);
        assert!(taken.starts_with("250"), "{subject}: {taken}");
        let found = authentication(&mut gateway, subject);
        assert_eq!((words(&found), &found["from_verified"]), (expected, &Value::Bool(verified)), "{subject}: {found}");
        assert_eq!(found["source"], "desk.example.com");
    }
    let taken = gateway.lmtp("ana@strict.example", SUPPORT, &mail("ana@strict.example", "inside"));
    assert!(taken.starts_with("250"), "{taken}");
    assert_eq!(authentication(&mut gateway, "inside"), Value::Null, "by LMTP nobody stands before us");
    gateway.finish();
}

#[test]
fn eml_7_only_trusted_networks_may_hand_over_and_a_proxy_says_who_calls() {
    let networks = Plan::default()
        .set("smtp.trusted_networks", "192.0.2.0/24")
        .set("smtp.proxy_networks", "127.0.0.1")
        .expect_log("a proxy did not say");
    let gateway = networks.start();
    let greeted = |header: &str| {
        let mut stream = TcpStream::connect(gateway.address("smtp")).unwrap();
        stream.write_all(format!("{header}QUIT\r\n").as_bytes()).unwrap();
        let mut said = String::new();
        // A refused connection may be reset once it was answered.
        drop(stream.read_to_string(&mut said));
        said
    };
    assert!(greeted("PROXY TCP4 192.0.2.9 127.0.0.1 4000 25\r\n").starts_with("220 "));
    assert!(greeted("PROXY TCP4 198.51.100.9 127.0.0.1 4000 25\r\n").starts_with("554 5.7.1"));
    assert_eq!(greeted("EHLO mail.example.com\r\n"), "", "no header, no word");
    gateway.finish();
}
