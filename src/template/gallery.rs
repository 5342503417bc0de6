//! Pages that show every mail with sample data: the HTML part as wide as on a desk and on a phone, and the text part beside it.
//!
//! One page for each brand and language, linked with one another, and one file for each HTML part, so that a browser shows the
//! parts as mail programs do: by themselves, without script. No page needs a network or a server.
//!
//! **Invariant:** what is not an HTML part of a mail is escaped on its way into a page.

use super::Preview;
use super::TemplateError;
use super::Templates;
use super::catalog::Kind;
use super::escape;
use std::fmt::Write;

/// The language of the first page.
const FIRST: &str = "en";

/// The pages' style.
const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f2f4f7;--card:#fff;--text:#1b2330;--soft:#5b6675;--rule:#d0d5dd;--accent:#1f5fd0}\
@media(prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--text:#e8ebf0;--soft:#9aa4b2;--rule:#3a4453;--accent:#6c9cf5}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif}\
main{max-width:80rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{margin:0 0 .5rem;font-size:1.5rem}h2{margin:0;font-size:1.1rem}\
nav{margin:0 0 .75rem}a{color:var(--accent)}nav a,nav strong{display:inline-block;padding:.2rem .6rem;margin:0 .15rem .25rem 0;border:1px solid var(--rule);\
border-radius:999px;text-decoration:none}nav strong{background:var(--accent);border-color:var(--accent);color:var(--bg)}\
section{margin:1.5rem 0;padding:1rem;background:var(--card);border:1px solid var(--rule);border-radius:12px}.subject{margin:.25rem 0 1rem;color:var(--soft);overflow-wrap:anywhere}\
.parts{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;min-width:0}figure.text{flex:1 1 20rem}figcaption{margin:0 0 .35rem;color:var(--soft);font-size:.875rem}\
iframe{display:block;width:100%;height:40rem;border:1px solid var(--rule);border-radius:8px;background:#fff}.desk{flex:0 1 40rem}.phone{flex:0 0 360px;max-width:100%}\
pre{margin:0;max-height:40rem;overflow:auto;padding:1rem;border:1px solid var(--rule);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,monospace}\
a:focus-visible,iframe:focus-visible,pre:focus-visible{outline:3px solid var(--accent);outline-offset:2px}";

/// Whose mails are shown: the house's, or a brand's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The brand's id; `None` for the house.
    pub brand: Option<&'a str>,
    /// As customers know it.
    pub name: &'a str,
}

/// A file of the gallery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Without folders, of letters, digits, hyphens, dots and underscores.
    pub file: String,
    /// HTML.
    pub text: String,
}

impl Templates {
    /// Every mail of these senders in every language there is, as pages; the first one is `index.html`.
    ///
    /// # Errors
    /// A template that cannot be rendered with sample data.
    pub fn gallery(&self, senders: &[Sender<'_>]) -> Result<Vec<Page>, TemplateError> {
        let mut pages = Vec::new();
        for sender in senders {
            for lang in self.languages_of(sender.brand) {
                let mut sections = String::new();
                for kind in Kind::ALL {
                    let Preview::Email(mail) = self.preview_of(sender.brand, kind.name(), Some(lang), None)? else {
                        continue;
                    };
                    let part = file_of(sender, lang, Some(kind));
                    push_section(&mut sections, kind, &part, &mail.subject, &mail.text);
                    pages.push(Page { file: part, text: mail.html });
                }
                let text = self.page_of(senders, sender, lang, &sections);
                pages.push(Page { file: file_of(sender, lang, None), text });
            }
        }
        Ok(pages)
    }

    fn page_of(&self, senders: &[Sender<'_>], shown: &Sender<'_>, lang: &str, sections: &str) -> String {
        let languages = self.languages_of(shown.brand);
        let languages = languages.into_iter().map(|other| (file_of(shown, other, None), other, other == lang));
        let brands = senders.iter().map(|other| (file_of(other, FIRST, None), other.name, other == shown));
        let brands = if senders.len() > 1 { links("Brand", brands) } else { String::new() };
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>Mails of {name}, {lang}</title><style>{STYLE}</style></head><body><main><h1>Mails of {name}</h1>{brands}{languages}{sections}</main></body></html>\n",
            name = escape::html(shown.name),
            lang = escape::html(lang),
            languages = links("Language", languages),
        )
    }

    fn languages_of(&self, brand: Option<&str>) -> Vec<&str> {
        let mut languages: Vec<&str> = self.engine_of(brand).locales.languages().collect();
        languages.sort_unstable();
        languages
    }
}

fn file_of(sender: &Sender<'_>, lang: &str, kind: Option<Kind>) -> String {
    match (sender.brand, kind) {
        (None, None) if lang == FIRST => "index.html".to_owned(),
        (None, None) => format!("{lang}.html"),
        (Some(brand), None) => format!("brand.{brand}.{lang}.html"),
        (None, Some(kind)) => format!("{lang}.{}.html", kind.name()),
        (Some(brand), Some(kind)) => format!("brand.{brand}.{lang}.{}.html", kind.name()),
    }
}

/// Links to pages (file, text, whether it is this page).
fn links<'a>(what: &str, to: impl Iterator<Item = (String, &'a str, bool)>) -> String {
    let link = |(file, text, is_here): (String, &str, bool)| {
        let text = escape::html(text);
        if is_here {
            return format!("<strong aria-current=\"page\">{text}</strong>");
        }
        format!("<a href=\"{}\">{text}</a>", escape::html(&file))
    };
    format!("<nav aria-label=\"{what}\">{}</nav>", to.map(link).collect::<String>())
}

