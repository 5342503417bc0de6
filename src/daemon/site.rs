//! What the HTTP listener serves, put together: API, files, the messenger, and in development the captured mail.

use crate::channel::messenger::hub::Hub;
use crate::channel::messenger::hub::Options;
use crate::config::Config;
use crate::config::workspace::Origins;
use crate::daemon::exit::Failure;
use crate::desk::Desk;
use crate::http;
use crate::http::Api;
use crate::http::messenger::AllowedOrigins;
use axum::Router;
use std::sync::Arc;

/// The hub with the router that leads to it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) hub: Hub,
    pub(super) router: Router,
}

/// Puts the site together.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn site(config: &Config, desk: &Desk) -> Result<Site, Failure> {
    let api = Api::open(desk.clone()).await?;
    let links = api.clone();
    let options = Options {
        file_link: Some(Arc::new(move |part, attachment| links.file_link(part, attachment))),
        ..Options::default()
    };
    let hub = Hub::new(desk.clone(), options);
    let origins = match &config.messenger.allowed_origins {
        Origins::Any => AllowedOrigins::new(&[]),
        Origins::Listed(listed) => AllowedOrigins::new(listed),
    };
    let mut router = http::router(api).merge(http::messenger::route(hub.clone(), origins));
    if config.is_development() {
        router = router.merge(http::dev_mail::routes(desk.clone()));
    }
    Ok(Site { hub, router })
}
