//! A TOML file whose errors name file, line and column, with the offending line.

use crate::chain::debug_as_chain;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// How much of a word may differ for it to be offered as "did you mean".
const SIMILAR: f64 = 0.7;

/// A file could not be read or does not say what it should.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The file can't be read.
    #[error("`{}` can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is wrong at one place.
    #[error("{}:{line}:{column}: {message}\n  {line} | {text}\n    {}{}", path.display(),
        " ".repeat(line.to_string().len() + column), "^".repeat(*width))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Its line, counted from 1.
        line: usize,
        /// The column, counted from 1, in characters.
        column: usize,
        /// How many characters are meant.
        width: usize,
        /// The line itself.
        text: String,
        /// What is wrong, what was expected and what to do.
        message: String,
    },
}

/// The error of this module, by its short name.
pub(crate) type Error = SpecError;

debug_as_chain!(SpecError);

/// A file's text with its path, for errors that point into it.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// A document that is not on disk.
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the text says, as `T`.
    ///
    /// # Errors
    /// When it is not TOML or not a `T`; the error points at the place.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        toml::from_str(&self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            self.wrong(span, with_suggestion(error.message().trim()))
        })
    }

    /// An error that points at a place in the text.
    pub(crate) fn wrong(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let text = self.text.lines().nth(line).unwrap_or_default();
        let meant = self.text.get(span.clone()).unwrap_or_default();
        let width = meant.lines().next().unwrap_or_default().chars().count().max(1);
        Error::Wrong {
            path: self.path.clone(),
            line: line + 1,
            column: before[line_start..].chars().count() + 1,
            width: width.min(text.chars().count().max(1)),
            text: text.to_owned(),
            message: message.into(),
        }
    }
}

/// Adds the nearest of the expected names to serde's message about an unknown one.
fn with_suggestion(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match names.split_first() {
        Some((found, expected)) if message.starts_with("unknown ") => {
            let nearest = nearest(found, expected.iter().copied());
            let mut text = message.replacen("field", "key", 1);
            if let Some(nearest) = nearest {
                let _infallible = write!(text, "; did you mean `{nearest}`?");
            }
            text
        }
        _ => message.to_owned(),
    }
}

/// The name that is most like `found`, if any is like it at all.
pub(crate) fn nearest<'a>(found: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(found, name), name))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// `; did you mean …?` where a name is near, nothing otherwise.
pub fn suggestion<'a>(found: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(found, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        #[expect(dead_code, reason = "only its key matters")]
        first: u32,
        #[expect(dead_code, reason = "only its key matters")]
        second: Option<u32>,
    }

    #[test]
    fn an_unknown_key_is_shown_in_its_line_with_the_nearest_known() {
        let error =
            Document::new("a.toml", "first = 1\n  secnd = 2\n").parse::<Pair>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.toml:2:3: unknown key `secnd`, expected `first` or `second`; did you mean `second`?\n\
             \u{20} 2 |   secnd = 2\n        ^^^^^"
        );
    }

    #[test]
    fn a_wrong_type_is_shown_in_its_line() {
        let error = Document::new("a.toml", "first = \"x\"").parse::<Pair>().unwrap_err();
        assert!(
            error.to_string().starts_with(
                "a.toml:1:9: invalid type: string \"x\", expected u32\n  1 | first = \"x\"\n"
            ),
            "{error}"
        );
    }
}
