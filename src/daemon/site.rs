//! What the HTTP listener serves, put together: API, files, the messenger, and in development the captured mail.

use crate::channel::messenger::hub::Hub;
use crate::channel::messenger::hub::Options;
use crate::channel::webhook_out::Bodies;
use crate::channel::webhook_out::Targets;
use crate::config::Config;
use crate::daemon::exit::Failure;
use crate::desk::Desk;
use crate::http;
use crate::http::Api;
use crate::http::RateLimits;
use crate::http::messenger::AllowedOrigins;
use axum::Router;
use std::sync::Arc;

/// The hub with the router that leads to it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) hub: Hub,
    pub(super) router: Router,
    pub(super) targets: Targets,
    pub(super) bodies: Arc<dyn Bodies>,
}

/// Puts the site together.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn site(config: &Config, desk: &Desk) -> Result<Site, Failure> {
    let rates = RateLimits {
        per_token_per_minute: config.limits.api_per_token_per_minute,
        per_workspace_per_minute: config.limits.api_per_workspace_per_minute,
    };
    let targets = Targets::new(config.webhooks.allow_private);
    let api = Api::open(desk.clone(), rates).await?.with_webhook_targets(targets.clone());
    let bodies: Arc<dyn Bodies> = Arc::new(api.clone());
    let links = api.clone();
    let options = Options {
        file_link: Some(Arc::new(move |part, attachment| links.file_link(part, attachment))),
        ..Options::default()
    };
    let hub = Hub::new(desk.clone(), options);
    let listed = &config.messenger.allowed_origins;
    if listed.is_empty() && !config.is_development() {
        tracing::info!("any page may carry the messenger: messenger.allowed_origins is empty");
    }
    let origins = AllowedOrigins::new(listed);
    let mut router = http::router(api).merge(http::messenger::route(hub.clone(), origins));
    if config.is_development() {
        router = router.merge(http::dev_mail::routes(desk.clone()));
    }
    Ok(Site { hub, router, targets, bodies })
}
