//! SIGHUP: new templates, a renewed certificate, a new log level and other networks that are blocked, without a restart.
//!
//! **Invariant:** nothing changes unless all of it is sound (P25); what cannot change while running is named in the log,
//! not half applied.

use crate::channel::messenger::hub::Hub;
use crate::channel::smtp_in::Certificate;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::env::Environment;
use crate::daemon::channels;
use crate::daemon::logging::LevelHandle;
use crate::daemon::open::template_files;
use crate::template::TemplateSet;
use std::sync::Arc;

/// What a reload works on.
#[derive(Debug)]
pub(crate) struct Reload<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) templates: &'a TemplateSet,
    pub(crate) level: &'a LevelHandle,
    pub(crate) hub: &'a Hub,
    pub(crate) certificate: Option<&'a Arc<Certificate>>,
}

impl Reload<'_> {
    /// Reads configuration and templates again and takes what can change; `running` is what holds until then.
    ///
    /// # Errors
    /// What is wrong, and that the old ones are kept.
    pub(crate) fn run(&self, running: &mut Config) -> Result<(), String> {
        let data_dir = running.data_dir.clone();
        let new = Config::load(running.file.as_deref(), Some(&data_dir), self.environment)
            .map_err(|faults| format!("configuration kept as it was: {faults}"))?;
        let files = template_files(&new).map_err(|error| format!("templates kept as they were: {error}"))?;
        let certificate = self.renewed(&new)?;
        self.templates.reload(&files).map_err(|error| format!("templates kept as they were: {error}"))?;
        self.level.set(&new.log.level)?;
        self.hub.block(&new.messenger.blocked_networks);
        running.messenger.blocked_networks.clone_from(&new.messenger.blocked_networks);
        if let Some((shown, renewed)) = self.certificate.zip(certificate) {
            shown.renew(renewed);
            running.smtp.tls.clone_from(&new.smtp.tls);
            tracing::info!("the certificate of SMTP is read anew");
        }
        let waiting = needs_restart(running, &new);
        if !waiting.is_empty() {
            tracing::warn!(sections = waiting.join(", "), "changed, but these sections need a restart");
        }
        running.log.level.clone_from(&new.log.level);
        running.templates_dir.clone_from(&new.templates_dir);
        tracing::info!(level = running.log.level, "templates and log level are reloaded");
        Ok(())
    }

    /// The certificate of `[smtp]` as its files are now, where the listener shows one.
    fn renewed(&self, new: &Config) -> Result<Option<Certificate>, String> {
        if self.certificate.is_none() {
            return Ok(None);
        }
        let read = channels::certificate(new, Clock::default().now());
        read.map_err(|failure| format!("the certificate of SMTP is kept as it was: {failure}"))
    }
}

/// Sections that differ and are read at the start alone. Secrets compare by what is in their files.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let pair = |old: &dyn std::fmt::Debug, new: &dyn std::fmt::Debug| format!("{old:?}") != format!("{new:?}");
    let changed = [
        ("workspace", pair(&old.workspace, &new.workspace)),
        ("http", pair(&old.http, &new.http)),
        ("ops", pair(&old.ops, &new.ops)),
        ("smtp", old.smtp != new.smtp),
        ("lmtp", pair(&old.lmtp, &new.lmtp)),
        ("mailbox", pair(&old.mailboxes, &new.mailboxes) || passwords(old) != passwords(new)),
        ("brand", pair(&old.brands, &new.brands)),
        ("support", pair(&old.support, &new.support)),
        ("relay", pair(&old.relays, &new.relays)),
        ("dkim", pair(&old.dkim, &new.dkim)),
        (
            "messenger",
            pair(&old.messenger, &new.messenger)
                || old.messenger.secret != new.messenger.secret
                || old.messenger.keys != new.messenger.keys,
        ),
        ("tickets", pair(&old.tickets, &new.tickets)),
        ("webhooks", pair(&old.webhooks, &new.webhooks)),
        ("notify", pair(&old.notify, &new.notify)),
        ("limits", pair(&old.limits, &new.limits)),
        ("retention", old.retention != new.retention),
        ("log.format", old.log.format != new.log.format),
    ];
    changed.into_iter().filter(|(_, differs)| *differs).map(|(section, _)| section).collect()
}

fn passwords(config: &Config) -> Vec<&crate::config::secret::Secret> {
    let of_relays = config.relays.iter().filter_map(|relay| relay.sign_in.as_ref().map(|(_, password)| password));
    config.mailboxes.iter().filter_map(|mailbox| mailbox.sign_in.secret()).chain(of_relays).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_needs_a_restart_is_named() {
        let config = |text: &str| {
            let text = format!("{text}\n[[support]]\naddress = \"a@example.com\"\n");
            Config::parse(&text, "t", Path::new("/"), &Environment::default()).unwrap()
        };
        let old = config("");
        assert!(needs_restart(&old, &config("[log]\nlevel = \"debug\"")).is_empty());
        let new = config("[http]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"json\"");
        assert_eq!(needs_restart(&old, &new), ["http", "log.format"]);
        let new = config("[tickets]\nmerge_across = true\n[webhooks]\nallow_private = true");
        assert_eq!(needs_restart(&old, &new), ["tickets", "webhooks"]);
        let new = config("[retention]\nvisitors_days = 1\n[smtp]\nspam_header = \"X-Spam: yes\"");
        assert_eq!(needs_restart(&old, &new), ["smtp", "retention"]);
    }
}
