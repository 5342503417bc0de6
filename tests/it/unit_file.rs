//! The systemd unit: well-formed, and as closed as it is meant to be.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

/// In tenths; 15 is 1.5 of 10.
const EXPOSURE_MAX: &str = "--threshold=15";

fn unit() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/deskgate.service")).unwrap()
}

/// Runs `systemd-analyze` on the unit with the tested binary in its place; nothing where that is not installed.
fn analyze(arguments: &[&str]) -> Option<Output> {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        #[expect(clippy::disallowed_methods, reason = "how this run of the tests is set up")]
        let required = std::env::var("DESKGATE_TEST_PEERS").is_ok_and(|peers| peers == "required");
        assert!(!required, "systemd-analyze is missing and DESKGATE_TEST_PEERS=required");
        println!("not run: systemd-analyze is not installed");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deskgate.service");
    fs::write(&path, unit().replace("/usr/bin/deskgate ", &format!("{} ", env!("CARGO_BIN_EXE_deskgate")))).unwrap();
    Some(Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap())
}

#[test]
fn ops_1_the_unit_is_sandboxed() {
    let Some(output) = analyze(&["security", "--offline=true", "--no-pager", EXPOSURE_MAX]) else { return };
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", report.lines().last().unwrap_or_default());
}

#[test]
fn ops_1_the_unit_is_well_formed() {
    let Some(output) = analyze(&["verify", "--recursive-errors=no"]) else { return };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let about_ours: Vec<&str> = errors.lines().filter(|line| line.contains("deskgate.service")).collect();
    assert!(output.status.success() && about_ours.is_empty(), "{errors}");
}

#[test]
fn the_unit_and_the_daemon_agree() {
    let unit = unit();
    for line in ["ExecStartPre=/usr/bin/deskgate check", "RestartPreventExitStatus=78 79", "TimeoutStopSec=40s"] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
}
