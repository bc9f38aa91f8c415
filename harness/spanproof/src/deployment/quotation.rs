//! Recognises lines that only quote a line of the service: in a message about it, in a diff, or in a JSON
//! field that is not the message.

use std::sync::LazyLock;

use regex::Regex;

use crate::log::{compile, field_texts};

/// Matches a word before a text that shows that the text is quoted.
static QUOTING_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"(?i)\b(?:messages?|commit|expect(?:s|ed)?|diff|patch|said|says|quot(?:e|es|ed|ing)|lines?|print(?:s|ed)?|example|subject|title|comment|wrote|grep|assertion|changelog|contains?|search(?:ed|ing)?|alert|rule|pattern)\b[^\w]*(?:\w+\W+){0,3}$",
    )
});

/// What is before the text that a probe (a pattern for lines) matches, and what this says about the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Nothing, or no word: the service itself wrote this line.
    Own,
    /// A `-`, as in a list or a diff.
    AfterDash,
    /// Words: the text may be part of a different message.
    AfterWords,
    /// A sign or a word that shows a quotation, or the text is in a field that is not the message: the line
    /// only quotes the text.
    Quoted,
}

impl Context {
    /// Determines the context of a text from what is before it in the same message.
    pub(super) fn from_text_before(before: &str) -> Self {
        let start = before.trim_start();
        let has_words =
            || before.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphabetic));
        let is_after_quoting_word =
            || QUOTING_WORDS.as_ref().is_some_and(|words| words.is_match(before));
        if before.is_empty() {
            Self::Own
        } else if start.starts_with(['+', '>', '<'])
            || has_open_quote(before)
            || is_after_quoting_word()
        {
            Self::Quoted
        } else if start.starts_with('-') {
            Self::AfterDash
        } else if has_words() {
            Self::AfterWords
        } else {
            Self::Own
        }
    }
}

/// Whether a quotation mark is open at the end of a text.
fn has_open_quote(text: &str) -> bool {
    let is_odd = |mark: char| text.matches(mark).count() % 2 == 1;
    let is_open = |open: char, close: char| text.rfind(open) > text.rfind(close);
    // An apostrophe is not a quotation mark.
    let single = text.match_indices('\'').filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric())
    });
    is_odd('"') || is_odd('`') || is_open('“', '”') || is_open('«', '»') || single.count() % 2 == 1
}

/// Whether a field of a JSON object or of logfmt pairs matches and is not one of `texts`, so that it is not
/// the message of the line.
pub(super) fn is_in_other_field(
    object: &str,
    texts: &[String],
    matches: impl Fn(&str) -> bool,
) -> bool {
    field_texts(object).iter().any(|text| !texts.contains(text) && matches(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", Context::Own)]
    #[case::sign("🔍 ", Context::Own)]
    #[case::name("tracing: ", Context::AfterWords)]
    #[case::words("startup complete, ", Context::AfterWords)]
    #[case::apostrophe("the runner's tracer: ", Context::AfterWords)]
    #[case::closed("\"runner\" is up: ", Context::AfterWords)]
    #[case::list("- ", Context::AfterDash)]
    #[case::removed("-🔍 ", Context::AfterDash)]
    #[case::added("+🔍 ", Context::Quoted)]
    #[case::mail("> ", Context::Quoted)]
    #[case::open("the page has \"🔍 ", Context::Quoted)]
    #[case::open_single("assert 'x", Context::Quoted)]
    #[case::open_typographic("“", Context::Quoted)]
    #[case::commit("[git] commit message: 🔍 ", Context::Quoted)]
    #[case::expected("expected: 🔍 ", Context::Quoted)]
    #[case::line("no such line in the log: ", Context::Quoted)]
    fn the_text_before_a_match_determines_its_context(
        #[case] before: &str,
        #[case] expected: Context,
    ) {
        assert_eq!(Context::from_text_before(before), expected);
    }
}
