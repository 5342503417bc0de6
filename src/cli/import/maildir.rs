//! Mails that are files of their own: maildirs and directories of `.eml` files.

use crate::cli::import::Found;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Files of one directory.
const FILES_MAX: usize = 10_000_000;

/// The mails of a maildir: `cur` and `new`, by name, which begins with the time of delivery.
pub(crate) fn mails_of_maildir(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut mails = Vec::new();
    for part in ["cur", "new"] {
        mails.extend(files(&path.join(part), |_| true)?);
    }
    mails.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(mails)
}

/// A file, or the `.eml` files of a directory by name.
pub(crate) fn mails_of_plain(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut mails = files(path, |name| name.to_ascii_lowercase().ends_with(".eml"))?;
    mails.sort();
    Ok(mails)
}

fn files(dir: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)?.take(FILES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && is_wanted(&name) && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// One mail.
pub(crate) fn read(path: &Path, bytes_max: usize) -> io::Result<Found> {
    let file_bytes = fs::metadata(path)?.len();
    let fits = usize::try_from(file_bytes).is_ok_and(|bytes| bytes <= bytes_max);
    let raw = if fits { Some(fs::read(path)?) } else { None };
    let origin = path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
    Ok(Found { origin, raw, file_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maildirs_are_read_in_order_of_delivery() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["cur/200.b:2,S", "new/100.a", "new/.hidden", "tmp/300.c"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let mails = mails_of_maildir(dir.path()).unwrap();
        let names: Vec<_> = mails.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["100.a", "200.b:2,S"]);
        assert!(mails_of_maildir(&dir.path().join("cur")).is_err());
    }

    #[test]
    fn a_file_too_large_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.eml");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 4).unwrap().raw, None);
        assert_eq!(read(&path, 5).unwrap().raw.as_deref(), Some(&b"12345"[..]));
    }
}
