//! The environment variables of the command, and its program name.

use std::env;

/// Returns `DATABASE_URL`, the default database of commands that read an existing system. Unlike an
/// argument, it hides a password from other users.
pub(super) fn database_url() -> Option<String> {
    variable("DATABASE_URL")
}

/// Returns whether this is CI, where nobody can accept a snapshot: `CI` is set and not `false`.
pub(super) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false")
}

/// Returns whether `CLICOLOR_FORCE` or `FORCE_COLOR` forces colours.
pub(super) fn is_colour_forced() -> bool {
    ["CLICOLOR_FORCE", "FORCE_COLOR"].iter().any(|name| variable(name).is_some_and(|on| on != "0"))
}

/// Returns whether `NO_COLOR` disables colours.
pub(super) fn is_colour_disabled() -> bool {
    variable("NO_COLOR").is_some()
}

/// Returns whether the terminal has neither colours nor block characters: `TERM=dumb`.
pub(super) fn is_dumb_terminal() -> bool {
    variable("TERM").as_deref() == Some("dumb")
}

/// Returns the first word of the command line: the name or path of this program.
pub(super) fn program_name() -> String {
    env::args().next().unwrap_or_else(|| "spanproof".into())
}

/// Returns the value of a variable; `None` if it is unset, empty or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "the one place where the command reads variables")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
