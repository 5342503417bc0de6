//! `deskgate template`.

use crate::cli::Context;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::daemon::open;
use crate::template::Page;
use crate::template::Preview;
use crate::template::Sender;
use crate::template::Templates;
use serde_json::json;
use std::fs;
use std::io;
use std::iter;
use std::path::Path;
use std::path::PathBuf;

/// Largest file of preview data in bytes.
const DATA_BYTES_MAX: u64 = 1 << 20;

/// Templates.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Template {
    /// All of them, and which are replaced by files of yours
    List,
    /// The source of one
    Show {
        /// Its path as in the list, or the name of a mail
        name: String,
    },
    /// One with sample data, or with the JSON of `--data FILE`
    Preview {
        /// Such as agent_reply, or messenger/part_created
        name: String,
        /// Language, such as de or pt-BR
        #[arg(long, value_name = "TAG")]
        locale: Option<String>,
        /// As this brand sends it, by its id
        #[arg(long, value_name = "ID")]
        brand: Option<String>,
        /// Write the HTML part there
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Every mail in every language and brand, as pages to open in a browser
    Gallery {
        /// Where the pages are written; a folder that is not there is made
        dir: PathBuf,
    },
}

pub(crate) fn run(command: Template, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let templates = open::templates(&config)?.current();
    match command {
        Template::List if context.screen.is_json() => {
            let row = |it: crate::template::Listed<'_>| json!({ "path": it.path, "overridden": it.overridden, "source_bytes": it.source_bytes });
            context.screen.json(&templates.list().map(row).collect::<Vec<_>>())
        }
        Template::List => {
            let row = |it: crate::template::Listed<'_>| {
                let from = if it.overridden { "yours" } else { "embedded" };
                vec![it.path.to_owned(), from.to_owned(), it.source_bytes.to_string()]
            };
            context.screen.table(&["PATH", "FROM", "BYTES"], &templates.list().map(row).collect::<Vec<_>>())
        }
        Template::Show { name } => show_source(context, &templates, &name),
        Template::Preview { name, locale, brand, out } => {
            if let Some(id) = brand.as_ref().filter(|id| !config.brands.iter().any(|brand| brand.id == **id)) {
                return Err(Failure::new(Exit::Config, format!("there is no [[brand]] with the id {id:?}")));
            }
            // A preview needs no data directory, so `--data` names its data here.
            let data = context.data_path().filter(|path| !path.is_dir()).map(read_data).transpose()?;
            let preview = templates.preview_of(brand.as_deref(), &name, locale.as_deref(), data.as_ref());
            let preview = preview.map_err(|error| Failure::new(Exit::Config, format!("template {error}")))?;
            show(context, &preview, out.as_deref())
        }
        Template::Gallery { dir } => {
            let house = Sender { brand: None, name: &config.workspace.name };
            let brands = config.brands.iter().map(|brand| Sender { brand: Some(&brand.id), name: &brand.name });
            let senders: Vec<Sender<'_>> = iter::once(house).chain(brands).collect();
            let pages = templates.gallery(&senders);
            let pages = pages.map_err(|error| Failure::new(Exit::Config, format!("template {error}")))?;
            let first = write_pages(&dir, &pages)?;
            if context.screen.is_json() {
                return context.screen.json(&json!({ "first": first, "files": pages.len() }));
            }
            context.screen.line(&format!("{} files are written; open {}", pages.len(), first.display()))
        }
    }
}

/// The file of that path; of a mail's name, all its files, each below its path.
fn show_source(context: &Context, templates: &Templates, name: &str) -> Result<(), Failure> {
    if let Some(source) = templates.source(name) {
        return context.screen.line(source.trim_end_matches('\n'));
    }
    let within =
        |path: &str| [format!("{name}/"), format!("email/{name}/")].iter().any(|folder| path.starts_with(folder));
    let mut found = templates.list().map(|listed| listed.path).filter(|path| within(path)).peekable();
    if found.peek().is_none() {
        return Err(Failure::new(Exit::Usage, format!("no template {name:?}; see deskgate template list")));
    }
    found.try_for_each(|path| {
        let source = templates.source(path).unwrap_or_default();
        context.screen.line(&format!("==> {path}\n{}", source.trim_end_matches('\n')))
    })
}

/// Writes the pages and names the first one.
fn write_pages(dir: &Path, pages: &[Page]) -> Result<PathBuf, Failure> {
    let failed = |path: &Path, error: io::Error| Failure::doing(&format!("write {}", path.display()), error);
    fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for page in pages {
        let path = dir.join(&page.file);
        fs::write(&path, &page.text).map_err(|error| failed(&path, error))?;
    }
    Ok(dir.join("index.html"))
}

fn read_data(path: &Path) -> Result<serde_json::Value, Failure> {
    let unread = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| unread(&error))?;
    if metadata.len() > DATA_BYTES_MAX {
        return Err(unread(&"larger than 1 MiB"));
    }
    let text = fs::read(path).map_err(|error| unread(&error))?;
    serde_json::from_slice(&text).map_err(|error| unread(&error))
}

fn show(context: &Context, preview: &Preview, out: Option<&Path>) -> Result<(), Failure> {
    let mail = match preview {
        Preview::Frame(line) if context.screen.is_json() => return context.screen.json(&json!({ "line": line })),
        Preview::Frame(line) => return context.screen.line(line),
        Preview::Email(mail) => mail,
    };
    if let Some(out) = out {
        fs::write(out, &mail.html).map_err(|error| Failure::doing(&format!("write {}", out.display()), error))?;
    }
    if context.screen.is_json() {
        return context.screen.json(&json!({ "subject": mail.subject, "text": mail.text, "html": mail.html }));
    }
    context.screen.line(&format!("Subject: {}\n\n{}", mail.subject, mail.text.trim_end()))?;
    match out {
        Some(out) => context.screen.line(&format!("\nHTML: {}", out.display())),
        None => context.screen.line(&format!("\n{}", mail.html.trim_end())),
    }
}
