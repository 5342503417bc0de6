//! `[messenger]` and `[[messenger_key]]`: who may be in the messenger, by which proof, and how its widget looks.

use crate::config::listen::is_origin;
use crate::config::listen::networks;
use crate::config::reader::Section;
use crate::config::secret::Secret;
use crate::config::value::shown;
use ipnet::IpNet;

const DAY_S: u64 = 86_400;

/// `[messenger]`.
#[derive(Clone, Debug)]
pub struct Messenger {
    /// Origins of pages that may connect (RFC 6454 §6.1), lower case; empty for all (MSG-4).
    pub allowed_origins: Vec<String>,
    /// Whether a session without proof is refused (MSG-12).
    pub identity_enforced: bool,
    /// Secret of `user_hash` and HS256 tokens (MSG-10, MSG-11).
    pub secret: Option<Secret>,
    /// Keys of tokens, from `[[messenger_key]]` (MSG-11).
    pub keys: Vec<MessengerKey>,
    /// `#rrggbb` of the widget's buttons.
    pub action_color: Option<String>,
    /// `#rrggbb` of the widget's bar.
    pub background_color: Option<String>,
    /// Whether the launcher stands at the left.
    pub on_the_left: bool,
    /// Whether a new message is heard (MSG-23).
    pub sound: bool,
    /// Words at the top of the widget's home.
    pub greeting: Option<String>,
    /// How soon an answer is said to come (MSG-24).
    pub reply_time: ReplyTime,
    /// Whether contacts without an address are asked for one (MSG-16).
    pub ask_email: AskEmail,
    /// Spaces of the widget for visitors and leads, in the order they stand (MSG-20).
    pub visitor_spaces: Vec<&'static str>,
    /// The same for users.
    pub user_spaces: Vec<&'static str>,
    /// Where the portal is, for a link in the widget (MSG-20).
    pub portal_url: Option<String>,
    /// From where nobody opens the messenger (MSG-62).
    pub blocked_networks: Vec<IpNet>,
}

/// Where the expected reply time of the widget comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTime {
    /// From how soon recent conversations were answered.
    Measured,
    /// Always so many seconds.
    Set(u64),
    /// None is told.
    Off,
}

/// Spaces of the widget, in the order they stand (MSG-20).
const SPACES: [&str; 3] = ["home", "messages", "tickets"];

/// A `[[messenger_key]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessengerKey {
    /// Name by which tokens choose it.
    pub kid: Option<String>,
    /// Its only algorithm.
    pub algorithm: TokenAlgorithm,
    /// A shared secret, or a public key in PEM.
    pub key: Secret,
}

/// An algorithm of tokens (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA with SHA-256.
    Rs256,
    /// P-256 with SHA-256.
    Es256,
}

/// Whether visitors and leads are asked for an address when they begin a conversation (MSG-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskEmail {
    /// Asked, and free not to tell.
    Ask,
    /// Asked before the first message.
    Require,
    /// Not asked.
    Off,
}

