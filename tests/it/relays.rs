//! Several relays and signatures: which way mail goes, and that others can check who signed it (EML-66).

use crate::support::dns_server;
use crate::support::gateway::Gateway;
use crate::support::gateway::PATIENCE;
use crate::support::gateway::Plan;
use crate::support::gateway::eventually;
use crate::support::sdk;
use crate::support::smtp_client::mail;
use crate::support::smtp_peer::Act;
use crate::support::smtp_peer::SmtpPeer;
use crate::support::smtp_peer::Stage;
use serde_json::Value;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

const RSA: &str = include_str!("../fixtures/dkim/rsa.pem");
const ED25519: &str = include_str!("../fixtures/dkim/ed25519.pem");

/// Reads a mail, says which of its signatures hold; the keys come as arguments `NAME=RECORD`.
const CHECK: &str = r"
import sys, dkim
records = dict(argument.split('=', 1) for argument in sys.argv[1:])
def find(name, timeout=5):
    return records[name.decode().rstrip('.')].encode()
mail = dkim.DKIM(sys.stdin.buffer.read())
count = sum(1 for name, _ in mail.headers if name.lower() == b'dkim-signature')
def holds(index):
    try:
        return mail.verify(idx=index, dnsfunc=find)
    except dkim.ValidationError:
        return False
print(' '.join(str(holds(index)) for index in range(count)))
";

fn answered(gateway: &mut Gateway, customer: &str, support: &str) {
    let id = format!("question.{customer}");
    let taken = gateway.lmtp(customer, support, &mail(customer, "Wrong VAT", &id, "Please look"));
    assert!(taken.starts_with("250"), "{taken}");
    let list = gateway.api("GET", "/api/conversations", None).expect(200);
    let conversations = list["conversations"].as_array().unwrap();
    let conversation = conversations.iter().find(|it| it.to_string().contains(&id)).unwrap()["id"].as_str().unwrap();
    let body = json!({ "message_type": "comment", "type": "admin", "body": "Looked" });
    gateway.api("POST", &format!("/api/conversations/{conversation}/reply"), Some(&body)).expect(200);
}

fn two_relays(first: &SmtpPeer, second: &SmtpPeer) -> Plan {
    Plan::default().toml(&format!(
        r#"
[[support]]
address = "billing@example.org"
name = "Billing"
relay = "second"
[[relay]]
name = "first"
host = "127.0.0.1"
port = {}
tls = "none"
[[relay]]
name = "second"
host = "127.0.0.1"
port = {}
tls = "none"
connections = 1
"#,
        first.address.port(),
        second.address.port()
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_66_mail_goes_by_the_relay_of_its_address_and_one_relay_down_delays_no_other() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let first = SmtpPeer::start(move |at| match at.stage {
        Stage::Connect if is_down.load(Ordering::SeqCst) => Act::SayAndClose("421 4.3.2 closed"),
        _ => Act::Well,
    })
    .await;
    let second = SmtpPeer::start(|_| Act::Well).await;
    let mut gateway = two_relays(&first, &second).expect_log("relay takes no mail").start();
    answered(&mut gateway, "ana@example.net", "support@example.com");
    first.wait_until(PATIENCE, |peer| peer.connections() > 0).await;
    answered(&mut gateway, "ben@example.net", "billing@example.org");
    second.wait_until(PATIENCE, |peer| peer.taken().len() == 1).await;
    let taken = second.taken();
    assert_eq!(taken[0].to, ["ben@example.net"]);
    assert!(taken[0].from.contains("@example.org>"), "{}", taken[0].from);
    eventually("both relays are shown", || {
        let ready = gateway.ops("/readyz").expect(200);
        let state = |at: usize| ready["relays"][at]["state"].as_str().unwrap_or_default().to_owned();
        (state(0).starts_with("down") && state(1) == "up").then_some(())
    });
    let metrics = gateway.ops("/metrics");
    for line in ["deskgate_relay_up{relay=\"first\"} 0", "deskgate_relay_up{relay=\"second\"} 1"] {
        assert!(metrics.text().contains(line), "{line}");
    }
    down.store(false, Ordering::SeqCst);
    let deliveries = gateway.api("GET", "/api/deliveries", None).expect(200);
    let waiting = deliveries["data"].as_array().unwrap().iter().find(|it| it["state"] != "sent").unwrap();
    gateway.cli(&["queue", "retry", waiting["id"].as_str().unwrap()]);
    first.wait_until(PATIENCE, |peer| peer.taken().len() == 1).await;
    assert_eq!(first.taken()[0].to, ["ana@example.net"]);
    gateway.finish();
    assert_eq!(second.taken().len(), 1);
}

/// What the daemon says is to be published for a support address, as `NAME=RECORD`.
fn published(gateway: &Gateway, address: &str) -> Vec<String> {
    let output = gateway.run(&["--json", "address", "dns", address]);
    let records: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let keys = records.iter().filter(|record| record["purpose"] == "DKIM");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    keys.map(|key| format!("{}={}", text(&key["name"]), text(&key["expected"]))).collect()
}

/// What another program makes of the signatures of a mail; `None` where it is not installed.
fn checked(mail: &[u8], records: &[String]) -> Option<String> {
    sdk::python("dkimverify")?;
    let mut python = sdk::python("python")?;
    let mut child =
        python.arg("-c").arg(CHECK).args(records).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_66_dkimpy_finds_our_signatures_sound() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let keys = "[[dkim]]\ndomain = \"example.com\"\nselector = \"rsa\"\nkey_file = \"rsa.pem\"\n[[dkim]]\n\
                domain = \"example.com\"\nselector = \"ed\"\nkey_file = \"ed25519.pem\"\n";
    let plan = two_relays(&peer, &peer).toml(keys).file("rsa.pem", RSA).file("ed25519.pem", ED25519);
    let mut gateway = plan.set("smtp.dns", &dns_server::serve(&[]).to_string()).start();
    let records = published(&gateway, "support@example.com");
    assert_eq!(records.len(), 2, "{records:?}");
    answered(&mut gateway, "ana@example.net", "support@example.com");
    peer.wait_until(PATIENCE, |peer| peer.taken().len() == 1).await;
    answered(&mut gateway, "ben@example.net", "billing@example.org");
    peer.wait_until(PATIENCE, |peer| peer.taken().len() == 2).await;
    gateway.finish();
    let taken = peer.taken();
    let signed = String::from_utf8(taken[0].message.clone()).unwrap();
    assert_eq!(signed.matches("DKIM-Signature: ").count(), 2, "{signed}");
    assert!(!taken[1].message.starts_with(b"DKIM"), "no key of that domain");
    let Some(said) = checked(&taken[0].message, &records) else { return };
    assert_eq!(said, "True True");
    let forged = signed.replace("Looked", "Booked").into_bytes();
    assert_eq!(checked(&forged, &records).unwrap(), "False False");
}
