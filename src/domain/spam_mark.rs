//! How the server in front of us marks spam (EML-26).

/// A header field, and how its value begins where the mail is spam: `X-Spam-Flag: YES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpamMark {
    field: String,
    begins: String,
}

impl SpamMark {
    /// Reads `FIELD: VALUE`; `None` where one of both is missing, or the field is no name of RFC 5322 section 2.2.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (field, begins) = text.split_once(':')?;
        let (field, begins) = (field.trim().to_lowercase(), begins.trim().to_lowercase());
        let is_name = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_graphic());
        (is_name && !begins.is_empty()).then_some(Self { field, begins })
    }

    /// The field's name, in lower case.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether a value of the field says spam; case does not matter.
    #[must_use]
    pub fn is_said_by(&self, value: &str) -> bool {
        value.trim_start().to_lowercase().starts_with(&self.begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_26_a_mark_is_a_field_and_how_its_value_begins() {
        let mark = SpamMark::parse("X-Spam-Flag: YES").unwrap();
        assert_eq!(mark.field(), "x-spam-flag");
        assert!(mark.is_said_by("yes") && mark.is_said_by(" YES, score=9") && !mark.is_said_by("no"));
        for bad in ["", "X-Spam-Flag", "X-Spam-Flag:", ": yes", "X Spam: yes"] {
            assert_eq!(SpamMark::parse(bad), None, "{bad}");
        }
    }
}
