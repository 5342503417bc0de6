//! How a command ends: its exit code and its last words (INTERFACES §2).

use crate::desk;
use crate::store;
use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It failed.
    Failed = 1,
    /// Used wrongly.
    Usage = 2,
    /// The daemon is busy or not up; the same command may do later (EX_TEMPFAIL).
    TryAgain = 75,
    /// The configuration or a template is wrong (EX_CONFIG).
    Config = 78,
    /// The store is unreadable or newer than this program.
    Store = 79,
}

impl Exit {
    /// The number the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::TryAgain => 75,
            Self::Config => 78,
            Self::Store => 79,
        }
    }

    /// The other way round; anything unknown has failed.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        [Self::Usage, Self::TryAgain, Self::Config, Self::Store]
            .into_iter()
            .find(|exit| exit.code() == code)
            .unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command ended, in a sentence for people, and with which code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// The sentence.
    pub message: String,
}

impl Failure {
    /// A failure with a code of its own.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Doing `what` failed.
    pub fn doing(what: &str, error: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, format!("{what}: {error}"))
    }

    /// The store could not be opened.
    #[must_use]
    pub fn opening(error: &store::Error) -> Self {
        let exit = match error {
            store::Error::Locked | store::Error::Full => Exit::TryAgain,
            store::Error::Refused(_) => Exit::Failed,
            store::Error::Engine(_)
            | store::Error::Corrupt { .. }
            | store::Error::Missing { .. }
            | store::Error::Gone { .. }
            | store::Error::Empty { .. }
            | store::Error::Foreign { .. }
            | store::Error::Damaged { .. }
            | store::Error::Newer { .. } => Exit::Store,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<desk::Error> for Failure {
    fn from(error: desk::Error) -> Self {
        let exit = match &error {
            desk::Error::Refused(_) => Exit::Failed,
            desk::Error::Unavailable(_) | desk::Error::Full => Exit::TryAgain,
        };
        Self::new(exit, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_94_a_store_that_cannot_be_read_has_its_own_code() {
        let path = || "x".to_owned();
        for (error, code) in [
            (store::Error::Locked, 75),
            (store::Error::Full, 75),
            (store::Error::Newer { found: 9, known: 1 }, 79),
            (store::Error::Gone { path: path() }, 79),
            (store::Error::Empty { path: path() }, 79),
            (store::Error::Foreign { path: path() }, 79),
            (store::Error::Engine("read-only file system".into()), 79),
        ] {
            assert_eq!(Failure::opening(&error).exit.code(), code, "{error}");
        }
    }

    #[test]
    fn codes_are_read_back() {
        for exit in [Exit::Failed, Exit::Usage, Exit::TryAgain, Exit::Config, Exit::Store] {
            assert_eq!(Exit::of_code(exit.code()), exit);
        }
    }
}
