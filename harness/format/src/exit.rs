//! How the command ends: one table of exit codes.

/// An exit code of the `spanproof` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Exit {
    /// Everything passed, and something was checked.
    Passed = 0,
    /// At least one case failed.
    Findings = 1,
    /// The arguments or the spec are wrong.
    Usage = 2,
    /// The world broke: no Postgres, a migration that fails, a service that never came up.
    World = 3,
    /// There was nothing to check.
    Nothing = 4,
    /// Only snapshots changed.
    Snapshots = 5,
    /// A replay had the same result, in a world that may not be the same.
    Unfaithful = 6,
    /// A sabotage went unnoticed.
    Unnoticed = 7,
    /// For `git bisect run`: this commit can't be tested.
    Skip = 125,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Every exit code, in ascending order.
    pub const ALL: &[Self] = &[
        Self::Passed,
        Self::Findings,
        Self::Usage,
        Self::World,
        Self::Nothing,
        Self::Snapshots,
        Self::Unfaithful,
        Self::Unnoticed,
        Self::Skip,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What the exit code means, as a phrase without a period.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "all passed, and something was checked",
            Self::Findings => "at least one case failed",
            Self::Usage => "the arguments or the spec are wrong",
            Self::World => {
                "the world broke: no Postgres, a migration that fails, a service that never came up"
            }
            Self::Nothing => "nothing to check: no case, or no comparison",
            Self::Snapshots => "only startup snapshots changed",
            Self::Unfaithful => "a replay had the same result, in a world that may not be the same",
            Self::Unnoticed => "a sabotage went unnoticed (`check --prove`)",
            Self::Skip => "this commit can't be tested (`replay --bisect`)",
            Self::Interrupted => "stopped by Ctrl-C",
            Self::Terminated => "stopped by SIGTERM",
        }
    }
}

impl std::process::Termination for Exit {
    fn report(self) -> std::process::ExitCode {
        self.code().into()
    }
}
