//! Finds the lines of a log that may match one of several patterns. A line that matches contains at
//! least one of the literals (*needles*) that are extracted from the patterns. Most lines contain no
//! literal and are skipped.

use std::cmp::Reverse;

use aho_corasick::{AhoCorasick, packed};
use memchr::memchr;
use regex_syntax::hir::{Hir, HirKind};

use super::escape::without_escapes;

/// The first byte of an escape sequence.
const ESCAPE: u8 = 0x1b;
/// Minimum length of a literal in bytes; shorter literals occur in too many lines.
const MIN_LENGTH: usize = 4;

/// Strings in lines whose literals may be visible only after parsing: escape sequences in JSON, and messages
/// as lists of bytes. A line that contains one of these strings may match, too.
const UNCLEAR: [&str; 6] =
    ["\\u001b", "\\u001B", "\\x1b", "\"MESSAGE\":[", "\"MESSAGE\" : [", "\"MESSAGE\": ["];

/// The strings of which every matching line contains at least one.
#[derive(Debug, Clone)]
pub(crate) enum Needles {
    /// Few strings, which vector instructions find.
    Few(packed::Searcher),
    /// More strings than vector instructions can find.
    Many(AhoCorasick),
    /// A pattern has no literals, so any line may match.
    Any,
}

impl Needles {
    /// Extracts the literals from these regular expressions.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let literals =
            patterns.into_iter().map(|pattern| literals(&regex_syntax::parse(pattern).ok()?));
        let unclear = UNCLEAR.map(str::to_owned).to_vec();
        let needles: Option<Vec<Vec<String>>> = literals.chain([Some(unclear)]).collect();
        let Some(needles) = needles.map(|needles| needles.concat()) else { return Self::Any };
        let needles: Vec<_> = needles.iter().map(|needle| rare_end(needle)).collect();
        let mut builder = packed::Config::new().builder();
        if let Some(searcher) = builder.extend(&needles).build() {
            return Self::Few(searcher);
        }
        AhoCorasick::new(needles).map_or(Self::Any, Self::Many)
    }

    /// Finds the offsets in a text at which lines may match.
    pub(super) fn hits<'a>(&'a self, text: &'a [u8]) -> Hits<'a> {
        Hits { needles: self, text, literal: Next::Unknown, escape: Next::Unknown }
    }

    /// Whether any line may match, because a pattern has no literals.
    fn matches_all(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Returns the offset of the next literal at or after `from`; `from` itself if any line may match.
    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        match self {
            Self::Few(searcher) => {
                let span = packed_span(from, text.len());
                searcher.find_in(text, span).map(|found| found.start())
            }
            Self::Many(needles) => {
                let input = aho_corasick::Input::new(text).range(from..);
                needles.find(input).map(|found| found.start())
            }
            Self::Any => (from < text.len()).then_some(from),
        }
    }
}

/// Returns the suffix of a literal that begins with its rarest characters, which the search compares first.
fn rare_end(literal: &str) -> &str {
    let rarity = |byte: u8| match byte {
        b'A'..=b'Z' | b'\\' | b'[' | b'(' => 3,
        b'j' | b'k' | b'q' | b'v'..=b'z' | b':' | b'_' => 2,
        b'b' | b'f' | b'g' | b'h' | b'p' | b'0'..=b'9' | b'"' => 1,
        _ => 0,
    };
    let rank = |start: &usize| {
        let first = literal.as_bytes()[*start..].iter().take(MIN_LENGTH);
        (first.map(|byte| rarity(*byte)).sum::<u32>(), Reverse(*start))
    };
    let starts =
        (0..=literal.len().saturating_sub(MIN_LENGTH)).filter(|at| literal.is_char_boundary(*at));
    &literal[starts.max_by_key(rank).unwrap_or(0)..]
}

fn packed_span(start: usize, end: usize) -> aho_corasick::Span {
    aho_corasick::Span { start, end }
}

