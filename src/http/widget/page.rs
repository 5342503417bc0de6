//! The loader with its preset written into it, the frame's page, and the policy under which that page runs.

use crate::http::html::escaped;
use crate::http::messenger::AllowedOrigins;
use crate::http::widget::Preset;
use crate::http::widget::assets::Asset;
use crate::http::widget::assets::Assets;
use crate::http::widget::assets::LOADER;
use crate::http::widget::assets::condensed;
use axum::http::HeaderValue;

/// Stands in the loader's source where the preset goes.
const PRESET: &str = "\"__PRESET__\"";

/// The loader.
pub(super) fn loader(preset: &Preset) -> Asset {
    Asset::new("text/javascript; charset=utf-8", condensed(LOADER).replacen(PRESET, &as_json(preset), 1))
}

/// The page inside the frame: one style sheet and one script, named ahead so that they load side by side.
pub(super) fn frame(preset: &Preset, assets: &Assets) -> Asset {
    let build = assets.build();
    let mut head = String::new();
    for path in assets.needed() {
        let rel = if path.ends_with(".css") { "stylesheet" } else { "modulepreload" };
        head.push_str(&format!("<link rel=\"{rel}\" href=\"{build}/{path}\">"));
    }
    let preset = escaped(&as_json(preset));
    let text = format!(
        "<!doctype html><html lang=\"en\" data-preset=\"{preset}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1,viewport-fit=cover\">\
         <meta name=\"robots\" content=\"noindex\"><title>Messenger</title>{head}</head>\
         <body><div id=\"app\"></div><script type=\"module\" src=\"{build}/app.js\"></script></body></html>"
    );
    Asset::new("text/html; charset=utf-8", text)
}

/// Scripts, styles, pictures and the socket of this origin, and nothing else; framed by the listed pages.
pub(super) fn policy(origins: &AllowedOrigins) -> HeaderValue {
    let ancestors = origins.frame_ancestors();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// Plain fields always have a JSON form.
fn as_json(preset: &Preset) -> String {
    serde_json::to_string(preset).unwrap_or_else(|_| "{}".to_owned())
}
