//! Why the desk refuses an operation, as a value.
//!
//! **Invariant:** no HTTP status, no SMTP code here; the edges map each refusal to their own words (API-12, API-13).

use crate::domain::form::Wrong;
use crate::domain::id::ContactId;

/// A refused operation. Nothing of it was applied (API-4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The object does not exist, or the caller may not know that it does.
    #[error("{what} not found")]
    NotFound {
        /// The noun: `conversation`, `ticket`, `contact`, `admin`, `ticket_type`, `broadcast`, …
        what: &'static str,
    },
    /// A value is not acceptable; `field` names it when there is one.
    #[error("{message}")]
    Invalid {
        /// The code of API-12, for instance `parameter_invalid` or `invalid_ticket_type`.
        code: &'static str,
        /// The input's name, as the caller wrote it.
        field: Option<String>,
        /// What is wrong and what would be right.
        message: String,
    },
    /// Several values are not acceptable, each for a reason of its own (FRM-3).
    #[error("{}", every_field(fields))]
    Fields {
        /// Name and what is wrong with it.
        fields: Vec<(String, Wrong)>,
    },
    /// A value that is acceptable but would break the object (PAR-3).
    #[error("{message}")]
    Unprocessable {
        /// The input's name.
        field: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The state of the object does not allow it now.
    #[error("{message}")]
    Conflict {
        /// What stands against it.
        message: String,
    },
    /// The caller lacks a right.
    #[error("{message}")]
    Forbidden {
        /// Which right.
        message: String,
    },
    /// The contact went into another one (OBJ-20).
    #[error("this contact was merged into {into}")]
    Merged {
        /// The last survivor.
        into: ContactId,
    },
    /// Too much in too short a time.
    #[error("too many requests; try again in {retry_after_s} s")]
    TooMany {
        /// Seconds to wait.
        retry_after_s: u64,
    },
}

fn every_field(fields: &[(String, Wrong)]) -> String {
    let each: Vec<String> = fields.iter().map(|(name, wrong)| format!("'{name}' {wrong}")).collect();
    each.join("; ")
}

impl Refusal {
    /// A `parameter_invalid` for `field`.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid { code: "parameter_invalid", field: Some(field.to_owned()), message: message.into() }
    }

    /// An `Invalid` with its own code.
    #[must_use]
    pub fn with_code(code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { code, field: None, message: message.into() }
    }
}