pub(crate) fn messenger(section: Section<'_>, keys: Vec<Section<'_>>) -> Messenger {
    let keys: Vec<_> = keys.into_iter().filter_map(key).collect();
    let mut allowed_origins = section.texts("allowed_origins");
    if allowed_origins.iter().any(|origin| origin == "*") {
        allowed_origins.clear();
    }
    for origin in allowed_origins.iter().filter(|origin| !is_origin(origin)) {
        let what = format!("{} is not an origin such as https://www.example.com, and not *", shown(origin));
        section.fault("allowed_origins", what);
    }
    let allowed_origins = allowed_origins.iter().map(|origin| origin.to_lowercase()).collect();
    let identity_enforced = section.choice("identity", &[("optional", false), ("enforced", true)], false);
    let secret = section.secret("secret_file");
    if identity_enforced && !section.has("secret_file") && keys.is_empty() {
        section
            .fault("identity", "\"enforced\" needs secret_file or [[messenger_key]]: nobody could prove who they are");
    }
    let action_color = colour(&section, "action_color");
    let background_color = colour(&section, "background_color");
    let on_the_left = section.choice("alignment", &[("right", false), ("left", true)], false);
    let sound = section.flag("sound", true);
    let greeting = section.text("greeting");
    let reply_time =
        section.parsed("reply_time", "\"measured\", \"off\", or a time such as 30 min, 2 h or 1 d", reply_time);
    let reply_time = reply_time.unwrap_or(ReplyTime::Measured);
    let asks = [("ask", AskEmail::Ask), ("require", AskEmail::Require), ("off", AskEmail::Off)];
    let ask_email = section.choice("ask_email", &asks, AskEmail::Ask);
    let (visitor_spaces, user_spaces) = (spaces(&section, "visitor_spaces"), spaces(&section, "user_spaces"));
    let portal_url = section.parsed("portal_url", "an address such as https://example.com/portal", address);
    let blocked_networks = networks(&section, "blocked_networks");
    section.end();
    Messenger {
        allowed_origins,
        blocked_networks,
        identity_enforced,
        secret,
        keys,
        action_color,
        background_color,
        on_the_left,
        sound,
        greeting,
        reply_time,
        ask_email,
        visitor_spaces,
        user_spaces,
        portal_url,
    }
}

/// The spaces a list names; all of them where it names none.
fn spaces(section: &Section<'_>, key: &'static str) -> Vec<&'static str> {
    let named = section.texts(key);
    if let Some(unknown) = named.iter().find(|name| !SPACES.contains(&name.as_str())) {
        section.fault(key, format!("{} is none of {}", shown(unknown), SPACES.join(", ")));
    }
    SPACES.into_iter().filter(|space| named.is_empty() || named.iter().any(|name| name == space)).collect()
}

/// `measured`, `off`, or whole minutes, hours or days up to 30 days.
fn reply_time(text: &str) -> Option<ReplyTime> {
    match text {
        "measured" => return Some(ReplyTime::Measured),
        "off" => return Some(ReplyTime::Off),
        _ => {}
    }
    let (count, unit) = text.split_once(' ')?;
    let unit_s = match unit {
        "min" => 60,
        "h" => 3_600,
        "d" => DAY_S,
        _ => return None,
    };
    let seconds = count.parse::<u64>().ok()?.checked_mul(unit_s)?;
    (60..=30 * DAY_S).contains(&seconds).then_some(ReplyTime::Set(seconds))
}

fn address(text: &str) -> Option<String> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    (is_web && !text.contains(char::is_whitespace)).then(|| text.to_owned())
}

fn colour(section: &Section<'_>, key: &'static str) -> Option<String> {
    let text = section.text(key)?;
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text);
    }
    section.fault(key, format!("{} is not a colour such as #1f5fd0", shown(&text)));
    None
}

fn key(section: Section<'_>) -> Option<MessengerKey> {
    let kid = section.text("kid").filter(|kid| !kid.is_empty());
    let algorithms =
        [("HS256", TokenAlgorithm::Hs256), ("RS256", TokenAlgorithm::Rs256), ("ES256", TokenAlgorithm::Es256)];
    let algorithm = section.choice("algorithm", &algorithms, TokenAlgorithm::Hs256);
    let key = section.secret("key_file");
    if !section.has("key_file") {
        section.fault("key_file", "names no file; a shared secret, or a public key in PEM");
    }
    section.end();
    Some(MessengerKey { kid, algorithm, key: key? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msg_24_the_reply_time_is_measured_set_or_off() {
        let times = [
            ("measured", ReplyTime::Measured),
            ("off", ReplyTime::Off),
            ("5 min", ReplyTime::Set(300)),
            ("2 h", ReplyTime::Set(7_200)),
            ("1 d", ReplyTime::Set(86_400)),
        ];
        for (text, expected) in times {
            assert_eq!(reply_time(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "2h", "0 min", "-1 h", "31 d", "1.5 h", "99999999999999999999 d", "2 weeks"] {
            assert_eq!(reply_time(text), None, "{text}");
        }
    }
}
