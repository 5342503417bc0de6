//! Threads whose texts hold words, from the index of words (API-31).
//!
//! **Invariant:** what is named here is looked at again by the condition itself, so that the index may name too much and
//! never too little: what it has not read yet is named from the log.

use crate::desk::search::CANDIDATES_MAX;
use crate::desk::search::words::Of;
use crate::desk::search::words::Wanted;
use crate::desk::search::words::WordIndex;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeSet;

/// Log entries looked through for what the index has not read yet; when there are more, it does not help.
const LAG_MAX: usize = 2_000;
/// Texts asked of the index at once.
const HITS_MAX: usize = 4_000;

/// Threads that may hold all words of one of these; `None` when the index cannot tell, or names too many.
pub(super) fn named(
    tx: &dyn ReadTx,
    index: &dyn WordIndex,
    any_of: Vec<Vec<String>>,
) -> store::Result<Option<Vec<u64>>> {
    // Read before the index is asked: what it reads meanwhile is named twice at most.
    let Some(read_to) = index.read_to() else { return Ok(None) };
    let mut threads = BTreeSet::new();
    for phrases in any_of {
        let hits = match index.look(&Wanted { phrases }, 0, HITS_MAX) {
            Ok(hits) if hits.len() < HITS_MAX => hits,
            Ok(_) => return Ok(None),
            Err(fault) => {
                tracing::warn!(%fault, "the search index cannot be read; the search goes without it");
                return Ok(None);
            }
        };
        threads.extend(hits.into_iter().filter_map(|hit| match hit {
            Of::Thread(thread) | Of::Part(thread, _) => Some(thread.0),
            Of::Contact(_) => None,
        }));
    }
    let unread = store::events::after(tx, read_to, LAG_MAX)?;
    if unread.len() >= LAG_MAX || threads.len() > CANDIDATES_MAX {
        return Ok(None);
    }
    threads.extend(unread.iter().filter_map(|entry| entry.event.thread).map(|thread| thread.0));
    Ok(Some(threads.into_iter().collect()))
}
