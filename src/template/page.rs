//! What the hosted pages say: the form behind a mailed link, and where mail is stopped (FRM-7, BRC-51, I18-1).
//!
//! The sentences stand beside those of mails in `locales/<lang>.ftl`, so that an operator replaces them and adds languages in
//! the same place; the pages are built in [`crate::http`].
//!
//! **Invariant:** a page says every sentence: a set in which one of them cannot be said is refused at the check (P25). What
//! is said here is plain text; who puts it into a page escapes it.

use super::error::TemplateError;
use super::locales::Locales;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Expected;
use crate::domain::form::Wrong;
use std::sync::Arc;

macro_rules! sentences {
    ($($name:ident $key:literal [$($value:literal)?])+) => {
        /// A sentence of a hosted page, named as in `locales/en.ftl`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sentence { $(#[doc = $key] $name),+ }

        impl Sentence {
            /// All of them.
            const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, and that of the value that stands in it.
            fn key(self) -> (&'static str, Option<&'static str>) {
                match self { $(Self::$name => ($key, None$(.or(Some($value)))?)),+ }
            }
        }
    };
}

sentences! {
    Title "title" []
    Description "description" []
    Type "type" []
    State "state" []
    Yes "yes" []
    No "no" []
    Needed "field-needed-mark" []
    TimeZone "field-time-zone" ["zone"]
    WrongEmpty "field-empty" []
    WrongChars "field-chars" ["max"]
    WrongOption "field-option" []
    WrongWhole "field-whole" []
    WrongNumber "field-number" []
    WrongMoment "field-moment" []
    WrongFile "field-file" []
    WrongFiles "field-files" ["max"]
    WrongOther "field-other" []
    Send "page-send" []
    LookAgain "page-look-again" []
    TakenBack "page-taken-back" []
    TakenBackText "page-taken-back-text" []
    Thanks "page-thanks" []
    ThanksNumber "page-thanks-number" ["number"]
    AddSomething "page-add" []
    LinkOld "page-link-old" []
    LinkOldText "page-link-old-text" []
    Later "page-later" []
    LaterForm "page-later-form" []
    LaterStop "page-later-stop" []
    Refused "page-refused" []
    TooOften "page-too-often" []
    MailFrom "stop-mail-from" ["brand"]
    LinkBroken "stop-link-broken" []
    LinkBrokenText "stop-link-broken-text" []
    IssueOn "stop-issue-on" []
    IssueOnText "stop-issue-on-text" []
    IssueStop "stop-issue" []
    IssueOff "stop-issue-off" []
    StillAnswered "stop-still-answered" []
    IssueResume "stop-issue-resume" []
    TicketOn "stop-ticket-on" []
    TicketOnText "stop-ticket-on-text" []
    TicketStop "stop-ticket" []
    TicketOff "stop-ticket-off" []
    TicketResume "stop-ticket-resume" []
    AllOn "stop-all-on" []
    AllOnText "stop-all-on-text" []
    AllStop "stop-all" []
    AllOff "stop-all-off" []
    AllResume "stop-all-resume" []
}

/// The sentences of pages in one language.
#[derive(Clone, Debug)]
pub struct PageTexts {
    lang: String,
    locales: Arc<Locales>,
}

impl PageTexts {
    pub(super) fn new(lang: &str, locales: Arc<Locales>) -> Self {
        let lang = locales.text(lang, "lang", &[]).unwrap_or_default();
        Self { lang, locales }
    }

    /// The language it is said in: that of the page.
    #[must_use]
    pub fn lang(&self) -> &str {
        &self.lang
    }

    /// A sentence in which nothing else stands.
    #[must_use]
    pub fn say(&self, sentence: Sentence) -> String {
        self.with(sentence, &"")
    }

