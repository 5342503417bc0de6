//! What customers read in their own language (OBJ-52, OBJ-53, I18-1): who reads what, and what may be kept.
//!
//! **Invariant:** agents and the API read texts as they were written; only what a contact reads is translated, by whoever
//! hands it to them. What the house itself says on pages and in forms comes from [`crate::template`].

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::thread::views::TicketView;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::TITLE;
use crate::domain::contact::NAME_CHARS_MAX;
use crate::domain::id::ContactId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::TicketType;
use crate::domain::translation::LANGUAGES_MAX;
use crate::domain::translation::Languages;
use crate::domain::translation::Translations;
use crate::domain::translation::TypeTexts;
use crate::domain::translation::is_language_tag;
use crate::domain::type_settings::SUBMITTED_MESSAGE_CHARS_MAX;
use crate::store;
use crate::store::engine::ReadTx;

pub use crate::template::PageTexts;
pub use crate::template::Sentence;

/// Texts of a type in one language as a caller gives them, with attributes by id or name and options by id or label.
#[derive(Clone, Debug, Default)]
pub struct TextsGiven {
    /// The type's name.
    pub name: Option<String>,
    /// Shown after submission.
    pub submitted_message: Option<String>,
    /// Attribute, what it is called, its options.
    pub attributes: Vec<AttributeGiven>,
}

/// What an attribute is called in one language.
#[derive(Clone, Debug, Default)]
pub struct AttributeGiven {
    /// Id or name.
    pub attribute: String,
    /// What it is called.
    pub label: Option<String>,
    /// Option by id or label, with its label in that language.
    pub options: Vec<(String, String)>,
}

impl Inner {
    /// Languages of a contact's reading: `own`, else that of the thread's brand, else the workspace's (I18-1).
    pub(crate) fn languages(&self, own: Option<&str>, thread: Option<&Thread>) -> Languages {
        let brand = thread.and_then(|thread| self.brand(thread));
        let of_brand = brand.and_then(|brand| brand.default_locale.as_deref());
        let workspace = self.settings.default_locale.as_str();
        Languages::of(own.into_iter().chain(of_brand).chain([workspace]), workspace)
    }

    /// The one language a contact is written to in: `own` if there are texts in it, else the brand's, else the workspace's
    /// (I18-1).
    pub(crate) fn language<'l>(&'l self, own: Option<&'l str>, thread: Option<&Thread>) -> &'l str {
        let brand = thread.and_then(|thread| self.brand(thread));
        let brand_id = brand.map(|brand| brand.id.as_str());
        let own = own.filter(|lang| self.templates.current().speaks(brand_id, lang));
        let of_brand = brand.and_then(|brand| brand.default_locale.as_deref());
        own.or(of_brand).unwrap_or(&self.settings.default_locale)
    }

    /// What pages say to a contact.
    pub(crate) fn page_texts(&self, own: Option<&str>, thread: Option<&Thread>) -> PageTexts {
        let brand = thread.and_then(|thread| self.brand(thread)).map(|brand| brand.id.as_str());
        self.templates.current().page_texts(brand, self.language(own, thread))
    }

    /// A type as a contact's form shows it: its own texts translated, the built-in attributes by the house's words.
    pub(crate) fn as_read(&self, of: TicketType, own: Option<&str>, thread: Option<&Thread>) -> TicketType {
        let mut of = of.in_languages(&self.languages(own, thread));
        let texts = self.page_texts(own, thread);
        for attribute in of.attributes.iter_mut().filter(|attribute| attribute.default && attribute.label.is_none()) {
            attribute.label = match attribute.name.as_str() {
                TITLE => Some(texts.say(Sentence::Title)),
                DESCRIPTION => Some(texts.say(Sentence::Description)),
                _ => None,
            };
        }
        of
    }
}

impl Desk {
    /// What pages say to somebody unknown.
    #[must_use]
    pub fn page_texts(&self) -> PageTexts {
        self.inner.page_texts(None, None)
    }
}

/// The language a contact asked for.
pub(crate) fn own_language(tx: &dyn ReadTx, contact: ContactId) -> store::Result<Option<String>> {
    Ok(store::contacts::get(tx, contact)?.and_then(|contact| contact.language_override))
}

impl TicketView {
    /// As somebody with these languages reads it.
    #[must_use]
    pub(crate) fn in_languages(mut self, languages: &Languages) -> Self {
        self.state.external_label = self.state.label_in(languages).to_owned();
        self.ticket_type = self.ticket_type.in_languages(languages);
        self
    }
}

