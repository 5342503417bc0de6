//! The configuration as a whole.

use super::*;
use crate::config::mailbox::After;
use crate::config::mailbox::SignIn;
use crate::config::mailbox::Tls;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn variables(pairs: &[(&str, &str)]) -> Environment {
    let settings = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Environment { settings, credentials: None }
}

fn refused(text: &str, environment: &Environment) -> Vec<String> {
    match Config::parse(text, "t.toml", Path::new("/nowhere"), environment) {
        Ok(_) => Vec::new(),
        Err(Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
    }
}

const SUPPORT: &str = "[[support]]\naddress = \"support@example.com\"\n";

#[test]
fn development_defaults_need_no_file() {
    let config = Config::parse(DEVELOPMENT, "d", Path::new("."), &Environment::default()).unwrap();
    assert!(config.is_development());
    assert_eq!(config.data_dir, Path::new("./deskgate-data"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.smtp.listen.to_string(), "127.0.0.1:2525");
    assert!(config.messenger.allowed_origins.is_empty());
    assert!(config.relays.is_empty());
}

#[test]
fn p25_every_fault_is_told_at_once_with_its_line() {
    let text = "[workspace]\ntime_zone = \"Mars/Olympus\"\n[http]\nlisten = 8080\nlistn = \"x\"\n[htpp]\n";
    assert_eq!(
        refused(text, &Environment::default()),
        [
            "t.toml:2: workspace.time_zone: \"Mars/Olympus\" is not a time zone such as Europe/Berlin",
            "t.toml:4: http.listen: expected a text, found a whole number",
            "t.toml:5: http.listn: unknown key; [http] knows listen, public_url, trusted_proxies",
            "t.toml:6: htpp: unknown section; known are brand, data, dkim, http, limits, lmtp, log, mailbox, messenger, messenger_key, notify, ops, relay, retention, smtp, support, templates, tickets, webhooks, workspace",
            "t.toml: support: no support address; add [[support]] with address = \"support@…\"",
        ]
    );
}

#[test]
fn variables_go_before_the_file_and_are_named_in_faults() {
    let given = variables(&[
        ("DESKGATE__HTTP__LISTEN", "127.0.0.1:0"),
        ("DESKGATE__NOTIFY__UNSEEN_DELAY_S", "5"),
        ("DESKGATE__MESSENGER__ALLOWED_ORIGINS", "https://a.example, https://B.example"),
        ("DESKGATE__SUPPORT__1__ADDRESS", "help@example.com"),
    ]);
    let text = format!("[http]\nlisten = \"127.0.0.1:1\"\n{SUPPORT}");
    let config = Config::parse(&text, "t.toml", Path::new("/"), &given).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.notify.unseen_delay.as_secs(), 5);
    assert_eq!(config.messenger.allowed_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.support[1].address.to_string(), "help@example.com");

    let bad = variables(&[
        ("DESKGATE__HTTP__LISTEN", "nowhere"),
        ("DESKGATE__HTTP__LISTNE", "127.0.0.1:1"),
        ("DESKGATE__NOTIFY__UNSEEN_DELAY_S", "soon"),
    ]);
    let faults = refused(SUPPORT, &bad);
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("DESKGATE__HTTP__LISTEN: http.listen: \"nowhere\" is not IP:PORT"), "{faults:#?}");
    assert_eq!(faults[1], "DESKGATE__HTTP__LISTNE: sets no known key");
    assert!(faults[2].contains("expected a whole number from 0 to 86400"), "{faults:#?}");
}

#[test]
fn secrets_come_from_files_beside_the_configuration_or_from_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = tempfile::tempdir().unwrap();
    for (path, text) in [(dir.path().join("here"), "from file\n"), (credentials.path().join("given"), "from systemd")] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mailbox = |name: &str, file: &str| {
        format!(
            "[[mailbox]]\nname = \"{name}\"\nhost = \"h.example\"\nuser = \"u\"\npassword_file = \"{file}\"\nafter = \"seen\"\n"
        )
    };
    let text = format!("{SUPPORT}{}{}", mailbox("a", "here"), mailbox("b", "given"));
    let environment = Environment { settings: Vec::new(), credentials: Some(credentials.path().to_owned()) };
    let config = Config::parse(&text, "t.toml", dir.path(), &environment).unwrap();
    let secrets: Vec<_> = config
        .mailboxes
        .iter()
        .map(|mailbox| match &mailbox.sign_in {
            SignIn::Password(password) => password.reveal(),
            SignIn::OAuth(_) => panic!("a password was set"),
        })
        .collect();
    assert_eq!(secrets, [&b"from file"[..], b"from systemd"]);
    assert_eq!((config.mailboxes[0].port, config.mailboxes[0].tls), (993, Tls::Implicit));
    assert_eq!(config.mailboxes[0].after, After::Seen);
    assert!(!format!("{config:?}").contains("from file"));
}

#[test]
fn a_signature_has_lines_and_a_name_has_none() {
    let parse =
        |line: &str| Config::parse(&format!("{SUPPORT}{line}\n"), "t.toml", Path::new("/"), &Environment::default());
    let config = parse("signature_template = \"{{agent.name}}  \\n{{brand.name}}\"").unwrap();
    assert_eq!(config.support[0].signature_template.as_deref(), Some("{{agent.name}}  \n{{brand.name}}"));
    assert!(
        parse("name = \"two\\nlines\"").unwrap_err().to_string().contains("support.0.name: holds control characters")
    );
}

#[test]
fn the_data_directory_of_the_command_line_wins() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    fs::write(&path, SUPPORT).unwrap();
    let config = Config::load(Some(&path), Some(Path::new("/x")), &Environment::default()).unwrap();
    assert_eq!((config.data_dir.as_path(), config.is_development()), (Path::new("/x"), false));
}

#[test]
fn fault_92_files_that_cannot_be_a_configuration_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let load = |path: &Path| Config::load(Some(path), None, &Environment::default()).unwrap_err().to_string();
    assert!(load(&dir.path().join("none.toml")).contains("none.toml: cannot be read"));
    assert!(load(dir.path()).contains("is not a file"));
    let path = dir.path().join("c.toml");
    for (bytes, expected) in [
        (&b"a = 1\nb = \xff\n"[..], "c.toml:2: not UTF-8"),
        (b"", "no support address"),
        (b"[http\n", "c.toml:1: not TOML"),
        (b"[http]\nlisten = \"a\"\nlisten = \"b\"\n", "c.toml:3: not TOML: duplicate key"),
    ] {
        fs::write(&path, bytes).unwrap();
        let refused = load(&path);
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn the_sample_names_every_key() {
    let written = |line: &str| {
        let line = line.strip_prefix('#').unwrap_or(line);
        let key = line.split_once(" = ").map(|(key, _)| key.to_owned());
        let header = line.trim_matches(['[', ']']).to_owned();
        match key {
            Some(key) if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => Some((None, Some(key))),
            _ if line.starts_with('[') => Some((Some(header), None)),
            _ => None,
        }
    };
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in SAMPLE.lines() {
        match written(line) {
            Some((Some(header), _)) => section = header,
            Some((_, Some(key))) => {
                keys.insert(format!("{section}.{key}"));
            }
            _ => {}
        }
    }
    assert_eq!(keys, known_keys());
}
