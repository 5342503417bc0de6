//! How this process runs: one TOML file and the environment, read once and checked as a whole.
//!
//! Without a file there are development defaults, which are such a file themselves. Unknown keys, wrong types and
//! contradictions are refused with file, line and key; all of them at once. Secrets stand in files of their own.
//!
//! **Invariant:** a [`Config`] that exists is sound (P25), and nothing outside this module reads the environment. What
//! people change at work is in the store, not here (OPS-2).

pub mod env;
pub mod fault;
pub mod limits;
pub mod listen;
pub mod mailbox;
pub mod messenger;
pub mod oauth;
mod reader;
pub mod relay;
pub(crate) mod retention;
pub mod secret;
pub mod tickets;
mod value;
pub mod webhooks;
pub mod workspace;

#[cfg(test)]
mod tests;

use crate::config::env::Environment;
use crate::config::fault::Fault;
use crate::config::fault::Faults;
use crate::config::fault::Place;
use crate::config::limits::Limits;
use crate::config::limits::Log;
use crate::config::listen::Http;
use crate::config::listen::Listen;
use crate::config::listen::Lmtp;
use crate::config::listen::Ops;
use crate::config::listen::Smtp;
use crate::config::mailbox::Mailbox;
use crate::config::reader::Reader;
use crate::config::relay::Dkim;
use crate::config::relay::Relay;
use crate::config::webhooks::Webhooks;
use crate::config::workspace::Brand;
use crate::config::workspace::Notify;
use crate::config::workspace::Support;
use crate::config::workspace::Workspace;
use crate::domain::retention::Retention;
use crate::domain::ticket_rules::TicketRules;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Read when nobody names a file and it exists.
pub const DEFAULT_FILE: &str = "/etc/deskgate/deskgate.toml";
/// The commented sample, as `deskgate init` writes it.
pub const SAMPLE: &str = include_str!("../../config/deskgate.toml");
const DEVELOPMENT: &str = include_str!("../../config/development.toml");
const DEVELOPMENT_NAME: &str = "development defaults";
/// Largest configuration file in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A sound configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; `None` for the development defaults.
    pub file: Option<PathBuf>,
    /// `[workspace]`.
    pub workspace: Workspace,
    /// `[data] dir`: the store, blobs and what the running daemon leaves for others.
    pub data_dir: PathBuf,
    /// `[http]`.
    pub http: Http,
    /// `[ops]`.
    pub ops: Ops,
    /// `[smtp]`.
    pub smtp: Smtp,
    /// `[lmtp]`.
    pub lmtp: Lmtp,
    /// `[[mailbox]]`.
    pub mailboxes: Vec<Mailbox>,
    /// `[[brand]]`: those beside the workspace's own.
    pub brands: Vec<Brand>,
    /// `[[support]]`, at least one.
    pub support: Vec<Support>,
    /// `[[relay]]`; the first takes what no address sends elsewhere, without any mail is captured.
    pub relays: Vec<Relay>,
    /// `[[dkim]]`.
    pub dkim: Vec<Dkim>,
    /// `[messenger]` and `[[messenger_key]]`.
    pub messenger: messenger::Messenger,
    /// `[notify]`.
    pub notify: Notify,
    /// `[tickets]`.
    pub tickets: TicketRules,
    /// `[webhooks]`.
    pub webhooks: Webhooks,
    /// `[templates] dir`.
    pub templates_dir: Option<PathBuf>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[retention]`.
    pub retention: Retention,
    /// `[log]`.
    pub log: Log,
}

impl Config {
    /// Reads the configuration: `file` if named, else [`DEFAULT_FILE`] if it exists, else the development defaults.
    /// `data_dir` goes before what they say.
    ///
    /// # Errors
    /// Everything wrong with it.
    pub fn load(file: Option<&Path>, data_dir: Option<&Path>, environment: &Environment) -> Result<Self, Faults> {
        let file = file.or(default_file());
        let mut config = match file {
            None => Self::parse(DEVELOPMENT, DEVELOPMENT_NAME, Path::new("."), environment)?,
            Some(path) => {
                let text = read_file(path)?;
                let base = path.parent().unwrap_or(Path::new("."));
                Self::parse(&text, &path.display().to_string(), base, environment)?
            }
        };
        config.file = file.map(Path::to_owned);
        if let Some(data_dir) = data_dir {
            data_dir.clone_into(&mut config.data_dir);
        }
        Ok(config)
    }

    /// The development defaults with the settings of `environment`, whatever files there are.
    ///
    /// # Errors
    /// What is wrong with those settings.
    pub fn development(data_dir: &Path, environment: &Environment) -> Result<Self, Faults> {
        let config = Self::parse(DEVELOPMENT, DEVELOPMENT_NAME, Path::new("."), environment)?;
        Ok(Self { data_dir: data_dir.to_owned(), ..config })
    }

    /// Reads `text`; `name` stands for it in faults, relative paths start at `base`.
    ///
    /// # Errors
    /// Everything wrong with it.
    pub fn parse(text: &str, name: &str, base: &Path, environment: &Environment) -> Result<Self, Faults> {
        let reader = Reader::new(text, name, base, environment);
        let config = read(&reader);
        let faults = reader.faults();
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    /// Whether these are the development defaults, which open doors that a production must not have.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.file.is_none()
    }
}

/// The data directory that a configuration names, whatever else is wrong with it: enough to find the daemon, whose
/// secrets a command may not be able to read.
#[must_use]
pub fn data_dir_of(file: Option<&Path>, data_dir: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    if let Some(data_dir) = data_dir {
        return Some(data_dir.to_owned());
    }
    let file = file.or(default_file());
    let (text, base) = match file {
        None => (DEVELOPMENT.to_owned(), Path::new(".")),
        Some(path) => (read_file(path).ok()?, path.parent().unwrap_or(Path::new("."))),
    };
    Some(self::data_dir(&Reader::new(&text, "", base, environment)))
}

/// [`DEFAULT_FILE`], if it exists.
fn default_file() -> Option<&'static Path> {
    let default = Path::new(DEFAULT_FILE);
    default.exists().then_some(default)
}

/// Every key there is (`http.listen`, `mailbox.user`), for the test of the sample.
#[must_use]
pub fn known_keys() -> BTreeSet<String> {
    let one_of_each = "[[mailbox]]\n[[support]]\n[[relay]]\n[[dkim]]\n[[messenger_key]]\n[[brand]]\n";
    let reader = Reader::new(one_of_each, "", Path::new(""), &Environment::default());
    drop(read(&reader));
    reader.keys()
}

fn read(reader: &Reader<'_>) -> Config {
    let workspace = workspace::workspace(reader.section("workspace"));
    let relays = relay::relays(reader.list("relay"));
    let brands = workspace::brands(reader.list("brand"));
    let support = workspace::support(reader, &workspace, &relays, &brands);
    let addresses: Vec<_> = support.iter().map(|support| support.address.clone()).collect();
    check_listeners(reader);
    let mut mailboxes = mailbox::mailboxes(reader.list("mailbox"), &addresses);
    relay::share_tokens(&reader.list("relay"), &mut mailboxes);
    let http = listen::http(reader.section("http"));
    let smtp = listen::smtp(reader.section("smtp"), &http.public_url);
    Config {
        file: None,
        data_dir: data_dir(reader),
        ops: listen::ops(reader.section("ops")),
        lmtp: listen::lmtp(reader.section("lmtp")),
        dkim: relay::dkim(reader.list("dkim")),
        messenger: messenger::messenger(reader.section("messenger"), reader.list("messenger_key")),
        notify: workspace::notify(reader.section("notify")),
        tickets: tickets::tickets(reader.section("tickets")),
        webhooks: webhooks::webhooks(reader.section("webhooks")),
        templates_dir: workspace::templates(reader.section("templates")),
        limits: limits::limits(reader.section("limits")),
        retention: retention::retention(reader.section("retention")),
        log: limits::log(reader.section("log")),
        workspace,
        http,
        smtp,
        brands,
        support,
        relays,
        mailboxes,
    }
}

fn data_dir(reader: &Reader<'_>) -> PathBuf {
    let section = reader.section("data");
    let dir = section.path("dir").unwrap_or_else(|| PathBuf::from("/var/lib/deskgate"));
    if dir.exists() && !dir.is_dir() {
        section.fault("dir", format!("{} is not a directory", dir.display()));
    }
    section.end();
    dir
}

/// Two listeners cannot have one address.
fn check_listeners(reader: &Reader<'_>) {
    let mut seen: Vec<(&str, Listen)> = Vec::new();
    for name in ["http", "ops", "smtp", "lmtp"] {
        let section = reader.section(name);
        let Some(listen) = section.text("listen").and_then(|text| Listen::parse(&text)) else { continue };
        let fixed = match &listen {
            Listen::Tcp(address) => address.port() != 0,
            Listen::Unix(_) => true,
            Listen::Off => false,
        };
        if let Some((other, _)) = seen.iter().find(|(_, before)| fixed && *before == listen) {
            section.fault("listen", format!("{listen} is taken by [{other}]"));
        }
        seen.push((name, listen));
    }
}

fn read_file(path: &Path) -> Result<String, Faults> {
    let whole = |what: String| {
        let place = Place::File(path.display().to_string());
        Faults(vec![Fault { place, key: String::new(), what }])
    };
    let metadata = std::fs::metadata(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(whole("is not a file".to_owned()));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(whole(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let place = Place::Line { file: path.display().to_string(), line };
        Faults(vec![Fault { place, key: String::new(), what: "not UTF-8".to_owned() }])
    })
}
