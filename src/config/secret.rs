//! Secrets from files or systemd credentials.
//!
//! **Invariant:** a secret is never printed: its `Debug` says only that it is one. A file that everyone may read or write
//! is refused.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Largest secret file in bytes; a private key of RSA 8192 has half of it.
const SECRET_BYTES_MAX: u64 = 16 * 1024;
/// Permissions of those who are neither owner nor group.
const EVERYONE: u32 = 0o007;

/// A password or key as it stood in its file, without the line end behind it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Secret {
    /// Reads a secret file.
    ///
    /// # Errors
    /// A sentence on what is wrong with the file: missing, unreadable, open to everyone, empty, too large.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let metadata = fs::metadata(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        if !metadata.is_file() {
            return Err(format!("{shown} is not a file"));
        }
        let mode = metadata.permissions().mode();
        if mode & EVERYONE != 0 {
            return Err(format!("{shown} is open to everyone (mode {:04o}); chmod 600 it", mode & 0o7777));
        }
        if metadata.len() > SECRET_BYTES_MAX {
            return Err(format!("{shown} is larger than {SECRET_BYTES_MAX} bytes: not a secret"));
        }
        let mut bytes = fs::read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        if bytes.is_empty() { Err(format!("{shown} is empty")) } else { Ok(Self { bytes, path: path.to_owned() }) }
    }

    /// The secret itself, for whom it is meant.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.bytes
    }

    /// The secret as text, if it is UTF-8.
    #[must_use]
    pub fn reveal_text(&self) -> Option<&str> {
        str::from_utf8(&self.bytes).ok()
    }

    /// Where it was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn ops_2_a_secret_is_read_without_its_line_end_and_never_shown() {
        let (_dir, path) = file(b"swordfish\r\n", 0o600);
        let secret = Secret::read(&path).unwrap();
        assert_eq!(secret.reveal(), b"swordfish");
        assert!(!format!("{secret:?}").contains("swordfish"));
    }

    #[test]
    fn fault_92_a_bad_secret_file_is_refused_in_a_sentence() {
        for (content, mode, expected) in [
            (&b"x"[..], 0o644, "is open to everyone (mode 0644); chmod 600 it"),
            (b"x", 0o602, "is open to everyone"),
            (b"\n", 0o600, "is empty"),
            (&[b'x'; 20_000], 0o600, "is larger than"),
        ] {
            let (_dir, path) = file(content, mode);
            let refused = Secret::read(&path).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
        assert!(Secret::read(Path::new("/no/such/file")).unwrap_err().contains("cannot be read"));
        assert!(Secret::read(Path::new("/tmp")).unwrap_err().contains("is not a file"));
    }
}
