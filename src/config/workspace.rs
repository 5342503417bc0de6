//! `[workspace]`, `[[support]]`, `[notify]`, `[templates]`: what the desk is told of the house.

use crate::config::listen::senders;
use crate::config::reader::Reader;
use crate::config::reader::Section;
use crate::config::relay::Relay;
use crate::config::value::shown;
use crate::domain::address::Address;
use crate::domain::intake::MultiAddress;
use crate::domain::sender_list::SenderList;
use std::path::PathBuf;
use std::time::Duration;

/// Longest id of a brand, in bytes.
const BRAND_ID_BYTES_MAX: usize = 40;

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

/// A `[[brand]]` beside the workspace's own (OBJ-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// Lower-case letters, digits and hyphens: its folder among the templates, and its id in the API.
    pub id: String,
    /// Shown to customers.
    pub name: String,
    /// Language where a contact's is unknown; the workspace's without it (I18-1).
    pub default_locale: Option<String>,
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
    /// Id of the brand it is an address of; the workspace's own without one (OBJ-65).
    pub brand: Option<String>,
    /// Whose list mail counts as written by a person (EML-24).
    pub allowed_lists: SenderList,
    /// What stands below agents' mail from it: Markdown with placeholders (EML-61).
    pub signature_template: Option<String>,
    /// Whether a mail that begins a conversation is acknowledged (EML-74).
    pub auto_ack: bool,
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
    /// Whether contacts are mailed at all (NTF-13).
    pub mail_contacts: bool,
}

pub(crate) fn workspace(section: Section<'_>) -> Workspace {
    let name = section.text("name").unwrap_or_else(|| "Deskgate".to_owned());
    let default_locale = default_locale(&section);
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

fn default_locale(section: &Section<'_>) -> Option<String> {
    let is_locale = |text: &str| {
        let parts = |part: &str| !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_alphanumeric());
        (text.len() <= 35 && text.split('-').all(parts)).then(|| text.to_owned())
    };
    section.parsed("default_locale", "a language tag such as en or pt-BR", is_locale)
}

pub(crate) fn brands(sections: Vec<Section<'_>>) -> Vec<Brand> {
    let mut brands: Vec<Brand> = Vec::new();
    for section in sections {
        let id = section.required("id", "a short name such as acme");
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if id.len() > BRAND_ID_BYTES_MAX || !id.bytes().all(is_plain) {
            section.fault("id", format!("{} is not of lower-case letters, digits and hyphens", shown(&id)));
        }
        if brands.iter().any(|other| other.id == id) {
            section.fault("id", format!("{} is here twice", shown(&id)));
        }
        let name = section.required("name", "what customers call it");
        brands.push(Brand { id, name, default_locale: default_locale(&section) });
        section.end();
    }
    brands
}

pub(crate) fn support(reader: &Reader<'_>, workspace: &Workspace, relays: &[Relay], brands: &[Brand]) -> Vec<Support> {
    let mut support: Vec<Support> = Vec::new();
    let sections = reader.list("support");
    if sections.is_empty() {
        reader.fault(reader.whole(), "support", "no support address; add [[support]] with address = \"support@…\"");
    }
    for section in sections {
        let text = section.required("address", "where customers write to");
        let address = Address::parse(&text);
        let brand = brand_of(&section, brands);
        let name = section.text("name").or_else(|| brand.map(|brand| brand.name.clone()));
        let name = name.unwrap_or_else(|| workspace.name.clone());
        let brand = brand.map(|brand| brand.id.clone());
        let new_mail_as = section.text("new_mail_as").filter(|wanted| !wanted.trim().is_empty());
        let relay = relay_of(&section, relays);
        let strict_senders = section.flag("strict_senders", false);
        let subject_matching = section.flag("subject_matching", false);
        let team = section.text("team").filter(|wanted| !wanted.trim().is_empty());
        let signature_template = section.lines("signature_template");
        let auto_ack = section.flag("auto_ack", false);
        let allowed_lists = senders(&section, "allowed_lists");
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
                support.push(Support {
                    address,
                    name,
                    new_mail_as,
                    relay,
                    strict_senders,
                    subject_matching,
                    team,
                    brand,
                    allowed_lists,
                    signature_template,
                    auto_ack,
                });
            }
        }
        section.end();
    }
    support
}

/// The brand an address names; it must be there.
fn brand_of<'a>(section: &Section<'_>, brands: &'a [Brand]) -> Option<&'a Brand> {
    let id = section.text("brand")?;
    let found = brands.iter().find(|brand| brand.id == id);
    if found.is_none() {
        section.fault("brand", format!("{} is not the id of any [[brand]]", shown(&id)));
    }
    found
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
    let mail_contacts = section.flag("mail_contacts", true);
    section.end();
    Notify { unseen_delay, state_mail_settle, keep_uncertain, mail_contacts }
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