    /// A sentence with what stands in it.
    #[must_use]
    pub fn with(&self, sentence: Sentence, value: &impl ToString) -> String {
        let (key, name) = sentence.key();
        let values: Vec<(&str, String)> = name.map(|name| (name, value.to_string())).into_iter().collect();
        // The check has shown that it can be said.
        self.locales.text(&self.lang, key, &values).unwrap_or_default()
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn wrong(&self, wrong: Wrong) -> String {
        match wrong {
            Wrong::Needed => self.say(Sentence::WrongEmpty),
            Wrong::Takes(Expected::CharsAtMost(max)) => self.with(Sentence::WrongChars, &max),
            Wrong::Takes(Expected::Option | Expected::Of(DataType::List)) => self.say(Sentence::WrongOption),
            Wrong::Takes(Expected::WholeNumber | Expected::Of(DataType::Integer)) => self.say(Sentence::WrongWhole),
            Wrong::Takes(Expected::Number | Expected::Of(DataType::Decimal)) => self.say(Sentence::WrongNumber),
            Wrong::Takes(Expected::Moment | Expected::Of(DataType::Datetime)) => self.say(Sentence::WrongMoment),
            Wrong::Takes(Expected::FilesAtMost(1)) => self.say(Sentence::WrongFile),
            Wrong::Takes(Expected::FilesAtMost(max)) => self.with(Sentence::WrongFiles, &max),
            Wrong::Takes(Expected::Of(DataType::String | DataType::Boolean | DataType::Files)) => {
                self.say(Sentence::WrongOther)
            }
        }
    }
}

/// Refuses sentences of which a page could not say one.
///
/// # Errors
/// The first that lacks a value, with its language's file.
pub(super) fn check(locales: &Locales) -> Result<(), TemplateError> {
    for lang in locales.languages() {
        for sentence in Sentence::ALL {
            let (key, name) = sentence.key();
            let values: Vec<(&str, String)> = name.map(|name| (name, "0".to_owned())).into_iter().collect();
            let said = locales.text(lang, key, &values);
            said.map_err(|message| TemplateError::new(&format!("locales/{lang}.ftl"), message))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Templates;
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    #[test]
    fn i18_1_pages_say_every_sentence_in_every_language() {
        let templates = Templates::load(None).unwrap();
        let mut said = BTreeSet::new();
        for lang in ["en", "de", "fr", "es", "ja"] {
            let texts = templates.page_texts(None, lang);
            assert_eq!(texts.lang(), lang);
            for sentence in Sentence::ALL {
                let text = texts.with(*sentence, &"<7>");
                assert!(!text.is_empty(), "{lang} {sentence:?}");
                assert_eq!(text.contains("<7>"), sentence.key().1.is_some(), "{lang} {sentence:?}: {text}");
            }
            said.insert(texts.say(Sentence::LookAgain));
        }
        assert_eq!(said.len(), 5);
        assert_eq!(templates.page_texts(None, "de-AT").lang(), "de");
        assert_eq!(templates.page_texts(None, "sv").lang(), "en", "the page says which language it is in");
    }

    #[test]
    fn frm_3_what_is_wrong_is_said_for_every_data_type() {
        let texts = Templates::load(None).unwrap().page_texts(None, "de");
        let table = [
            (Wrong::Needed, "Bitte ausfüllen."),
            (Wrong::Takes(Expected::CharsAtMost(255)), "Bitte höchstens 255 Zeichen."),
            (Wrong::Takes(Expected::Of(DataType::Integer)), "Bitte eine ganze Zahl eingeben."),
            (Wrong::Takes(Expected::FilesAtMost(1)), "Bitte nur eine Datei."),
            (Wrong::Takes(Expected::FilesAtMost(10)), "Bitte höchstens 10 Dateien."),
            (Wrong::Takes(Expected::Of(DataType::Boolean)), "Diese Angabe ist so nicht möglich."),
        ];
        for (wrong, said) in table {
            assert_eq!(texts.wrong(wrong), said, "{wrong:?}");
        }
    }

    #[test]
    fn p25_a_sentence_of_a_page_that_lacks_a_value_is_refused_and_one_of_a_brand_goes_first() {
        let with = |path: &str, text: &str| Templates::build(&BTreeMap::from([(path.to_owned(), text.to_owned())]));
        let fault = with("locales/de.ftl", "page-thanks-number = Nummer { $nummer }\n").unwrap_err();
        assert_eq!(fault.file, "locales/de.ftl");
        assert!(fault.message.contains("page-thanks-number"), "{fault}");
        let own = with("brands/acme/locales/de.ftl", "page-send = Abschicken\n").unwrap();
        let send = |brand| own.page_texts(brand, "de").say(Sentence::Send);
        assert_eq!((send(Some("acme")), send(None)), ("Abschicken".to_owned(), "Senden".to_owned()));
    }
}
