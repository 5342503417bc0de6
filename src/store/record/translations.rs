//! Stored form of a type's texts in one language.

use crate::domain::id::AttributeId;
use crate::domain::translation::TypeTexts;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTexts {
    name: String,
    submitted_message: String,
    attributes: Vec<(u64, String)>,
    /// Attribute, option, label.
    options: Vec<(u64, String, String)>,
}

impl From<&TypeTexts> for StoredTexts {
    fn from(texts: &TypeTexts) -> Self {
        let options = texts.options.iter();
        Self {
            name: texts.name.clone(),
            submitted_message: texts.submitted_message.clone(),
            attributes: texts.attributes.iter().map(|(id, label)| (id.0, label.clone())).collect(),
            options: options.map(|((id, option), label)| (id.0, option.clone(), label.clone())).collect(),
        }
    }
}

impl StoredTexts {
    pub(crate) fn restore(self) -> TypeTexts {
        let option = |(id, option, label)| ((AttributeId(id), option), label);
        TypeTexts {
            name: self.name,
            submitted_message: self.submitted_message,
            attributes: self.attributes.into_iter().map(|(id, label)| (AttributeId(id), label)).collect(),
            options: self.options.into_iter().map(option).collect(),
        }
    }
}
