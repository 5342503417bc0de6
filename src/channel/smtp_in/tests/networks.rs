//! Who may hand mail in, and who stands behind a proxy.

use super::Listener;
use crate::desk::mail::arrival::ArrivalSource;
use ipnet::IpNet;

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

const MAIL: &str = "S: 220\nC: EHLO c\nS: 250\nC: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT TO:<support@example.com>\n\
    S: 250\nC: DATA\nS: 354\nC: Subject: x\nC: \nC: .\nS: 250\nC: QUIT\nS: 221\nS| ";

#[tokio::test]
async fn eml_7_mail_comes_from_trusted_networks_alone() {
    let listener = Listener::smtp(|options| options.trusted = networks(&["127.0.0.0/8"])).await;
    listener.plays(MAIL).await;
    assert_eq!(listener.taken().len(), 1);
    let listener = Listener::smtp(|options| options.trusted = networks(&["10.0.0.0/8", "::1/128"])).await;
    listener.plays("S: 554 5.7.1\nS| ").await;
    assert!(listener.taken().is_empty());
}

#[tokio::test]
async fn eml_7_a_proxy_says_who_stands_behind_it() {
    let change = |options: &mut crate::channel::smtp_in::ListenerOptions| {
        options.proxies = networks(&["127.0.0.1/32"]);
        options.trusted = networks(&["192.0.2.0/24"]);
        options.connections_per_ip_max = 1;
    };
    let listener = Listener::smtp(change).await;
    listener.plays(&format!("C< PROXY TCP4 192.0.2.7 127.0.0.1 40000 25\\r\\n\n{MAIL}")).await;
    listener.plays("C< PROXY TCP4 203.0.113.7 127.0.0.1 40000 25\\r\\n\nS: 554 5.7.1\nS| ").await;
    let door = listener.drained().await;
    let arrivals = door.arrivals.lock().unwrap();
    let [arrival] = arrivals.as_slice() else { panic!("{arrivals:?}") };
    let ArrivalSource::Smtp { peer, .. } = &arrival.source else { panic!("{arrival:?}") };
    assert!(peer.starts_with("192.0.2.7:40000"), "{peer}");
}

#[tokio::test]
async fn eml_7_a_header_of_whom_nobody_named_is_no_command_and_xclient_is_off() {
    let listener = Listener::smtp(|_| {}).await;
    listener.plays("S: 220\nC: PROXY TCP4 192.0.2.7 127.0.0.1 40000 25\nS: 5").await;
    listener.plays("S: 220\nC: XCLIENT ADDR=192.0.2.7\nS: 5\nC: EHLO c\nS: 250\nC: XCLIENT ADDR=192.0.2.7\nS: 5").await;
}

#[tokio::test]
async fn fault_60_too_many_mails_of_a_sender_come_again_later() {
    let change = |options: &mut crate::channel::smtp_in::ListenerOptions| {
        options.proxies = networks(&["127.0.0.1/32"]);
        options.per_sender_per_minute = Some(1);
    };
    let listener = Listener::smtp(change).await;
    let from_outside = "C< PROXY TCP4 192.0.2.7 127.0.0.1 40000 25\\r\\n\n";
    listener.plays(&format!("{from_outside}{MAIL}")).await;
    let again = MAIL.replace("S: 354\nC: Subject: x\nC: \nC: .\nS: 250", "S: 450 4.7.1");
    listener.plays(&format!("{from_outside}{again}")).await;
    listener.plays(&format!("{from_outside}{}", MAIL.replace("a@example.org", "b@example.org"))).await;
    assert_eq!(listener.drained().await.arrivals.lock().unwrap().len(), 2);
}
