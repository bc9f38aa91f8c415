//! Formats an error with its causes as one text. Masks secrets, and cuts the middle out of long lines.

use std::iter::successors;

/// Maximum length of a line of an error, in characters.
const MAX_LINE: usize = 2000;

/// Returns an error and its sources, outermost first, with colons between them and with secrets masked.
/// Leaves out a source whose text is already there. Cuts the middle out of long lines, because an error may
/// quote a name or a value of any length.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Masked before they are cut, because a part of a secret may not look like a secret.
    crate::mask::text(&text).split('\n').map(shorten).collect::<Vec<_>>().join("\n")
}

/// Returns a line without its middle if it is too long.
pub(crate) fn shorten(line: &str) -> String {
    let length = line.chars().count();
    if length <= MAX_LINE {
        return line.to_owned();
    }
    let start: String = line.chars().take(MAX_LINE / 2).collect();
    let end: String = line.chars().skip(length - MAX_LINE / 2).collect();
    format!("{start}…{end}")
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
    fn an_error_does_not_quote_a_whole_file() {
        let long = "]".repeat(30_000);
        let source = io::Error::other(format!("no {long}\nno {long}"));
        let text = chain(&Outer { what: "no copy", source });
        let [first, second] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert!(first.starts_with("no copy: no ]]") && second.starts_with("no ]]"), "{text}");
        assert!([first, second].iter().all(|line| line.chars().count() == 2001), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let evidence = serde_json::json!({"format": "1.0", "case": long});
        std::fs::write(folder.path().join("evidence.json"), evidence.to_string()).unwrap();
        let error = format!("{:?}", crate::observation::read(folder.path()).unwrap_err());
        assert!(error.contains("]]…]]") && error.len() < 3000, "{error}");
    }

    #[test]
    fn each_cause_is_printed_once() {
        let outer = |what| Outer { what, source: io::Error::other("no room") };
        assert_eq!(chain(&outer("no copy")), "no copy: no room");
        assert_eq!(chain(&outer("no copy (no room)")), "no copy (no room)");
    }
}
