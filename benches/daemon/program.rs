//! The daemon under measure: the program of this build in a directory of its own, on ports the system picks.

use crate::http_client;
use crate::machine;
use deskgate::clock::instant;
use serde_json::Value;
use std::fs;
use std::fs::File;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

pub const SUPPORT: &str = "support@example.com";

const CONFIG: &str = r#"
[workspace]
name = "Example"
[data]
dir = "data"
[http]
listen = "127.0.0.1:0"
public_url = "https://desk.example.com"
[ops]
listen = "127.0.0.1:0"
[smtp]
listen = "off"
[lmtp]
listen = "127.0.0.1:0"
[[support]]
address = "support@example.com"
name = "Example Support"
[messenger]
allowed_origins = ["*"]
"#;

const LOG_LINES_SHOWN: usize = 20;
const UP_WITHIN: Duration = Duration::from_secs(30);

static ROOM: OnceLock<PathBuf> = OnceLock::new();

/// Room for all directories of this run, removed at its end and not before: some file systems take long to make files
/// right after many were removed. On the disk that holds the build, since `/tmp` may be memory.
pub fn room() -> tempfile::TempDir {
    let room = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    ROOM.set(room.path().to_owned()).unwrap();
    room
}

/// A new directory.
pub fn directory() -> PathBuf {
    tempfile::tempdir_in(ROOM.get().unwrap()).unwrap().keep()
}

/// Waits for something, 30 s at most.
pub fn within_limit<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = instant() + UP_WITHIN;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(instant() < until, "{what}: not within {UP_WITHIN:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A running daemon; killed when dropped.
pub struct Program {
    dir: PathBuf,
    child: Child,
    addresses: Value,
}

impl Program {
    /// Starts one on an empty store and waits until it says where it listens.
    pub fn start() -> Self {
        Self::start_in(directory(), "")
    }

    /// Starts one on the data in `dir`, with `more` in its configuration.
    pub fn start_in(dir: PathBuf, more: &str) -> Self {
        fs::write(dir.join("deskgate.toml"), format!("{CONFIG}{more}")).unwrap();
        let log = File::create(dir.join("log")).unwrap();
        let mut command = program(&dir, &["serve"]);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let file = dir.join("data/run/addresses.json");
        let mut daemon = Self { dir, child, addresses: Value::Null };
        daemon.addresses = within_limit("addresses.json", || {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none(), "the daemon ended: {}", daemon.log());
            serde_json::from_str(&fs::read_to_string(&file).ok()?).ok()
        });
        let ops = daemon.address("ops");
        within_limit("ready", || (http_client::call(ops, "GET", "/readyz", &[], None).status == 200).then_some(()));
        daemon
    }

    /// Address of `http`, `ops` or `lmtp`.
    pub fn address(&self, listener: &str) -> SocketAddr {
        self.addresses[listener].as_str().unwrap().parse().unwrap()
    }

    pub fn cpu_time(&self) -> Duration {
        machine::cpu_time(self.child.id())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn resident_kib(&self) -> u64 {
        machine::resident_kib(self.child.id())
    }

    /// The sum of a metric's samples whose labels hold `label`.
    pub fn metric(&self, name: &str, label: &str) -> u64 {
        let text = http_client::call(self.address("ops"), "GET", "/metrics", &[], None).text();
        let samples = text.lines().filter(|line| {
            let rest = line.strip_prefix("deskgate_").and_then(|line| line.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        });
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// An admin who calls the API.
    pub fn admin(&self) -> Admin {
        self.cli(&["agent", "add", "ana@example.com", "--name", "Ana Agent", "--role", "admin"]);
        let token = self.cli(&["token", "create", "--agent", "ana@example.com", "--name", "bench"]);
        Admin { to: self.address("http"), authorization: format!("Bearer {}", token.trim()) }
    }

    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = program(&self.dir, arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its last words.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}

fn program(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskgate"));
    command.arg("--config").arg(dir.join("deskgate.toml")).args(arguments).stdin(Stdio::null());
    command
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Calls of the API.
#[derive(Clone)]
pub struct Admin {
    to: SocketAddr,
    authorization: String,
}

impl Admin {
    /// An admin whose token is known.
    pub fn with_token(daemon: &Program, token: &str) -> Self {
        Self { to: daemon.address("http"), authorization: format!("Bearer {token}") }
    }

    pub fn authorization(&self) -> &str {
        &self.authorization
    }

    pub fn get(&self, path: &str) -> Value {
        self.call("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, Some(body))
    }

    pub fn put(&self, path: &str, body: &Value) -> Value {
        self.call("PUT", path, Some(body))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let headers = [("Authorization", self.authorization.as_str())];
        http_client::call(self.to, method, path, &headers, body).expect(200)
    }
}

const SINK: &str = "/usr/sbin/smtp-sink";

/// Postfix's `smtp-sink`, which takes mail by LMTP and drops it.
pub struct Sink {
    child: Child,
    pub address: SocketAddr,
}

impl Sink {
    /// By LMTP; `None` where Postfix is not installed.
    pub fn start() -> Option<Self> {
        Self::speaking(&["-L"])
    }

    /// By SMTP.
    pub fn start_smtp() -> Option<Self> {
        Self::speaking(&[])
    }

    fn speaking(options: &[&str]) -> Option<Self> {
        if !fs::exists(SINK).unwrap() {
            return None;
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(SINK);
        if Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n") {
            command.args(["-u", "nobody"]);
        }
        command.args(options).args([&free.to_string(), "128"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sink = Self { child: command.spawn().unwrap(), address: free };
        within_limit("smtp-sink", || TcpStream::connect(free).ok());
        Some(sink)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
