//! What a line must hold so that one of several patterns can match it: most lines of a log hold
//! none of it, and need no closer look.

use aho_corasick::AhoCorasick;
use regex_syntax::hir::{Hir, HirKind};

/// A shorter text stands in too many lines.
const SHORTEST: usize = 4;

/// Texts of which every interesting line holds one; nothing where that can't be said of a pattern.
#[derive(Debug, Clone)]
pub(crate) struct Needles(Option<AhoCorasick>);

impl Needles {
    /// What the lines hold that one of these regular expressions matches.
    pub(crate) fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let all = patterns.into_iter().map(|pattern| required(&regex_syntax::parse(pattern).ok()?));
        let needles: Option<Vec<Vec<String>>> = all.collect();
        // Leftmost: only then it searches for many texts at once by vector instructions.
        let mut builder = AhoCorasick::builder();
        let builder = builder.match_kind(aho_corasick::MatchKind::LeftmostFirst);
        Self(needles.and_then(|needles| builder.build(needles.concat()).ok()))
    }

    /// Whether every line has to be looked at.
    #[cfg(test)]
    fn is_blind(&self) -> bool {
        self.0.is_none()
    }

    /// Where the next needle begins.
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

/// Texts of which whatever matches holds at least one.
fn required(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            // Collectors that wrap a line in JSON may write these as escapes.
            let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !br#""\/<>&'"#.contains(byte);
            let runs = literal.0.split(|byte| !plain(byte));
            let longest = runs.max_by_key(|run| run.len())?;
            let text = String::from_utf8(longest.to_vec()).ok()?;
            (text.len() >= SHORTEST).then(|| vec![text])
        }
        HirKind::Capture(group) => required(&group.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => required(&repeated.sub),
        HirKind::Concat(parts) => {
            let shortest =
                |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or_default();
            parts.iter().filter_map(required).max_by_key(shortest)
        }
        HirKind::Alternation(ways) => {
            let ways: Option<Vec<_>> = ways.iter().map(required).collect();
            ways.map(|ways| ways.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(pattern: &str) -> Option<Vec<String>> {
        required(&regex_syntax::parse(pattern).unwrap())
    }

    #[test]
    fn a_pattern_has_the_longest_text_that_it_can_not_do_without() {
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
    fn without_such_a_text_every_line_is_looked_at() {
        for pattern in ["(?i)tracer", "x*", "a|longer", "[0-9]+"] {
            assert_eq!(needles(pattern), None, "{pattern}");
            assert!(Needles::of([pattern, "tracer"]).is_blind());
        }
        assert!(!Needles::of(["tracer", "span (lost|gone)"]).is_blind());
    }
}
