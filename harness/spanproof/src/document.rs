//! Reads TOML files, such as the spec. Errors name the file, the line and the column, and quote the line.

use crate::chain::{debug_as_chain, shorten};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use spanproof_manifest::deep_toml_bracket;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Minimum Jaro-Winkler similarity, from 0 to 1, of a name that an error suggests.
const MIN_SIMILARITY: f64 = 0.7;

/// Maximum number of characters of a line that an error quotes. Of a longer line, it quotes the part around
/// the position.
const MAX_QUOTE: usize = 160;

/// The largest value of a numeric key, by the suffix of its name: one day in milliseconds, 64 MiB, and
/// one million of anything else. Larger numbers are mistakes, and sums of them would overflow.
const LIMITS: [(&str, i128); 3] = [("-ms", 86_400_000), ("-bytes", 67_108_864), ("", 1_000_000)];

/// Returns the largest number that is a valid value of a key; `None` if it has no limit.
pub(crate) fn number_limit(key: &str) -> Option<i128> {
    LIMITS.iter().find(|(end, _)| key.ends_with(end)).map(|(_, limit)| *limit)
}

/// Why a TOML file can't be used: it can't be read, or its content is invalid.
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
    /// The content is invalid.
    #[error("{}:{line}:{column}: {message}\n{}", path.display(), quote(*line, text, *column, *width))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1, in characters.
        column: usize,
        /// The number of characters to underline.
        width: usize,
        /// The text of the line.
        text: String,
        /// What is wrong, what is expected and what to do.
        message: String,
    },
}

/// Short name of [`SpecError`] inside the crate.
pub(crate) type Error = SpecError;

debug_as_chain!(SpecError);

/// The text of a file and its path, for errors that point at a position in the text.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Creates a document from text in memory.
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Parses the text as a `T`.
    ///
    /// # Errors
    /// If the text is not TOML or not a `T`; the error points at the position.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.decode(self.root()?)
    }

    /// Parses the text as TOML, with the positions of keys and values.
    ///
    /// # Errors
    /// If the text is not TOML, or a number in it is too large; the error points at the position.
    pub(crate) fn root(&self) -> Result<Spanned<DeTable<'_>>, Error> {
        if let Some(at) = deep_toml_bracket(&self.text) {
            return Err(self.error_at(at..at + 1, "the brackets are nested too deeply"));
        }
        let root = DeTable::parse(&self.text).map_err(|error| self.toml_error(&error))?;
        self.check_numbers(root.get_ref())?;
        Ok(root)
    }

    /// Rejects a table with a number above its limit in [`LIMITS`].
    fn check_numbers(&self, table: &DeTable<'_>) -> Result<(), Error> {
        for (key, value) in table {
            self.check_number(key.get_ref(), value)?;
        }
        Ok(())
    }

    fn check_number(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), Error> {
        match value.get_ref() {
            DeValue::Integer(number) => {
                let found = i128::from_str_radix(number.as_str(), number.radix());
                match number_limit(key) {
                    Some(limit) if found.as_ref().is_ok_and(|found| *found <= limit) => Ok(()),
                    Some(limit) => {
                        let message = format!("{number} is too large; the limit is {limit}");
                        Err(self.error_at(value.span(), message))
                    }
                    None => Ok(()),
                }
            }
            DeValue::Array(items) => items.iter().try_for_each(|item| self.check_number(key, item)),
            DeValue::Table(inner) => self.check_numbers(inner),
            _ => Ok(()),
        }
    }

    /// Converts the parsed text, as [`Document::root`] returns it, to a `T`.
    ///
    /// # Errors
    /// If the TOML is not a `T`; the error points at the position.
    pub(crate) fn decode<T: DeserializeOwned>(
        &self,
        root: Spanned<DeTable<'_>>,
    ) -> Result<T, Error> {
        let decoded = T::deserialize(toml::Deserializer::from(root));
        decoded.map_err(|error| self.toml_error(&error))
    }

    fn toml_error(&self, error: &toml::de::Error) -> Error {
        self.error_at(error.span().unwrap_or(0..0), with_suggestion(error.message().trim()))
    }

    /// Returns the number of the line, from 1, that contains a byte offset of the text.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(&self.text).matches('\n').count() + 1
    }

    /// Creates an error that points at a range of bytes of the text.
    pub(crate) fn error_at(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let text = self.text.lines().nth(line).unwrap_or_default();
        let pointed_at = self.text.get(span.clone()).unwrap_or_default();
        let width = pointed_at.lines().next().unwrap_or_default().chars().count().max(1);
        Error::Invalid {
            path: self.path.clone(),
            line: line + 1,
            column: before[line_start..].chars().count() + 1,
            width: width.min(text.chars().count().max(1)),
            text: text.to_owned(),
            message: shorten(&message.into()),
        }
    }
}

