//! The format of a log: the wrappers around the text of its lines, such as a prefix of `flyctl` around the
//! JSON of a logger.

use super::logger::LOGGER;
use super::message::{LITERAL, LOGGERS};
use super::wrapper::wrapper_names;

/// Separates the names in a format, from the outermost to the innermost.
pub(crate) const AROUND: &str = " around ";
/// The name of the format in which a line has at most a time before its text.
const PLAIN: &str = "plain";
/// The suffix of the name of every JSON format. On its own, it stands for all of them.
const JSON: &str = "JSON";

/// The format of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Each line has the format that its content suggests.
    #[default]
    Detected,
    /// The caller chose these wrappers, from the outermost to the innermost. No others are removed.
    Given(Vec<String>),
}

impl Format {
    /// Parses the name of a format as reports print it, such as `flyctl around zap JSON`, or `plain` for
    /// lines without wrappers.
    ///
    /// # Errors
    /// If a name is not known. The message lists the known ones.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case(PLAIN) {
            return Ok(Self::Given(Vec::new()));
        }
        let all = wrapper_names().chain(LOGGERS).chain(["logfmt", "CSV", "TSV", LITERAL, LOGGER]);
        let mut known: Vec<&str> = Vec::new();
        for name in all {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        let name = |name: &str| {
            let found = known.iter().find(|one| one.eq_ignore_ascii_case(name.trim()));
            found.map(|name| (*name).to_owned()).ok_or_else(|| {
                let known = known.join(", ");
                format!(
                    "unknown log format `{}`; expected one of {PLAIN}, {known}, or several, the outermost first, joined by `{}`",
                    name.trim(),
                    AROUND.trim()
                )
            })
        };
        text.split(AROUND).map(name).collect::<Result<_, _>>().map(Self::Given)
    }

    /// Whether a wrapper with this name may be at `position`, counted from the outermost.
    pub(super) fn allows(&self, position: usize, name: &str) -> bool {
        match self {
            Self::Detected => true,
            Self::Given(names) => names
                .get(position)
                .is_some_and(|given| given == name || given == JSON && name.ends_with(JSON)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_about_an_unknown_format_lists_each_name_once() {
        let error = Format::parse("x").unwrap_err();
        let names: Vec<_> = error.split(", ").collect();
        let repeated =
            names.iter().filter(|name| names.iter().filter(|one| one == name).count() > 1);
        assert_eq!(repeated.count(), 0, "{error}");
    }

    #[test]
    fn parses_the_name_of_a_format_as_reports_print_it() {
        let given = |names: &[&str]| {
            Ok(Format::Given(names.iter().map(|name| (*name).to_owned()).collect()))
        };
        assert_eq!(Format::parse("flyctl around zap json"), given(&["flyctl", "zap JSON"]));
        assert_eq!(Format::parse("plain"), given(&[]));
        let error = Format::parse("flyctl around x").unwrap_err();
        assert!(
            error.starts_with("unknown log format `x`; expected one of plain, flyctl"),
            "{error}"
        );
    }
}
