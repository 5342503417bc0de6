//! Reads the directory whose files replace embedded templates: the only I/O of this layer.

use super::error::TemplateError;
use super::scan::SOURCE_BYTES_MAX;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Most files in the directory.
const FILES_MAX: usize = 500;
/// Folders inside folders; the deepest template is `brands/acme/de/email/agent_reply/html.hbs`.
const FOLDERS_MAX: usize = 6;

/// Text of every file below `dir`, by its path relative to it with `/`. Hidden files and backups (`.x`, `x~`) are left
/// out; whether a name is a template's is checked by [`super::Templates::build`].
///
/// # Errors
/// A directory or file that cannot be read, is too large, or is not UTF-8; more than 500 files.
pub fn overrides(dir: &Path) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut found = BTreeMap::new();
    read_folder(dir, "", FOLDERS_MAX, &mut found)?;
    Ok(found)
}

fn read_folder(
    dir: &Path,
    prefix: &str,
    folders_left: usize,
    found: &mut BTreeMap<String, String>,
) -> Result<(), TemplateError> {
    let place = |name: &str| if name.is_empty() { dir.display().to_string() } else { name.to_owned() };
    let fault =
        |name: &str, error: std::io::Error| TemplateError::new(&place(name), format!("cannot be read: {error}"));
    for entry in fs::read_dir(dir).map_err(|error| fault(prefix, error))? {
        let entry = entry.map_err(|error| fault(prefix, error))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            return Err(TemplateError::new(&entry.path().display().to_string(), "has a name that is not UTF-8"));
        };
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let meta = fs::metadata(entry.path()).map_err(|error| fault(&relative, error))?;
        if meta.is_dir() {
            let left = folders_left
                .checked_sub(1)
                .ok_or_else(|| TemplateError::new(&relative, "lies too deep; no template is there"))?;
            read_folder(&entry.path(), &relative, left, found)?;
            continue;
        }
        if !meta.is_file() || usize::try_from(meta.len()).map_or(true, |bytes| bytes > SOURCE_BYTES_MAX) {
            let message = format!("is no regular file of at most {SOURCE_BYTES_MAX} bytes");
            return Err(TemplateError::new(&relative, message));
        }
        if found.len() >= FILES_MAX {
            return Err(TemplateError::new(&relative, format!("is one file too many; at most {FILES_MAX} are read")));
        }
        let bytes = fs::read(entry.path()).map_err(|error| fault(&relative, error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            TemplateError::at_offset(&relative, &text, at, "is not UTF-8 here")
        })?;
        found.insert(relative, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_by_their_relative_path() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("email/agent_reply")).unwrap();
        fs::write(dir.path().join("email/agent_reply/subject.hbs"), "Hello").unwrap();
        fs::write(dir.path().join(".swap"), "x").unwrap();
        fs::write(dir.path().join("email/notes~"), "x").unwrap();
        let found = overrides(dir.path()).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("email/agent_reply/subject.hbs".into(), "Hello".into())]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = overrides(&dir.path().join("none")).unwrap_err();
        assert!(missing.file.ends_with("none") && missing.message.starts_with("cannot be read"), "{missing}");
        fs::write(dir.path().join("a.hbs"), b"ok\nno \xff").unwrap();
        assert_eq!(overrides(dir.path()).unwrap_err().to_string(), "a.hbs:2:4: is not UTF-8 here");
        fs::write(dir.path().join("a.hbs"), vec![b'x'; SOURCE_BYTES_MAX + 1]).unwrap();
        assert!(overrides(dir.path()).unwrap_err().message.contains("262144"));
    }
}
