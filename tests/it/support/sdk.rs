//! Peers that speak the compatible API: interpreters with packages that `tests/run` installs below `target/peers`, or
//! that stand where `DESKGATE_TEST_SDKS` says.

use crate::support::gateway::Gateway;
use crate::support::setting;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// A file beside the packages' pins.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

pub(crate) fn packages() -> PathBuf {
    let beside_target = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    setting::setting("DESKGATE_TEST_SDKS").map_or_else(beside_target, PathBuf::from)
}

/// Node with the official JavaScript client; `None` where it is not installed, unless peers are required.
pub(crate) fn node() -> Option<Command> {
    let modules = packages().join("node_modules");
    installed(&modules.join("intercom-client"))?;
    let mut node = Command::new("node");
    node.env("NODE_PATH", modules);
    Some(node)
}

/// A program of the Python environment with the official client and schemathesis.
pub(crate) fn python(program: &str) -> Option<Command> {
    let program = packages().join("venv/bin").join(program);
    installed(&program)?;
    Some(Command::new(program))
}

pub(crate) fn installed(path: &Path) -> Option<()> {
    if path.exists() {
        return Some(());
    }
    assert!(!setting::peers_required(), "{} is missing and DESKGATE_TEST_PEERS=required", path.display());
    println!("not run: {} is not installed", path.display());
    None
}

/// Runs a flow against the daemon; its output is shown, and it must end well and say that it is done.
pub(crate) fn run_flow(mut command: Command, gateway: &Gateway, token: &str) {
    let base = format!("http://{}/api", gateway.address("http"));
    let done = command.env("BASE", base).env("TOKEN", token).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.trim_end().ends_with("done"), "{said}");
}