/// What is known about the next offset of a literal, or of an escape sequence.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// It was not searched for yet.
    Unknown,
    At(usize),
    /// There is no other one up to the end of the text.
    None,
}

impl Next {
    /// Returns the next offset at or after `from`. Calls `find` if this offset is not known yet.
    fn update(&mut self, from: usize, find: impl FnOnce() -> Option<usize>) -> Option<usize> {
        let is_known = match self {
            Self::Unknown => false,
            Self::At(at) => *at >= from,
            Self::None => true,
        };
        if !is_known {
            *self = find().map_or(Self::None, Self::At);
        }
        if let Self::At(at) = self { Some(*at) } else { None }
    }
}

/// The offsets in a text at which lines may match, in ascending order.
#[derive(Debug)]
pub(super) struct Hits<'a> {
    needles: &'a Needles,
    text: &'a [u8],
    literal: Next,
    escape: Next,
}

impl Hits<'_> {
    /// Returns the next offset at or after `from`. From call to call, `from` must not decrease.
    pub(super) fn next(&mut self, from: usize) -> Option<usize> {
        let (needles, text) = (self.needles, self.text);
        let literal = self.literal.update(from, || needles.find(text, from));
        if needles.matches_all() {
            return literal;
        }
        // An escape sequence may be inside a literal.
        let find_escape = || Some(memchr(ESCAPE, text.get(from..)?)? + from);
        let escape = self.escape.update(from, find_escape);
        literal.into_iter().chain(escape).min()
    }

    /// Whether the line at a returned offset may match: it contains a literal, perhaps only after its escape
    /// sequences are removed.
    pub(super) fn is_possible(&self, line: &[u8]) -> bool {
        if self.needles.matches_all() || self.needles.find(line, 0).is_some() {
            return true;
        }
        let text = String::from_utf8_lossy(line);
        self.needles.find(without_escapes(&text).as_bytes(), 0).is_some()
    }
}

/// Returns literals of which every match contains at least one; `None` if the pattern has no such
/// literals.
fn literals(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            // A collector that wraps a line in JSON leaves these bytes as they are, and may escape
            // any other byte.
            let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !br#""\/<>&'="#.contains(byte);
            let runs = literal.0.split(|byte| !plain(byte));
            let longest = runs.max_by_key(|run| run.len())?;
            let text = String::from_utf8(longest.to_vec()).ok()?;
            (text.len() >= MIN_LENGTH).then(|| vec![text])
        }
        HirKind::Capture(group) => literals(&group.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => literals(&repeated.sub),
        HirKind::Concat(parts) => {
            let shortest =
                |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or_default();
            parts.iter().filter_map(literals).max_by_key(shortest)
        }
        HirKind::Alternation(branches) => {
            let all: Option<Vec<_>> = branches.iter().map(literals).collect();
            all.map(|all| all.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(pattern: &str) -> Option<Vec<String>> {
        literals(&regex_syntax::parse(pattern).unwrap())
    }

    #[test]
    fn the_longest_literal_of_a_pattern_is_used() {
        let one = |text: &str| Some(vec![text.to_owned()]);
        assert_eq!(needles(r"DBTracer: (?<s>ON|OFF) \(FLAG=(?<r>.*)\)$"), one("DBTracer: "));
        assert_eq!(
            needles("^✅ StartSpan RecordSpan success$"),
            one(" StartSpan RecordSpan success")
        );
        assert_eq!(
            needles("(?:lost|gone for good): .*"),
            Some(vec!["lost".into(), "gone for good".into()])
        );
        assert_eq!(needles(r#"say "hello" twice"#), one(" twice"));
    }

    #[test]
    fn if_a_pattern_has_no_literal_every_line_may_match() {
        for pattern in ["(?i)tracer", "x*", "a|longer", "[0-9]+"] {
            assert_eq!(needles(pattern), None, "{pattern}");
            assert!(Needles::new([pattern, "tracer"]).matches_all());
        }
        assert!(!Needles::new(["tracer", "span (lost|gone)"]).matches_all());
    }
}
