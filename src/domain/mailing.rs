//! Whom an agent's message is mailed to and under which subject, where the agent said so (EML-60, PAR-1, PAR-5).

use crate::domain::id::ContactId;

/// Which field of the mail names a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientField {
    /// To.
    To,
    /// Cc.
    Cc,
    /// In no field: the others do not learn of them.
    Bcc,
}

impl RecipientField {
    /// The API's word (OBJ-33).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
        }
    }
}

/// The envelope an agent chose for one message. It names contacts, not addresses, so that it holds nothing about a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailing {
    /// Subject of this mail alone; the thread keeps its title.
    pub subject: Option<String>,
    /// Exactly these get it; empty: everybody who takes part, as without an envelope.
    pub recipients: Vec<(RecipientField, ContactId)>,
}

impl Mailing {
    /// The field that names a contact.
    #[must_use]
    pub fn field_of(&self, contact: ContactId) -> Option<RecipientField> {
        self.recipients.iter().find(|(_, known)| *known == contact).map(|(field, _)| *field)
    }

    /// The contacts a field names, in the agent's order.
    pub fn named_in(&self, field: RecipientField) -> impl Iterator<Item = ContactId> {
        self.recipients.iter().filter(move |(of, _)| *of == field).map(|(_, contact)| *contact)
    }
}
