//! The listeners of the configuration: bound before readiness, kept over restarts of their tasks, written down for others.

use crate::config::Config;
use crate::config::listen::Listen;
use crate::daemon::bound::Bound;
use crate::daemon::exit::Failure;
use crate::daemon::passed::PassedSockets;
use crate::store::durable::sync_dir;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Every listener of the configuration.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) http: Option<Bound>,
    pub(crate) ops: Option<Bound>,
    pub(crate) smtp: Option<Bound>,
    pub(crate) lmtp: Option<Bound>,
}

impl Listeners {
    /// Binds all that were not passed.
    ///
    /// # Errors
    /// [`Exit::Config`] with the section and the address that cannot be had.
    pub(crate) fn bind(config: &Config, mut passed: PassedSockets) -> Result<Self, Failure> {
        let mut bind = |name: &str, listen: &Listen| match passed.take(name) {
            Some(bound) => Ok(Some(bound)),
            None => Bound::bind(name, listen),
        };
        Ok(Self {
            http: bind("http", &config.http.listen)?,
            ops: bind("ops", &config.ops.listen)?,
            smtp: bind("smtp", &config.smtp.listen)?,
            lmtp: bind("lmtp", &config.lmtp.listen)?,
        })
    }

    /// Names and addresses of those that are on.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, String)> {
        [("http", &self.http), ("ops", &self.ops), ("smtp", &self.smtp), ("lmtp", &self.lmtp)]
            .into_iter()
            .filter_map(|(name, bound)| Some((name, bound.as_ref()?.address())))
            .collect()
    }
}

/// Writes `run/addresses.json`, whole or not at all.
pub(crate) fn write_addresses(run_dir: &Path, addresses: &[(&'static str, String)]) -> Result<(), Failure> {
    let object: serde_json::Map<_, _> =
        addresses.iter().map(|(name, address)| ((*name).to_owned(), address.clone().into())).collect();
    let text = format!("{:#}\n", serde_json::Value::Object(object));
    let (path, draft) = (run_dir.join("addresses.json"), run_dir.join("addresses.json.new"));
    let written = fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, &path));
    written.map_err(|error| Failure::doing("write addresses.json", error))?;
    sync_dir(run_dir).map_err(|error| Failure::opening(&error))
}
