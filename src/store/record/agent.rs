//! Stored forms of agents and their tokens.

use crate::domain::agent::Agent;
use crate::domain::agent::AgentRole;
use crate::domain::agent::Away;
use crate::domain::agent::AwayReason;
use crate::domain::agent::Scope;
use crate::domain::agent::Token;
use crate::domain::attachment::BlobHash;
use crate::domain::avatar::Avatar;
use crate::domain::avatar::AvatarKind;
use crate::domain::id::AgentId;
use crate::domain::id::AwayReasonId;
use crate::domain::id::Millis;
use crate::domain::id::TokenId;
use crate::store::blob_refs;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::StoredAddress;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAgent {
    id: u64,
    name: String,
    email: StoredAddress,
    role: u8,
    password_hash: Option<String>,
    disabled: bool,
    created_at: u64,
    /// Whether threads are taken away, and the reason.
    away: Option<(bool, Option<u64>)>,
    assignment_limit: Option<u32>,
    avatar: Option<StoredAvatar>,
    job_title: Option<String>,
    signature: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredAvatar {
    blob: [u8; 32],
    kind: u8,
}

impl Record for Agent {
    const TABLE: Table = tables::AGENTS;
    const INDEXES: &'static [Table] = &[tables::AGENTS_BY_EMAIL, tables::BLOB_REFS];
    type Stored = StoredAgent;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let mut rows = vec![(tables::AGENTS_BY_EMAIL, self.email.to_string().into_bytes())];
        rows.extend(self.avatar.map(|avatar| (tables::BLOB_REFS, blob_refs::row(avatar.blob, self.id.0))));
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredAgent {
        StoredAgent {
            id: self.id.0,
            name: self.name.clone(),
            email: record::stored_address(&self.email),
            role: self.role.code(),
            password_hash: self.password_hash.clone(),
            disabled: self.disabled,
            created_at: self.created_at.0,
            away: self.away.map(|away| (away.reassign, away.reason.map(|id| id.0))),
            assignment_limit: self.assignment_limit,
            avatar: self.avatar.map(|avatar| StoredAvatar { blob: avatar.blob.0, kind: avatar.kind.code() }),
            job_title: self.job_title.clone(),
            signature: self.signature.clone(),
        }
    }

    fn from_stored(stored: StoredAgent) -> Restored<Self> {
        Ok(Self {
            id: AgentId(stored.id),
            name: stored.name,
            email: record::address(stored.email),
            role: AgentRole::of(stored.role)?,
            password_hash: stored.password_hash,
            disabled: stored.disabled,
            created_at: Millis(stored.created_at),
            away: stored.away.map(|(reassign, reason)| Away { reassign, reason: reason.map(AwayReasonId) }),
            assignment_limit: stored.assignment_limit,
            avatar: match stored.avatar {
                Some(avatar) => Some(Avatar { blob: BlobHash(avatar.blob), kind: AvatarKind::of(avatar.kind)? }),
                None => None,
            },
            job_title: stored.job_title,
            signature: stored.signature,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredToken {
    id: u64,
    hash: [u8; 32],
    agent: u64,
    name: String,
    scopes: Vec<u8>,
    created_at: u64,
    expires_at: Option<u64>,
    revoked_at: Option<u64>,
}

impl Record for Token {
    const TABLE: Table = tables::TOKENS;
    const INDEXES: &'static [Table] = &[tables::TOKENS_BY_HASH];
    type Stored = StoredToken;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        vec![(tables::TOKENS_BY_HASH, self.hash.to_vec())]
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredToken {
        StoredToken {
            id: self.id.0,
            hash: self.hash,
            agent: self.agent.0,
            name: self.name.clone(),
            scopes: self.scopes.iter().map(|scope| scope.code()).collect(),
            created_at: self.created_at.0,
            expires_at: self.expires_at.map(|at| at.0),
            revoked_at: self.revoked_at.map(|at| at.0),
        }
    }

    fn from_stored(stored: StoredToken) -> Restored<Self> {
        Ok(Self {
            id: TokenId(stored.id),
            hash: stored.hash,
            agent: AgentId(stored.agent),
            name: stored.name,
            scopes: stored.scopes.into_iter().map(Scope::of).collect::<Restored<_>>()?,
            created_at: Millis(stored.created_at),
            expires_at: stored.expires_at.map(Millis),
            revoked_at: stored.revoked_at.map(Millis),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAwayReason {
    id: u64,
    label: String,
    emoji: String,
    order: u32,
    deleted: bool,
    created_at: u64,
    updated_at: u64,
}

impl Record for AwayReason {
    const TABLE: Table = tables::AWAY_REASONS;
    type Stored = StoredAwayReason;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredAwayReason {
        StoredAwayReason {
            id: self.id.0,
            label: self.label.clone(),
            emoji: self.emoji.clone(),
            order: self.order,
            deleted: self.deleted,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        }
    }

    fn from_stored(stored: StoredAwayReason) -> Restored<Self> {
        Ok(Self {
            id: AwayReasonId(stored.id),
            label: stored.label,
            emoji: stored.emoji,
            order: stored.order,
            deleted: stored.deleted,
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
        })
    }
}
