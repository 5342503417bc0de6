//! Sockets that systemd binds and passes: ports below 1024, and mail that waits while the daemon is started anew.

use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::smtp_client;
use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const RAW: &str = "From: ada@example.net\r\nTo: support@example.com\r\nSubject: Hello\r\nMessage-ID: <1@example.net>\r\n\r\nHello\r\n";

#[test]
fn ops_1_mail_comes_in_by_a_passed_socket_and_waits_there_while_the_daemon_is_started_anew() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut gateway = Plan::default().set("smtp.listen", "off").pass("smtp", socket).start();
    assert_eq!(gateway.address("smtp"), address, "in the place of the configured one");
    let reply = smtp_client::send(address, "EHLO", "ada@example.net", SUPPORT, RAW);
    assert!(reply.starts_with("250"), "{reply}");

    assert!(gateway.stop().success());
    let waiting = TcpStream::connect(address).expect("the socket is there without the daemon");
    waiting.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    gateway.up();
    let mut waiting = BufReader::new(waiting);
    let mut line = String::new();
    waiting.read_line(&mut line).unwrap();
    assert!(line.starts_with("220"), "served by the next one: {line}");
    drop(waiting);
    gateway.finish();
}

#[test]
fn ops_1_lmtp_by_a_passed_socket_of_the_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lmtp");
    let gateway = Plan::default().pass("lmtp", UnixListener::bind(&path).unwrap()).start();
    let mut client = BufReader::new(UnixStream::connect(&path).unwrap());
    let mut greeting = String::new();
    client.read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("220") && greeting.contains("LMTP"), "{greeting}");
    drop(client);
    gateway.finish();
    assert!(path.exists(), "it is not ours to remove");
}

#[test]
fn fault_92_a_passed_socket_that_nobody_would_listen_on_is_refused() {
    for name in ["imap", "deskgate.socket"] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let output = Plan::default().pass(name, socket).prepare().run(&["serve"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{errors}");
        let why = format!("has the name {name:?}; FileDescriptorName= takes one of http, ops, smtp, lmtp");
        assert!(errors.contains(&why), "{errors}");
    }
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let output = Plan::default().pass("http", datagrams).prepare().run(&["serve"]);
    assert_eq!(output.status.code(), Some(78), "no stream can come in there");
}
