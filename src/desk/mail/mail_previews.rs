//! What mails look like, with sample data (I18-2, NTF-10).

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::access::require;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::refusal::Refusal;
use crate::template::Kind;
use crate::template::Preview;

/// A template in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFile {
    /// Path in the template directory.
    pub path: String,
    /// Whether a file of the operator's stands in its place.
    pub overridden: bool,
    /// Its size.
    pub source_bytes: usize,
}

/// A mail as its recipient would get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedMail {
    /// Its subject.
    pub subject: String,
    /// The part for reading as text.
    pub text: String,
    /// The part for mail programs, a whole document.
    pub html: String,
}

impl Desk {
    /// Every template in use. Scope `settings`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn template_files(&self, caller: &Caller) -> Result<Vec<TemplateFile>> {
        require(caller, &[Scope::Settings])?;
        let current = self.templates().current();
        let file = |one: crate::template::Listed<'_>| TemplateFile {
            path: one.path.to_owned(),
            overridden: one.overridden,
            source_bytes: one.source_bytes,
        };
        Ok(current.list().map(file).collect())
    }

    /// The mail of that name (`agent_reply`, …) with sample data, in the nearest language there is, as the brand of that id or
    /// as the workspace sends it. Scope `settings`.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` for a name that no mail has, and for an id that no brand has.
    pub fn mail_preview(
        &self,
        caller: &Caller,
        name: &str,
        brand: Option<&str>,
        lang: Option<&str>,
    ) -> Result<PreviewedMail> {
        require(caller, &[Scope::Settings])?;
        let is_known = |id: &str| self.settings().brands.iter().any(|known| known.id == id);
        if brand.is_some_and(|id| !is_known(id)) {
            return Err(Refusal::NotFound { what: "brand" }.into());
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or(Refusal::NotFound { what: "template" })?;
        match self.templates().current().preview_of(brand, kind.name(), lang, None) {
            Ok(Preview::Email(mail)) => Ok(PreviewedMail { subject: mail.subject, text: mail.text, html: mail.html }),
            Ok(Preview::Frame(_)) => Err(Refusal::NotFound { what: "template" }.into()),
            Err(error) => Err(Error::Unavailable(format!("the template cannot be rendered: {error}"))),
        }
    }
}
