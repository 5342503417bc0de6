//! Postfix's `smtp-sink`: a relay that takes everything and writes each message to a file.

use crate::support::setting;
use deskgate::clock::instant;
use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const PROGRAM: &str = "/usr/sbin/smtp-sink";
const UP_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct SmtpSink {
    dir: tempfile::TempDir,
    child: Child,
    pub(crate) port: u16,
}

impl SmtpSink {
    /// Starts one; `None` where Postfix is not installed, unless `DESKGATE_TEST_PEERS=required`.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            assert!(!setting::peers_required(), "{PROGRAM} is missing and DESKGATE_TEST_PEERS=required");
            println!("not run: {PROGRAM} is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(PROGRAM);
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
        if is_root {
            // It does not run as root, and must be able to write its files.
            assert!(Command::new("chown").arg("mail").arg(dir.path()).status().unwrap().success());
            command.args(["-u", "mail"]);
        }
        command.args(["-d", "mail.", &format!("127.0.0.1:{port}"), "16"]);
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sink = Self { dir, child: command.spawn().unwrap(), port };
        let until = instant() + UP_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(instant() < until, "{PROGRAM} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(sink)
    }

    /// The messages it took, with the envelope it notes before each.
    pub(crate) fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()).collect()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
