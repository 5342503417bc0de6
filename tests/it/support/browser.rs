//! A browser driven by playwright-core, which `tests/run` installs below `target/peers/browser`, or where
//! `DESKGATE_TEST_SDKS` says.

use crate::support::gateway::Gateway;
use crate::support::sdk;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// Node with the suite; `None` where the browser or its driver is not installed, unless peers are required.
pub(crate) fn suite() -> Option<Command> {
    let modules = sdk::packages().join("browser/node_modules");
    sdk::installed(&modules.join("playwright-core"))?;
    sdk::installed(Path::new("/usr/bin/chromium"))?;
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run.mjs")).env("MODULES", modules);
    Some(node)
}

/// Runs the suite against a daemon with the same ports from start to start, and does with it what the suite orders: a line
/// `order stop`, `order kill` or `order start` is answered by `done` and the word once it is so.
pub(crate) fn run_ordering(mut node: Command, mut gateway: Gateway) {
    let (base, token) = (format!("http://{}", gateway.address("http")), gateway.token());
    node.env("BASE", base).env("TOKEN", token).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().unwrap();
    let mut answers = node.stdin.take().unwrap();
    let mut said = String::new();
    for line in BufReader::new(node.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(word) = line.strip_prefix("order ") else {
            said.push_str(&line);
            said.push('\n');
            continue;
        };
        match word {
            "stop" => assert!(gateway.stop().success()),
            "kill" => gateway.kill(),
            "start" => gateway.up(),
            _ => panic!("{word} is no order"),
        }
        writeln!(answers, "done {word}").unwrap();
    }
    println!("{said}");
    assert!(node.wait().unwrap().success() && said.trim_end().ends_with("done"), "{said}");
    gateway.finish();
}

/// Runs the suite against the daemon; what it says is shown, and it must end with `done`.
pub(crate) fn run(mut node: Command, gateway: &Gateway, token: &str) {
    let base = format!("http://{}", gateway.address("http"));
    let lmtp = gateway.address("lmtp").to_string();
    let done = node.env("BASE", base).env("LMTP", lmtp).env("TOKEN", token).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}");
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.trim_end().ends_with("done"), "{said}");
}
