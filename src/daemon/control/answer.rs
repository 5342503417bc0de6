//! Answers to commands: rows as they are shown, not as they are stored.

use crate::desk::mail::forwarding::Forwarding;
use crate::desk::retention::DueToGo;
use crate::domain::agent::Agent;
use crate::domain::agent::Token;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Agents(Vec<AgentRow>),
    Token(NewToken),
    Tokens(Vec<TokenRow>),
    TakenIn(TakenIn),
    Status(Box<StatusView>),
    Trace(Vec<TraceRow>),
    Deliveries(Vec<DeliveryRow>),
    Delivery(Box<DeliveryView>),
    Quarantine(Vec<QuarantineRow>),
    Quarantined(Box<QuarantineView>),
    Addresses(Vec<AddressRow>),
    /// A mail was fetched whole.
    Fetched {
        bytes: u64,
    },
    Amount {
        store_bytes: u64,
        blobs: u64,
    },
    Exported {
        threads: u64,
        parts: u64,
        files: u64,
    },
    Erasure(ErasureView),
    Faults(Vec<String>),
    /// Whether anything is sent from now on.
    Sending {
        paused: bool,
    },
    Compacted {
        before_bytes: u64,
        after_bytes: u64,
    },
    Retention(Vec<DueRow>),
}

/// So many of a kind are past their keeping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DueRow {
    pub(crate) what: String,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl From<DueToGo> for DueRow {
    fn from(due: DueToGo) -> Self {
        Self { what: due.what.as_str().to_owned(), count: due.count, bytes: due.bytes }
    }
}

/// What erasing a contact takes away, or took away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErasureView {
    pub(crate) contact_id: String,
    pub(crate) done: bool,
    pub(crate) threads: u64,
    pub(crate) shared_threads: u64,
    pub(crate) parts: u64,
    pub(crate) files: u64,
    pub(crate) mails: u64,
    pub(crate) notes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgentRow {
    pub(crate) id: u64,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) disabled: bool,
}

