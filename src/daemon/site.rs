//! What the HTTP listener serves, put together: API, files, the messenger, and in development the captured mail.

use crate::channel::dns::Dns;
use crate::channel::imap::OnDemand;
use crate::channel::messenger::hub::Hub;
use crate::channel::messenger::hub::Look;
use crate::channel::messenger::hub::Options;
use crate::channel::messenger::hub::ReplyTime;
use crate::channel::smtp_out::ProbeRelays;
use crate::channel::webhook_out::Bodies;
use crate::channel::webhook_out::Targets;
use crate::config::Config;
use crate::config::messenger::AskEmail;
use crate::config::messenger::ReplyTime as Configured;
use crate::daemon::exit::Failure;
use crate::daemon::open::House;
use crate::http;
use crate::http::Api;
use crate::http::RateLimits;
use crate::http::messenger::AllowedOrigins;
use crate::http::ops::health::Health;
use crate::http::trusted_proxies::TrustedProxies;
use crate::http::widget::Preset;
use crate::search::TextIndex;
use axum::Router;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Below the data directory.
const SEARCH_DIR: &str = "search";

/// The hub with the router that leads to it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) hub: Hub,
    pub(super) router: Router,
    pub(super) targets: Targets,
    pub(super) bodies: Arc<dyn Bodies>,
    /// Full-text search; `None` where its directory cannot be used.
    pub(super) words: Option<TextIndex>,
}

/// Puts the site together.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn site(
    config: &Config,
    house: &House,
    health: &Health,
    (large_mail, probe_relays): &(OnDemand, ProbeRelays),
    sockets_max: usize,
    drain: &CancellationToken,
) -> Result<Site, Failure> {
    let desk = &house.desk;
    let rates = RateLimits {
        per_token_per_minute: config.limits.api_per_token_per_minute,
        per_workspace_per_minute: config.limits.api_per_workspace_per_minute,
    };
    let targets = Targets::new(config.webhooks.allow_private);
    let mut api = Api::open(desk.clone(), rates).await?.with_webhook_targets(targets.clone());
    api = api.with_intake(config.limits.message_bytes_max, health.clone()).with_large_mail(large_mail.clone());
    api = api.with_probe_relays(probe_relays.clone()).with_drain(drain.clone());
    match Dns::new(config.smtp.dns) {
        Ok(dns) => api = api.with_dns(dns),
        Err(why) => tracing::warn!(why, "records of our domains cannot be looked up"),
    }
    let words = words(&house.data_dir.path().join(SEARCH_DIR)).await;
    if let Some(words) = &words {
        api = api.with_words(Arc::new(words.clone()));
    }
    let preset = preset(config, api.app_id());
    let bodies: Arc<dyn Bodies> = Arc::new(api.clone());
    let (links, passes) = (api.clone(), api.clone());
    let options = Options {
        file_link: Some(Arc::new(move |part, attachment| links.file_link(part, attachment))),
        upload_pass: Some(Arc::new(move |contact| passes.upload_pass(contact))),
        look: look(config),
        sockets_max,
        sockets_per_contact_max: config.limits.sockets_per_contact_max,
        ..Options::default()
    };
    let hub = Hub::new(desk.clone(), options);
    hub.block(&config.messenger.blocked_networks);
    desk.see_presence(Arc::new(hub.clone()));
    let listed = &config.messenger.allowed_origins;
    if listed.is_empty() && !config.is_development() {
        tracing::info!("any page may carry the messenger: messenger.allowed_origins names none");
    }
    let origins = AllowedOrigins::new(listed);
    let widget = http::widget::route(&preset, &origins);
    let proxies = TrustedProxies::new(&config.http.trusted_proxies);
    let messenger = http::messenger::route(hub.clone(), origins, proxies);
    let mut router = http::router(api.with_messenger(hub.clone())).merge(widget).merge(messenger);
    if config.is_development() {
        router = router.merge(http::dev_mail::routes(desk.clone()));
    }
    Ok(Site { hub, router, targets, bodies, words })
}

/// How the widget looks on every page that does not say otherwise.
fn preset(config: &Config, app: &str) -> Preset {
    Preset {
        app: app.to_owned(),
        action_color: config.messenger.action_color.clone(),
        background_color: config.messenger.background_color.clone(),
        alignment: if config.messenger.on_the_left { "left" } else { "right" },
        sound: config.messenger.sound,
        locale: config.workspace.default_locale.clone(),
    }
}

fn look(config: &Config) -> Look {
    let ask_email = match config.messenger.ask_email {
        AskEmail::Ask => "ask",
        AskEmail::Require => "require",
        AskEmail::Off => "off",
    };
    let messenger = &config.messenger;
    Look {
        greeting: messenger.greeting.clone(),
        reply_time: match messenger.reply_time {
            Configured::Measured => ReplyTime::Measured,
            Configured::Set(seconds) => ReplyTime::Set(seconds),
            Configured::Off => ReplyTime::Off,
        },
        ask_email,
        visitor_spaces: messenger.visitor_spaces.clone(),
        user_spaces: messenger.user_spaces.clone(),
        portal_url: messenger.portal_url.clone(),
    }
}

/// The index of words. The desk works without it, so what is wrong with it is said and no more.
async fn words(dir: &Path) -> Option<TextIndex> {
    let dir = dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || TextIndex::open(&dir)).await;
    let opened = opened.unwrap_or_else(|error| Err(error.to_string()));
    opened.inspect_err(|fault| tracing::error!(%fault, "there is no full-text search: its index cannot be opened")).ok()
}
