//! The demonstration from outside: it plays to its end, stays up, stops when told, and leaves a sound store.

use crate::support::gateway::PATIENCE;
use serde_json::Value;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Longest wait for the next step on a machine with much else to do.
const STEP_WITHIN: Duration = Duration::from_secs(90);

/// The default ports. Whether they are ours or somebody else's: the demonstration must find others, and several of them at
/// a time do not take them from each other.
static HELD: LazyLock<[io::Result<TcpListener>; 4]> =
    LazyLock::new(|| [8080, 9090, 2525, 2424].map(|port| TcpListener::bind(("127.0.0.1", port))));

fn deskgate(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskgate"));
    command.current_dir(dir).args(arguments).stdin(Stdio::null());
    command
}

/// Ends with the test, whatever came of it.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Lines as they come; the channel closes with the stream.
fn lines(stream: impl io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn facts<'s>(steps: &'s [Value], name: &str) -> &'s Value {
    let step = steps.iter().find(|step| step["step"] == name);
    &step.unwrap_or_else(|| panic!("no step {name} in {steps:?}"))["facts"]
}

#[test]
fn the_demonstration_plays_stays_up_stops_and_leaves_a_sound_store() {
    let dir = tempfile::tempdir().unwrap();
    LazyLock::force(&HELD);
    let mut command = deskgate(dir.path(), &["demo", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Ending(child);
    let told = lines(running.0.stdout.take().unwrap());
    let complaints = lines(running.0.stderr.take().unwrap());

    let mut steps: Vec<Value> = Vec::new();
    while steps.last().is_none_or(|step| step["step"] != "up") {
        let line = told.recv_timeout(STEP_WITHIN).unwrap_or_else(|error| {
            panic!("{error} after {steps:#?}; it says {:?}", complaints.try_iter().collect::<Vec<_>>())
        });
        let step: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(step["ok"], true, "{step}");
        steps.push(step);
    }
    assert_eq!(steps.len(), 13, "{steps:#?}");
    assert_eq!(facts(&steps, "mail in by LMTP")["mails"], 8);
    assert_eq!(facts(&steps, "a socket cut off")["resumed"], 2);
    assert_eq!(facts(&steps, "broadcast")["ledger_rows"], 9);
    let up = steps.last().unwrap();
    for (name, default) in [("lmtp", ":2424"), ("smtp", ":2525")] {
        assert!(!up[name].as_str().unwrap().ends_with(default), "{up}");
    }
    let data = up["data"].as_str().unwrap();
    assert!(data.starts_with("./deskgate-data/demo-"), "{data}");

    let cli = |arguments: &[&str]| {
        let output = deskgate(dir.path(), arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(cli(&["status", "--data", data]).starts_with("daemon      ready"));
    assert!(cli(&["trace", "chen@example.com", "--data", data]).contains("part "));
    assert_eq!(cli(&["verify", "--data", data]), "the store is sound\n");

    let pid = up["pid"].to_string();
    assert_eq!(pid, running.0.id().to_string());
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let last: Value = serde_json::from_str(&told.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert_eq!(last["step"], "stopped", "{last}");
    assert!(running.0.wait().unwrap().success());
    assert_eq!(complaints.iter().collect::<Vec<_>>(), Vec::<String>::new(), "nothing to warn of");
    assert_eq!(cli(&["verify", "--data", data]), "the store is sound\n");
}

#[test]
fn the_demonstration_told_to_stop_in_the_middle_ends_without_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    LazyLock::force(&HELD);
    let mut command = deskgate(dir.path(), &["demo", "--json", "--data", "here"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Ending(child);
    let told = lines(running.0.stdout.take().unwrap());
    let complaints = lines(running.0.stderr.take().unwrap());
    told.recv_timeout(STEP_WITHIN).unwrap();
    assert!(Command::new("kill").args(["-INT", &running.0.id().to_string()]).status().unwrap().success());
    let rest: Vec<Value> = told.iter().map(|line| serde_json::from_str(&line).unwrap()).collect();
    assert_eq!(rest.last().unwrap()["step"], "stopped", "{rest:#?}");
    assert!(rest.iter().all(|step| step["ok"] == true && step["step"] != "up"), "{rest:#?}");
    assert!(running.0.wait().unwrap().success());
    assert_eq!(complaints.iter().collect::<Vec<_>>(), Vec::<String>::new());
    assert!(deskgate(dir.path(), &["verify", "--data", "here"]).status().unwrap().success());
}

#[test]
fn the_demonstration_leaves_other_data_and_configurations_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("something"), "of mine").unwrap();
    for (arguments, words) in [
        (&["demo", "--data", "."][..], ". is not empty"),
        (&["demo", "--config", "deskgate.toml"], "leave --config out"),
    ] {
        let output = deskgate(dir.path(), arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(words), "{errors}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
