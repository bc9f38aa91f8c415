//! How the command ends.

/// Exit codes; where several apply, the first of broken, findings and snapshots wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything passed, and something was checked.
    Passed = 0,
    /// At least one case failed.
    Findings = 1,
    /// The arguments or the spec are wrong.
    Usage = 2,
    /// Our own world broke: no Postgres, a migration that fails, a service that never came up.
    World = 3,
    /// There was nothing to check.
    Nothing = 4,
    /// Only snapshots changed.
    Snapshots = 5,
    /// A replay came to the same, in a world that is perhaps not the same.
    Unfaithful = 6,
    /// A sabotage went unnoticed: the gate itself fails.
    Unnoticed = 7,
    /// For `git bisect run`: this commit can't be tested.
    Skip = 125,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl std::process::Termination for Exit {
    fn report(self) -> std::process::ExitCode {
        self.code().into()
    }
}