/// Quotes a line and underlines `width` characters from `column` on. Of a long line, quotes the part around
/// the column.
fn quote(line: usize, text: &str, column: usize, width: usize) -> String {
    let length = text.chars().count();
    let start = if length > MAX_QUOTE { (column - 1).saturating_sub(MAX_QUOTE / 4) } else { 0 };
    let part: String = text.chars().skip(start).take(MAX_QUOTE).collect();
    let (before, after) = (start > 0, start + MAX_QUOTE < length);
    let [before, after] = [before, after].map(|is_cut| if is_cut { "…" } else { "" });
    let number = line.to_string();
    let indent = number.len() + column - start + before.chars().count();
    let width = width.min(MAX_QUOTE);
    format!("  {number} | {before}{part}{after}\n    {}{}", " ".repeat(indent), "^".repeat(width))
}

/// Adds the most similar expected name to serde's message about an unknown name.
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

/// Returns the name that is most similar to `found`; `None` if no name is similar.
pub(crate) fn nearest<'a>(found: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(found, name), name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// Returns "; did you mean `…`?" with the most similar name; an empty string if no name is similar.
pub fn suggestion<'a>(found: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(found, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        #[expect(dead_code, reason = "only the key matters")]
        first: u32,
        #[expect(dead_code, reason = "only the key matters")]
        second: Option<u32>,
    }

    #[test]
    fn an_error_suggests_the_known_key_most_similar_to_an_unknown_key() {
        let error =
            Document::new("a.toml", "first = 1\n  secnd = 2\n").parse::<Pair>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.toml:2:3: unknown key `secnd`, expected `first` or `second`; did you mean `second`?\n\
             \u{20} 2 |   secnd = 2\n        ^^^^^"
        );
    }

    #[test]
    fn an_error_quotes_the_part_of_a_long_line_around_the_position() {
        let long = format!("first = \"{}\" x", "é".repeat(5000));
        let error = Document::new("a.toml", &long).parse::<Pair>().unwrap_err().to_string();
        let quote: Vec<&str> = error.lines().skip(1).collect();
        let [line, mark] = quote[..] else { panic!("{error}") };
        assert!(line.starts_with("  1 | …éé") && line.ends_with("é\" x"), "{line}");
        let column = mark.chars().position(|c| c == '^').unwrap();
        assert_eq!(line.chars().nth(column), Some('x'), "{error}");
        let name = "n".repeat(5000);
        let error = Document::new("a.toml", format!("{name} = 1")).parse::<Pair>().unwrap_err();
        assert!(error.to_string().chars().count() < 2500, "{error}");
    }

    #[test]
    fn deeply_nested_brackets_are_an_error_even_after_another_error() {
        let text = "{}_\nv=[{e]]s[{".repeat(5000);
        let error = Document::new("a.toml", text).parse::<Pair>().unwrap_err();
        assert!(error.to_string().contains("nested too deeply"), "{error}");
    }

    #[test]
    fn an_error_quotes_the_line_of_a_value_with_the_wrong_type() {
        let error = Document::new("a.toml", "first = \"x\"").parse::<Pair>().unwrap_err();
        assert!(
            error.to_string().starts_with(
                "a.toml:1:9: invalid type: string \"x\", expected u32\n  1 | first = \"x\"\n"
            ),
            "{error}"
        );
    }
}
