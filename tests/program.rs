//! Runs programs. All tests of this suite start programs with this module.

use std::process::{Command, Output};

/// Creates a command that runs a program.
#[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
pub(crate) fn program(name: &str) -> Command {
    Command::new(name)
}

/// Runs a command until it exits. Panics if it fails.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
