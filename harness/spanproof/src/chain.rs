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

/// Implements `Debug` of errors as their text with all causes: it is what `unwrap` and a test that
/// returns an error print.
macro_rules! debug_as_chain {
    ($error:ty) => {
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::chain::chain(self))
            }
        }
    };
}

pub(crate) use debug_as_chain;

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
    fn an_unwrapped_error_shows_its_text_with_its_causes() {
        let missing = crate::spec::Spec::read("/nowhere/spanproof.toml".as_ref()).unwrap_err();
        let text =
            "`/nowhere/spanproof.toml` can't be read: No such file or directory (os error 2)";
        assert_eq!(format!("{missing:?}"), text);
        assert_eq!(format!("{:?}", crate::trial::WorldError::from(missing)), text);
        let source = io::Error::other("postgres://u:hunter2@h/db is gone").into();
        let secret = crate::trial::WorldError::Fault { name: "locked".into(), source };
        let shown = "the fault `locked` could not be brought about: postgres://u:***@h/db is gone";
        assert_eq!(format!("{secret:?}"), shown);
    }

    #[test]
    fn every_cause_is_told_once() {
        let outer = |what| Outer { what, source: io::Error::other("no room") };
        assert_eq!(chain(&outer("no copy")), "no copy: no room");
        assert_eq!(chain(&outer("no copy (no room)")), "no copy (no room)");
    }
}
