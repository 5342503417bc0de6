//! `[mailbox.oauth]`: the application that asks for access to a mailbox, and its provider.

use crate::config::reader::Section;
use crate::config::secret::Secret;
use crate::domain::webhook_url::WebhookUrl;

/// An application and its provider.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`, from its file.
    pub client_secret: Option<Secret>,
    /// What is asked for.
    pub scope: String,
    /// The page where a person says yes.
    pub authorize_url: String,
    /// Where tokens are given.
    pub token_url: WebhookUrl,
    /// Where device codes are given.
    pub device_url: Option<WebhookUrl>,
    /// Whether a device code is the usual way to consent at this provider.
    pub prefers_device: bool,
}

/// What is asked of Microsoft by default, and where a relay signs in with the same tokens. Google has one scope for both.
const MICROSOFT_SCOPE: &str = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access";
const MICROSOFT_SCOPE_TO_SEND: &str =
    "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access";

impl OAuth {
    /// A relay signs in with these tokens, too: a scope that nobody chose asks for sending as well.
    pub(crate) fn also_send(&mut self) {
        if self.scope == MICROSOFT_SCOPE {
            MICROSOFT_SCOPE_TO_SEND.clone_into(&mut self.scope);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Google,
    Microsoft,
    Custom,
}

const PROVIDERS: [(&str, Provider); 3] =
    [("google", Provider::Google), ("microsoft", Provider::Microsoft), ("custom", Provider::Custom)];

/// The keys that say something of their own only beside `provider = "custom"`.
const CUSTOM: [&str; 3] = ["authorize_url", "token_url", "device_url"];

/// What was found of the table.
#[derive(Debug)]
pub(crate) enum Table {
    None,
    Sound(Box<OAuth>),
    /// It is there, and its faults were noted.
    Faulty,
}

/// Reads the table.
pub(crate) fn oauth(mailbox: &Section<'_>) -> Table {
    let section = mailbox.table("oauth");
    let read = read(&section);
    section.end();
    read
}

fn read(section: &Section<'_>) -> Table {
    let provider = section.text("provider");
    let client_id = section.text("client_id");
    let secret = section.secret("client_secret_file");
    let scope = section.text("scope");
    let tenant =
        section.parsed("tenant", "the id or domain of a directory", |text| is_tenant(text).then(|| text.to_owned()));
    let urls = CUSTOM.map(|key| url(section, key));
    let is_there = provider.is_some() || client_id.is_some() || urls.iter().any(Option::is_some) || section.is_there();
    if !is_there {
        return Table::None;
    }
    if client_id.is_none() {
        section.fault("client_id", "is missing; expected the id under which the provider knows this application");
    }
    let Some((_, provider)) = PROVIDERS.iter().find(|(word, _)| Some(*word) == provider.as_deref()) else {
        section.fault("provider", "expected google, microsoft or custom");
        return Table::Faulty;
    };
    let endpoints = match provider {
        Provider::Custom => custom(section, urls),
        known => {
            for key in CUSTOM.into_iter().filter(|key| section.has(key)) {
                section.fault(key, "is for provider = \"custom\"");
            }
            known_endpoints(*known, tenant.as_deref().unwrap_or("common"))
        }
    };
    let secret_failed = secret.is_none() && section.has("client_secret_file");
    let (Some(client_id), Some(endpoints), false) = (client_id, endpoints, secret_failed) else {
        return Table::Faulty;
    };
    Table::Sound(Box::new(OAuth {
        client_id,
        client_secret: secret,
        scope: scope.unwrap_or_else(|| endpoints.scope.to_owned()),
        authorize_url: endpoints.authorize_url,
        token_url: endpoints.token_url,
        device_url: endpoints.device_url,
        prefers_device: endpoints.prefers_device,
    }))
}

struct Endpoints {
    authorize_url: String,
    token_url: WebhookUrl,
    device_url: Option<WebhookUrl>,
    scope: &'static str,
    prefers_device: bool,
}

fn custom(section: &Section<'_>, [authorize, token, device]: [Option<(String, WebhookUrl)>; 3]) -> Option<Endpoints> {
    for (key, url) in [("authorize_url", &authorize), ("token_url", &token)] {
        if url.is_none() && !section.has(key) {
            section.fault(key, "is missing; a custom provider needs it");
        }
    }
    if !section.has("scope") {
        section.fault("scope", "is missing; a custom provider needs it");
    }
    let device_url = device.map(|(_, url)| url);
    let prefers_device = device_url.is_some();
    let (authorize_url, token_url) = (authorize?.0, token?.1);
    Some(Endpoints { authorize_url, token_url, device_url, scope: "", prefers_device })
}

fn known_endpoints(provider: Provider, tenant: &str) -> Option<Endpoints> {
    let (base, authorize, token, device, scope) = match provider {
        Provider::Google => (
            String::new(),
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://oauth2.googleapis.com/device/code",
            "https://mail.google.com/",
        ),
        Provider::Microsoft => (
            format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0"),
            "/authorize",
            "/token",
            "/devicecode",
            MICROSOFT_SCOPE,
        ),
        Provider::Custom => return None,
    };
    Some(Endpoints {
        authorize_url: format!("{base}{authorize}"),
        token_url: WebhookUrl::parse(&format!("{base}{token}")).ok()?,
        device_url: WebhookUrl::parse(&format!("{base}{device}")).ok(),
        scope,
        // Google gives device codes for few scopes, and reading mail is none of them.
        prefers_device: provider == Provider::Microsoft,
    })
}

/// A URL as text and as it is called.
fn url(section: &Section<'_>, key: &'static str) -> Option<(String, WebhookUrl)> {
    let text = section.text(key)?;
    match WebhookUrl::parse(&text) {
        Ok(url) => Some((text, url)),
        Err(why) => {
            section.fault(key, why);
            None
        }
    }
}

fn is_tenant(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}
