//! An error in one line, with its causes and without secrets.

use std::iter::successors;

/// The error and what caused it, from the outside in, secrets masked; a cause whose words are there
/// already is not repeated.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |cause| cause.source()) {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    crate::mask::text(&text)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Outer {
        what: &'static str,
        source: io::Error,
    }

    #[test]
    fn every_cause_is_told_once() {
        let outer = |what| Outer { what, source: io::Error::other("no room") };
        assert_eq!(chain(&outer("no copy")), "no copy: no room");
        assert_eq!(chain(&outer("no copy (no room)")), "no copy (no room)");
    }
}
