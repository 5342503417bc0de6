//! A browser driven by playwright-core, which `tests/run` installs below `target/peers/browser`, or where
//! `DESKGATE_TEST_SDKS` says.

use crate::support::gateway::Gateway;
use crate::support::sdk;
use std::path::Path;
use std::process::Command;

/// Node with the suite; `None` where the browser or its driver is not installed, unless peers are required.
pub(crate) fn suite() -> Option<Command> {
    let modules = sdk::packages().join("browser/node_modules");
    sdk::installed(&modules.join("playwright-core"))?;
    sdk::installed(Path::new("/usr/bin/chromium"))?;
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run.mjs")).env("MODULES", modules);
    Some(node)
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
