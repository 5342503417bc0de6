//! What stands below an agent's mail (EML-61): Markdown with placeholders, of the agent's own or of the address they write from.

use super::TemplateError;
use super::engine;
use super::view::Body;
use super::view::Named;
use super::written::Written;
use serde::Serialize;
use serde_json::Value;

/// Largest Markdown of a signature.
pub const MARKDOWN_BYTES_MAX: usize = 4 * 1_024;
/// Name of the template, and of the file in errors.
const NAME: &str = "signature";

/// What a placeholder can show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignatureValues {
    /// Who wrote the mail.
    pub agent: Writer,
    /// The brand of the address.
    pub brand: Named,
    /// The workspace.
    pub workspace: Named,
    /// The address the mail is from.
    pub support: Support,
}

/// An agent, as far as a signature may name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Writer {
    /// First name.
    pub first_name: Option<String>,
    /// Whole name.
    pub name: Option<String>,
    /// What they are.
    pub job_title: Option<String>,
}

/// A support address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Support {
    /// The address.
    pub address: Option<String>,
    /// Shown beside it.
    pub name: Option<String>,
}

/// A checked signature, ready for any agent.
#[derive(Clone, Debug)]
pub struct Signature {
    written: Written,
}

impl Signature {
    /// Checks `markdown`.
    ///
    /// # Errors
    /// With line and column: more than 4 KB, syntax, unknown names or functions, `{{{`, partials, lists.
    pub fn compile(markdown: &str) -> Result<Self, TemplateError> {
        let (full, empty) = (sample()?, engine::to_value(NAME, &SignatureValues::default())?);
        Ok(Self { written: Written::compile(NAME, markdown, MARKDOWN_BYTES_MAX, [&full, &empty])? })
    }

    /// One that [`Signature::compile`] took before.
    ///
    /// # Errors
    /// Syntax.
    pub fn kept(markdown: &str) -> Result<Self, TemplateError> {
        Ok(Self { written: Written::read(NAME, markdown)? })
    }

    /// The signature of the agent in `values`.
    ///
    /// # Errors
    /// More than 1 MB.
    pub fn render(&self, values: &SignatureValues) -> Result<Body, TemplateError> {
        self.written.render(&engine::to_value(NAME, values)?)
    }
}

fn sample() -> Result<Value, TemplateError> {
    let text = |text: &str| Some(text.to_owned());
    let values = SignatureValues {
        agent: Writer { first_name: text("Ana"), name: text("Ana Example"), job_title: text("Customer care") },
        brand: Named { name: text("Example Support") },
        workspace: Named { name: text("Example") },
        support: Support { address: text("support@example.com"), name: text("Example Support") },
    };
    engine::to_value(NAME, &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(markdown: &str, name: &str) -> (String, String) {
        let agent = Writer { name: Some(name.to_owned()), ..Writer::default() };
        let values = SignatureValues { agent, ..SignatureValues::default() };
        let body = Signature::compile(markdown).unwrap().render(&values).unwrap();
        (body.body_html.as_str().to_owned(), body.body_text.as_str().to_owned())
    }

    #[test]
    fn eml_61_a_signature_is_markdown_whose_values_are_words() {
        let (html, text) = render("**{{agent.name}}**{{#if agent.job_title}}, {{agent.job_title}}{{/if}}", "A *b* <i>");
        assert_eq!(html, "<p><strong>A *b* &lt;i&gt;</strong></p>\n");
        assert_eq!(text, "A *b* <i>");
    }

    #[test]
    fn eml_61_what_is_wrong_with_a_signature_is_named_with_its_place() {
        for (markdown, expected) in [
            (
                "Hi\n{{agent.frist_name}}",
                "signature:2:1: there is no agent.frist_name; here are first_name, job_title, name",
            ),
            ("{{contact.name}}", "signature:1:1: there is no contact.name; here are agent, brand, support, workspace"),
            ("{{{agent.name}}}", "signature:1:1: {{{ is not allowed here"),
        ] {
            let error = Signature::compile(markdown).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{markdown}: {error}");
        }
        assert!(Signature::compile(&"x".repeat(MARKDOWN_BYTES_MAX + 1)).is_err());
    }
}
