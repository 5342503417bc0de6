//! `/widget.js`, `/widget/<app_id>.js`, `/widget/frame` and what the frame loads: the messenger's loader and page (MSG-1, MSG-3).
//!
//! The loader runs in the site's page and draws the launcher; everything else runs in a frame of this origin, so that the
//! site's styles and scripts and ours cannot reach each other. The frame talks to `/messenger/ws` by itself.
//!
//! | path | kept by browsers |
//! |---|---|
//! | `/widget.js`, `/widget/<app_id>.js` | five minutes, then asked for by its `ETag` |
//! | `/widget/frame` | never, it names the files of this build |
//! | `/widget/<build>/…` | for good: another build has another name |
//!
//! **Invariant:** nothing here knows a contact; no token stands in an address; the page's policy lets it load from this
//! origin alone, and only listed pages may frame it (MSG-4).

mod assets;
mod bundle;
mod page;

use crate::http::messenger::AllowedOrigins;
use crate::http::widget::assets::Asset;
use crate::http::widget::assets::Assets;
use axum::Router;
use axum::extract::RawPathParams;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;

/// How long a browser uses a loader without asking, in seconds.
const LOADER_KEPT: &str = "public, max-age=300, stale-while-revalidate=86400";
const BUILD_KEPT: &str = "public, max-age=31536000, immutable";

/// What the site's owner decides for all pages; a page's own settings go before it.
#[derive(Clone, Debug, Serialize)]
pub struct Preset {
    /// The workspace's id.
    pub app: String,
    /// `#rrggbb` of buttons and of the contact's own messages.
    pub action_color: Option<String>,
    /// `#rrggbb` of the bar; that of the buttons where there is none.
    pub background_color: Option<String>,
    /// `left` or `right`.
    pub alignment: &'static str,
    /// Whether a new message is heard.
    pub sound: bool,
    /// Language where neither page nor browser says one.
    pub locale: String,
}

#[derive(Clone, Debug)]
struct Widget {
    assets: Arc<Assets>,
    app: String,
    loader: Arc<Asset>,
    frame: Arc<Asset>,
    policy: HeaderValue,
}

/// The routes, to be merged into the router of the HTTP listener.
pub fn route(preset: &Preset, origins: &AllowedOrigins) -> Router {
    let assets = Assets::embedded();
    let widget = Widget {
        app: preset.app.clone(),
        loader: Arc::new(page::loader(preset)),
        frame: Arc::new(page::frame(preset, &assets)),
        policy: page::policy(origins),
        assets: Arc::new(assets),
    };
    Router::new()
        .route("/widget.js", get(loader))
        .route("/widget/{name}", get(named))
        .route("/widget/{build}/{*file}", get(file))
        .with_state(widget)
}

async fn loader(State(widget): State<Widget>, headers: HeaderMap) -> Response {
    widget.loader(&headers)
}

/// The loader of one app, or the frame.
async fn named(State(widget): State<Widget>, path: RawPathParams, headers: HeaderMap) -> Response {
    let name = path.iter().next().map(|(_, name)| name).unwrap_or_default();
    match name.strip_suffix(".js") {
        Some(app) if app == widget.app => widget.loader(&headers),
        None if name == "frame" => {
            let mut response = widget.frame.answer(&headers, "no-cache");
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, widget.policy.clone());
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn file(State(widget): State<Widget>, path: RawPathParams, headers: HeaderMap) -> Response {
    let mut names = path.iter().map(|(_, name)| name);
    let (build, file) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    match widget.assets.get(file) {
        Some(asset) if build == widget.assets.build() => asset.answer(&headers, BUILD_KEPT),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Widget {
    fn loader(&self, headers: &HeaderMap) -> Response {
        let mut response = self.loader.answer(headers, LOADER_KEPT);
        // Any page may load it, pages that isolate themselves included; whether it may connect is decided elsewhere.
        let any = HeaderValue::from_static("cross-origin");
        response.headers_mut().insert("cross-origin-resource-policy", any);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

#[cfg(test)]
mod tests;