impl From<Agent> for AgentRow {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id.0,
            email: agent.email.to_string(),
            name: agent.name,
            role: agent.role.as_str().to_owned(),
            disabled: agent.disabled,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressRow {
    pub(crate) address: String,
    pub(crate) probed_at: Option<u64>,
    pub(crate) proven_at: Option<u64>,
}

impl From<Forwarding> for AddressRow {
    fn from(known: Forwarding) -> Self {
        Self {
            address: known.address.to_string(),
            probed_at: known.probed_at.map(|at| at.seconds()),
            proven_at: known.proven_at.map(|at| at.seconds()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewToken {
    pub(crate) id: u64,
    /// Shown once.
    pub(crate) token: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenRow {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) agent_id: u64,
    /// Empty: all.
    pub(crate) scopes: Vec<String>,
    /// Unix seconds.
    pub(crate) created_at: u64,
    pub(crate) expires_at: Option<u64>,
    pub(crate) revoked: bool,
}

impl From<Token> for TokenRow {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            agent_id: token.agent.0,
            scopes: token.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            created_at: token.created_at.seconds(),
            expires_at: token.expires_at.map(|at| at.seconds()),
            revoked: token.revoked_at.is_some(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenIn {
    /// `new_conversation`, `part`, `duplicate`, `own`, `tombstoned`, `quarantined` or `refused`.
    pub(crate) result: String,
    /// Why, where it was refused.
    pub(crate) why: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusView {
    /// Whether the answer comes from a running daemon.
    pub(crate) running: bool,
    pub(crate) ready: bool,
    pub(crate) reasons: Vec<String>,
    pub(crate) mailboxes: Vec<MailboxRow>,
    /// Relay and how it is, in words.
    pub(crate) relays: BTreeMap<String, String>,
    /// Messenger sockets open now.
    pub(crate) sockets: u64,
    pub(crate) deliveries: BTreeMap<String, u64>,
    /// How long the oldest due delivery waits, in seconds.
    pub(crate) oldest_due_s: Option<u64>,
    pub(crate) quarantined: u64,
    pub(crate) broadcasts_running: u64,
    /// Broadcasts that the desk itself holds, by the reason.
    #[serde(default)]
    pub(crate) broadcasts_held: BTreeMap<String, u64>,
    pub(crate) log_seq: u64,
    pub(crate) store_bytes: u64,
    pub(crate) commits: u64,
    pub(crate) last_commit_ms: Option<f64>,
    pub(crate) restarts: BTreeMap<String, u64>,
    pub(crate) last_errors: Vec<String>,
    /// Whether nothing is sent until somebody says so.
    pub(crate) sending_paused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailboxRow {
    pub(crate) name: String,
    pub(crate) phase: String,
    pub(crate) last_success_s: Option<u64>,
    pub(crate) waiting: usize,
    pub(crate) last_error: Option<String>,
    /// Why nothing is flagged, moved or removed though it should be.
    pub(crate) only_read: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TraceRow {
    /// Unix milliseconds.
    pub(crate) at_ms: u64,
    pub(crate) what: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryRow {
    pub(crate) id: u64,
    pub(crate) state: String,
    /// Why it failed or was skipped.
    pub(crate) reason: Option<String>,
    pub(crate) kind: String,
    pub(crate) channel: String,
    pub(crate) recipient: Option<String>,
    pub(crate) conversation_id: u64,
    pub(crate) attempts: u32,
    pub(crate) last_reply: Option<String>,
    /// Unix seconds.
    pub(crate) due_at: u64,
    pub(crate) message_id: String,
}

impl From<&Delivery> for DeliveryRow {
    fn from(delivery: &Delivery) -> Self {
        let reason = match &delivery.state {
            DeliveryState::Failed(why) => Some(why.clone()),
            DeliveryState::Skipped(why) => Some(why.as_str().to_owned()),
            DeliveryState::Queued | DeliveryState::Deferred | DeliveryState::Sent | DeliveryState::Uncertain => None,
        };
        Self {
            id: delivery.id.0,
            state: delivery.state.as_str().to_owned(),
            reason,
            kind: delivery.kind.as_str().to_owned(),
            channel: delivery.channel.as_str().to_owned(),
            recipient: delivery.address.as_ref().map(ToString::to_string),
            conversation_id: delivery.thread.0,
            attempts: delivery.attempt_count,
            last_reply: delivery.attempts.last().map(|attempt| attempt.answer.clone()),
            due_at: delivery.due_at.seconds(),
            message_id: delivery.message_id.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryView {
    pub(crate) delivery: DeliveryRow,
    pub(crate) attempts: Vec<AttemptRow>,
    /// The message, where it was captured instead of sent; octets that are not UTF-8 are replaced.
    pub(crate) captured: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptRow {
    pub(crate) at_ms: u64,
    pub(crate) stage: String,
    pub(crate) answer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuarantineRow {
    pub(crate) id: u64,
    /// Unix seconds.
    pub(crate) at: u64,
    pub(crate) source: String,
    pub(crate) reverse_path: Option<String>,
    pub(crate) message_id: String,
    pub(crate) raw_bytes: u64,
    /// `quarantined`, or what became of it at a new try.
    pub(crate) result: String,
    pub(crate) error: Option<String>,
}

impl From<IntakeRow> for QuarantineRow {
    fn from(row: IntakeRow) -> Self {
        let (result, error) = match row.result {
            IntakeResult::Part { .. } => ("part", None),
            IntakeResult::Duplicate { .. } => ("duplicate", None),
            IntakeResult::Own => ("own", None),
            IntakeResult::Unsubscribed { .. } => ("unsubscribed", None),
            IntakeResult::Quarantined { error } => ("quarantined", Some(error)),
        };
        Self {
            id: row.id.0,
            at: row.at.seconds(),
            source: row.source,
            reverse_path: row.reverse_path,
            message_id: row.message_id,
            raw_bytes: row.raw_bytes,
            result: result.to_owned(),
            error,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuarantineView {
    pub(crate) row: QuarantineRow,
    /// The mail; octets that are not UTF-8 are replaced.
    pub(crate) raw: String,
}
