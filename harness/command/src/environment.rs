//! The environment variables of the command, and its program name.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Returns `DATABASE_URL`, the default database of commands that read an existing system. Other
/// users of the machine can see a password in an argument, but not in this variable.
pub(super) fn database_url() -> Option<String> {
    variable("DATABASE_URL")
}

/// Returns whether the command runs in CI: `CI` is set and is not `false`. In CI, the command refuses to
/// write snapshots (files with the expected startup output) and proofs, because nobody could review them.
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

/// If `PGOPTIONS` is set, replaces this process by the same program without this variable. sqlx
/// always sends the value of `PGOPTIONS` to the server. So a `search_path` or a read-only setting
/// of the caller would also apply to the disposable server. Returns if the variable is not set, or
/// if the program can't be started again.
pub(super) fn drop_session_options() {
    if variable("PGOPTIONS").is_none() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let _error = new_command(&program).arg0(name).args(arguments).env_remove("PGOPTIONS").exec();
}

#[expect(clippy::disallowed_methods, reason = "the program replaces itself")]
fn new_command(program: &Path) -> Command {
    Command::new(program)
}

/// Returns the value of a variable; `None` if it is unset, empty or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "the one place where the command reads variables")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
