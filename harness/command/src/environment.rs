//! The environment variables that the command reads, and its own name.

use std::env;

/// The database of a command that looks at an existing system, if it is not named by an argument:
/// `DATABASE_URL`. The command line is no place for a password.
pub(super) fn database_url() -> Option<String> {
    variable("DATABASE_URL")
}

/// Whether nobody is there to accept a snapshot: `CI`.
pub(super) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false")
}

/// Whether colours are asked for although nobody may see them: `CLICOLOR_FORCE` or `FORCE_COLOR`.
pub(super) fn forces_colour() -> bool {
    ["CLICOLOR_FORCE", "FORCE_COLOR"].iter().any(|name| variable(name).is_some_and(|on| on != "0"))
}

/// Whether colours are not wanted: `NO_COLOR`.
pub(super) fn refuses_colour() -> bool {
    variable("NO_COLOR").is_some()
}

/// Whether the terminal has neither colours nor block characters: `TERM`.
pub(super) fn is_dumb() -> bool {
    variable("TERM").as_deref() == Some("dumb")
}

/// The name by which this program was started.
pub(super) fn program() -> String {
    env::args().next().unwrap_or_else(|| "spanproof".into())
}

/// A variable; `None` if it is unset, empty or no text.
#[expect(clippy::disallowed_methods, reason = "the one place where the command reads variables")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
