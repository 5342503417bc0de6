//! Stored form of requests that carried a key of their sender's (API-8).

use crate::domain::id::Millis;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

/// A request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Token, path and the sender's key, hashed.
    pub key: [u8; 32],
    /// Its body, hashed.
    pub body: [u8; 32],
    /// When it came.
    pub created_at: Millis,
    /// What was answered, once that is kept.
    pub answer: Option<KeptAnswer>,
}

/// An answer that will be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub json: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAnswered {
    key: [u8; 32],
    body: [u8; 32],
    created_at: u64,
    answer: Option<(u16, Vec<u8>)>,
}

impl Record for Answered {
    const TABLE: Table = tables::REQUESTS;
    const INDEXES: &'static [Table] = &[tables::REQUESTS_BY_AGE];
    type Stored = StoredAnswered;

    fn key(&self) -> Vec<u8> {
        self.key.to_vec()
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        vec![(tables::REQUESTS_BY_AGE, key::joined(&[&key::one(self.created_at.0), &self.key]))]
    }

    fn to_stored(&self) -> StoredAnswered {
        StoredAnswered {
            key: self.key,
            body: self.body,
            created_at: self.created_at.0,
            answer: self.answer.as_ref().map(|answer| (answer.status, answer.json.clone())),
        }
    }

    fn from_stored(stored: StoredAnswered) -> Restored<Self> {
        let answer = stored.answer.map(|(status, json)| KeptAnswer { status, json });
        Ok(Self { key: stored.key, body: stored.body, created_at: Millis(stored.created_at), answer })
    }
}
