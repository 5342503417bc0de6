//! The systemd unit: well-formed, and as closed as it is meant to be.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

/// In tenths; 15 is 1.5 of 10.
const EXPOSURE_MAX: &str = "--threshold=15";

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

fn unit() -> String {
    fs::read_to_string(shipped("deskgate.service")).unwrap()
}

/// A program of systemd; nothing where it is not installed.
fn systemd(program: &str) -> Option<Command> {
    if Command::new(program).arg("--version").output().is_err() {
        #[expect(clippy::disallowed_methods, reason = "how this run of the tests is set up")]
        let required = std::env::var("DESKGATE_TEST_PEERS").is_ok_and(|peers| peers == "required");
        assert!(!required, "{program} is missing and DESKGATE_TEST_PEERS=required");
        println!("not run: {program} is not installed");
        return None;
    }
    Some(Command::new(program))
}

/// Runs `systemd-analyze` on a unit, the tested binary in the place of the service's.
fn analyze(name: &str, arguments: &[&str]) -> Option<Output> {
    let mut analyze = systemd("systemd-analyze")?;
    let dir = tempfile::tempdir().unwrap();
    let service = unit().replace("/usr/bin/deskgate ", &format!("{} ", env!("CARGO_BIN_EXE_deskgate")));
    fs::write(dir.path().join("deskgate.service"), service).unwrap();
    fs::copy(shipped("deskgate.socket"), dir.path().join("deskgate.socket")).unwrap();
    Some(analyze.args(arguments).arg(dir.path().join(name)).output().unwrap())
}

#[test]
fn ops_1_the_unit_is_sandboxed() {
    let Some(output) = analyze("deskgate.service", &["security", "--offline=true", "--no-pager", EXPOSURE_MAX]) else {
        return;
    };
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", report.lines().last().unwrap_or_default());
}

#[test]
fn ops_1_the_units_are_well_formed() {
    for name in ["deskgate.service", "deskgate.socket"] {
        let Some(output) = analyze(name, &["verify", "--recursive-errors=no"]) else { return };
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let about_ours: Vec<&str> = errors.lines().filter(|line| line.contains("deskgate.")).collect();
        assert!(output.status.success() && about_ours.is_empty(), "{errors}");
    }
}

#[test]
fn ops_1_user_and_directories_are_declared_as_systemd_reads_them() {
    let Some(mut users) = systemd("systemd-sysusers") else { return };
    let said = users.arg("--dry-run").arg(shipped("deskgate.sysusers.conf")).output().unwrap();
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.contains("deskgate") && !said.contains("Failed"), "{said}");
    let Some(mut directories) = systemd("systemd-tmpfiles") else { return };
    let root = tempfile::tempdir().unwrap();
    // To make them takes root; that every line is understood does not.
    let declared = shipped("deskgate.tmpfiles.conf");
    let said = directories.arg("--clean").arg("--root").arg(root.path()).arg(&declared).output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn the_unit_and_the_daemon_agree() {
    let unit = unit();
    for line in ["ExecStartPre=/usr/bin/deskgate check", "RestartPreventExitStatus=78 79", "TimeoutStopSec=40s"] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
}
