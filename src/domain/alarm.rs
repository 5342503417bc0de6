//! What only people can mend, and whether they were told (EML-6).

use crate::domain::id::Millis;

/// Longest name of an alarm, in bytes.
pub const ALARM_NAME_BYTES_MAX: usize = 200;
/// Longest words of an alarm, in characters.
pub const ALARM_WORDS_CHARS_MAX: usize = 1_000;

/// Something that lasts until it is mended: one spell, told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about; one spell at a time under a name.
    pub name: String,
    /// Of the spell, for the mails that tell of it.
    pub id: u64,
    /// What is wrong and what to do, as it was when the spell began.
    pub words: String,
    /// When the spell began.
    pub since: Millis,
    /// When the admins were told; `None` as long as that is owed.
    pub told_at: Option<Millis>,
}
