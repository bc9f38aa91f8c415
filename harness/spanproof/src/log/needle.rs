//! Finds the lines of a log that may match one of several patterns. A line that matches contains at
//! least one of the literals (*needles*) that are extracted from the patterns. Most lines contain no
//! literal and are skipped.

use aho_corasick::AhoCorasick;
use regex_syntax::hir::{Hir, HirKind};

/// Minimum length of a literal in bytes; shorter literals are in too many lines.
const MIN_LENGTH: usize = 4;

/// Literals of which every matching line contains at least one; `None` if a pattern has no such
/// literals, so that any line may match.
#[derive(Debug, Clone)]
pub(crate) struct Needles(Option<AhoCorasick>);

impl Needles {
    /// Extracts the literals of these regular expressions.
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let literals =
            patterns.into_iter().map(|pattern| literals(&regex_syntax::parse(pattern).ok()?));
        // In a line with escape sequences, or in a list of bytes, a literal may not be found.
        let unclear = [
            "\u{1b}",
            "\\u001b",
            "\\u001B",
            "\\x1b",
            "\"MESSAGE\":[",
            "\"MESSAGE\" : [",
            "\"MESSAGE\": [",
        ];
        let unclear = unclear.map(str::to_owned).to_vec();
        let needles: Option<Vec<Vec<String>>> = literals.chain([Some(unclear)]).collect();
        // Only a leftmost search uses vector instructions for several literals.
        let mut builder = AhoCorasick::builder();
        let builder = builder.match_kind(aho_corasick::MatchKind::LeftmostFirst);
        Self(needles.and_then(|needles| builder.build(needles.concat()).ok()))
    }

    /// Whether any line may match, because a pattern has no literals.
    #[cfg(test)]
    fn matches_all(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the start of the next literal at or after `from`; `from` itself if any line may
    /// match.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        match &self.0 {
            Some(needles) => {
                let input = aho_corasick::Input::new(text).range(from..);
                needles.find(input).map(|found| found.start())
            }
            None => (from < text.len()).then_some(from),
        }
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
    fn without_a_literal_every_line_matches() {
        for pattern in ["(?i)tracer", "x*", "a|longer", "[0-9]+"] {
            assert_eq!(needles(pattern), None, "{pattern}");
            assert!(Needles::new([pattern, "tracer"]).matches_all());
        }
        assert!(!Needles::new(["tracer", "span (lost|gone)"]).matches_all());
    }
}
