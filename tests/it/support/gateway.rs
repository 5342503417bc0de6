//! The real binary in a directory of its own, on ports the system picks.
//!
//! [`Gateway::start`] waits until it says that it is ready. At the end ([`Gateway::finish`], or when it goes out of scope
//! in a test that has not failed) it is told to stop, must end with 0, its store must verify, and its log must hold no
//! WARN or ERROR that the test did not expect.

use crate::support::http_client;
use crate::support::http_client::Reply;
use crate::support::ports;
use crate::support::setting;
use crate::support::smtp_client;
use deskgate::clock::instant;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

/// The support address every gateway has.
pub(crate) const SUPPORT: &str = "support@example.com";
/// Longest wait for anything unless said otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const BASE: &str = r#"
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
listen = "127.0.0.1:0"
[lmtp]
listen = "127.0.0.1:0"
[[support]]
address = "support@example.com"
name = "Example Support"
[messenger]
allowed_origins = ["*"]
[log]
format = "json"
"#;

/// How a gateway is to be.
#[derive(Default)]
pub(crate) struct Plan {
    more_toml: String,
    settings: BTreeMap<String, String>,
    expected: Vec<String>,
    files: Vec<(String, String)>,
    data: Option<PathBuf>,
    passed: Option<(String, OwnedFd)>,
}

impl Plan {
    /// Passes this socket at each start, as systemd passes that of a socket unit of that name.
    pub(crate) fn pass(mut self, name: &str, socket: impl Into<OwnedFd>) -> Self {
        self.passed = Some((name.to_owned(), socket.into()));
        self
    }

    /// Adds tables to the configuration (`[[mailbox]]`, `[[relay]]` …).
    pub(crate) fn toml(mut self, text: &str) -> Self {
        self.more_toml.push_str(text);
        self
    }

    /// Sets one key, such as `notify.unseen_delay_s`, by the environment.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        let name = format!("DESKGATE__{}", key.replace('.', "__").to_uppercase());
        self.settings.insert(name, value.to_owned());
        self
    }

    /// Sets a variable of the environment, such as `NOTIFY_SOCKET`.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A private file beside the configuration: passwords and secrets.
    pub(crate) fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Listens on ports that stay the same from start to start, which nobody else is given meanwhile.
    pub(crate) fn steady(self) -> Self {
        let mut ports = ports::unassigned();
        let mut next = |plan: Self, name: &str| {
            let port = ports.next().expect("a free port");
            plan.set(&format!("{name}.listen"), &format!("127.0.0.1:{port}"))
        };
        ["http", "ops", "smtp", "lmtp"].into_iter().fold(self, &mut next)
    }

    /// Keeps its data there instead of beside its configuration.
    pub(crate) fn data_dir(mut self, path: &Path) -> Self {
        self.data = Some(path.to_owned());
        self.set("data.dir", path.to_str().unwrap())
    }

    /// Lets WARN and ERROR lines pass that hold `fragment`.
    pub(crate) fn expect_log(mut self, fragment: &str) -> Self {
        self.expected.push(fragment.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(self) -> Gateway {
        let mut gateway = self.prepare();
        gateway.up();
        gateway
    }

    /// Makes its directory and starts nothing yet.
    pub(crate) fn prepare(self) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("deskgate.toml"), format!("{BASE}{}", self.more_toml)).unwrap();
        for (name, content) in &self.files {
            private_file(&dir.path().join(name), content);
        }
        let data = self.data.unwrap_or_else(|| dir.path().join("data"));
        Gateway {
            dir,
            data,
            settings: self.settings,
            expected: self.expected,
            log: Arc::default(),
            passed: self.passed,
            running: None,
            token: None,
            is_checked: false,
        }
    }
}

fn private_file(path: &Path, content: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

/// A daemon under test.
pub(crate) struct Gateway {
    dir: tempfile::TempDir,
    data: PathBuf,
    settings: BTreeMap<String, String>,
    expected: Vec<String>,
    log: Arc<Log>,
    passed: Option<(String, OwnedFd)>,
    running: Option<Running>,
    token: Option<String>,
    is_checked: bool,
}

struct Running {
    child: Child,
    reader: JoinHandle<()>,
    addresses: BTreeMap<String, String>,
}

/// What the daemon said, over all its lives.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<Value>>,
    grown: Condvar,
}

impl Gateway {
    /// One with the plain configuration.
    pub(crate) fn start() -> Self {
        Plan::default().start()
    }

