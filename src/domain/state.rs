//! Ticket states and the four categories that give them their behaviour (STA-4).

use crate::domain::id::StateId;
use crate::domain::translation::Languages;
use crate::domain::translation::Translations;

/// The category of a state. Behaviour comes from here only, never from a label (STA-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateCategory {
    /// Came in, nobody has begun.
    Submitted,
    /// Being worked on.
    InProgress,
    /// The customer has to do something.
    WaitingOnCustomer,
    /// Done.
    Resolved,
}

impl StateCategory {
    /// All four, in the order of the progress bar.
    pub const ALL: [Self; 4] = [Self::Submitted, Self::InProgress, Self::WaitingOnCustomer, Self::Resolved];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::InProgress => "in_progress",
            Self::WaitingOnCustomer => "waiting_on_customer",
            Self::Resolved => "resolved",
        }
    }

    /// The category of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == word)
    }

    /// Labels of the states that a type made without states gets: internal, external (STA-5).
    #[must_use]
    pub fn default_labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Submitted => ("Submitted", "Submitted"),
            Self::InProgress => ("In progress", "In progress"),
            Self::WaitingOnCustomer => ("Waiting on customer", "Waiting on you"),
            Self::Resolved => ("Resolved", "Resolved"),
        }
    }
}

/// A state a ticket can have (OBJ-53).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketState {
    /// Never changes.
    pub id: StateId,
    /// What it means.
    pub category: StateCategory,
    /// Agents read this; unique in the workspace without case (STA-3).
    pub internal_label: String,
    /// Customers read this.
    pub external_label: String,
    /// Cannot be chosen any more.
    pub archived: bool,
    /// What customers read in other languages, by language tag (I18-1).
    pub translations: Translations,
}

impl TicketState {
    /// What a customer with these languages reads.
    #[must_use]
    pub fn label_in(&self, languages: &Languages) -> &str {
        languages.text(&self.external_label, &self.translations)
    }
}

/// The state whose internal label reads like `label`, without case (STA-3).
#[must_use]
pub fn labelled<'s>(states: &'s [TicketState], label: &str) -> Option<&'s TicketState> {
    let wanted = label.trim().to_lowercase();
    states.iter().find(|state| state.internal_label.trim().to_lowercase() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sta_3_internal_labels_are_the_same_without_case() {
        let state = TicketState {
            id: StateId(1),
            category: StateCategory::Submitted,
            internal_label: "Bei der \u{dc}bergabe".to_owned(),
            external_label: "Submitted".to_owned(),
            archived: true,
            translations: Translations::new(),
        };
        let states = [state];
        assert!(labelled(&states, " bei der \u{fc}BERGABE ").is_some());
        assert!(labelled(&states, "Submitted").is_none(), "external labels may repeat");
    }
}
