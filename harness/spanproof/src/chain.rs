//! Formats an error with its causes on one line, secrets masked.

use std::iter::successors;

/// Returns an error and its sources as one line, outermost first, secrets masked. A source is left
/// out if its text is already in the line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    crate::mask::text(&text)
}

/// Implements `Debug` for an error as its text with all causes, because `unwrap` and a test that
/// returns an error print it with `Debug`.
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
    fn debug_prints_the_error_with_its_causes() {
        let missing = crate::spec::Spec::read("/nowhere/spanproof.toml".as_ref()).unwrap_err();
        let text =
            "`/nowhere/spanproof.toml` can't be read: No such file or directory (os error 2)";
        assert_eq!(format!("{missing:?}"), text);
        assert_eq!(format!("{:?}", crate::trial::WorldError::from(missing)), text);
        let source = io::Error::other("postgres://u:hunter2@h/db is gone").into();
        let secret = crate::trial::WorldError::Fault { name: "locked".into(), source };
        let expected =
            "the fault `locked` could not be applied or removed: postgres://u:***@h/db is gone";
        assert_eq!(format!("{secret:?}"), expected);
    }

    #[test]
    fn each_cause_is_printed_once() {
        let outer = |what| Outer { what, source: io::Error::other("no room") };
        assert_eq!(chain(&outer("no copy")), "no copy: no room");
        assert_eq!(chain(&outer("no copy (no room)")), "no copy (no room)");
    }
}
