//! Who may use whom: the table of the house, read from the `use` lines.

use crate::sources::rust_files;

/// Each layer, what it may use besides itself, and crates it must not name. Modules that are no layer (`clock`) may be
/// used by all but `domain`, `mail` and `template`.
const LAYERS: [(&str, &[&str], &[&str]); 11] = [
    ("domain", &[], &["tokio", "redb", "axum", "hyper", "lettre", "ring", "tracing"]),
    ("mail", &["domain"], &["tokio", "redb", "axum", "hyper", "tracing"]),
    ("template", &["domain"], &["tokio", "redb", "axum", "hyper", "lettre", "tracing"]),
    ("store", &["domain"], &["axum", "hyper", "lettre", "handlebars"]),
    ("desk", &["domain", "mail", "template", "store"], &["axum", "hyper", "tokio_tungstenite", "redb"]),
    ("channel", &["domain", "mail", "template", "desk"], &["axum", "redb"]),
    ("search", &["domain", "mail", "template", "desk"], &["axum", "redb"]),
    ("http", &["domain", "desk", "channel"], &["redb", "lettre"]),
    ("config", &["domain"], &["tokio", "redb", "axum", "hyper", "lettre"]),
    ("daemon", EVERYTHING, &["redb"]),
    ("cli", EVERYTHING, &["redb"]),
];

const EVERYTHING: &[&str] =
    &["config", "domain", "mail", "template", "store", "desk", "channel", "search", "http", "daemon", "cli"];

/// Layers that read no clock.
const PURE: [&str; 3] = ["domain", "mail", "template"];

/// The one place that names the engine's crate.
const ENGINE: [&str; 2] = ["src/store/redb.rs", "src/store/redb/"];

/// What is wrong with one line of `layer`.
fn fault(layer: &str, line: &str) -> Option<String> {
    let (_, may_use, denied) = LAYERS.iter().find(|(name, ..)| *name == layer)?;
    let line = line.trim_start();
    let used = line.strip_prefix("use ").or_else(|| line.strip_prefix("pub use "));
    let used = used.or_else(|| line.strip_prefix("pub(crate) use "))?.trim_start_matches("::");
    if used.starts_with("super::super") {
        return Some("super::super; name the path from the crate".to_owned());
    }
    let (first, rest) = used.split_once("::").unwrap_or((used.trim_end_matches(';'), ""));
    if first != "crate" {
        return denied.contains(&first).then(|| format!("{layer} must not use the crate {first}"));
    }
    let target = rest.split([':', ';', ' ']).next().unwrap_or_default();
    if target.starts_with('{') {
        return Some("a grouped use of the crate; one path per line".to_owned());
    }
    let is_clock = target == "clock" && !PURE.contains(&layer);
    let is_layer = LAYERS.iter().any(|(name, ..)| *name == target) || target == "clock";
    let is_allowed = target == layer || may_use.contains(&target) || is_clock || !is_layer;
    (!is_allowed).then(|| format!("{layer} must not use {target}"))
}

#[test]
fn every_import_goes_the_way_of_the_layers() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src") {
        let shown = path.display().to_string();
        let layer = shown.trim_start_matches("src/").split(['/', '.']).next().unwrap();
        for (number, line) in text.lines().enumerate() {
            // Tests below a module may use what they prove it with.
            if line.trim() == "#[cfg(test)]"
                && text.lines().nth(number + 1).is_some_and(|it| it.starts_with("mod tests {"))
            {
                break;
            }
            if shown.ends_with("tests.rs") || shown.contains("/tests/") {
                break;
            }
            let is_engine = ENGINE.iter().any(|engine| shown.starts_with(engine));
            let names_engine =
                line.trim_start().trim_start_matches("use ").trim_start_matches("::").starts_with("redb::");
            if names_engine && !is_engine {
                faults.push(format!("{shown}:{}: only the engine names redb", number + 1));
            }
            if let Some(fault) = fault(layer, line) {
                faults.push(format!("{shown}:{}: {fault}", number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_import_is_seen() {
    for (layer, line, is_wrong) in [
        ("domain", "use crate::store::Store;", true),
        ("domain", "use tokio::sync::watch;", true),
        ("domain", "use crate::clock::Clock;", true),
        ("desk", "use crate::channel::imap;", true),
        ("channel", "use crate::store::Store;", true),
        ("channel", "use crate::desk::Desk;", false),
        ("http", "pub use crate::daemon::run;", true),
        ("http", "use crate::{desk, channel};", true),
        ("mail", "    use super::super::x;", true),
        ("store", "use crate::domain::id::PartId;", false),
        ("store", "use crate::clock::Clock;", false),
        ("daemon", "use crate::http::ops;", false),
    ] {
        assert_eq!(fault(layer, line).is_some(), is_wrong, "{layer}: {line}");
    }
}
