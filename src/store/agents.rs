//! Agents and API tokens.

use crate::domain::address::Address;
use crate::domain::agent::AWAY_REASONS_MAX;
use crate::domain::agent::Agent;
use crate::domain::agent::AwayReason;
use crate::domain::agent::Token;
use crate::domain::id::AgentId;
use crate::domain::id::AwayReasonId;
use crate::domain::id::TokenId;
use crate::domain::refusal::Refusal;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// Most agents, and most tokens, of a workspace; those who were disabled and revoked included.
pub const KEPT_MAX: usize = 10_000;

/// The agent of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: AgentId) -> Result<Option<Agent>> {
    record::get(tx, &key::one(id.0))
}

/// The agent with that address.
///
/// # Errors
/// `Corrupt`.
pub fn by_email(tx: &dyn ReadTx, email: &Address) -> Result<Option<Agent>> {
    let row = email.to_string().into_bytes();
    let Some(id) = tx.get(tables::AGENTS_BY_EMAIL, &row)? else { return Ok(None) };
    Ok(record::load(tx, tables::AGENTS_BY_EMAIL, vec![(row, id)])?.pop())
}

/// Every agent, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Agent>> {
    record::list(tx.scan(tables::AGENTS, &[], key::END, KEPT_MAX)?)
}

/// Adds or changes an agent.
///
/// # Errors
/// `Refused` when another agent has the address, or at [`KEPT_MAX`].
pub fn put(tx: &mut dyn WriteTx, agent: &Agent) -> Result<()> {
    let holder = tx.get(tables::AGENTS_BY_EMAIL, agent.email.to_string().as_bytes())?;
    if holder.is_some_and(|holder| holder != key::one(agent.id.0)) {
        let message = format!("another agent has the address {}", agent.email);
        return Err(Refusal::Conflict { message }.into());
    }
    record::check_room::<Agent>(&*tx, &key::one(agent.id.0), KEPT_MAX)?;
    record::put(tx, agent).map(drop)
}

/// The reason to be away of that id.
///
/// # Errors
/// `Corrupt`.
pub fn away_reason(tx: &dyn ReadTx, id: AwayReasonId) -> Result<Option<AwayReason>> {
    record::get(tx, &key::one(id.0))
}

/// Every reason to be away, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn away_reasons(tx: &dyn ReadTx) -> Result<Vec<AwayReason>> {
    record::list(tx.scan(tables::AWAY_REASONS, &[], key::END, AWAY_REASONS_MAX)?)
}

/// Adds or changes a reason to be away.
///
/// # Errors
/// `Refused` at [`AWAY_REASONS_MAX`].
pub fn put_away_reason(tx: &mut dyn WriteTx, reason: &AwayReason) -> Result<()> {
    record::check_room::<AwayReason>(&*tx, &key::one(reason.id.0), AWAY_REASONS_MAX)?;
    record::put(tx, reason).map(drop)
}

/// The token whose secret has that SHA-256, revoked and expired ones included.
///
/// # Errors
/// `Corrupt`.
pub fn token_by_hash(tx: &dyn ReadTx, hash: &[u8; 32]) -> Result<Option<Token>> {
    let Some(id) = tx.get(tables::TOKENS_BY_HASH, hash)? else { return Ok(None) };
    Ok(record::load(tx, tables::TOKENS_BY_HASH, vec![(hash.to_vec(), id)])?.pop())
}

/// The token of that id.
///
/// # Errors
/// `Corrupt`.
pub fn token(tx: &dyn ReadTx, id: TokenId) -> Result<Option<Token>> {
    record::get(tx, &key::one(id.0))
}

/// Every token, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn tokens(tx: &dyn ReadTx) -> Result<Vec<Token>> {
    record::list(tx.scan(tables::TOKENS, &[], key::END, KEPT_MAX)?)
}

/// Adds or changes a token.
///
/// # Errors
/// `Refused` at [`KEPT_MAX`].
pub fn put_token(tx: &mut dyn WriteTx, token: &Token) -> Result<()> {
    record::check_room::<Token>(&*tx, &key::one(token.id.0), KEPT_MAX)?;
    record::put(tx, token).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::error::Error;
    use crate::store::sample;

    #[test]
    fn an_address_belongs_to_one_agent() {
        let store = sample::store();
        let second = || Agent { id: AgentId(23), ..sample::agent() };
        let refused = store.update_blocking(move |tx| put(tx, &second()));
        assert!(matches!(refused, Err(Error::Refused(Refusal::Conflict { .. }))), "{refused:?}");
        let moved = || Agent { email: sample::address("new@example.org"), ..sample::agent() };
        store.update_blocking(move |tx| put(tx, &moved()).and_then(|()| put(tx, &second()))).unwrap();
        let found = |text: &str| store.view(|tx| by_email(tx, &sample::address(text))).map(|found| found.map(|a| a.id));
        assert_eq!(found("new@example.org"), Ok(Some(sample::AGENT)));
        assert_eq!(found("ria@example.org"), Ok(Some(AgentId(23))));
        assert_eq!(store.view(all).map(|agents| agents.len()), Ok(2));
    }

    #[test]
    fn api_1_a_token_is_found_by_the_hash_of_its_secret_only() {
        let store = sample::store();
        assert_eq!(store.view(|tx| token_by_hash(tx, &[7; 32])), Ok(Some(sample::token())));
        assert_eq!(store.view(|tx| token_by_hash(tx, &[8; 32])), Ok(None));
        assert_eq!(store.view(|tx| token(tx, TokenId(22))), Ok(Some(sample::token())));
        assert_eq!(store.view(tokens), Ok(vec![sample::token()]));
    }

    #[test]
    fn a_full_table_refuses_the_next_and_takes_changes() {
        let store = Store::in_memory().unwrap();
        let checked = store.update_blocking(|tx| {
            put(tx, &sample::agent())?;
            record::check_room::<Agent>(&*tx, &key::one(sample::AGENT.0), 1)?;
            record::check_room::<Agent>(&*tx, &key::one(99), 1)
        });
        assert!(matches!(checked, Err(Error::Refused(_))), "{checked:?}");
    }
}