fn push_section(to: &mut String, kind: Kind, file: &str, subject: &str, text: &str) {
    let (name, file) = (kind.name(), escape::html(file));
    let frame = |class: &str, caption: &str| {
        format!(
            "<figure class=\"{class}\"><figcaption>{caption}</figcaption>\
             <iframe src=\"{file}\" title=\"{name}: {caption}\" sandbox loading=\"lazy\"></iframe></figure>"
        )
    };
    let (desk, phone) = (frame("desk", "HTML part"), frame("phone", "HTML part on a phone, 360 pixels wide"));
    // Writing to a string cannot fail.
    let _ = write!(
        to,
        "<section id=\"{name}\"><h2><a href=\"#{name}\">{name}</a></h2><p class=\"subject\">Subject: {subject}</p><div class=\"parts\">{desk}{phone}\
         <figure class=\"text\"><figcaption>Text part</figcaption><pre tabindex=\"0\">{text}</pre></figure></div></section>",
        subject = escape::html(subject),
        text = escape::html(text),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    const HOUSE: Sender<'_> = Sender { brand: None, name: "Example & Sons" };

    #[test]
    fn i18_2_every_mail_is_shown_in_every_language_and_every_link_leads_to_a_page() {
        let templates = Templates::load(None).unwrap();
        let pages = templates.gallery(&[HOUSE, Sender { brand: Some("acme"), name: "Acme" }]).unwrap();
        let files: BTreeSet<&str> = pages.iter().map(|page| page.file.as_str()).collect();
        let languages = templates.languages_of(None).len();
        assert_eq!(files.len(), 2 * languages * (Kind::ALL.len() + 1), "each file once");
        let named = pages.iter().flat_map(|page| ["src=\"", "href=\""].map(|field| (page, field)));
        let named = named.flat_map(|(page, field)| page.text.split(field).skip(1));
        let named = named.filter_map(|rest| rest.split('"').next()).filter(|to| to.ends_with(".html"));
        let reached: BTreeSet<&str> = named.collect();
        assert_eq!(reached, files);
    }

    #[test]
    fn what_is_no_part_of_a_mail_is_escaped() {
        let path = "email/agent_reply/subject.hbs";
        let own = BTreeMap::from([(path.to_owned(), "1 < 2".to_owned())]);
        let pages = Templates::build(&own).unwrap().gallery(&[HOUSE]).unwrap();
        let first = &pages.iter().find(|page| page.file == "index.html").unwrap().text;
        assert!(first.contains("Subject: 1 &lt; 2") && first.contains("Mails of Example &amp; Sons"), "{first}");
    }
}
