//! What the daemon tells systemd, and what it does when it is stuck or told to hurry.

use crate::support::gateway::PATIENCE;
use crate::support::gateway::Plan;
use crate::support::smtp_client::Client;
use std::os::unix::net::UnixDatagram;

/// Stands in for systemd.
struct Systemd {
    _dir: tempfile::TempDir,
    socket: UnixDatagram,
    path: String,
}

impl Systemd {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { _dir: dir, socket, path: path.to_str().unwrap().to_owned() }
    }

    /// Waits for a message that holds `state`.
    fn told(&self, state: &str) -> String {
        let mut buffer = [0; 4_096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{state}: {error}"));
            let message = str::from_utf8(&buffer[..length]).unwrap();
            if message.contains(state) {
                return message.to_owned();
            }
        }
    }
}

#[test]
fn readiness_reload_and_stop_are_told_and_the_watchdog_is_fed() {
    let systemd = Systemd::new();
    let mut gateway = Plan::default().env("NOTIFY_SOCKET", &systemd.path).env("WATCHDOG_USEC", "18000000").start();
    systemd.told("READY=1");
    gateway.signal("HUP");
    assert!(systemd.told("RELOADING=1").contains("MONOTONIC_USEC="));
    systemd.told("READY=1");
    let fed = systemd.told("WATCHDOG=1");
    assert!(fed.contains("STATUS=ready; 0 deliveries waiting"), "{fed}");
    assert!(gateway.stop().success());
    systemd.told("STOPPING=1");
    gateway.finish();
}

#[test]
fn p23_a_second_signal_ends_at_once() {
    let mut gateway = Plan::default().expect_log("stopped by a second signal").start();
    let mut sending = Client::connect(gateway.address("smtp"));
    for line in ["EHLO c.example", "MAIL FROM:<bob@example.net>", "RCPT TO:<support@example.com>", "DATA"] {
        sending.say(line);
    }
    gateway.signal("TERM");
    gateway.wait_log("draining");
    gateway.signal("TERM");
    let began = deskgate::clock::instant();
    assert_eq!(gateway.wait_end().code(), Some(1));
    assert!(began.elapsed().as_secs() < 5, "the mail under way is not waited for");
    gateway.finish();
}
