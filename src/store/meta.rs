//! Counters and facts of the whole store: who it belongs to, the secrets it keeps, the highest id handed out.

use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables::META;

const WORKSPACE_ID: &[u8] = b"workspace_id";
const HIGHEST_ID: &[u8] = b"highest_id";
const CLOCK_SEEN: &[u8] = b"clock_seen";
const CLOCK_DOUBTED: &[u8] = b"clock_doubted";
const FORGOTTEN: &[u8] = b"journal_forgotten";
/// There while nothing may be sent (OPS-5).
const SENDING_PAUSED: &[u8] = b"sending_paused";
/// Sequence of the newest event; stays when the log is pruned.
pub(crate) const LAST_EVENT: &[u8] = b"last_event";
/// Number of the newest ticket.
pub(crate) const LAST_TICKET_NUMBER: &[u8] = b"last_ticket_number";

/// The workspace's id as the API shows it (OBJ-14); `None` in a store nobody has set up.
///
/// # Errors
/// `Corrupt` when it is not text.
pub fn workspace_id(tx: &dyn ReadTx) -> Result<Option<String>> {
    let read = |bytes| String::from_utf8(bytes).map_err(|_| record::corrupt(META, WORKSPACE_ID, "is not UTF-8"));
    tx.get(META, WORKSPACE_ID)?.map(read).transpose()
}

/// Names the workspace.
///
/// # Errors
/// As the engine.
pub fn put_workspace_id(tx: &mut dyn WriteTx, id: &str) -> Result<()> {
    tx.put(META, WORKSPACE_ID, id.as_bytes())
}

/// Whether nothing may be sent: from a restore until somebody says that it may (OPS-5).
///
/// # Errors
/// As the engine.
pub fn sending_is_paused(tx: &dyn ReadTx) -> Result<bool> {
    Ok(tx.get(META, SENDING_PAUSED)?.is_some())
}

/// Pauses sending, or lets it go on.
///
/// # Errors
/// As the engine.
pub fn pause_sending(tx: &mut dyn WriteTx, paused: bool) -> Result<()> {
    if paused { tx.put(META, SENDING_PAUSED, &[1]) } else { tx.delete(META, SENDING_PAUSED) }
}

fn secret_key(name: &str) -> Vec<u8> {
    key::joined(&[b"secret:", name.as_bytes()])
}

/// A secret the store keeps for itself, for instance the key of reply tokens (EML-61).
///
/// # Errors
/// As the engine.
pub fn secret(tx: &dyn ReadTx, name: &str) -> Result<Option<Vec<u8>>> {
    tx.get(META, &secret_key(name))
}

/// Keeps a secret under `name`.
///
/// # Errors
/// As the engine.
pub fn put_secret(tx: &mut dyn WriteTx, name: &str, bytes: &[u8]) -> Result<()> {
    tx.put(META, &secret_key(name), bytes)
}

/// The highest id of any object ever written; 0 in a new store. For `Clock::ids_after` at start.
///
/// # Errors
/// `Corrupt` when it is not a number.
pub fn highest_id(tx: &dyn ReadTx) -> Result<u64> {
    counter(tx, HIGHEST_ID)
}

/// The newest arrival that the journal let go with age: what older ones were named by may name nothing (DAT-7).
///
/// # Errors
/// `Corrupt` when it is not a number.
pub fn forgotten_up_to(tx: &dyn ReadTx) -> Result<IntakeId> {
    counter(tx, FORGOTTEN).map(IntakeId)
}

/// Remembers that the journal let an arrival go.
pub(crate) fn note_forgotten(tx: &mut dyn WriteTx, id: IntakeId) -> Result<()> {
    if id > forgotten_up_to(&*tx)? { set_counter(tx, FORGOTTEN, id.0) } else { Ok(()) }
}

/// What is known of the clock: when it was last looked at, and until when it is not believed; both 0 in a new store.
///
/// # Errors
/// `Corrupt` when they are no numbers.
pub fn clock_facts(tx: &dyn ReadTx) -> Result<(Millis, Millis)> {
    Ok((Millis(counter(tx, CLOCK_SEEN)?), Millis(counter(tx, CLOCK_DOUBTED)?)))
}

/// Keeps [`clock_facts`].
///
/// # Errors
/// As the engine.
pub fn put_clock_facts(tx: &mut dyn WriteTx, seen_at: Millis, doubted_until: Millis) -> Result<()> {
    set_counter(tx, CLOCK_SEEN, seen_at.0)?;
    set_counter(tx, CLOCK_DOUBTED, doubted_until.0)
}

/// Remembers that `id` is in use.
pub(crate) fn note_id(tx: &mut dyn WriteTx, id: u64) -> Result<()> {
    if id > highest_id(&*tx)? { set_counter(tx, HIGHEST_ID, id) } else { Ok(()) }
}

/// A number of [`META`]; 0 where there is none.
pub(crate) fn counter(tx: &dyn ReadTx, name: &[u8]) -> Result<u64> {
    let Some(bytes) = tx.get(META, name)? else { return Ok(0) };
    key::number(&bytes).ok_or_else(|| record::corrupt(META, name, "is not a number"))
}

/// A version of [`META`]; `None` where there is none.
pub(crate) fn version(tx: &dyn ReadTx, name: &[u8]) -> Result<Option<u32>> {
    let Some(bytes) = tx.get(META, name)? else { return Ok(None) };
    let bytes = bytes.try_into().map_err(|_| record::corrupt(META, name, "is not a version"))?;
    Ok(Some(u32::from_be_bytes(bytes)))
}

/// Sets a number of [`META`].
pub(crate) fn set_counter(tx: &mut dyn WriteTx, name: &[u8], number: u64) -> Result<()> {
    tx.put(META, name, &key::one(number))
}

/// Adds one to a number of [`META`] and gives it.
pub(crate) fn count_up(tx: &mut dyn WriteTx, name: &[u8]) -> Result<u64> {
    let next = counter(&*tx, name)?.saturating_add(1);
    set_counter(tx, name, next)?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn obj_1_the_highest_id_never_goes_down() {
        let store = Store::in_memory().unwrap();
        store.update_blocking(|tx| note_id(tx, 7).and_then(|()| note_id(tx, 3))).unwrap();
        assert_eq!(store.view(highest_id), Ok(7));
    }

    #[test]
    fn workspace_and_secrets_are_kept_by_name() {
        let store = Store::in_memory().unwrap();
        assert_eq!((store.view(workspace_id), store.view(|tx| secret(tx, "reply"))), (Ok(None), Ok(None)));
        store
            .update_blocking(|tx| put_workspace_id(tx, "dg1").and_then(|()| put_secret(tx, "reply", &[0, 1])))
            .unwrap();
        assert_eq!(store.view(workspace_id), Ok(Some("dg1".to_owned())));
        assert_eq!(store.view(|tx| secret(tx, "reply")), Ok(Some(vec![0, 1])));
        assert_eq!(store.view(|tx| secret(tx, "repl")), Ok(None));
    }
}
