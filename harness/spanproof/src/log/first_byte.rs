//! The bytes that a match of a pattern can begin with: a quick check, so that a regular expression runs only
//! on a text that begins with one of them.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Kinds of non-ASCII characters, each with samples. A character class that contains a sample counts as
/// containing the whole kind. A class with non-ASCII characters but no sample counts as containing every
/// kind.
const KINDS: [(u8, &[char]); 3] = [
    (SPACE, &['\u{a0}', '\u{2003}']),
    (WORD, &['é', '中']),
    (SYMBOL, &['✅', '🔍', '│', '›', '“']),
];
const SPACE: u8 = 1;
const WORD: u8 = 2;
const SYMBOL: u8 = 4;
const ANY: u8 = SPACE | WORD | SYMBOL;

/// A set of bytes and of kinds of non-ASCII characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FirstBytes {
    /// One bit for each ASCII character.
    ascii: u128,
    /// One bit for each kind of non-ASCII characters.
    others: u8,
    /// Whether the pattern matches the empty string, so that it can match any text.
    matches_empty: bool,
}

impl FirstBytes {
    /// Returns the first bytes of a pattern's matches.
    ///
    /// # Errors
    /// If the pattern can't be parsed.
    pub(super) fn from_pattern(pattern: &str) -> Result<Self, Box<regex_syntax::Error>> {
        Ok(Self::from_hir(&regex_syntax::parse(pattern)?))
    }

    /// Whether a match of the pattern can begin at the start of the text.
    pub(super) fn allow(&self, text: &str) -> bool {
        let Some(byte) = text.as_bytes().first() else { return self.matches_empty };
        if self.matches_empty || byte.is_ascii() {
            return self.matches_empty || self.ascii & (1 << byte) != 0;
        }
        self.others == ANY || self.others & kind(text) != 0
    }

    fn from_hir(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self { matches_empty: true, ..Self::default() },
            HirKind::Literal(literal) => match literal.0.first() {
                Some(byte) => Self::from_ranges([(u32::from(*byte), u32::from(*byte))]),
                None => Self { matches_empty: true, ..Self::default() },
            },
            HirKind::Class(Class::Unicode(class)) => Self::from_ranges(
                class.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))),
            ),
            HirKind::Class(Class::Bytes(class)) => Self::from_ranges(
                class.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))),
            ),
            HirKind::Repetition(repeated) => {
                let first = Self::from_hir(&repeated.sub);
                Self { matches_empty: first.matches_empty || repeated.min == 0, ..first }
            }
            HirKind::Capture(group) => Self::from_hir(&group.sub),
            HirKind::Concat(parts) => {
                let start = Self { matches_empty: true, ..Self::default() };
                parts.iter().fold(start, |set, part| {
                    if set.matches_empty {
                        Self::from_hir(part).union(Self { matches_empty: false, ..set })
                    } else {
                        set
                    }
                })
            }
            HirKind::Alternation(branches) => branches
                .iter()
                .fold(Self::default(), |set, branch| Self::from_hir(branch).union(set)),
        }
    }

    fn union(self, other: Self) -> Self {
        Self {
            ascii: self.ascii | other.ascii,
            others: self.others | other.others,
            matches_empty: self.matches_empty || other.matches_empty,
        }
    }

    /// Returns the set of the characters in these ranges of code points.
    fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let (mut set, mut has_others) = (Self::default(), false);
        for (start, end) in ranges {
            for code in start..=end.min(127) {
                set.ascii |= 1 << code;
            }
            let has_any =
                |samples: &[char]| samples.iter().any(|c| (start..=end).contains(&u32::from(*c)));
            set.others |= KINDS
                .iter()
                .filter(|(_, samples)| has_any(samples))
                .fold(0, |all, (kind, _)| all | kind);
            has_others |= end > 127;
        }
        if has_others && set.others == 0 {
            set.others = ANY;
        }
        set
    }
}

/// Returns the kind of the first character of a text that does not begin with an ASCII character.
fn kind(text: &str) -> u8 {
    match text.chars().next() {
        Some(c) if c.is_whitespace() => SPACE,
        Some(c) if regex_syntax::is_word_character(c) => WORD,
        _ => SYMBOL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pattern: &str) -> String {
        let set = FirstBytes::from_pattern(pattern).unwrap();
        ["a", "Z", "7", "[", " ", "é", "✅", ""]
            .into_iter()
            .filter(|text| set.allow(text))
            .collect::<Vec<_>>()
            .join(",")
    }

    #[test]
    fn only_texts_that_can_match_are_allowed() {
        assert_eq!(allowed(r"^\[\d+\] x"), "[");
        assert_eq!(allowed(r"^(?:<\d+>)?[A-Z] "), "Z");
        assert_eq!(allowed(r"^\s*(?P<process>[\w.-]+) "), "a,Z,7, ,é");
        assert_eq!(allowed(r"^(?i:zap)|^[0-9]"), "Z,7");
        assert_eq!(allowed(r"^[^\]]+"), "a,Z,7,[, ,é,✅");
        assert_eq!(allowed(r"^x*"), "a,Z,7,[, ,é,✅,");
    }
}
