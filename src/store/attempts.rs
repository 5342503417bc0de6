//! Marks on disk of the messages being read, so that one that takes the process down is known when it comes again (P6).
//!
//! A mark is a file named by the message's content hash that holds how often reading it began. It is not synced: it must
//! outlive the process, not the machine. Reading that ends, well or not, removes its mark; a mark that is there when
//! reading begins was left by a process that died.

use crate::domain::attachment::BlobHash;
use crate::store::durable::make_dir;
use crate::store::error::Result;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The marks of one data directory.
#[derive(Clone, Debug)]
pub struct Attempts {
    dir: PathBuf,
}

impl Attempts {
    /// The marks in `data_dir/reading`, which is made if need be.
    ///
    /// # Errors
    /// `Engine` or `Full` when the file system fails.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join("reading");
        make_dir(&dir)?;
        Ok(Self { dir })
    }

    /// Marks that reading begins; how often it began before and did not end. A mark that cannot be written counts as
    /// none: it guards, it does not gate.
    #[must_use]
    pub fn begin(&self, message: BlobHash) -> u32 {
        let mark = self.mark(message);
        let before = fs::read_to_string(&mark).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0_u32);
        if let Err(error) = fs::write(&mark, before.saturating_add(1).to_string()) {
            tracing::warn!(%message, %error, "the mark of a message being read cannot be written");
        }
        before
    }

    /// Takes the mark away.
    pub fn end(&self, message: BlobHash) {
        drop(fs::remove_file(self.mark(message)));
    }

    fn mark(&self, message: BlobHash) -> PathBuf {
        self.dir.join(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_deaths_are_counted_and_an_end_forgets_them() {
        let dir = tempfile::tempdir().unwrap();
        let message = BlobHash([7; 32]);
        let after_death = || Attempts::open(dir.path()).unwrap();
        assert_eq!(
            [after_death().begin(message), after_death().begin(message), after_death().begin(message)],
            [0, 1, 2]
        );
        after_death().end(message);
        assert_eq!(after_death().begin(message), 0);
    }
}
