//! The exit codes of the command.

macro_rules! exits {
    ($($name:ident $code:literal $meaning:literal;)*) => {
        /// An exit code of the `spanproof` command.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Exit { $(#[doc = $meaning] $name = $code,)* }

        impl Exit {
            /// Every exit code, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the meaning of the exit code, as a phrase without a period.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

exits! {
    Passed 0 "all passed, and something was checked";
    Findings 1 "at least one case failed";
    Usage 2 "the arguments or the spec are wrong";
    World 3 "could not run: no Postgres, a failed migration, a service not ready";
    Nothing 4 "nothing to check: no cases or no assertions";
    Snapshots 5 "only startup snapshots changed";
    Unfaithful 6 "a replay had the same result, but under conditions that may differ";
    Unnoticed 7 "a sabotage went unnoticed (`check --prove`)";
    Unproven 8 "a deployed value is unproven or unknown (`guard`)";
    NoDatabase 9 "no check failed, but no database was given (`preflight`)";
    Skip 125 "this commit can't be tested (`replay --bisect`)";
    Interrupted 130 "stopped by Ctrl-C";
    Terminated 143 "stopped by SIGTERM";
}

impl Exit {
    /// Returns the code as a number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the exit code with this number; `None` if the command has no such exit code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().find(|exit| exit.code() == code).copied()
    }
}

impl std::process::Termination for Exit {
    fn report(self) -> std::process::ExitCode {
        self.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_code_finds_every_exit_code() {
        for exit in Exit::ALL {
            assert_eq!(Exit::from_code(exit.code()), Some(*exit));
        }
        assert_eq!(Exit::from_code(99), None);
        assert!(Exit::ALL.is_sorted());
    }
}
