//! Where the demonstration happens: a data directory of its own, ports that are free, the embedded defaults.
//!
//! **Invariant:** no configuration file and no variable of the environment has a say, and data that is there already is
//! left alone, so that a demonstration never reaches a real mailbox, relay or store.

use crate::clock::Clock;
use crate::config::Config;
use crate::config::env::Environment;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::store::durable::make_dir;
use data_encoding::HEXLOWER;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use std::fs;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Below it every demonstration has a directory.
const ABOVE: &str = "./deskgate-data";
/// Names tried for a directory, should one be taken.
const NAMES_MAX: usize = 100;
/// Listeners and the ports they have by default (INTERFACES §3).
const PORTS: [(&str, u16); 4] = [("HTTP", 8080), ("OPS", 9090), ("SMTP", 2525), ("LMTP", 2424)];
/// Nobody watches for minutes whether a mail goes out after all: how long a reply may stay unseen, and a state settle.
const WAIT_S: u64 = 2;

/// The ground, ready to start on.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) data_dir: PathBuf,
    pub(super) config: Config,
    /// What was set beside the defaults.
    pub(super) environment: Environment,
    /// Of messenger users (MSG-10).
    pub(super) secret: Vec<u8>,
    /// Listeners whose default port was taken: name, default, what they have.
    pub(super) moved: Vec<(&'static str, u16, u16)>,
}

impl Ground {
    /// Makes the directory, chooses ports, reads the defaults.
    ///
    /// # Errors
    /// `Usage` for a directory that holds anything.
    pub(super) fn prepare(data_dir: Option<&Path>) -> Result<Self, Failure> {
        let data_dir = match data_dir {
            Some(dir) => empty(dir)?,
            None => fresh()?,
        };
        make_dir(&data_dir).map_err(|error| Failure::opening(&error))?;
        let private = fs::set_permissions(&data_dir, Permissions::from_mode(0o700));
        private.map_err(|error| Failure::doing(&format!("make {} private", data_dir.display()), error))?;
        let (secret, secret_file) = secret(&data_dir)?;
        let mut moved = Vec::new();
        let mut settings = vec![
            ("MESSENGER__SECRET_FILE".to_owned(), secret_file),
            ("NOTIFY__UNSEEN_DELAY_S".to_owned(), WAIT_S.to_string()),
            ("NOTIFY__STATE_MAIL_SETTLE_S".to_owned(), WAIT_S.to_string()),
            ("LOG__LEVEL".to_owned(), "warn".to_owned()),
        ];
        for (name, default) in PORTS {
            let port = free_port(default)?;
            if port != default {
                moved.push((name, default, port));
            }
            settings.push((format!("{name}__LISTEN"), format!("127.0.0.1:{port}")));
        }
        let settings = settings.into_iter().map(|(name, text)| (format!("DESKGATE__{name}"), text)).collect();
        let environment = Environment { settings, credentials: None };
        let config = Config::development(&data_dir, &environment);
        let config = config.map_err(|faults| Failure::new(Exit::Config, faults.to_string()))?;
        Ok(Self { data_dir, config, environment, secret, moved })
    }

    /// The directory as people type it.
    pub(super) fn shown_data_dir(&self) -> String {
        self.data_dir.display().to_string()
    }
}

/// A directory that is not there or holds nothing.
fn empty(dir: &Path) -> Result<PathBuf, Failure> {
    let holds_something = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if holds_something || dir.is_file() {
        let message = format!("{} is not empty; the demonstration begins with fresh data", dir.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(dir.to_owned())
}

/// A directory named after the moment.
fn fresh() -> Result<PathBuf, Failure> {
    let seconds = i64::try_from(Clock::default().now().seconds()).unwrap_or_default();
    let now = jiff::Timestamp::from_second(seconds).map_err(|error| Failure::doing("read the clock", error))?;
    let name = now.strftime("demo-%Y%m%d-%H%M%S").to_string();
    let names = (1..=NAMES_MAX).map(|n| if n == 1 { name.clone() } else { format!("{name}-{n}") });
    let mut paths = names.map(|name| Path::new(ABOVE).join(name));
    let free = paths.find(|path| !path.exists());
    free.ok_or_else(|| Failure::new(Exit::Failed, format!("no name is free below {ABOVE}")))
}

/// A secret for the messenger, in a file as the configuration wants it.
fn secret(data_dir: &Path) -> Result<(Vec<u8>, String), Failure> {
    let mut random = [0_u8; 32];
    SystemRandom::new().fill(&mut random).map_err(|error| Failure::doing("draw a secret", error))?;
    let secret = HEXLOWER.encode(&random);
    let doing = |error: std::io::Error| Failure::doing("write the messenger's secret", error);
    let path = fs::canonicalize(data_dir).map_err(doing)?.join("messenger-secret");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(doing)?;
    file.write_all(secret.as_bytes()).map_err(doing)?;
    Ok((secret.into_bytes(), path.display().to_string()))
}

/// The port itself where nobody has it, else any that is free.
fn free_port(default: u16) -> Result<u16, Failure> {
    let bound =
        TcpListener::bind((Ipv4Addr::LOCALHOST, default)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let address = bound.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| Failure::doing("find a free port", error))
}

/// This program as it was called.
pub(super) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "deskgate".to_owned())
}

/// `text` as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_left_alone() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(port).unwrap(), port);
        drop(taken);
        assert_eq!(free_port(port).unwrap(), port);
    }

    #[test]
    fn data_that_is_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let ground = Ground::prepare(Some(dir.path())).unwrap();
        assert_eq!(ground.config.messenger.secret.unwrap().reveal(), ground.secret);
        assert_eq!(ground.config.data_dir, dir.path());
        assert!(ground.config.relays.is_empty() && ground.config.mailboxes.is_empty());
        let again = Ground::prepare(Some(dir.path())).unwrap_err();
        assert_eq!(again.exit, Exit::Usage);
    }

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted("./a-b/c_1"), "./a-b/c_1");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
    }
}
