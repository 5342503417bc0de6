//! What is wrong with a template, and where.

use std::fmt;

/// A template that cannot be used or could not be rendered. Shown as `file:line:column: what is wrong`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateError {
    /// Path relative to the template directory, or `broadcast` for a broadcast's text.
    pub file: String,
    /// Line, counted from 1; `None` when the fault is the file itself.
    pub line: Option<usize>,
    /// Column, counted from 1.
    pub column: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl TemplateError {
    /// A fault of a whole file.
    #[must_use]
    pub(super) fn new(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, column: None, message: message.into() }
    }

    /// A fault of a piece whose place the caller knows; see [`TemplateError::within`].
    pub(super) fn of(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// A fault at the byte `offset` of `text`.
    pub(super) fn at_offset(file: &str, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        Self { file: file.to_owned(), line: Some(line), column: Some(column), message: message.into() }
    }

    /// Adds the place unless an inner piece gave its own.
    pub(super) fn within(mut self, file: &str, place: Option<(usize, usize)>) -> Self {
        if self.file.is_empty() {
            file.clone_into(&mut self.file);
            self.line = place.map(|(line, _)| line);
            self.column = place.map(|(_, column)| column);
        }
        self
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
            if let Some(column) = self.column {
                write!(f, "{column}:")?;
            }
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for TemplateError {}
