//! Configurations as files: the sample, the examples, and bad ones with what is said of each (fault 92).

use deskgate::config::Config;
use deskgate::config::SAMPLE;
use deskgate::config::env::Environment;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn toml_files(dir: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(repository(dir)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn the_sample_is_sound_as_it_is_and_with_every_key_on() {
    Config::parse(SAMPLE, "sample", Path::new("/"), &Environment::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("smtp-certificate.pem", "x"),
        ("smtp-key.pem", "x"),
        ("imap-password", "x"),
        ("oauth-client-secret", "x"),
        ("relay-password", "x"),
        ("dkim.pem", "-----BEGIN PRIVATE KEY-----"),
        ("messenger-secret", "x"),
        ("messenger-key.pem", "x"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::create_dir(dir.path().join("templates")).unwrap();
    let is_setting =
        |line: &str| line.starts_with("#[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains("# "));
    let on: Vec<&str> =
        SAMPLE.lines().map(|line| if is_setting(line) { line.trim_start_matches('#') } else { line }).collect();
    let on = on.join("\n");
    let refused = Config::parse(&on, "sample", dir.path(), &Environment::default()).unwrap_err().to_string();
    assert!(refused.contains("password_file") && refused.contains("stands beside oauth"), "{refused}");
    assert!(refused.contains("stands beside user or password_file"), "{refused}");
    // A mailbox has a password or the consent of a person, and a custom provider alone has addresses of its own.
    let by_password = on.split_once("[mailbox.oauth]").map(|(before, rest)| {
        let (_, after) = rest.split_once("\n\n").unwrap();
        format!("{before}\n\n{after}").replace("\nmailbox = \"support\"\n", "\n")
    });
    // A relay signs in with a password of its own or as a mailbox.
    let by_consent = on.replace("password_file = \"imap-password\"", "").replace("\"microsoft\"", "\"custom\"");
    let by_consent = by_consent.replace("user = \"support@example.com\"\npassword_file = \"relay-password\"\n", "");
    for text in [by_password.unwrap(), by_consent] {
        let config = Config::parse(&text, "sample", dir.path(), &Environment::default()).unwrap();
        assert_eq!((config.mailboxes.len(), config.relays.len(), config.dkim.len()), (1, 1, 1));
    }
}

#[test]
fn every_example_is_sound_with_its_secrets_beside_it() {
    for path in toml_files("config/examples") {
        let text = fs::read_to_string(&path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, value)) = line.split_once(" = ")
                && key.ends_with("_file")
            {
                let secret = dir.path().join(value.trim_matches('"'));
                fs::write(&secret, "secret").unwrap();
                fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let parsed = Config::parse(&text, "example", dir.path(), &Environment::default());
        parsed.unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
    }
}

#[test]
fn fault_92_of_a_bad_configuration_everything_is_said() {
    for path in toml_files("tests/fixtures/config_bad") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let refused = Config::parse(&text, &name, Path::new("/nowhere"), &Environment::default());
        let refused = refused.err().unwrap_or_else(|| panic!("{name} was taken")).to_string();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        assert!(!expected.is_empty(), "{name} says nothing of what is expected");
        for words in &expected {
            let line = match words.split_once(": ").map(|(number, _)| number.parse::<usize>()) {
                Some(Ok(_)) => format!("{name}:{words}"),
                _ => format!("{name}: {words}"),
            };
            assert!(refused.lines().any(|it| it.starts_with(&line)), "{line:?} is not in\n{refused}");
        }
        assert_eq!(refused.lines().count(), expected.len(), "{name}: more or less was said:\n{refused}");
    }
}

#[test]
fn fault_92_the_program_ends_with_78_and_binds_nothing() {
    for path in toml_files("tests/fixtures/config_bad") {
        let dir = tempfile::tempdir().unwrap();
        for command in ["serve", "check", "status"] {
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_deskgate"));
            let output =
                program.arg("--config").arg(&path).arg("--data").arg(dir.path()).arg(command).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(78), "{}: {errors}", path.display());
            assert!(errors.contains(&path.display().to_string()), "{errors}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
    }
}
