//! Compiles patterns for the parts of a log line.

use regex::Regex;

/// Compiles a pattern in which `\d` and `\b` are about ASCII characters only; `None` if it is invalid. The regex
/// engine must leave its fast path for a Unicode `\b` in a text with an emoji, and a Unicode `\d` takes long to
/// compile. Tools write numbers and levels in ASCII.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&pattern.replace(r"\d", "[0-9]").replace(r"\b", r"(?-u:\b)")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_word_boundaries_are_ascii_also_in_a_class() {
        let pattern = compile(r"^[\d.]+ \bend\b").unwrap();
        assert!(pattern.is_match("1.2 end🔍"));
        assert!(!pattern.is_match("١.٢ end"));
        assert_eq!(pattern.find("3 end").map(|found| found.end()), Some(5));
    }
}
