//! Templates of brands: `brands/<id>/` in the template directory holds what a brand says otherwise than the house (I18-2).
//!
//! A brand's templates go before the house's, and these before the embedded ones, file by file; sentences one by one.
//!
//! **Invariant:** a brand's set is checked as a whole like the house's; a fault names the file as it lies in the directory.

use super::catalog;
use super::catalog::Source;
use super::engine::Engine;
use super::error::TemplateError;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where brands lie in the template directory.
const FOLDER: &str = "brands/";

/// Files by path.
type Files = BTreeMap<String, String>;

/// The templates of one brand.
#[derive(Clone, Debug)]
pub(super) struct OfBrand {
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) engine: Arc<Engine>,
}

/// Brands that have templates among the files of a directory.
///
/// # Errors
/// A file below `brands/` that lies in no brand's folder.
pub fn brands_in(files: &Files) -> Result<BTreeSet<&str>, TemplateError> {
    let mut brands = BTreeSet::new();
    for path in files.keys() {
        if let Some((brand, _)) = split(path)? {
            brands.insert(brand);
        }
    }
    Ok(brands)
}

/// Brand and path of a file of a brand.
fn split(path: &str) -> Result<Option<(&str, &str)>, TemplateError> {
    let Some(rest) = path.strip_prefix(FOLDER) else { return Ok(None) };
    let parted = rest.split_once('/').filter(|(brand, _)| !brand.is_empty());
    parted.map(Some).ok_or_else(|| TemplateError::new(path, "is no folder of a brand; those are brands/<id>/"))
}

/// The files of the house, and those of each brand by their paths within it.
pub(super) fn apart(files: &Files) -> Result<(Files, BTreeMap<String, Files>), TemplateError> {
    let (mut house, mut brands) = (Files::new(), BTreeMap::<String, Files>::new());
    for (path, text) in files {
        match split(path)? {
            None => house.insert(path.clone(), text.clone()),
            Some((brand, path)) => brands.entry(brand.to_owned()).or_default().insert(path.to_owned(), text.clone()),
        };
    }
    Ok((house, brands))
}

/// Builds a brand's set over the house's files.
pub(super) fn build(brand: &str, house: &Files, own: &Files) -> Result<OfBrand, TemplateError> {
    let mut layered = house.clone();
    for (path, text) in own {
        // Sentences are replaced one by one: of two of a name the later one counts.
        let before = house.get(path).filter(|_| is_sentences(path));
        let text = before.map_or_else(|| text.clone(), |before| format!("{}\n{text}", before.trim_end_matches('\n')));
        layered.insert(path.clone(), text);
    }
    let built = catalog::sources(&layered).and_then(|sources| {
        let engine = Arc::new(Engine::build(&sources)?);
        Ok(OfBrand { sources, engine })
    });
    built.map_err(|error| within(error, brand, house, own))
}

fn is_sentences(path: &str) -> bool {
    path.starts_with("locales/")
}

/// The fault with the file, and in sentences the line, as they are in the directory.
fn within(mut error: TemplateError, brand: &str, house: &Files, own: &Files) -> TemplateError {
    if own.contains_key(&error.file) {
        let before = house.get(&error.file).filter(|_| is_sentences(&error.file));
        let before = before.map_or(0, |text| text.trim_end_matches('\n').split('\n').count());
        error.line = error.line.map(|line| line.saturating_sub(before).max(1));
        error.file = format!("{FOLDER}{brand}/{}", error.file);
    } else {
        error.message = format!("{} (with the templates of brand {brand})", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::super::Preview;
    use super::super::Templates;
    use super::super::view::AgentReply;
    use super::super::view::Notice;
    use super::*;

    const SUBJECT: &str = "email/agent_reply/subject.hbs";

    fn files(all: &[(&str, &str)]) -> Files {
        all.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    fn subject(templates: &Templates, brand: Option<&str>) -> String {
        templates.email_of(brand, &Notice::AgentReply(AgentReply::default())).unwrap().subject
    }

    #[test]
    fn i18_2_a_brand_says_its_own_and_the_rest_as_the_house_does() {
        let own = [
            (SUBJECT, "House {{t \"state\"}}"),
            ("locales/en.ftl", "state = Condition\n"),
            ("brands/acme/locales/en.ftl", "state = Status\n"),
            ("brands/zoo/email/agent_reply/subject.hbs", "Zoo {{t \"state\"}}"),
        ];
        let templates = Templates::build(&files(&own)).unwrap();
        let subjects = [None, Some("acme"), Some("zoo"), Some("none")].map(|brand| subject(&templates, brand));
        assert_eq!(subjects, ["House Condition", "House Status", "Zoo Condition", "House Condition"]);
        assert_eq!(templates.source("brands/zoo/email/agent_reply/subject.hbs"), Some("Zoo {{t \"state\"}}"));
        let paths: Vec<&str> = templates.list().filter(|it| it.overridden).map(|it| it.path).collect();
        let zoo = "brands/zoo/email/agent_reply/subject.hbs";
        assert_eq!(paths, [SUBJECT, "locales/en.ftl", "brands/acme/locales/en.ftl", zoo]);
        let shown = templates.preview_of(Some("zoo"), "agent_reply", None, None).unwrap();
        let Preview::Email(mail) = shown else { panic!("no mail") };
        assert_eq!(mail.subject, "Zoo Condition");
    }

    #[test]
    fn p25_a_fault_of_a_brand_names_its_file_and_line() {
        let house = ("locales/en.ftl", "state = Condition\n\n");
        for (path, text, told) in [
            (
                "brands/acme/email/agent_reply/subject.hbs",
                "ok\n{{nobody}}",
                "brands/acme/email/agent_reply/subject.hbs:2",
            ),
            ("brands/acme/locales/en.ftl", "# ours\nstate = { $x\n", "brands/acme/locales/en.ftl:2"),
            ("brands/acme/nothing.hbs", "x", "brands/acme/nothing.hbs"),
            ("brands/nothing.hbs", "x", "brands/nothing.hbs"),
        ] {
            let fault = Templates::build(&files(&[house, (path, text)])).map(drop).unwrap_err().to_string();
            assert!(fault.starts_with(told), "{path}: {fault}");
        }
    }
}
