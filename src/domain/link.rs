//! Links between tickets and threads (LNK rules).

use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::refusal::Refusal;
use crate::domain::ticket_type::Category;

/// Most threads linked to one Tracker (LNK-3).
pub const TRACKER_LINKS_MAX: u64 = 100_000;
/// Most threads linked to one Back-office ticket (LNK-3).
pub const BACK_OFFICE_LINKS_MAX: u64 = 1_000;
/// Most links listed with an object (OBJ-60).
pub const LISTED_MAX: usize = 1_000;

/// Kind of a link, named after the ticket it starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Back-office ticket → conversation or Customer ticket.
    BackOffice,
    /// Tracker → conversation or Customer ticket.
    Tracker,
    /// Tracker → Back-office ticket.
    BackOfficeTracker,
}

impl LinkKind {
    /// The word of OBJ-60.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BackOffice => "back_office",
            Self::Tracker => "tracker",
            Self::BackOfficeTracker => "back_office_tracker",
        }
    }
}

/// A link; it starts at the Back-office or Tracker ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The ticket.
    pub from_ticket: ThreadId,
    /// The thread it is about.
    pub to_thread: ThreadId,
    /// Kind.
    pub kind: LinkKind,
    /// When.
    pub created_at: Millis,
    /// By whom; nobody where the desk did it.
    pub created_by: Option<AgentId>,
}

/// Which link a ticket of category `from` may have to a thread of category `to` (`None` = a conversation) (LNK-1).
///
/// # Errors
/// `invalid_ticket_type` for any other pair.
pub fn kind_of(from: Category, from_is_shared: bool, to: Option<Category>) -> Result<LinkKind, Refusal> {
    match (from, to) {
        (Category::BackOffice, None) => Ok(LinkKind::BackOffice),
        (Category::BackOffice, Some(Category::Customer)) if !from_is_shared => Ok(LinkKind::BackOffice),
        (Category::Tracker, None | Some(Category::Customer)) => Ok(LinkKind::Tracker),
        (Category::Tracker, Some(Category::BackOffice)) => Ok(LinkKind::BackOfficeTracker),
        (from, to) => Err(Refusal::with_code(
            "invalid_ticket_type",
            format!("a {} ticket cannot be linked to {}", from.as_str(), described(to, from_is_shared)),
        )),
    }
}

fn described(to: Option<Category>, shared: bool) -> String {
    match to {
        None => "a conversation".to_owned(),
        Some(Category::Customer) if shared => "a Customer ticket while it is shared".to_owned(),
        Some(category) => format!("a {} ticket", category.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tst_20_every_pair_of_lnk_1_links_and_every_other_fails() {
        let to_all = [None, Some(Category::Customer), Some(Category::BackOffice), Some(Category::Tracker)];
        let allowed = |from, shared| -> Vec<bool> { to_all.map(|to| kind_of(from, shared, to).is_ok()).to_vec() };
        assert_eq!(allowed(Category::Customer, true), [false; 4]);
        assert_eq!(allowed(Category::BackOffice, false), [true, true, false, false]);
        assert_eq!(allowed(Category::BackOffice, true), [true, false, false, false]);
        assert_eq!(allowed(Category::Tracker, false), [true, true, true, false]);
    }
}
