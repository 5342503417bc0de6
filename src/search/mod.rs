//! Full-text search: an index beside the store, as a reader of the log (DSK-8).
//!
//! | file | what |
//! |---|---|
//! | `index` | the index on disk: its fields, its writer, looking for words |
//! | `worker` | reads the log on, or the whole store when there is no index yet |
//!
//! What can be found and who may read it is the desk's matter ([`crate::desk::search::words`]).
//!
//! | killed | what is on disk | what follows |
//! |---|---|---|
//! | before the index's commit | the index as of its cursor | the same entries are read again |
//! | after it | the index with the cursor behind them | nothing |
//! | while it is made anew | a part of it, with the place it reached | goes on there |
//!
//! **Invariant:** cursor and texts are one commit of the index; a text is put under its own key, so that reading an entry
//! again changes nothing. The directory may be deleted at any time while nothing runs: it is made anew.

mod index;
mod worker;

pub use crate::search::index::TextIndex;
pub use crate::search::worker::run;

#[cfg(test)]
pub(crate) use crate::search::index::Cursor;
#[cfg(test)]
pub(crate) use crate::search::worker::Step;
#[cfg(test)]
pub(crate) use crate::search::worker::Worker;
