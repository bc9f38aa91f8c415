//! Recognises lines that only quote a line of the service: in a message about it, in a diff, or in a JSON field that
//! is not the message.

use std::sync::LazyLock;

use regex::Regex;

use crate::log::field_texts;

/// Words before a text which show that it is quoted.
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:messages?|commit|expect(?:s|ed)?|diff|patch|said|says|quot(?:e|es|ed|ing)|lines?|print(?:s|ed)?|example|subject|title|comment|wrote|grep|assertion|changelog|contains?|search(?:ed|ing)?|alert|rule|pattern)\b[^\w]*(?:\w+\W+){0,3}$",
    )
    .ok()
});

/// Where the text that a probe matches is in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The service wrote this line itself.
    Own,
    /// After `-`, as in a list or a diff.
    AfterDash,
    /// After words: it may be part of a different message.
    AfterWords,
    /// The line quotes it.
    Quoted,
}

impl Standing {
    /// Returns where a text is, from what is before it in the same message.
    pub(super) fn after(before: &str) -> Self {
        let start = before.trim_start();
        let has_words =
            || before.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphabetic));
        let is_after_quoting_word = || WORDS.as_ref().is_some_and(|words| words.is_match(before));
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

/// Whether a field of a JSON object or of logfmt pairs matches and is not one of `texts`, so that it is not the message
/// of the line.
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
    #[case::nothing("", Standing::Own)]
    #[case::sign("🔍 ", Standing::Own)]
    #[case::name("tracing: ", Standing::AfterWords)]
    #[case::words("startup complete, ", Standing::AfterWords)]
    #[case::apostrophe("the runner's tracer: ", Standing::AfterWords)]
    #[case::closed("\"runner\" is up: ", Standing::AfterWords)]
    #[case::list("- ", Standing::AfterDash)]
    #[case::removed("-🔍 ", Standing::AfterDash)]
    #[case::added("+🔍 ", Standing::Quoted)]
    #[case::mail("> ", Standing::Quoted)]
    #[case::open("the page has \"🔍 ", Standing::Quoted)]
    #[case::open_single("assert 'x", Standing::Quoted)]
    #[case::open_typographic("“", Standing::Quoted)]
    #[case::commit("[git] commit message: 🔍 ", Standing::Quoted)]
    #[case::expected("expected: 🔍 ", Standing::Quoted)]
    #[case::line("no such line in the log: ", Standing::Quoted)]
    fn what_is_before_a_text_shows_how_it_stands(#[case] before: &str, #[case] expected: Standing) {
        assert_eq!(Standing::after(before), expected);
    }
}
