//! Senders checked at the door: SPF, DKIM and DMARC with a DNS server of the test's own.

use crate::support::dns_server::serve as dns;
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
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;

const ED25519: &str = include_str!("../fixtures/dkim/ed25519.pem");

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

#[test]
fn eml_66_what_the_dns_should_say_is_shown_beside_what_it_says() {
    let domain = SUPPORT.split_once('@').unwrap().1;
    let right = format!("v=DKIM1; k=ed25519; p={}", public_key());
    let dns = dns(&[
        (domain, "v=spf1 mx -all".to_owned()),
        (&format!("good._domainkey.{domain}"), right.clone()),
        (&format!("old._domainkey.{domain}"), "v=DKIM1; k=ed25519; p=AAAA".to_owned()),
    ]);
    let key = |selector: &str| {
        format!("[[dkim]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey_file = \"dkim.pem\"\n")
    };
    let keys = key("good") + &key("old");
    let mut gateway = Plan::default().set("smtp.dns", &dns.to_string()).toml(&keys).prepare();
    let file = gateway.dir().join("dkim.pem");
    std::fs::write(&file, ED25519).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = gateway.run(&["--json", "address", "dns"]);
    assert_eq!(output.status.code(), Some(1), "not every record is as it should be");
    let by_command: Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown = |records: &Value| -> Vec<[String; 3]> {
        let word = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let records = records.as_array().unwrap().iter();
        records.map(|record| ["purpose", "name", "state"].map(|key| word(record, key))).collect()
    };
    let expected = [
        ("SPF", domain.to_owned(), "good"),
        ("DKIM", format!("good._domainkey.{domain}"), "good"),
        ("DKIM", format!("old._domainkey.{domain}"), "wrong"),
        ("DMARC", format!("_dmarc.{domain}"), "missing"),
    ]
    .map(|(purpose, name, state)| [purpose.to_owned(), name, state.to_owned()]);
    assert_eq!(shown(&by_command), expected, "{by_command}");
    assert_eq!(by_command[2]["expected"], right, "what is to be published");
    gateway.up();
    let by_api = gateway.api("GET", &format!("/api/support_addresses/{SUPPORT}/dns"), None).expect(200);
    assert_eq!(shown(&by_api["data"]), expected);
    gateway.finish();
}