    /// Its directory: configuration, and `data` below it.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data.clone()
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("deskgate.toml")
    }

    /// Process id of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("the daemon runs").child.id()
    }

    /// Address of `http`, `ops`, `smtp` or `lmtp`.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.running.as_ref().expect("the daemon runs").addresses[name].parse().unwrap()
    }

    /// The program with this configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = setting::setting("DESKGATE_TEST_PROGRAM");
        let mut command = Command::new(program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_deskgate")));
        command.arg("--config").arg(self.config()).args(arguments).envs(&self.settings).stdin(Stdio::null());
        match &self.passed {
            Some((name, socket)) if arguments == ["serve"] => passing(&command, name, socket.try_clone().unwrap()),
            _ => command,
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must do; returns what it printed.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "deskgate {arguments:?}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--json`.
    pub(crate) fn cli_json(&self, arguments: &[&str]) -> Value {
        let mut with_json = vec!["--json"];
        with_json.extend(arguments);
        serde_json::from_str(&self.cli(&with_json)).unwrap()
    }

    /// A token of an admin, made at the first call.
    pub(crate) fn token(&mut self) -> String {
        if self.token.is_none() {
            self.cli(&["agent", "add", "ana@example.com", "--name", "Ana Agent", "--role", "admin"]);
            let token = self.cli(&["token", "create", "--agent", "ana@example.com", "--name", "test"]);
            self.token = Some(token.trim().to_owned());
        }
        self.token.clone().unwrap()
    }

    /// Calls the API as that admin: `gateway.api("GET", "/api/me", None)`.
    pub(crate) fn api(&mut self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let token = self.token();
        let authorization = format!("Bearer {token}");
        http_client::call(self.address("http"), method, path, &[("Authorization", &authorization)], body)
    }

    /// The rows under `key` of all pages of a list; `path` has a query already.
    pub(crate) fn pages(&mut self, path: &str, key: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.api("GET", &format!("{path}&starting_after={after}"), None).expect(200);
            rows.extend(page[key].as_array().unwrap().iter().cloned());
            match page["pages"]["next"]["starting_after"].as_str() {
                Some(next) => after = next.to_owned(),
                None => return rows,
            }
        }
    }

    /// Calls the operations listener.
    pub(crate) fn ops(&self, path: &str) -> Reply {
        http_client::call(self.address("ops"), "GET", path, &[], None)
    }

    /// Hands a mail over by LMTP; the last reply.
    pub(crate) fn lmtp(&self, from: &str, to: &str, raw: &str) -> String {
        smtp_client::send(self.address("lmtp"), "LHLO", from, to, raw)
    }

    /// Hands a mail over by SMTP; the last reply.
    pub(crate) fn smtp(&self, from: &str, to: &str, raw: &str) -> String {
        smtp_client::send(self.address("smtp"), "EHLO", from, to, raw)
    }

    /// Lets WARN and ERROR lines pass that hold `fragment`.
    pub(crate) fn expect_log(&mut self, fragment: &str) {
        self.expected.push(fragment.to_owned());
    }

    /// Waits for a line that holds `fragment`.
    pub(crate) fn wait_log(&self, fragment: &str) -> Value {
        self.wait_log_from(0, fragment)
    }

    fn wait_log_from(&self, first: usize, fragment: &str) -> Value {
        let lines = self.log.lines.lock().unwrap();
        let found = |lines: &Vec<Value>| lines.iter().skip(first).find(|l| l.to_string().contains(fragment)).cloned();
        let (lines, _) = self.log.grown.wait_timeout_while(lines, PATIENCE, |lines| found(lines).is_none()).unwrap();
        found(&lines).unwrap_or_else(|| panic!("no line with {fragment:?} within {PATIENCE:?} in {lines:#?}"))
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) fn up(&mut self) {
        let before = self.log.lines.lock().unwrap().len();
        self.spawn();
        self.wait_log_from(before, "\"ready\"");
        let text = fs::read_to_string(self.data_dir().join("run/addresses.json")).unwrap();
        let running = self.running.as_mut().expect("the daemon runs");
        running.addresses = serde_json::from_str(&text).unwrap();
    }

    /// Starts the daemon and waits for nothing; its addresses are not known.
    pub(crate) fn spawn(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let mut child = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let reader = read_log(child.stderr.take().unwrap(), Arc::clone(&self.log));
        self.running = Some(Running { child, reader, addresses: BTreeMap::new() });
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut running = self.running.take().expect("the daemon runs");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        running.reader.join().unwrap();
    }

    /// Sends a signal by name: `HUP`, `TERM`, `STOP` …
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Tells it to stop and waits for its end.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_end()
    }

    /// Waits for its end.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the daemon runs");
        // Its standard error ends with it.
        let until = instant() + PATIENCE + PATIENCE;
        while !running.reader.is_finished() {
            if instant() > until {
                running.child.kill().unwrap();
                panic!("the daemon did not stop");
            }
            thread::sleep(Duration::from_millis(5));
        }
        running.reader.join().unwrap();
        running.child.wait().unwrap()
    }

    /// Stops it and checks what must hold at the end of every test.
    pub(crate) fn finish(mut self) {
        self.check_end();
    }

    fn check_end(&mut self) {
        if self.is_checked {
            return;
        }
        self.is_checked = true;
        if self.running.is_some() {
            let status = self.stop();
            assert!(status.success(), "the daemon ended with {status}");
        }
        if self.data_dir().join("store.redb").exists() {
            self.cli(&["verify"]);
        }
        for line in self.log.lines.lock().unwrap().iter() {
            let text = line.to_string();
            let is_bad = matches!(line["level"].as_str(), Some("WARN" | "ERROR") | None);
            assert!(!is_bad || self.expected.iter().any(|it| text.contains(it)), "unexpected in the log: {text}");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.check_end();
        }
        if let Some(mut running) = self.running.take() {
            drop(running.child.kill());
            drop(running.child.wait());
            for line in self.log.lines.lock().unwrap().iter() {
                println!("{line}");
            }
        }
    }
}

fn read_log(stderr: ChildStderr, log: Arc<Log>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let line = line.unwrap();
            let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
            log.lines.lock().unwrap().push(value);
            log.grown.notify_all();
        }
        log.grown.notify_all();
    })
}

/// Asks again until there is an answer, at most [`PATIENCE`].
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = instant() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(instant() < until, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The command with a socket as its descriptor 3, and the variables that say so, of the process that it becomes.
fn passing(command: &Command, name: &str, socket: OwnedFd) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec 3<&0 0</dev/null; LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\"");
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name).stdin(socket);
    shell
}
