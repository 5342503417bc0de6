//! What a reader may expect of every file.

use crate::sources::rust_files;

const LINES_MAX: usize = 700;

#[test]
fn no_file_is_too_long() {
    let files = rust_files("src").into_iter().chain(rust_files("tests"));
    let long: Vec<String> = files
        .filter(|(_, text)| text.lines().count() > LINES_MAX)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn every_module_begins_by_saying_what_it_is() {
    let silent: Vec<String> = rust_files("src")
        .into_iter()
        .filter(|(_, text)| {
            let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
            header.first().is_none_or(|line| line.len() < "//! A word.".len())
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no words at the top of:\n{}", silent.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    // In pieces, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX:"),
        concat!("for ", "now,"),
        concat!("to", "do!("),
    ];
    let mut found = Vec::new();
    for (path, text) in rust_files("src").into_iter().chain(rust_files("tests")) {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_test_is_switched_off() {
    let mark = concat!("#[ig", "nore");
    let off: Vec<String> = rust_files("src")
        .into_iter()
        .chain(rust_files("tests"))
        .filter(|(_, text)| text.contains(mark))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(off.is_empty(), "tests switched off in:\n{}", off.join("\n"));
}
