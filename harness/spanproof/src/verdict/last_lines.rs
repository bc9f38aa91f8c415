//! The last lines of a service that ended or hangs, and the error before them.

use std::sync::LazyLock;

use regex::Regex;

use crate::observation::Line;

/// Number of last lines.
const LAST_LINES: usize = 3;
/// Number of lines before them that are searched for an error: a stack trace may follow it.
const SEARCHED_LINES: usize = 60;

/// Matches the line in which a runtime names the error that ends a process: Node and Python (`TypeError: …`),
/// Java (`Exception in thread "main" …`), Rust, Go, C++ and PHP, and Ruby (`… (RuntimeError)`).
static ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:Uncaught )?(?:[\w.$]*(?:Error|Exception)(?: \[\w+\])?(?::|$)|Exception in thread |thread '.*' (?:\(\d+\) )?panicked at |panic: |fatal error: |terminate called |PHP Fatal error: )|: .* \([\w:]+(?:Error|Exception)\)$",
    )
    .ok()
});

/// Returns the last lines that are not empty. If none of these names an error, adds before them the last of
/// the earlier lines that does.
pub(super) fn last_lines<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let lines: Vec<_> = lines.iter().copied().filter(|line| !line.text.trim().is_empty()).collect();
    let (before, last) = lines.split_at(lines.len().saturating_sub(LAST_LINES));
    let names_error =
        |line: &&Line<'_>| ERROR.as_ref().is_some_and(|error| error.is_match(line.text));
    let is_included = last.iter().any(|line| names_error(&line));
    let error = before.iter().rev().take(SEARCHED_LINES).find(names_error).filter(|_| !is_included);
    error.into_iter().chain(last).copied().collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::observation::Location;

    fn texts(text: &str) -> Vec<&str> {
        let line = |text| Line { location: Location::Stderr(1), at: None, text, process: None };
        let lines: Vec<_> = text.lines().map(line).collect();
        last_lines(&lines).into_iter().map(|line| line.text).collect()
    }

    #[rstest]
    #[case::node("TypeError: Cannot read properties of undefined (reading 'stack')")]
    #[case::node_code(
        "Error [ERR_STREAM_DESTROYED]: Cannot call write after a stream was destroyed"
    )]
    #[case::java("Exception in thread \"main\" java.lang.IllegalStateException: closed")]
    #[case::rust("thread 'main' panicked at src/main.rs:1:2:")]
    #[case::rust_with_id("thread 'worker-3' (812) panicked at src/main.rs:1:2:")]
    #[case::go("panic: runtime error: index out of range [3] with length 3")]
    #[case::ruby("worker.rb:4:in `run': undefined method `id' for nil (NoMethodError)")]
    fn the_error_before_a_stack_trace_is_included(#[case] error: &str) {
        let text = format!("started\n{error}\n    at a\n    at b\n    at c\n\nNode.js v20\n");
        assert_eq!(texts(&text), [error, "    at b", "    at c", "Node.js v20"]);
    }

    #[test]
    fn an_earlier_error_is_included_only_if_the_last_lines_have_none() {
        assert_eq!(texts("a\nb\n\nc\nd\n"), ["b", "c", "d"]);
        let text = "ValueError: old\nworked again\nTraceback\n  line\nValueError: x";
        assert_eq!(texts(text), ["Traceback", "  line", "ValueError: x"]);
        assert_eq!(texts(""), <[&str; 0]>::default());
    }
}
