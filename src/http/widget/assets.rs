//! The files of the frame, embedded, joined, compressed once, and named by what is in them.

use crate::http::widget::bundle::bundled;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest;
use std::io::Write;

/// Octets of a hash in a name; enough to tell builds apart.
const NAME_BYTES: usize = 8;

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("assets/", $path)))),*]
    };
}

/// The style sheets as one.
pub(super) const STYLE: &str = "frame.css";
/// The modules as one.
pub(super) const SCRIPT: &str = "app.js";

/// Every file below `assets` but the loader; style sheets in the order in which they count.
pub(super) const FILES: &[(&str, &str)] = embedded![
    "style/base.css",
    "style/shell.css",
    "style/thread.css",
    "app.js",
    "bridge.js",
    "connection.js",
    "dom.js",
    "emoji.js",
    "files.js",
    "locale.js",
    "model.js",
    "outbox.js",
    "poll.js",
    "richtext.js",
    "sound.js",
    "storage.js",
    "theme.js",
    "transcript.js",
    "texts/en.js",
    "views/composer.js",
    "views/email.js",
    "views/form.js",
    "views/home.js",
    "views/lists.js",
    "views/parts.js",
    "views/shell.js",
    "views/thread.js",
    "views/ticket.js",
    "texts/ar.js",
    "texts/de.js",
    "texts/es.js",
    "texts/fr.js",
    "texts/ja.js",
];
/// The loader, before its preset is written into it.
pub(super) const LOADER: &str = include_str!("assets/loader.js");

/// A file as it is answered.
#[derive(Debug)]
pub(super) struct Asset {
    media_type: &'static str,
    etag: HeaderValue,
    plain: Bytes,
    gzip: Bytes,
}

impl Asset {
    pub(super) fn new(media_type: &'static str, text: String) -> Self {
        let etag = HeaderValue::from_str(&format!("\"{}\"", name_of(text.as_bytes())));
        let gzip = compressed(text.as_bytes()).unwrap_or_default();
        let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
        Self { media_type, etag, plain: Bytes::from(text), gzip: Bytes::from(gzip) }
    }

    /// The file, compressed for those who take that, or 304 for those who have it.
    pub(super) fn answer(&self, headers: &HeaderMap, kept: &'static str) -> Response {
        let has_it = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, &self.etag));
        let mut response = if has_it {
            StatusCode::NOT_MODIFIED.into_response()
        } else if takes_gzip(headers) && !self.gzip.is_empty() {
            ([(header::CONTENT_ENCODING, "gzip")], self.gzip.clone()).into_response()
        } else {
            self.plain.clone().into_response()
        };
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
        fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(header::ETAG, self.etag.clone());
        response
    }

    #[cfg(test)]
    pub(super) fn gzip_bytes(&self) -> usize {
        self.gzip.len()
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Assets {
    build: String,
    files: Vec<(&'static str, Asset)>,
}

impl Assets {
    pub(super) fn embedded() -> Self {
        let all: Vec<u8> = FILES.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()].concat()).collect();
        let styles = FILES.iter().filter(|(path, _)| path.ends_with(".css")).map(|(_, text)| condensed(text));
        let asset = |path, text| (path, Asset::new(media_type(path), text));
        let mut files = vec![asset(STYLE, styles.collect()), asset(SCRIPT, bundled(SCRIPT, &source))];
        files.extend(
            FILES.iter().filter(|(path, _)| is_asked_for(path)).map(|(path, text)| asset(*path, condensed(text))),
        );
        Self { build: name_of(&all), files }
    }

    /// Name of this set of files.
    pub(super) fn build(&self) -> &str {
        &self.build
    }

    pub(super) fn get(&self, path: &str) -> Option<&Asset> {
        self.files.iter().find(|(known, _)| *known == path).map(|(_, asset)| asset)
    }

    /// Paths that every page needs, texts of other languages not among them.
    pub(super) fn needed(&self) -> impl Iterator<Item = &'static str> {
        self.files.iter().map(|(path, _)| *path).filter(|path| !is_asked_for(path))
    }
}

/// Whether a file is loaded when it is asked for: the texts of every language but the one that stands in for what others
/// lack.
fn is_asked_for(path: &str) -> bool {
    path.starts_with("texts/") && path != "texts/en.js"
}

/// The text of a module.
pub(super) fn source(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

/// Without indentation and without lines that are comments alone; their sources keep both. No file has a text of several
/// lines in which either would mean something.
pub(super) fn condensed(text: &str) -> String {
    let is_comment = |line: &str| line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        _ => "text/javascript; charset=utf-8",
    }
}

fn name_of(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    HEXLOWER.encode(hash.as_ref().get(..NAME_BYTES).unwrap_or_default())
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Whether `If-None-Match` names it (RFC 9110 §13.1.2); weak forms count, as a proxy may have made them.
fn names(value: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(value), Ok(etag)) = (value.to_str(), etag.to_str()) else { return false };
    value.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == etag || one == "*")
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value.split(',').any(|one| {
            let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
            coding.trim().eq_ignore_ascii_case("gzip") && weight.trim().trim_end_matches(['0', '.']) != "q="
        })
    })
}
