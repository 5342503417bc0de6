//! `[workspace]`, `[[support]]`, `[notify]`, `[templates]`: what the desk is told of the house.

use crate::config::reader::Reader;
use crate::config::reader::Section;
use crate::config::relay::Relay;
use crate::config::value::shown;
use crate::domain::address::Address;
use crate::domain::intake::MultiAddress;
use std::path::PathBuf;
use std::time::Duration;

/// `[workspace]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its name; also the brand in mails.
    pub name: String,
    /// Language where a contact's is unknown.
    pub default_locale: String,
    /// IANA time zone of times in texts.
    pub time_zone: String,
    /// What becomes of one mail to several support addresses (EML-17).
    pub multi_address: MultiAddress,
}

/// A `[[support]]` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// Where customers write to.
    pub address: Address,
    /// Shown beside it.
    pub name: String,
    /// Id or name of the Customer ticket type that new mail to it becomes (TCK-10).
    pub new_mail_as: Option<String>,
    /// Name of the relay its mail goes through; the first one without it.
    pub relay: Option<String>,
    /// Whether a stranger's answer begins a conversation of its own (EML-33).
    pub strict_senders: bool,
    /// Whether a number or an equal subject leads a participant's mail to its conversation (EML-32).
    pub subject_matching: bool,
    /// Id or name of the team that new mail to it is given to (OBJ-65).
    pub team: Option<String>,
}

/// `[notify]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// A reply is mailed when not seen for so long (EML-71).
    pub unseen_delay: Duration,
    /// State mails wait so long for further changes (NTF-11).
    pub state_mail_settle: Duration,
    /// Whether a mail that the relay may have is not sent once more (EML-65).
    pub keep_uncertain: bool,
}

pub(crate) fn workspace(section: Section<'_>) -> Workspace {
    let name = section.text("name").unwrap_or_else(|| "Deskgate".to_owned());
    let is_locale = |text: &str| {
        let parts = |part: &str| !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_alphanumeric());
        (text.len() <= 35 && text.split('-').all(parts)).then(|| text.to_owned())
    };
    let default_locale = section.parsed("default_locale", "a language tag such as en or pt-BR", is_locale);
    let is_zone = |text: &str| jiff::tz::TimeZone::get(text).is_ok().then(|| text.to_owned());
    let time_zone = section.parsed("time_zone", "a time zone such as Europe/Berlin", is_zone);
    let ways = [("split_by_team", MultiAddress::SplitByTeam), ("single", MultiAddress::Single)];
    let multi_address = section.choice("multi_address", &ways, MultiAddress::SplitByTeam);
    section.end();
    Workspace {
        multi_address,
        name,
        default_locale: default_locale.unwrap_or_else(|| "en".to_owned()),
        time_zone: time_zone.unwrap_or_else(|| "UTC".to_owned()),
    }
}

pub(crate) fn support(reader: &Reader<'_>, workspace: &Workspace, relays: &[Relay]) -> Vec<Support> {
    let mut support: Vec<Support> = Vec::new();
    let sections = reader.list("support");
    if sections.is_empty() {
        reader.fault(reader.whole(), "support", "no support address; add [[support]] with address = \"support@…\"");
    }
    for section in sections {
        let text = section.required("address", "where customers write to");
        let address = Address::parse(&text);
        let name = section.text("name").unwrap_or_else(|| workspace.name.clone());
        let new_mail_as = section.text("new_mail_as").filter(|wanted| !wanted.trim().is_empty());
        let relay = relay_of(&section, relays);
        let strict_senders = section.flag("strict_senders", false);
        let subject_matching = section.flag("subject_matching", false);
        let team = section.text("team").filter(|wanted| !wanted.trim().is_empty());
        match address {
            _ if text.is_empty() => {}
            None => section.fault("address", format!("{} is not an email address", shown(&text))),
            Some(address) if address.without_tag().1.is_some() => {
                section.fault("address", format!("{address} has a plus-tag; those are used for replies"));
            }
            Some(address) if support.iter().any(|other| other.address == address) => {
                section.fault("address", format!("{address} is here twice"));
            }
            Some(address) => {
                support.push(Support { address, name, new_mail_as, relay, strict_senders, subject_matching, team });
            }
        }
        section.end();
    }
    support
}

/// The relay an address names; it must be there.
fn relay_of(section: &Section<'_>, relays: &[Relay]) -> Option<String> {
    let name = section.text("relay")?;
    if !relays.iter().any(|relay| relay.name == name) {
        section.fault("relay", format!("{} is not the name of any [[relay]]", shown(&name)));
    }
    Some(name)
}

pub(crate) fn notify(section: Section<'_>) -> Notify {
    const DAY_S: u64 = 86_400;
    let unseen_delay = Duration::from_secs(section.number("unseen_delay_s", 0..=DAY_S, 120));
    let state_mail_settle = Duration::from_secs(section.number("state_mail_settle_s", 0..=DAY_S, 10));
    let keep_uncertain = section.choice("retry_uncertain", &[("once", false), ("never", true)], false);
    section.end();
    Notify { unseen_delay, state_mail_settle, keep_uncertain }
}

/// `[templates]`: the directory whose files go before the embedded ones.
pub(crate) fn templates(section: Section<'_>) -> Option<PathBuf> {
    let dir = section.path("dir");
    if let Some(dir) = &dir
        && !dir.is_dir()
    {
        section.fault("dir", format!("{} is not a directory", dir.display()));
    }
    section.end();
    dir
}
