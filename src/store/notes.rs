//! Notes on contacts and companies (OBJ-18).

use crate::domain::id::NoteId;
use crate::domain::note::Note;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;

/// The note of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: NoteId) -> Result<Option<Note>> {
    record::get(tx, &key::one(id.0))
}

/// Adds a note; its owner's record lists it in the same transaction.
///
/// # Errors
/// As the engine.
pub fn put(tx: &mut dyn WriteTx, note: &Note) -> Result<()> {
    record::put(tx, note).map(drop)
}

/// Takes a note away.
///
/// # Errors
/// As the engine.
pub fn delete(tx: &mut dyn WriteTx, note: &Note) -> Result<()> {
    record::remove(tx, note)
}
