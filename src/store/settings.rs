//! What people set up by the API: macros and declared attributes (API-27, DSK-9, OBJ-36).

use crate::domain::data_attribute::DATA_ATTRIBUTES_MAX;
use crate::domain::data_attribute::DataAttribute;
use crate::domain::id::DataAttributeId;
use crate::domain::id::MacroId;
use crate::domain::macros::MACROS_MAX;
use crate::domain::macros::Macro;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// The macro of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn macro_of(tx: &dyn ReadTx, id: MacroId) -> Result<Option<Macro>> {
    record::get(tx, &key::one(id.0))
}

/// Every macro, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn macros(tx: &dyn ReadTx) -> Result<Vec<Macro>> {
    record::list(tx.scan(tables::MACROS, &[], key::END, MACROS_MAX)?)
}

/// Adds or changes a macro.
///
/// # Errors
/// `Refused` at [`MACROS_MAX`].
pub fn put_macro(tx: &mut dyn WriteTx, saved: &Macro) -> Result<()> {
    record::check_room::<Macro>(&*tx, &key::one(saved.id.0), MACROS_MAX)?;
    record::put(tx, saved).map(drop)
}

/// Takes a macro away.
///
/// # Errors
/// As the engine.
pub fn delete_macro(tx: &mut dyn WriteTx, saved: &Macro) -> Result<()> {
    record::remove(tx, saved)
}

/// The declared attribute of that id.
///
/// # Errors
/// `Corrupt`.
pub fn data_attribute(tx: &dyn ReadTx, id: DataAttributeId) -> Result<Option<DataAttribute>> {
    record::get(tx, &key::one(id.0))
}

/// Every declared attribute, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn data_attributes(tx: &dyn ReadTx) -> Result<Vec<DataAttribute>> {
    record::list(tx.scan(tables::DATA_ATTRIBUTES, &[], key::END, DATA_ATTRIBUTES_MAX)?)
}

/// Adds or changes a declared attribute; the caller has looked for another one of that name.
///
/// # Errors
/// `Refused` at [`DATA_ATTRIBUTES_MAX`].
pub fn put_data_attribute(tx: &mut dyn WriteTx, attribute: &DataAttribute) -> Result<()> {
    record::check_room::<DataAttribute>(&*tx, &key::one(attribute.id.0), DATA_ATTRIBUTES_MAX)?;
    record::put(tx, attribute).map(drop)
}