/// A part that tells of a state, as somebody with these languages reads it. What was said under a label that has changed since
/// stays as it was said.
pub(crate) fn retell(tx: &dyn ReadTx, part: &mut Part, languages: &Languages) -> store::Result<()> {
    if let PartKind::TicketStateUpdated { to, external_label, .. } = &mut part.kind {
        let state = store::ticket_types::state(tx, to.0)?;
        if let Some(state) = state.filter(|state| state.external_label == *external_label) {
            state.label_in(languages).clone_into(external_label);
        }
    }
    Ok(())
}

/// Sets the languages that are named; `None` takes one away.
///
/// # Errors
/// `parameter_invalid` for what is no language tag, one language too many, or a text over its limit.
pub(crate) fn translate(known: &mut Translations, given: &[(String, Option<String>)]) -> Result<(), Refusal> {
    for (tag, text) in given {
        known.retain(|other, _| !other.eq_ignore_ascii_case(tag));
        if let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            check(tag, known.len())?;
            known.insert(tag.clone(), within(text, NAME_CHARS_MAX, tag)?);
        }
    }
    Ok(())
}

/// Sets a type's texts in the languages that are named, each as a whole; `None` takes one away.
///
/// # Errors
/// As [`translate`]; `parameter_invalid` for an attribute or an option that the type does not have.
pub(crate) fn translate_type(
    ticket_type: &mut TicketType,
    given: &[(String, Option<TextsGiven>)],
) -> Result<(), Refusal> {
    for (tag, texts) in given {
        let texts = texts.as_ref().map(|texts| read(ticket_type, tag, texts)).transpose()?;
        let known = &mut ticket_type.settings.translations;
        known.retain(|other, _| !other.eq_ignore_ascii_case(tag));
        if let Some(texts) = texts.filter(|texts| !texts.is_empty()) {
            check(tag, known.len())?;
            known.insert(tag.clone(), texts);
        }
    }
    Ok(())
}

fn read(ticket_type: &TicketType, tag: &str, given: &TextsGiven) -> Result<TypeTexts, Refusal> {
    let text = |text: &Option<String>, max| text.as_deref().map_or(Ok(String::new()), |text| within(text, max, tag));
    let mut texts = TypeTexts {
        name: text(&given.name, NAME_CHARS_MAX)?,
        submitted_message: text(&given.submitted_message, SUBMITTED_MESSAGE_CHARS_MAX)?,
        ..TypeTexts::default()
    };
    for one in &given.attributes {
        let attribute = attribute_of(ticket_type, tag, &one.attribute)?;
        if let Some(label) = one.label.as_deref().map(str::trim).filter(|label| !label.is_empty()) {
            texts.attributes.insert(attribute.id, within(label, NAME_CHARS_MAX, tag)?);
        }
        for (option, label) in one.options.iter().filter(|(_, label)| !label.trim().is_empty()) {
            let named = attribute.options.iter().find(|known| known.id == *option);
            let named = named.or_else(|| attribute.options.iter().find(|known| known.label == *option));
            let named = named.ok_or_else(|| unknown(tag, "option", option))?;
            texts.options.insert((attribute.id, named.id.clone()), within(label, NAME_CHARS_MAX, tag)?);
        }
    }
    Ok(texts)
}

fn attribute_of<'t>(ticket_type: &'t TicketType, tag: &str, named: &str) -> Result<&'t Attribute, Refusal> {
    let by_id = ticket_type.attributes.iter().find(|attribute| attribute.id.to_string() == named);
    let found = by_id.or_else(|| ticket_type.attributes.iter().find(|attribute| attribute.name == named));
    found.ok_or_else(|| unknown(tag, "attribute", named))
}

fn unknown(tag: &str, what: &str, named: &str) -> Refusal {
    Refusal::invalid(&format!("translations.{tag}"), format!("the type has no {what} '{named}'"))
}

fn check(tag: &str, known: usize) -> Result<(), Refusal> {
    if !is_language_tag(tag) {
        return Err(Refusal::invalid("translations", format!("'{tag}' is no language tag such as de or pt-BR")));
    }
    if known >= LANGUAGES_MAX {
        return Err(Refusal::invalid("translations", format!("at most {LANGUAGES_MAX} languages")));
    }
    Ok(())
}

fn within(text: &str, max: usize, tag: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Refusal::invalid(&format!("translations.{tag}"), format!("at most {max} characters")));
    }
    Ok(text.to_owned())
}
