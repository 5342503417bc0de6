//! Requests of commands.

use serde::Deserialize;
use serde::Serialize;

/// One request; ids are numbers, addresses and scopes texts that are checked where they are acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Request {
    AddAgent {
        email: String,
        name: String,
        admin: bool,
        password: Option<String>,
    },
    Agents,
    DisableAgent {
        email: String,
    },
    /// `raw_bytes` octets of a picture follow the line; none take it away.
    SetPicture {
        email: String,
        raw_bytes: u64,
    },
    CreateToken {
        agent: String,
        name: String,
        scopes: Vec<String>,
        /// Days until it ends by itself.
        days: Option<u16>,
    },
    Tokens,
    RevokeToken {
        id: u64,
    },
    /// `raw_bytes` octets of one mail follow the line.
    TakeIn {
        origin: String,
        support: String,
        raw_bytes: u64,
    },
    Status,
    Trace {
        of: String,
    },
    Deliveries {
        limit: usize,
    },
    Delivery {
        id: u64,
    },
    RetryDelivery {
        id: u64,
    },
    CancelDelivery {
        id: u64,
    },
    PauseSending {
        paused: bool,
    },
    Quarantine {
        limit: usize,
    },
    Quarantined {
        id: u64,
    },
    RetryQuarantined {
        id: u64,
    },
    Addresses,
    ProbeAddress {
        address: String,
    },
    /// A part whose mail was too large to be taken in.
    FetchPart {
        id: u64,
    },
    /// The answer is preceded by the octets of the file.
    Backup,
    /// The answer is preceded by the octets of the archive.
    Export {
        contact: String,
        internal: bool,
    },
    /// Without `yes`, only says what would go.
    Erase {
        contact: String,
        yes: bool,
    },
    Verify,
    Compact,
    /// What would go with age now.
    Retention,
}

impl Request {
    /// Octets that follow the line.
    pub(crate) fn body_bytes(&self) -> u64 {
        match self {
            Self::TakeIn { raw_bytes, .. } | Self::SetPicture { raw_bytes, .. } => *raw_bytes,
            _ => 0,
        }
    }
}
